//! What routing did, from made records: loops, black holes, cascades, updates.

use anybed::measure::{Findings, NodeUpdates, NoticedBy, Nowhere, Outcome, Transient, TransientKind};
use anybed::physics::Egress;
use anybed::record::{FibChange, NodeDid, What};
use anybed::report::{Network, html, tables, text};
use anybed::scenario::{Op, Value, When};

use crate::metric::metric;
use crate::synthetic::Synthetic;

/// Two sites with a client each; all routes lead to the left one.
fn lab() -> Synthetic {
    let mut lab =
        Synthetic::new("two-sites").stubs(&[("left", &["n1"], &["c1"]), ("right", &["n1"], &["c1"])]).group("web");
    lab.fib(-1.0, "left.gw", Some("left.n1")).fib(-1.0, "core", Some("left.gw")).fib(-1.0, "right.gw", Some("core"));
    lab
}

/// Both clients probe.
fn probed(mut lab: Synthetic) -> Synthetic {
    lab.probes("left.c1", 0.0, 40.0, Some("left.n1")).probes("right.c1", 0.0, 40.0, Some("left.n1"));
    lab
}

fn route(lab: &Synthetic, node: &str, next: &[&str], interfaces: &[&str]) -> What {
    let address =
        |name: &&str| lab.facts.nodes.iter().find(|n| n.name == *name).expect("a node of the lab").addresses[0];
    let change = FibChange {
        add: true,
        prefix: "198.51.100.1/32".into(),
        via: next.iter().map(address).collect(),
        interfaces: interfaces.iter().map(|i| (*i).to_owned()).collect(),
    };
    What::Fib { node: node.into(), change }
}

fn carrier(node: &str, interface: &str, up: bool) -> What {
    What::Carrier { node: node.into(), interface: interface.into(), up }
}

/// Kind, nodes, seconds of play, reason and clients of each.
fn told(transients: &[Transient]) -> Vec<String> {
    let tell = |t: &Transient| {
        let reason = t.reason.map_or(String::new(), |r| format!(" {r:?}"));
        let (nodes, clients) = (t.nodes.join(" "), t.clients.join(" "));
        format!("{:?} {nodes}, {:?} to {:?}{reason}: {clients}", t.kind, t.from, t.to)
    };
    transients.iter().map(tell).collect()
}

#[test]
fn two_nodes_that_hand_packets_to_each_other_are_a_loop() {
    let mut lab = probed(lab());
    lab.fault(10.0, "crash left.n1").fib(10.1, "left.gw", Some("core")).fib(10.4, "core", Some("right.gw"));
    lab.fib(10.5, "right.gw", Some("right.n1")).end(40.0);
    let report = lab.report();
    assert_eq!(
        told(&report.transients),
        [
            "Loop core left.gw, 10.1 to Some(10.4): left.c1 right.c1",
            "Loop core right.gw, 10.4 to Some(10.5): left.c1 right.c1"
        ]
    );
    let (fault, first) = (&report.faults[0], &report.transients[0]);
    assert_eq!((fault.loops, fault.blackholes, report.shorter_transients), (2, 0, 0));
    assert_eq!((first.fault, first.ms, first.kind, first.reason), (Some(0), 300.0, TransientKind::Loop, None));
    assert_eq!((first.group.as_str(), first.address.as_str()), ("web", "198.51.100.1"));
}

#[test]
fn what_lasts_less_than_a_time_stamps_error_is_only_counted() {
    let mut lab = probed(lab());
    lab.fib(10.0, "left.gw", Some("core")).fib(10.0009, "left.gw", Some("left.n1"));
    lab.fib(20.0, "left.gw", Some("core")).fib(20.001, "left.gw", Some("left.n1")).end(40.0);
    let report = lab.report();
    assert_eq!(told(&report.transients), ["Loop core left.gw, 20.0 to Some(20.001): left.c1 right.c1"]);
    assert_eq!((report.shorter_transients, report.transients[0].fault), (1, None));
}

