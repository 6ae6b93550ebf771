//! Faults in a lab that is up: what they do, their undo, and what is refused.

use serde_json::Value;

use crate::support::{Lab, Place, scenes, wait_until};

/// Waits until `up` of `all` BGP sessions of a node are established.
fn wait_for_sessions(lab: &Lab<'_>, node: &str, up: usize) {
    wait_until(&format!("{node} has {up} sessions"), || {
        let status = lab.node(node);
        if status["sessions"][0] == up { Ok(()) } else { Err(status) }
    });
}

scenes!(links_are_cut_and_mended: root rootless rootless_ipv6 root_dual);

fn links_are_cut_and_mended(place: &Place) {
    let lab = Lab::up(place, &place.copy("topologies/two-sites.toml"));
    let families = place.scene.family.pick("0.0.0.0", "::").len();
    lab.wait_for_answer("home.c1", "west.n1", 0);

    // A link goes by its ends in either order.
    lab.fault("cut r1-r2").ok().expect_stdout(&["cut r2-r1"]);
    let cut = anybed::kernel::now();
    assert!(!lab.has_carrier("r1", "to-r2"));
    assert!(!lab.has_carrier("r2", "to-r1"));
    assert_eq!(lab.damage(), ["cut r2-r1"]);
    wait_for_sessions(&lab, "r1", families);
    lab.wait_for_answer("home.c1", "east.n1", cut);
    lab.fault("cut r2-r1").expect_code(2).expect_stderr(&["is cut already"]);
    lab.fault("mend r2-r1").ok();
    let mended = anybed::kernel::now();
    assert!(lab.has_carrier("r1", "to-r2"));
    assert_eq!(lab.damage(), [""; 0]);
    wait_for_sessions(&lab, "r1", 2 * families);
    lab.wait_for_answer("home.c1", "west.n1", mended);
    lab.fault("mend r2-r1").expect_code(2).expect_stderr(&["has not been cut"]);

    // A link that was cut by itself stays so when its stub recovers.
    lab.fault("fail west").ok();
    lab.fault("cut west-r1").ok();
    assert_eq!(lab.damage(), ["cut west-r1", "fail west"]);
    lab.fault("fail west").expect_code(2).expect_stderr(&["already"]);
    lab.wait_for_answer("home.c1", "east.n1", anybed::kernel::now());
    lab.fault("recover west").ok();
    lab.fault("recover west").expect_code(2).expect_stderr(&["west has not failed"]);
    assert!(!lab.has_carrier("west", "to-r1"));
    lab.fault("mend west-r1").ok();
    assert!(lab.has_carrier("west", "to-r1"));
    assert_eq!(lab.damage(), [""; 0]);
    lab.wait_for_answer("home.c1", "west.n1", anybed::kernel::now());

    let did: Vec<Value> = lab.events().into_iter().filter(|e| e["event"] == "fault").collect();
    let verbs: Vec<_> = did.iter().filter_map(|e| e["verb"].as_str()).collect();
    assert_eq!(verbs, ["cut", "mend", "fail", "cut", "recover", "mend"], "{did:#?}");
    assert!(did.iter().all(|e| e["live"] == true), "{did:#?}");
}

scenes!(processes_are_crashed_and_restarted: root rootless rootless_ipv6 root_dual);

fn processes_are_crashed_and_restarted(place: &Place) {
    let lab = Lab::up(place, &place.copy("topologies/two-sites.toml"));
    let families = place.scene.family.pick("0.0.0.0", "::").len();

    let before = lab.node("r4")["bird"].clone();
    lab.fault("crash r4").ok().expect_stdout(&["crash r4 bird"]);
    assert_eq!(lab.damage(), ["crash r4 bird"]);
    assert_eq!(lab.node("r4")["bird"], Value::Null);
    wait_for_sessions(&lab, "r3", families);
    lab.fault("crash r4 bird").expect_code(2).expect_stderr(&["the bird of r4 is not running"]);
    lab.fault("crash r4 node").expect_code(2).expect_stderr(&["`node` is no process of `r4`", "`r4` runs `bird`"]);
    lab.fault("restart r4").ok();
    assert_eq!(lab.damage(), [""; 0]);
    assert_ne!(lab.node("r4")["bird"], before);
    wait_for_sessions(&lab, "r4", 2 * families);
    wait_for_sessions(&lab, "r3", 2 * families);
    lab.fault("restart r4").expect_code(2).expect_stderr(&["is running"]);

    for (victim, left_bird, left_node) in [("bird", false, true), ("node", true, false), ("both", false, false)] {
        lab.fault(&format!("crash west.n1 {victim}")).ok();
        let crashed = anybed::kernel::now();
        let status = lab.node("west.n1");
        assert_eq!((status["bird"].is_i64(), status["node"].is_i64()), (left_bird, left_node), "{victim}: {status}");
        lab.fault(&format!("crash west.n1 {victim}")).expect_code(2).expect_stderr(&["not running"]);
        if !left_bird {
            lab.wait_for_answer("home.c1", "east.n1", crashed);
        }
        lab.fault(&format!("restart west.n1 {victim}")).ok();
        let restarted = anybed::kernel::now();
        assert_eq!(lab.damage(), [""; 0], "after {victim}");
        // It announces again, all by itself, and receives what it received before.
        lab.wait_for_answer("home.c1", "west.n1", restarted);
        lab.fault(&format!("restart west.n1 {victim}")).expect_code(2).expect_stderr(&["is running"]);
        assert_eq!(lab.damage(), [""; 0], "after {victim}");
    }
    let exits: Vec<Value> = lab.events().into_iter().filter(|e| e["event"] == "exit").collect();
    assert_eq!(exits.len(), 5, "{exits:#?}");
    assert!(exits.iter().all(|e| e["expected"] == true), "{exits:#?}");
}

scenes!(groups_are_withdrawn_and_announced: root rootless_dual);

fn groups_are_withdrawn_and_announced(place: &Place) {
    let lab = Lab::up(place, &place.copy("topologies/two-sites.toml"));
    lab.wait_for_answer("home.c1", "west.n1", 0);
    lab.fault("announce west.n1").expect_code(2).expect_stderr(&["announces already"]);
    lab.fault("withdraw west.n1 dns").ok();
    lab.wait_for_answer("home.c1", "east.n1", anybed::kernel::now());
    lab.fault("withdraw west.n1").expect_code(2).expect_stderr(&["does not announce"]);
    lab.fault("announce west.n1").ok();
    lab.wait_for_answer("home.c1", "west.n1", anybed::kernel::now());

    for (action, answer) in [
        ("explode west", "there is no action `explode`"),
        ("cut nowhere", "there is no link `nowhere`"),
        ("fail wset", "did you mean"),
        ("crash home.c1", "is a client"),
        ("withdraw home.c1", "home.c1"),
        ("join west.n1", "is in no overlay"),
        ("cut", "cut LINK"),
        ("cut r2-r1 now", "now"),
    ] {
        lab.fault(action).expect_code(2).expect_stderr(&[answer]);
    }
    assert_eq!(lab.damage(), [""; 0]);
    let refused = lab.events().iter().filter(|e| e["event"] == "refused").count();
    // The two that were actions, and could not be carried out as things were.
    assert_eq!(refused, 2);
}
