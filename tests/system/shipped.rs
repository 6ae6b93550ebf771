//! The lab files that come with the program are played, and their expectations hold.

use std::collections::BTreeSet;
use std::io::Write;

use serde_json::Value;

use crate::support::{Done, Place, Scene, play, project, skipped};

/// `detour`, `damping` and `mrai` have tests of their own below, `rtr` has some in `lab_rtr`; `flash-crowd` and `neighbors` are played by
/// `anybed paper`.
const PLAYED_ELSEWHERE: &[&str] = &["damping", "detour", "flash-crowd", "mrai", "neighbors", "rtr"];

/// A run on a machine that did not keep up says so (exit 5) and means nothing: it is repeated.
const TRIES: usize = 3;

fn passes(place: &Place, file: &str) {
    passes_with(place, file, &[]);
}

/// With further arguments to `anybed run`.
pub(crate) fn passes_with(place: &Place, file: &str, arguments: &[&str]) {
    let path = place.copy(&format!("topologies/{file}.toml"));
    let run = || -> Done {
        let run = place.anybed().arg("run").arg(&path).args(["--name", &place.name, "--out"]).arg(place.out(file));
        run.args(["--family", place.scene.family.name()]).args(arguments).run()
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
const COUNTED: [&str; 2] = ["hardly a probe is lost", "everybody else joins meanwhile"];

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
        const SHIPPED: &[&str] = &[$($file),+];

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
    four_ways: "four-ways" rootless;
    micro_loop: "micro-loop" rootless_dual;
    partition: "partition" rootless;
    rendezvous: "rendezvous" root;
    gateway_search: "gateway-search" rootless;
    sixteen_overlays: "sixteen-overlays" root;
    affinity: "affinity" root;
    affinity_ipv6: "affinity" rootless_ipv6;
    abilene_distance: "abilene-distance" root;
    abilene_distance_ipv6: "abilene-distance" root_ipv6;
    absorb: "absorb" root;
    conflicting_writes: "conflicting-writes" root;
    freenet_learning: "freenet-learning" rootless;
    frozen_site: "frozen-site" rootless;
    graceful_restart: "graceful-restart" root;
    hidden_backup: "hidden-backup" rootless_dual;
    joiner_flood: "joiner-flood" root;
    last_site: "last-site" root;
    layers: "layers" root;
    med: "med" root_ipv6;
    member_failure: "member-failure" root;
    more_sites: "more-sites" rootless;
    music_and_files: "music-and-files" root;
    pairs: "pairs" root;
    prepending: "prepending" rootless;
    prepend_share: "prepend-share" root;
    providers: "providers" root;
    supernodes: "supernodes" rootless;
    worse_metric: "worse-metric" root;
    older: "older" rootless;
    hijack: "hijack" rootless;
    leak: "leak" root;
    local_sites: "local-sites" rootless_dual;
    regional: "regional" root;
    rov: "rov" root;
    two_exchanges: "two-exchanges" rootless;
}

fn of_home(stretch: &Value) -> Value {
    let clients = stretch["by_client"].as_array().unwrap();
    clients.iter().find(|c| c["client"] == "home.c1").unwrap().clone()
}

/// The record alone, without what `stretch` measured, leads to the same.
fn follows_from_configured_delays(place: &Place) {
    let record = std::fs::read_to_string(place.out("detour").join("events.jsonl")).unwrap();
    let without =
        record.lines().filter(|line| !line.contains("\"event\":\"stretch\"")).map(|line| line.to_owned() + "\n");
    place.folder("derived");
    place.write("derived/events.jsonl", &without.collect::<String>());
    let report = place.anybed().arg("report").arg(place.path().join("derived")).args(["--format", "json"]).run();
    // What was expected of measured stretch does not hold: a derived one decides nothing.
    let report = report.expect_code(1).json();
    let derived = report["stretches"].as_array().unwrap();
    assert!(derived.len() == 3 && derived.iter().all(|s| s["source"] == "derived"), "{derived:?}");
    let ways: Vec<_> = derived.iter().map(|s| of_home(s)["anycast_ms"].as_f64().unwrap()).collect();
    assert_eq!(ways, [20.0, 100.0, 20.0]);
}

/// What a fault did to clients and sites, in numbers that do not depend on how fast the machine is.
#[test]
fn detour() {
    play("detour", Scene::of("root"), |place| {
        passes(place, "detour");
        let text = std::fs::read_to_string(place.out("detour").join("report.json")).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        let stretches = report["stretches"].as_array().unwrap();
        let taken: Vec<_> = stretches.iter().map(|s| (&s["source"], &s["after"], &s["unanswered"])).collect();
        assert_eq!(taken.len(), 3, "{taken:?}");
        assert!(taken.iter().all(|(source, _, silent)| *source == "measured" && *silent == 0), "{taken:?}");
        assert_eq!(taken[1].1, "cut near-isp");
        // The second witness of who answers: the kernels' routes.
        let sites: Vec<_> = stretches.iter().map(|s| of_home(s)["site"].clone()).collect();
        assert_eq!(sites, ["near.n1", "far.n1", "near.n1"]);
        assert_eq!(of_home(&stretches[1])["best"], "near.n1");
        let load = &report["faults"][0]["loads"][0];
        assert_eq!(load["before"]["clients"], serde_json::json!({ "near.n1": 2, "far.n1": 1 }));
        assert_eq!(load["after"]["clients"], serde_json::json!({ "near.n1": 0, "far.n1": 3 }));
        let requests = |stretch: &Value, member: &str| stretch["requests"][member].as_u64().unwrap_or(0);
        let stretches = report["loads"][0]["stretches"].as_array().unwrap();
        let to_near: Vec<u64> = stretches.iter().map(|s| requests(s, "near.n1")).collect();
        assert!(to_near[1] < to_near[0] && to_near[1] < to_near[2], "{to_near:?}");
        follows_from_configured_delays(place);
    });
}

#[test]
fn none_is_left_out() {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(project("topologies")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            names.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    let played = SHIPPED.iter().chain(PLAYED_ELSEWHERE).map(|name| (*name).to_owned()).collect();
    assert_eq!(names, played);
}

fn passes_with_frr(test: &str, file: &str) {
    let version = "8.4.4";
    let Some(tree) = crate::lab_daemons::find(version) else {
        skipped(test, &format!("FRR {version}: `scripts/provision --frr` puts it beside the system's"));
        return;
    };
    play(test, Scene::of("root"), |place| passes_with(place, file, &["--frr", tree.to_str().unwrap()]));
}

#[test]
fn mrai() {
    passes_with_frr("mrai", "mrai");
}

#[test]
fn damping() {
    passes_with_frr("damping", "damping");
}
