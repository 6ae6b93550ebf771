//! Overlay members in a lab that is up: joining, leaving, crashing, keys.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::{Lab, Place, events, probes, project, scenes, wait_until};

/// Builds the lab and lets everybody join.
fn joined(place: &Place) -> Lab<'_> {
    joined_in(place, &place.copy("tests/system/labs/overlay.toml"))
}

fn joined_in<'a>(place: &'a Place, file: &Path) -> Lab<'a> {
    let lab = Lab::up(place, file);
    lab.fault("join music").ok();
    lab.wait_for("three members have joined", |events| {
        let joined = events.iter().filter(|e| did(e, "joined")).count();
        (joined == 3).then_some(())
    });
    lab.wait_for_answer("home.c1", "near.n1", 0);
    lab
}

fn did(event: &Value, what: &str) -> bool {
    event["event"] == "node" && event["did"]["did"] == what
}

fn members(lab: &Lab<'_>) -> Vec<String> {
    let status = lab.status();
    let members = status["overlays"][0]["members"].as_array().unwrap_or_else(|| panic!("no members in {status}"));
    members.iter().filter_map(|m| m["host"].as_str()).map(str::to_owned).collect()
}

scenes!(a_member_that_leaves_costs_no_client_a_probe: root rootless rootless_ipv6 root_dual);

fn a_member_that_leaves_costs_no_client_a_probe(place: &Place) {
    let lab = joined(place);
    lab.fault("join near.n1").expect_code(2).expect_stderr(&["is a member of music"]);
    lab.fault("leave near.n1").ok();
    let asked = anybed::kernel::now();
    let (withdrew, left) = lab.wait_for("near.n1 has withdrawn and left", |events| {
        let at = |what| events.iter().find(|e| did(e, what) && e["node"] == "near.n1").and_then(|e| e["at"].as_u64());
        at("withdrew").zip(at("left"))
    });
    assert!(withdrew < left, "withdrew at {withdrew}, left at {left}");
    wait_until("near.n1 is no member", || match members(&lab) {
        members if members == ["far.n1", "far.n2"] => Ok(()),
        others => Err(format!("{others:?}")),
    });
    let addresses = lab.exec("near.n1", "ip -o addr show lo").ok();
    assert!(
        !addresses.stdout.contains("203.0.113.1/32") && !addresses.stdout.contains("2001:db8:1::1/128"),
        "{addresses}"
    );
    // A probe counts as lost a second after it was sent: those around the leave have been counted then.
    let settled = left + 2_000_000_000;
    lab.wait_for_answer("home.c1", "far", settled);
    let around: Vec<_> = probes(&lab.events(), "home.c1").into_iter().filter(|p| p.sent < settled).collect();
    let first = around.iter().position(|p| p.member.is_some()).unwrap();
    let lost: Vec<_> = around[first..].iter().filter(|p| p.member.is_none()).collect();
    assert!(lost.is_empty(), "asked to leave at {asked}, withdrew at {withdrew}, left at {left}; lost: {lost:#?}");
    let served =
        |site: &str| around.iter().filter(|p| p.member.as_deref().is_some_and(|m| m.starts_with(site))).count();
    assert!(served("near") > 0 && served("far") > 0, "{around:#?}");

    lab.fault("leave near.n1").expect_code(2).expect_stderr(&["is no member of music"]);
    lab.fault("join near.n1").ok();
    lab.wait_for_answer("home.c1", "near.n1", anybed::kernel::now());
}

scenes!(a_crashed_member_comes_back_and_announces: root rootless rootless_ipv6 root_dual);

fn a_crashed_member_comes_back_and_announces(place: &Place) {
    let lab = joined(place);
    for victim in ["bird", "node", "both"] {
        lab.fault(&format!("crash near.n1 {victim}")).ok();
        let crashed = anybed::kernel::now();
        // Refused, and without an effect on what is restarted later.
        lab.fault(&format!("crash near.n1 {victim}")).expect_code(2);
        if victim != "node" {
            lab.wait_for_answer("home.c1", "far", crashed);
        } else {
            // Its BIRD knows of nothing: clients are led to a host where nobody answers.
            lab.wait_for("a probe is lost", |events| {
                probes(events, "home.c1").into_iter().find(|p| p.sent > crashed && p.member.is_none())
            });
        }
        // It may be a member before the command has returned.
        let restarted = anybed::kernel::now();
        lab.fault(&format!("restart near.n1 {victim}")).ok();
        if victim != "bird" {
            lab.wait_for(&format!("near.n1 has joined again after crash of {victim}"), |events| {
                let joined = |e: &&Value| did(e, "joined") && e["node"] == "near.n1";
                events.iter().filter(joined).find(|e| e["at"].as_u64().is_some_and(|at| at > restarted)).map(|_| ())
            });
        }
        lab.wait_for_answer("home.c1", "near.n1", restarted);
        wait_until("everybody is a member", || match members(&lab) {
            members if members.len() == 3 => Ok(()),
            others => Err(format!("{others:?}")),
        });
    }
}

