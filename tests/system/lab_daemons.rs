//! Several routing daemons in one lab: BIRD beside each FRR that `scripts/provision --frr` has put beside the system's.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Lab, Place, Scene, play, project, skipped, wait_until};

/// An AS of both daemons, with stubs and a neighbor of either.
const MIXED: &str = r#"
[lab]
name = "mixed"
[[as]]
name = "up"
daemon = "frr"
[[as]]
name = "big"
routers = [{ name = "x", daemon = "frr" }, "y", { name = "z", daemon = "frr" }]
links = ["x-y", { a = "y", b = "z", cost = 5 }]
add_paths = true
[[link]]
a = "up"
b = "x"
relation = "customer"
[[stub]]
name = "west"
daemon = "frr"
uplinks = [{ to = "x", prepend = 2, med = 10 }, "z"]
members = 1
[[stub]]
name = "east"
uplinks = ["y"]
members = 1
[[stub]]
name = "home"
daemon = "frr"
uplinks = ["up"]
clients = 1
[[group]]
name = "dns"
members = ["west", "east"]
[[policy]]
of = "west"
to = "west-z"
add = ["100:7", "no-export", "100:2:9"]
[[policy]]
of = "z"
from = "west-z"
communities = ["100:7", "100:2:9"]
prepend = 1
remove = ["no-export", "100:2:9"]
add = "100:9"
[[policy]]
of = "up"
from = "up-x"
through = "east"
local_pref = 150
weight = 10
"#;

fn folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    set("ANYBED_FRRS").or_else(|| Some(cache()?.join("anybed/frr")))
}

/// The one that was asked for as `version`; where Debian no longer had that, it is a later one.
pub(crate) fn find(version: &str) -> Option<PathBuf> {
    let trees = std::fs::read_dir(folder()?).ok()?;
    let mut trees = trees.filter_map(|tree| Some(tree.ok()?.path()));
    let asked_for = |tree: &Path| std::fs::read_to_string(tree.join("asked-for")).unwrap_or_default();
    trees.find(|tree| asked_for(tree).split(' ').next() == Some(version))
}

fn agree(place: &Place, file: &Path, when: &str) {
    wait_until(&format!("prediction and routers agree {when}"), || {
        let done = place.anybed().arg("verify").arg(file).args(["--with", "mixed"]).run();
        if done.code() == 0 { Ok(()) } else { Err(format!("{done}")) }
    });
}

fn works(name: &str, version: &str) {
    let Some(tree) = find(version) else {
        skipped(name, &format!("FRR {version}: `scripts/provision --frr` puts it beside the system's"));
        return;
    };
    play(name, Scene::of("root"), |place: &Place| {
        let file = place.write("mixed.toml", MIXED);
        let lab = Lab::up_with(place, &file, "mixed", &["--frr", tree.to_str().unwrap()]);
        agree(place, &file, "at first");
        let status = place.run("status mixed");
        for line in ["x        router   frr 4/4 sessions", "y        router   bird 3/3 sessions"] {
            assert!(status.stdout.contains(line), "{status}");
        }
        // What is set is said over sessions that stay up, and taken back.
        let path = |router: &str| {
            let routes: Value = place.run(&format!("routes mixed {router} dns --format json")).json();
            routes[0]["attributes"]["BGP.as_path"].as_str().unwrap_or_default().to_owned()
        };
        let before = path("up");
        place.run("fault mixed set up-x from x prepend=3").ok();
        wait_until("more ASes in the path", || {
            if path("up") == format!("101 101 101 {before}") { Ok(()) } else { Err(path("up")) }
        });
        place.run("fault mixed unset up-x from x").ok();
        agree(place, &file, "after a change of policy");
        let weight = || {
            let routes: Value = place.run("routes mixed up dns --format json").json();
            routes[0]["attributes"]["weight"].as_str().unwrap_or_default().to_owned()
        };
        place.run("fault mixed set up-x from up weight=7").ok();
        wait_until("another weight", || if weight() == "7" { Ok(()) } else { Err(weight()) });
        place.run("fault mixed unset up-x from up").ok();
        agree(place, &file, "after a change of weight");
        let log = std::fs::read_to_string(lab.out.join("logs/x.bgpd.log")).unwrap();
        assert!(!log.contains("Peer closed"), "{log}");
        // All processes of a router, and the one that talks BGP alone.
        for crash in ["x", "west bgpd"] {
            place.run(&format!("fault mixed crash {crash}")).ok();
            place.run(&format!("fault mixed restart {crash}")).ok();
            agree(place, &file, &format!("after the restart of {crash}"));
        }
        let first = std::fs::read_to_string(lab.out.join("events.jsonl")).unwrap();
        let facts: Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
        let daemons: Vec<_> = facts["daemons"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(daemons, ["FRR", "BIRD"]);
        assert_eq!(facts["daemons"][0]["version"], *tree.file_name().unwrap().to_str().unwrap());
        assert!(first.lines().any(|line| line.contains("\"event\":\"update\"")), "FRR's dumps are read");
        lab.down().ok();
    });
}

macro_rules! frrs {
    ($($name:ident: $version:literal;)+) => {
        const VERSIONS: &[&str] = &[$($version),+];

        $(
            #[test]
            fn $name() {
                works(stringify!($name), $version);
            }
        )+
    };
}

frrs! {
    frr_8_4_4: "8.4.4";
    frr_10_3: "10.3";
    frr_10_7_1: "10.7.1";
}

#[test]
fn none_is_provided_that_is_not_tested() {
    let script = std::fs::read_to_string(project("scripts/frr.sh")).unwrap();
    let rows = script.split_once("\nfrrs=(\n").unwrap().1.split_once("\n)").unwrap().0;
    let rows: Vec<_> = rows.lines().map(|row| row.trim().trim_matches('"').split(' ').next().unwrap()).collect();
    assert_eq!(rows, VERSIONS);
}

#[test]
fn what_is_missing_is_said_before_anything_is_built() {
    play("what_is_missing", Scene::of("root"), |place: &Place| {
        let file = place.write("mixed.toml", MIXED);
        if Path::new("/usr/lib/frr/bgpd").exists() {
            skipped("what_is_missing", "an FRR is installed");
        } else {
            let done = place.anybed().arg("run").arg(&file).run();
            assert_eq!(done.code(), 3, "{done}");
            assert!(done.stderr.contains("apt-get install frr") && !place.out("mixed").exists(), "{done}");
        }
        let two = place.write("two.toml", &MIXED.replace("\"frr\"", "\"bird3\"").replace("weight = 10\n", ""));
        let done = place.anybed().arg("run").arg(&two).run();
        assert!(done.code() == 3 && done.stderr.contains("`--bird PATH` names one"), "{done}");
    });
}
