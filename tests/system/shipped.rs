//! The lab files that come with the program are played, and their expectations hold.

use std::collections::BTreeSet;
use std::io::Write;

use serde_json::Value;

use crate::support::{Done, Place, Scene, play, project};

/// Files with tests of their own below; the others are played one after another.
const NAMED: &[&str] = &[
    "abilene-distance",
    "affinity",
    "detour",
    "failover",
    "micro-loop",
    "partition",
    "stub-failure",
    "stub-failure-no-healing",
    "two-sites",
];

/// A run on a machine that did not keep up says so (exit 5) and means nothing: it is repeated.
const TRIES: usize = 3;

fn passes(place: &Place, file: &str) {
    let path = place.copy(&format!("topologies/{file}.toml"));
    let run = || -> Done {
        let run = place.anybed().arg("run").arg(&path).args(["--name", &place.name, "--out"]).arg(place.out(file));
        run.args(["--family", place.scene.family.name()]).run()
    };
    for attempt in 1..=TRIES {
        let done = run();
        if [1, 5].contains(&done.code()) && is_emulated() && states_hold(place, file) {
            return;
        }
        let kept_up = done.code() != 5 && !(done.code() == 1 && is_emulated());
        if kept_up || attempt == TRIES {
            done.ok().expect_stdout(&["pass"]);
            return;
        }
        let notice = format!("{file}: the machine did not keep up, try {attempt} of {TRIES}\n");
        std::io::stderr().write_all(notice.as_bytes()).unwrap();
    }
}

/// Whether scripts/test-vm has said that this machine is 10 to 20 times slower than a real one.
fn is_emulated() -> bool {
    std::env::var_os("ANYBED_EMULATED").is_some()
}

/// What counts depends on how fast the machine is; who answers does not.
const COUNTED: [&str; 1] = ["hardly a probe is lost"];

/// Whether all that a run expects has come true, but for what it counts.
fn states_hold(place: &Place, file: &str) -> bool {
    let text = std::fs::read_to_string(place.out(file).join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let expectations = report["expectations"].as_array().unwrap();
    let of_states = |e: &&Value| !COUNTED.contains(&e["name"].as_str().unwrap());
    assert!(expectations.iter().any(|e| of_states(&e)), "{report}");
    expectations.iter().filter(of_states).all(|e| e["verdict"] == "pass")
}

macro_rules! shipped {
    ($($name:ident: $file:literal $scene:ident;)+) => {
        $(
            #[test]
            fn $name() {
                play(stringify!($name), Scene::of(stringify!($scene)), |place| passes(place, $file));
            }
        )+
    };
}

shipped! {
    two_sites: "two-sites" root;
    two_sites_rootless: "two-sites" rootless;
    two_sites_ipv6: "two-sites" root_ipv6;
    two_sites_dual: "two-sites" rootless_dual;
    stub_failure: "stub-failure" root;
    stub_failure_ipv6: "stub-failure" rootless_ipv6;
    stub_failure_no_healing: "stub-failure-no-healing" root;
    failover: "failover" rootless;
    micro_loop: "micro-loop" rootless_dual;
    partition: "partition" rootless;
    affinity: "affinity" root;
    affinity_ipv6: "affinity" rootless_ipv6;
    abilene_distance: "abilene-distance" root;
    abilene_distance_ipv6: "abilene-distance" root_ipv6;
}

#[test]
fn the_others() {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(project("topologies")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            names.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    for named in NAMED {
        assert!(names.remove(*named), "topologies/{named}.toml is gone");
    }
    for name in &names {
        play("the_others", Scene::of("root"), |place| passes(place, name));
    }
}
