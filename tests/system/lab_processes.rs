//! Processes and hosts that are killed, stopped and told: what it does, its undo, and what is refused.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Lab, Place, faulty, scenes, wait_until};

/// `T (stopped)`, `S (sleeping)`, …: of a node's process.
fn state(lab: &Lab<'_>, node: &str, process: &str) -> String {
    let pid = lab.node(node)[process].as_i64().unwrap_or_else(|| panic!("no {process} of {node}"));
    let status = lab.exec(node, &format!("cat /proc/{pid}/status")).ok().stdout;
    let line = status.lines().find_map(|line| line.strip_prefix("State:"));
    line.unwrap_or_else(|| panic!("no state in {status}")).trim().to_owned()
}

fn is_stopped(lab: &Lab<'_>, node: &str, process: &str) -> bool {
    state(lab, node, process).starts_with('T')
}

scenes!(hosts_crash_and_restart: rootless root_dual);

fn hosts_crash_and_restart(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    lab.wait_for_site("west");
    let answers = ["host west.n1 has crashed already", "host west.n1 has not crashed"];
    lab.try_out("crash west.n1 host", "restart west.n1 host", answers, || {
        assert!(!lab.has_carrier("west", "to-n1"));
        let node = lab.node("west.n1");
        assert_eq!((&node["bird"], &node["node"]), (&Value::Null, &Value::Null));
        for refused in ["restart west.n1 bird", "restart west.n1"] {
            lab.fault(refused).expect_code(2).expect_stderr(&["the host has crashed as a whole"]);
        }
        lab.fault("crash west.n1 node").expect_code(2).expect_stderr(&["the node of west.n1 is not running"]);
        lab.fault("freeze west.n1").expect_code(2).expect_stderr(&["of west.n1 is not running"]);
        lab.fault("withdraw west.n1").expect_code(2).expect_stderr(&["of west.n1 is not running"]);
        lab.wait_for_site("east");
    });
    assert!(lab.has_carrier("west", "to-n1"));
    lab.wait_for_site("west");

    // A router is a host too, and what was dead before is dead after.
    lab.fault("crash west bird").ok();
    lab.fault("crash west host").ok();
    lab.fault("cut west-a").ok();
    assert!(!lab.has_carrier("west", "to-n1"));
    lab.fault("restart west host").ok();
    assert!(lab.has_carrier("west", "to-n1"));
    assert!(!lab.has_carrier("west", "to-a"), "cut by itself");
    assert_eq!(lab.node("west")["bird"], Value::Null);
    lab.fault("restart west").ok();
    lab.fault("mend west-a").ok();
    assert_eq!(lab.damage(), [""; 0]);
    lab.wait_for_site("west");
}

scenes!(processes_freeze_and_thaw: root rootless_ipv6);

fn processes_freeze_and_thaw(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    lab.wait_for_site("west");
    // A stopped BIRD holds its sockets and says nothing: its neighbors give up after the hold time.
    let answers = ["west is frozen already", "west is not frozen"];
    lab.try_out("freeze west", "thaw west", answers, || {
        assert!(is_stopped(&lab, "west", "bird"));
        let shown = place.run(&format!("status {}", lab.name)).ok();
        shown.expect_stdout(&["bird does not answer", "not undone: freeze west bird"]);
        lab.wait_for_session("a", "west", false);
        lab.wait_for_site("east");
    });
    assert!(!is_stopped(&lab, "west", "bird"));
    lab.wait_for_session("a", "west", true);
    lab.wait_for_site("west");

    // A stopped node is silent, and its BIRD goes on announcing.
    lab.fault("freeze west.n1 node").ok();
    assert!(is_stopped(&lab, "west.n1", "node") && !is_stopped(&lab, "west.n1", "bird"));
    for action in ["withdraw west.n1", "drain west.n1"] {
        lab.fault(action).expect_code(2).expect_stderr(&["the node of west.n1 is frozen"]);
    }
    lab.wait_for_session("west", "n1", true);
    lab.fault("freeze west.n1 both").ok();
    lab.fault("thaw west.n1 node").ok();
    assert!(!is_stopped(&lab, "west.n1", "node") && is_stopped(&lab, "west.n1", "bird"));
    lab.fault("thaw west.n1").ok();
    lab.fault("thaw west.n1").expect_code(2).expect_stderr(&["west.n1 is not frozen"]);
    assert_eq!(lab.damage(), [""; 0]);
    lab.wait_for_site("west");
}