scenes!(a_gate_withdraws_what_a_killed_node_announced: root rootless_ipv6);

fn a_gate_withdraws_what_a_killed_node_announced(place: &Place) {
    let text = std::fs::read_to_string(project("tests/system/labs/overlay.toml")).unwrap();
    let gated = text.replace("colors = 2\n", "colors = 2\nhealth_gate = true\n");
    assert_ne!(gated, text);
    let lab = joined_in(place, &place.write("gated.toml", &gated));
    lab.fault("crash near.n1 node").ok();
    // Without a gate nobody would ever answer: near.n1's BIRD runs, and near's routes are shorter.
    lab.wait_for_answer("home.c1", "far", anybed::kernel::now());
    let withdrawn: BTreeSet<String> = lab.wait_for("all of its groups are withdrawn", |events| {
        let of_near = |e: &&Value| did(e, "withdrew") && e["node"] == "near.n1";
        let groups: BTreeSet<_> =
            events.iter().filter(of_near).map(|e| e["did"]["group"].as_str().unwrap().to_owned()).collect();
        (groups.len() == 2).then_some(groups)
    });
    assert!(withdrawn.contains("music") && withdrawn.iter().any(|group| group.starts_with("music/")), "{withdrawn:?}");
    lab.fault("restart near.n1 node").ok();
    lab.wait_for_answer("home.c1", "near.n1", anybed::kernel::now());
    // Both at once: there is no BIRD to be told.
    lab.fault("crash near.n1 both").ok();
    lab.wait_for_answer("home.c1", "far", anybed::kernel::now());
    lab.fault("restart near.n1 both").ok();
    lab.wait_for_answer("home.c1", "near.n1", anybed::kernel::now());
    assert_eq!(lab.damage(), [""; 0]);
}

scenes!(keys_are_put_and_audited: root rootless_ipv6);

fn keys_are_put_and_audited(place: &Place) {
    let lab = joined(place);
    lab.fault("audit music").ok();
    lab.fault("put 40 in music").ok();
    let put = lab.wait_for("keys are stored", |events| events.iter().find(|e| e["event"] == "put").cloned());
    assert_eq!((&put["stored"], &put["failed"]), (&40.into(), &0.into()), "{put}");
    lab.fault("leave far.n1").ok();
    lab.wait_for("far.n1 has left", |events| {
        events.iter().find(|e| did(e, "left") && e["node"] == "far.n1").map(|_| ())
    });
    let before = lab.now();
    lab.fault("audit music").ok();
    let audit = lab.wait_for("the audit has ended", |events| {
        events.iter().find(|e| e["event"] == "audit" && e["at"].as_u64() > Some(before)).cloned()
    });
    // What it held it handed over.
    assert_eq!(audit["found"], 40, "{audit}");
    lab.fault("put 0 in music").expect_code(2).expect_stderr(&["no number of keys"]);
}

scenes!(colors_are_chosen_by_distance_and_a_member_with_many_joins_drains: root);

fn colors_are_chosen_by_distance_and_a_member_with_many_joins_drains(place: &Place) {
    let (file, out) = (place.copy("tests/system/labs/options.toml"), place.out("options"));
    let done = place.anybed().arg("run").arg(&file).arg("--out").arg(&out).run();
    // An overloaded machine's numbers count for nothing; what happened did happen.
    assert!([0, 5].contains(&done.code()), "{done}");
    let events = events(&out);
    let of = |overlay: &'static str, what: &'static str| {
        events.iter().filter(move |e| e["overlay"] == overlay && did(e, what)).map(|e| (&e["node"], &e["did"]))
    };
    let colors: BTreeSet<u64> = of("music", "colored").filter_map(|(_, did)| did["color"].as_u64()).collect();
    assert_eq!(colors.len(), 6, "each takes one that nobody answers: {colors:?}");
    for (node, did) in of("music", "colored") {
        let group = format!("music/{}", did["color"]);
        assert!(of("music", "announced").any(|(by, did)| by == node && did["group"] == *group), "{node}: {group}");
    }
    let first = of("files", "announced").map(|(node, _)| node).next().unwrap();
    let drained: Vec<_> = of("files", "withdrew").map(|(node, _)| node).collect();
    assert_eq!(drained, [first], "it served all five within a second");
    assert_eq!(of("files", "announced").filter(|(node, _)| *node == first).count(), 2, "and came back: {done}");
}