#[test]
fn one_of_several_equal_routes_is_enough_for_a_loop_and_for_a_black_hole() {
    let mut lab = probed(lab());
    let both = route(&lab, "core", &["left.gw", "right.gw"], &["to-left", "to-right"]);
    lab.at(10.0, both).fib(11.0, "right.gw", Some("right.n1")).fib(12.0, "right.gw", None);
    lab.fib(13.0, "core", Some("left.gw")).fib(14.0, "right.gw", Some("core")).end(40.0);
    let found = told(&lab.report().transients);
    assert_eq!(
        found,
        [
            "Loop core right.gw, 10.0 to Some(11.0): left.c1 right.c1".replace("left.c1 ", ""),
            "Blackhole right.gw, 12.0 to Some(14.0) NoRoute: right.c1".to_owned()
        ]
    );
}

#[test]
fn an_interface_takes_its_routes_along_and_does_not_bring_them_back() {
    let mut lab = probed(lab());
    let there = route(&lab, "core", &["left.gw"], &["to-left"]);
    lab.at(-0.5, there.clone()).fault(10.0, "cut core-left.gw").at(10.001, carrier("core", "to-left", false));
    lab.fault(20.0, "mend core-left.gw").at(20.001, carrier("core", "to-left", true)).at(21.5, there).end(40.0);
    let report = lab.report();
    assert_eq!(told(&report.transients), ["Blackhole core, 10.001 to Some(21.5) NoRoute: right.c1"]);
    assert_eq!(report.faults.iter().map(|f| f.blackholes).collect::<Vec<_>>(), [1, 0]);
    let noticed = report.faults[0].noticed.clone().unwrap();
    assert_eq!((noticed.by, noticed.node.as_str(), noticed.what.as_str()), (NoticedBy::Interface, "core", "to-left"));
}

#[test]
fn a_route_of_several_next_hops_has_them_again_when_the_interface_is_back() {
    let mut lab = probed(lab());
    let both = route(&lab, "core", &["left.gw", "right.gw"], &["to-left", "to-right"]);
    lab.at(-0.5, both).fib(-0.4, "right.gw", Some("right.n1"));
    // With one branch there is a way; the branch that is back loops, which shows that it is.
    lab.at(10.0, carrier("core", "to-right", false)).fib(11.0, "right.gw", Some("core"));
    lab.at(12.0, carrier("core", "to-right", true)).fib(13.0, "right.gw", Some("right.n1")).end(40.0);
    assert_eq!(told(&lab.report().transients), ["Loop core right.gw, 12.0 to Some(13.0): right.c1"]);
}

#[test]
fn a_silent_link_is_a_black_hole_until_routing_leads_elsewhere() {
    let mut lab = probed(lab());
    let egress = [Egress { blackhole: true, ..Egress::default() }, Egress::default()];
    let link = |egress| What::Link { link: "core-left.gw".into(), up: true, egress };
    lab.fault(10.0, "blackhole core-left.gw from core").at(10.0, link(egress));
    lab.fib(19.0, "core", Some("right.gw")).fib(19.0, "right.gw", Some("right.n1")).end(40.0);
    assert_eq!(told(&lab.report().transients), ["Blackhole core, 10.0 to Some(19.0) SilentLink: right.c1"]);
}

#[test]
fn a_host_that_no_longer_answers_is_a_black_hole() {
    let mut lab = probed(lab());
    let withdrew = NodeDid::Withdrew { group: "web".into() };
    let node = |did| What::Node { node: "left.n1".into(), overlay: "web".into(), did };
    lab.at(10.0, node(withdrew)).fib(10.5, "left.gw", None).fib(12.0, "left.gw", Some("left.n1"));
    let status = "signal 9".to_owned();
    lab.at(20.0, What::Exit { node: "left.n1".into(), process: "node".into(), kind: None, status, expected: true });
    lab.at(25.0, node(NodeDid::Announced { group: "web".into() }));
    lab.fault(30.0, "freeze left.n1").fault(31.0, "thaw left.n1");
    lab.fault(35.0, "freeze left.n1 bird").end(40.0);
    let report = lab.report();
    assert_eq!(
        told(&report.transients),
        [
            "Blackhole left.n1, 10.0 to Some(10.5) SilentHost: left.c1 right.c1",
            "Blackhole left.gw, 10.5 to Some(12.0) NoRoute: left.c1 right.c1",
            "Blackhole left.n1, 20.0 to Some(25.0) SilentHost: left.c1 right.c1",
            "Blackhole left.n1, 30.0 to Some(31.0) SilentHost: left.c1 right.c1",
        ]
    );
    assert!(report.transients.iter().all(|t| t.reason != Some(Nowhere::SilentLink)));
}

