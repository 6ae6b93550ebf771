//! ROAs from a real RTR server, StayRTR, with every make of daemon; and what FRR's gateways announce by themselves.

use std::path::PathBuf;

use serde_json::Value;

use crate::shipped::passes_with;
use crate::support::{Lab, Place, Scene, play, project, skipped, wait_until};

/// What a router takes for invalid it has heard before it could know.
const LATE: &str = r#"
[lab]
name = "late"
DAEMON
[rtr]
at = "cache"
[[as]]
name = "north"
rov = true
[[as]]
name = "south"
routers = ["x", "y"]
links = ["x-y"]
rov = "prefer-valid"
[[link]]
a = "north"
b = "x"
relation = "peer"
[[stub]]
name = "site"
uplinks = ["north"]
members = 1
daemon = "bird"
[[stub]]
name = "cache"
uplinks = ["north"]
members = 1
daemon = "bird"
[[stub]]
name = "thief"
uplinks = ["y"]
members = 1
daemon = "bird"
[[stub]]
name = "home"
uplinks = ["y"]
clients = 1
rov = true
[[group]]
name = "dns"
prefix = "198.51.100.0/24"
members = ["site"]
"#;

const PUBLISH: &str = "publish 198.51.100.0/24 of site";

pub(crate) fn stayrtr_is_there() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(cache.map(|cache| cache.join("anybed/rtr")));
    set("ANYBED_STAYRTR").is_some() || folders.any(|folder| folder.join("stayrtr").is_file())
}

/// The prediction of the last such action, when it has been compared.
fn predicted(lab: &Lab<'_>, after: &str, number: usize) -> Value {
    lab.wait_for(&format!("{after} is compared with the prediction"), |events| {
        let of = |e: &&Value| e["event"] == "predicted" && e["after"] == after;
        events.iter().filter(of).nth(number).cloned()
    })
}

fn agrees(lab: &Lab<'_>, after: &str, number: usize) {
    let found = predicted(lab, after, number);
    assert_eq!(found["outcome"], "as-predicted", "{found}");
}

fn hears_late(place: &Place, daemon: &str, options: &[&str]) {
    let file = place.write("late.toml", &LATE.replace("DAEMON", &format!("daemon = \"{daemon}\"")));
    let lab = Lab::up_with(place, &file, &place.name, options);
    let path = |router: &str| {
        let done = place.run(&format!("routes {} {router} dns --format json", lab.name));
        if done.code() != 0 {
            return "a daemon that starts".to_owned();
        }
        let routes = done.json();
        let best = routes.as_array().unwrap().iter().find(|route| route["best"] == true).cloned().unwrap_or_default();
        best["attributes"]["BGP.as_path"].as_str().unwrap_or_default().to_owned()
    };
    let (thief, site) = ("1002", "100 1000");
    lab.fault("hijack dns by thief").ok();
    agrees(&lab, "hijack dns by thief", 0);
    assert_eq!(path("y"), thief, "there is no ROA, and a customer's route is liked most");
    // It comes after the route that it makes invalid.
    lab.fault(PUBLISH).ok();
    agrees(&lab, PUBLISH, 0);
    assert_eq!(path("y"), site, "used last, the invalid route is not used");
    lab.fault("revoke 198.51.100.0/24 of site").ok();
    agrees(&lab, "revoke 198.51.100.0/24 of site", 0);
    assert_eq!(path("y"), thief);
    // Nobody tells them, and nothing is predicted of what they cannot know.
    lab.fault("crash cache.n1 rtr").ok();
    agrees(&lab, "crash cache.n1 rtr", 0);
    lab.fault(PUBLISH).ok();
    let untold = predicted(&lab, PUBLISH, 1);
    assert_eq!(untold["outcome"], "not-predicted", "{untold}");
    assert!(untold["reason"].as_str().unwrap().contains("the RTR server has not told"), "{untold}");
    assert_eq!(path("y"), thief);
    // A server that starts anew has another session (RFC 8210 §5.1), and what is published now.
    lab.fault("restart cache.n1 rtr").ok();
    if daemon == "frr" {
        // It goes on to ask in the old session (docs/daemons.md); one that starts anew has none.
        lab.fault("crash y").ok();
        lab.fault("restart y").ok();
    }
    wait_until("the ROA comes", || if path("y") == site { Ok(()) } else { Err(path("y")) });
    // Who is cut off believes what has been said, and hears the rest when the way is back.
    lab.fault("fail cache").ok();
    lab.fault("revoke 198.51.100.0/24 of site").ok();
    assert_eq!(predicted(&lab, "revoke 198.51.100.0/24 of site", 1)["outcome"], "not-predicted");
    assert_eq!(path("y"), site);
    lab.fault("recover cache").ok();
    wait_until("what was revoked meanwhile goes", || if path("y") == thief { Ok(()) } else { Err(path("y")) });
    // A daemon that starts anew knows no ROA, and hears of routes before.
    lab.fault(PUBLISH).ok();
    wait_until("the ROA comes again", || if path("y") == site { Ok(()) } else { Err(path("y")) });
    lab.fault("crash y").ok();
    lab.fault("restart y").ok();
    wait_until("y starts, and is told", || if path("y") == site { Ok(()) } else { Err(path("y")) });
    let refused = lab.fault("renumber cache.n1");
    assert!(refused.code() != 0 && refused.stderr.contains("by its address"), "{refused}");
    // The server's process is the lab's, and ends with it.
    let pid: i32 = lab.exec("cache.n1", "pgrep -x stayrtr").ok().stdout.trim().parse().unwrap();
    assert!(pid > 0);
    lab.down().ok();
}

