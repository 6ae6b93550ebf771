//! How sessions notice that a neighbor is gone, and when they forget it: BFD, timers, graceful restart.

use crate::support::{Family, Lab, Place, project, scenes, wait_until};

fn up(place: &Place) -> Lab<'_> {
    Lab::up(place, &project("tests/system/labs/sessions.toml"))
}

fn each_family(family: Family) -> Vec<&'static str> {
    match family {
        Family::Ipv4 => vec!["ipv4"],
        Family::Ipv6 => vec!["ipv6"],
        Family::Dual => vec!["ipv4", "ipv6"],
    }
}

/// The name of the BGP session with `peer` in this family.
fn session(place: &Place, peer: &str, family: &str) -> String {
    if place.scene.family == Family::Dual { format!("ebgp-{peer}-{family}") } else { format!("ebgp-{peer}") }
}

/// The line of `show protocols` on a session.
fn state(lab: &Lab<'_>, node: &str, session: &str) -> String {
    let all = lab.birdc(node, "show protocols");
    let line = all.lines().find(|l| l.split_whitespace().next() == Some(session));
    line.unwrap_or_else(|| panic!("no session {session} of {node}:\n{all}")).to_owned()
}

fn wait_for_session(lab: &Lab<'_>, node: &str, session: &str, established: bool) {
    wait_until(&format!("{session} of {node} is established: {established}"), || {
        let line = state(lab, node, session);
        if line.contains("Established") == established { Ok(()) } else { Err(line) }
    });
}

/// How many BFD sessions of `node` are up.
fn watched(lab: &Lab<'_>, node: &str) -> usize {
    let sessions = lab.birdc(node, "show bfd sessions");
    sessions.lines().filter(|l| l.split_whitespace().nth(2) == Some("Up")).count()
}

/// From now on what `node` sends there vanishes; the interface stays up.
fn silence(lab: &Lab<'_>, node: &str, interface: &str) {
    lab.exec(node, &format!("tc qdisc add dev {interface} root pfifo limit 0")).ok();
}

scenes!(bfd_watches_what_the_lab_file_says: root rootless_ipv6 root_dual);

fn bfd_watches_what_the_lab_file_says(place: &Place) {
    let lab = up(place);
    let families = each_family(place.scene.family);
    // Links of each node with BFD: uplink, access, and inside the AS.
    for (node, links) in [("a", 2), ("b", 2), ("c", 1), ("west", 2), ("west.n1", 1)] {
        wait_until(&format!("the BFD sessions of {node} are up"), || {
            let up = watched(&lab, node);
            if up == links * families.len() { Ok(()) } else { Err(up) }
        });
    }
    assert!(!lab.birdc("far", "show protocols").contains("BFD"));

    // The hold time of this session is 90 s: nothing but BFD ends it in time. One end falls silent, both notice.
    silence(&lab, "a", "to-west");
    for family in &families {
        wait_for_session(&lab, "west", &session(place, "a", family), false);
        wait_for_session(&lab, "a", &session(place, "west", family), false);
    }
    lab.exec("a", "tc qdisc del dev to-west root").ok();
    for family in &families {
        wait_for_session(&lab, "a", &session(place, "west", family), true);
    }
}

scenes!(a_graceful_restart_keeps_the_routes: rootless root_ipv6);

fn a_graceful_restart_keeps_the_routes(place: &Place) {
    let lab = up(place);
    let families = each_family(place.scene.family);
    let route = |node: &str, family: &str| {
        let (flag, prefix) = if family == "ipv4" { ("-4", "198.51.100.1") } else { ("-6", "2001:db8::1") };
        lab.exec(node, &format!("ip -o {flag} route show {prefix} proto bird")).ok().stdout
    };
    let table = |node: &str| families.iter().map(|family| route(node, family)).collect::<Vec<_>>();
    let before = (table("c"), table("east"));
    assert!(
        before.0.iter().all(|r| r.contains("to-east")) && before.1.iter().all(|r| r.contains("to-n1")),
        "{before:?}"
    );

    let prefixes = [Some("198.51.100.1/32"), Some("2001:db8::1/128")];
    let since = lab.now();
    lab.fault("crash east").ok();
    for family in &families {
        wait_for_session(&lab, "c", &session(place, "east", family), false);
    }
    assert_eq!((table("c"), table("east")), before, "while BIRD is away");
    lab.fault("restart east").ok();
    for family in &families {
        wait_for_session(&lab, "c", &session(place, "east", family), true);
        wait_for_session(&lab, "east", &session(place, "n1", family), true);
    }
    let log = lab.out.join("logs/east.bird.log");
    wait_until("east has recovered", || {
        let text = std::fs::read_to_string(&log).map_err(|e| e.to_string())?;
        if text.contains("Graceful restart done") { Ok(()) } else { Err(text) }
    });
    assert_eq!((table("c"), table("east")), before, "after the restart");
    let events = lab.events();
    let of_group = |e: &&serde_json::Value| {
        e["at"].as_u64() > Some(since) && e["event"] == "fib" && prefixes.contains(&e["change"]["prefix"].as_str())
    };
    let changes: Vec<_> = events.iter().filter(of_group).filter(|e| e["change"]["add"] == false).collect();
    assert!(changes.is_empty(), "{changes:?}");
}