#[test]
fn where_nobody_sends_packets_there_is_no_black_hole() {
    // Nobody probes, and no node hands packets to right.gw.
    let mut lab = lab();
    lab.fib(10.0, "right.gw", None).end(40.0);
    assert_eq!(told(&lab.report().transients), [""; 0]);
    // One that has never had a way is none either, though core hands it packets.
    let mut lab = probed(lab);
    lab.events.pop();
    lab.fib(-2.0, "left.gw", None);
    lab.events.retain(|e| !matches!(&e.what, What::Fib { node, .. } if node == "left.gw"));
    lab.end(40.0);
    assert_eq!(told(&lab.report().transients), [""; 0]);
}

#[test]
fn what_is_not_over_at_the_end_has_no_end() {
    let mut lab = probed(lab());
    lab.fib(10.0, "left.gw", None).end(40.0);
    let report = lab.report();
    assert_eq!(told(&report.transients), ["Blackhole left.gw, 10.0 to None NoRoute: left.c1 right.c1"]);
    assert_eq!(report.transients[0].ms, 30_000.0);
}

fn update(node: &str, peer: &str, announced: u32, withdrawn: u32) -> What {
    What::Update { node: node.into(), peer: peer.into(), announced, withdrawn }
}

#[test]
fn a_fault_is_told_on_one_clock() {
    let mut lab = probed(lab());
    let session = What::Session { node: "core".into(), peer: "left.gw".into(), up: false };
    lab.at(-0.1, What::FollowsBgp).at(5.0, update("core", "left.gw", 1, 0));
    lab.fault(10.0, "crash left bird").at(10.002, session).at(10.003, update("right.gw", "core", 0, 2));
    lab.at(10.004, update("left.gw", "core", 1, 1)).fib(10.003, "core", Some("right.gw"));
    lab.fib(10.010, "right.gw", Some("right.n1")).fib(10.020, "core", None).fib(10.030, "core", Some("right.gw"));
    lab.probes("left.c1", 10.0, 10.5, None).end(40.0);
    let report = lab.report();
    let fault = &report.faults[0];
    let noticed = fault.noticed.as_ref().unwrap();
    assert_eq!((noticed.by, noticed.ms, noticed.what.as_str()), (NoticedBy::Session, 2.0, "left.gw"));
    assert_eq!((fault.detect_ms, fault.first_fib_change_ms), (Some(2.0), Some(3.0)));
    let cascade: Vec<_> = fault.cascade.iter().map(|n| (n.node.as_str(), n.first_ms, n.last_ms, n.changes)).collect();
    assert_eq!(cascade, [("core", 3.0, 30.0, 3), ("right.gw", 10.0, 10.0, 1)]);
    assert_eq!((fault.last_lost_ms, fault.clients[0].last_lost_ms), (Some(400.0), Some(400.0)));
    let updates = fault.updates.as_ref().unwrap();
    assert_eq!((updates.messages, updates.announced, updates.withdrawn), (2, 1, 3));
    assert_eq!(updates.nodes["core"], NodeUpdates { received: 0, sent: 2 });
    assert_eq!(updates.nodes["left.gw"], NodeUpdates { received: 1, sent: 0 });
    assert_eq!(report.updates.unwrap().messages, 3);
}

#[test]
fn without_bgp_in_the_record_there_are_no_numbers_of_it() {
    let mut lab = lab();
    lab.fault(10.0, "cut core-left.gw").expect(metric("updates"), Op::Le, Value::Number(9.0), When::End).end(40.0);
    let report = lab.report();
    assert_eq!((&report.updates, &report.faults[0].updates), (&None, &None));
    assert_eq!(report.expectations[0].verdict, Outcome::Fail);
}