scenes!(a_crash_ends_a_freeze: rootless);

fn a_crash_ends_a_freeze(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    lab.fault("freeze west.n1").ok();
    lab.fault("crash west.n1 node").ok();
    assert_eq!(lab.damage(), ["crash west.n1 node", "freeze west.n1 bird"]);
    lab.fault("thaw west.n1 node").expect_code(2).expect_stderr(&["west.n1 is not frozen"]);
    lab.fault("thaw west.n1").ok();
    lab.fault("restart west.n1 node").ok();
    assert!(!is_stopped(&lab, "west.n1", "node"));
    lab.fault("freeze west.n1").ok();
    lab.fault("crash west.n1 host").ok();
    lab.fault("restart west.n1 host").ok();
    assert_eq!(lab.damage(), [""; 0]);
    assert!(!is_stopped(&lab, "west.n1", "node") && !is_stopped(&lab, "west.n1", "bird"));
    lab.wait_for_site("west");
    let exits: Vec<_> = lab.events().into_iter().filter(|e| e["event"] == "exit").collect();
    assert!(exits.len() == 3 && exits.iter().all(|e| e["expected"] == true), "{exits:?}");

    // A lab ends with processes that cannot hear of it.
    for node in ["west", "west.n1", "a", "b"] {
        lab.fault(&format!("freeze {node}")).ok();
    }
    lab.down().ok();
    assert_eq!(place.run("ls").ok().stdout, "");
}

scenes!(sites_are_drained: root rootless_ipv6);

fn sites_are_drained(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    lab.wait_for_site("west");
    let since = lab.now();
    let answers = ["west.n1 does not announce dns", "west.n1 announces already dns"];
    lab.try_out("drain west.n1", "announce west.n1", answers, || {
        assert_eq!(lab.damage(), ["drain west.n1 dns"]);
        lab.fault("withdraw west.n1").expect_code(2).expect_stderr(&["does not announce"]);
        lab.wait_for_site("east");
        // What is drained stays so when its processes are started again.
        lab.fault("crash west.n1").ok();
        lab.fault("restart west.n1").ok();
        lab.wait_for_session("west", "n1", true);
    });
    lab.wait_for_site("west");
    // Routers knew half a second before: nobody was sent to a site that did not answer.
    let lost: Vec<_> = crate::support::probes(&lab.events(), "home.c1")
        .into_iter()
        .filter(|p| p.sent > since && p.member.is_none())
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
}

scenes!(a_site_that_announces_nothing_outlives_its_bird: root);

fn a_site_that_announces_nothing_outlives_its_bird(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    lab.fault("withdraw west.n1").ok();
    lab.fault("crash west.n1 bird").ok();
    lab.fault("announce west.n1").expect_code(2).expect_stderr(&["the bird of west.n1 is not running"]);
    lab.fault("restart west.n1 bird").ok();
    lab.fault("announce west.n1").ok();
    assert_eq!(lab.damage(), [""; 0]);
    lab.wait_for_site("west");
}

scenes!(a_command_that_is_killed_leaves_no_half_of_a_fault: root rootless);

fn a_command_that_is_killed_leaves_no_half_of_a_fault(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    lab.wait_for_site("west");
    // A drain takes half a second, in which the host's BIRD has two protocols for the group.
    let family = place.scene.family.name();
    let drain = place.anybed().args(["fault", &lab.name, "drain", "west.n1"]).start();
    wait_until("the drain has begun", || {
        let shown = lab.birdc("west.n1", "show protocols");
        let drains = |line: &str| line.contains(&format!("{family}-drain")) && line.contains(" up ");
        if shown.lines().any(drains) { Ok(()) } else { Err(shown) }
    });
    drain.signal(Signal::SIGKILL);
    drain.wait().expect_code(128 + 9);
    wait_until("the drain is done", || {
        let damage = lab.damage();
        if damage == ["drain west.n1 dns"] { Ok(()) } else { Err(format!("{damage:?}")) }
    });
    lab.wait_for_site("east");
    lab.fault("announce west.n1").ok();
    lab.wait_for_site("west");
}