fn plays(name: &str, daemon: &str, options: impl FnOnce() -> Option<Vec<String>>) {
    let Some(options) = options() else {
        skipped(name, &format!("that {daemon}: `scripts/provision --birds` and `--frr` put them beside the system's"));
        return;
    };
    if !stayrtr_is_there() {
        skipped(name, "StayRTR: `scripts/provision --rtr` puts it beside the system's programs");
        return;
    }
    play(name, Scene::of("root"), |place: &Place| {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        hears_late(place, daemon, &options);
        if daemon == "frr" {
            let text = std::fs::read_to_string(project("topologies/rtr.toml")).unwrap();
            let text = text.replace("[lab]", "[lab]\ndaemon = \"frr\"");
            let file = place.write("rtr.toml", &text.replace("\"mallory\"\nup", "\"mallory\"\ndaemon = \"bird\"\nup"));
            let out = place.out("rtr");
            place.anybed().arg("run").arg(&file).arg("--out").arg(&out).args(&options).run().ok();
            told_in_time(place);
        } else {
            passes_with(place, "rtr", &options);
            told_in_time(place);
        }
    });
}

/// What was compared with the prediction was as predicted.
fn told_in_time(place: &Place) {
    let text = std::fs::read_to_string(place.out("rtr").join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let predictions = report["predictions"].as_array().unwrap();
    assert!(predictions.len() > 4, "{report}");
    for one in predictions {
        assert!(one["differences"].as_array().unwrap().is_empty(), "{one}");
    }
}

fn frr(version: &str) -> Option<Vec<String>> {
    let tree = crate::lab_daemons::find(version)?;
    Some(vec!["--frr".to_owned(), tree.to_str()?.to_owned()])
}

macro_rules! daemons {
    ($($name:ident: $daemon:literal $options:expr;)+) => {
        $(
            #[test]
            fn $name() {
                plays(stringify!($name), $daemon, || $options);
            }
        )+
    };
}

daemons! {
    rtr_and_bird_2: "bird2" Some(Vec::new());
    rtr_and_bird_3: "bird3" {
        let tree = crate::birds::find("3.4.0")?;
        Some(vec!["--bird".to_owned(), tree.join("bird").to_str()?.to_owned()])
    };
    rtr_and_frr_8_4_4: "frr" frr("8.4.4");
    rtr_and_frr_10_3: "frr" frr("10.3");
    rtr_and_frr_10_7_1: "frr" frr("10.7.1");
}

#[test]
fn a_missing_server_is_said_before_anything_is_built() {
    play("a_missing_server", Scene::of("root"), |place: &Place| {
        let file = place.copy("topologies/rtr.toml");
        let run = |command: &str| {
            place.anybed().env("ANYBED_STAYRTR", "/nowhere/stayrtr").arg(command).arg(&file).run().expect_code(3)
        };
        for command in ["run", "up"] {
            run(command).expect_stderr(&["StayRTR is not", "`scripts/provision --rtr`", "apt-get install"]);
        }
        assert!(!place.out("rtr").exists());
        // What is looked at without a machine needs none.
        place.anybed().env("ANYBED_STAYRTR", "/nowhere/stayrtr").arg("check").arg(&file).run().ok();
    });
}

/// A gateway of FRR, and one of BIRD, announce a group; and a longer prefix in it is another's.
const BORDER: &str = r#"
[lab]
name = "border"
family = "dual"
daemon = "frr"
[[as]]
name = "up"
[[as]]
name = "other"
daemon = "bird"
[[link]]
a = "up"
b = "other"
relation = "peer"
[[stub]]
name = "west"
uplinks = ["up", "other"]
members = 2
[[stub]]
name = "east"
daemon = "bird"
uplinks = ["other"]
members = 1
[[stub]]
name = "home"
uplinks = ["up"]
clients = 1
[[group]]
name = "dns"
prefix = ["198.51.100.0/24", "2001:db8:64::/48"]
members = ["west", "east"]
announced_by = "border"
[[group]]
name = "narrow"
prefix = ["198.51.100.128/25", "2001:db8:64:8000::/49"]
members = ["east"]
"#;

fn announces(name: &str, version: &str) {
    let Some(options) = frr(version) else {
        skipped(name, &format!("FRR {version}: `scripts/provision --frr` puts it beside the system's"));
        return;
    };
    play(name, Scene::of("root_dual"), |place: &Place| {
        let file = place.write("border.toml", BORDER);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let lab = Lab::up_with(place, &file, &place.name, &options);
        lab.wait_for_answer("home.c1", "west", 0);
        let kernel = |family: &str| lab.exec("west", &format!("ip {family} route show type blackhole")).ok().stdout;
        let gone = |prefix: &str, family: &str| {
            wait_until(&format!("{prefix} is gone"), || {
                let routes = kernel(family);
                if routes.contains(prefix) { Err(routes) } else { Ok(()) }
            });
        };
        for (number, (act, back)) in [("withdraw", "announce"), ("drain", "announce")].into_iter().enumerate() {
            assert!(kernel("-4").contains("198.51.100.0/24") && kernel("-6").contains("2001:db8:64::/48"));
            let since = lab.now();
            lab.fault(&format!("{act} west dns")).ok();
            agrees(&lab, &format!("{act} west dns"), 0);
            gone("198.51.100.0/24", "-4");
            gone("2001:db8:64::/48", "-6");
            lab.wait_for_answer("home.c1", "east", since);
            let since = lab.now();
            lab.fault(&format!("{back} west dns")).ok();
            agrees(&lab, &format!("{back} west dns"), number);
            lab.wait_for_answer("home.c1", "west", since);
        }
        // What hosts do changes nothing outside: packets still come.
        lab.fault("withdraw west.n1 dns").ok();
        lab.fault("withdraw west.n2 dns").ok();
        agrees(&lab, "withdraw west.n2 dns", 0);
        lab.down().ok();
    });
}

#[test]
fn border_of_frr_8_4_4() {
    announces("border_of_frr_8_4_4", "8.4.4");
}

#[test]
fn border_of_frr_10_7_1() {
    announces("border_of_frr_10_7_1", "10.7.1");
}