#[test]
fn loops_black_holes_and_updates_are_expected_and_can_be_missed() {
    let mut lab = probed(lab().group("other"));
    lab.at(-0.1, What::FollowsBgp).fib(10.1, "left.gw", Some("core")).fib(10.4, "left.gw", None);
    lab.at(10.2, update("core", "left.gw", 1, 0)).at(10.3, update("right.gw", "core", 1, 0));
    let during = |from, to| When::During { from, to };
    for (metric, value, when) in [
        (metric("loops"), 1.0, When::End),
        (metric("loops of web"), 1.0, during(10.0, 11.0)),
        (metric("loops of web"), 0.0, during(10.2, 40.0)),
        (metric("loops of other"), 0.0, When::End),
        (metric("blackholes of web"), 1.0, When::At { at: 11.0, within: 0.0 }),
        (metric("blackholes"), 0.0, during(0.0, 10.4)),
        (metric("updates"), 2.0, When::End),
        (metric("updates"), 1.0, during(10.25, 11.0)),
    ] {
        lab.expect(metric.clone(), Op::Eq, Value::Number(value), when);
        lab.expect(metric, Op::Ne, Value::Number(value), when);
    }
    lab.end(40.0);
    for (index, verdict) in lab.report().expectations.iter().enumerate() {
        let expected = if index % 2 == 0 { Outcome::Pass } else { Outcome::Fail };
        assert_eq!(verdict.verdict, expected, "{}: {}", verdict.name, verdict.observed);
    }
}

/// BIRD 3 left routes out of kernels for 10 s, and every expectation held.
#[test]
fn a_black_hole_longer_than_timers_explain_fails() {
    let hole = |seconds: f64| {
        let mut lab = probed(lab().group("other"));
        lab.fib(10.0, "left.gw", None).fib(10.0 + seconds, "left.gw", Some("left.n1"));
        let during = |from, to| When::During { from, to };
        for when in [When::End, during(5.0, 35.0), When::At { at: 30.0, within: 0.0 }, during(8.0, 11.0)] {
            lab.expect(metric("longest blackhole of web"), Op::Lt, Value::Number(3.0), when);
        }
        lab.expect(metric("longest blackhole"), Op::Le, Value::Number(seconds), When::End);
        lab.expect(metric("longest blackhole of other"), Op::Le, Value::Number(0.0), When::End);
        lab.end(40.0).report().expectations.into_iter().map(|e| (e.verdict, e.observed)).collect::<Vec<_>>()
    };
    let seen = |verdict, text: &str| (verdict, text.to_owned());
    let (long, one) = ("10.000 s: left.gw (web) from 10.0 s", "1.000 s: left.gw (web) from 10.0 s");
    let mut expected = vec![seen(Outcome::Fail, long); 3];
    expected.extend([seen(Outcome::Pass, one), seen(Outcome::Pass, long), seen(Outcome::Pass, "none")]);
    assert_eq!(hole(10.0), expected);
    let short = "0.050 s: left.gw (web) from 10.0 s";
    let mut expected = vec![seen(Outcome::Pass, short); 5];
    expected[2].1 += " at 30.0 s";
    expected.push(seen(Outcome::Pass, "none"));
    assert_eq!(hole(0.05), expected);
}

#[test]
fn loops_and_black_holes_are_told_and_drawn() {
    let mut lab = probed(lab());
    lab.at(-0.1, What::FollowsBgp).fault(10.0, "crash left.n1").at(10.05, update("core", "left.gw", 1, 2));
    lab.fib(10.1, "left.gw", Some("core")).fib(10.4, "left.gw", None).end(40.0);
    let record = lab.record();
    let findings = Findings::of(&record);
    let (report, series) = (findings.report(), findings.series());
    let text = text(&report, false);
    for line in [
        "  bgp         1 update: 1 route announced and 2 withdrawn; most from left.gw (1)",
        "  forwarding  1 loop, 1 black hole: left.gw +400 ms to the end (no route, 2 clients),",
        "              core → left.gw → core +100 ms for 300 ms (2 clients)",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in {text}");
    }
    let page = html(&report, &Network::of_facts(&record.facts), &series);
    for part in ["strip loop", "strip hole", "loop at core", "black hole, no route"] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let files = tables(&report, &series).unwrap();
    let lines = |name: &str| files.iter().find(|(file, _)| *file == name).unwrap().1.lines().collect::<Vec<_>>();
    assert_eq!(lines("transients.csv")[1], "10.1,10.4,300,loop,web,198.51.100.1,core left.gw,,left.c1 right.c1");
    assert!(lines("transients.csv")[2].starts_with("10.4,,29600,blackhole,web,"));
    assert_eq!(lines("updates.csv"), ["at_s,node,from,announced,withdrawn", "10.05,core,left.gw,1,2"]);
}
