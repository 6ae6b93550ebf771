//! Flows: which fault broke them, and what expectations see of it.

use anybed::measure::{Findings, Outcome};
use anybed::record::{BreakReason, FlowChange, FlowDid, FlowFacts, What};
use anybed::report::{Network, html, tables};
use anybed::scenario::{Op, Value, When};
use anybed::topology::{MultipathHash, Transport};

use crate::metric::metric;
use crate::synthetic::{Synthetic, clock};

/// Two sites and two clients; every client has a TCP and a UDP flow.
fn lab() -> Synthetic {
    let mut lab = Synthetic::new("flows")
        .stubs(&[("west", &["n1"], &[]), ("east", &["n1"], &[]), ("home", &[], &["c1", "c2"])])
        .group("web");
    lab.facts.flows = Some(FlowFacts {
        groups: vec!["web".into()],
        protocols: vec![Transport::Tcp, Transport::Udp],
        per_client: 1,
        every: 0.2,
        timeout: 2.0,
    });
    lab.facts.nodes[0].multipath = Some(MultipathHash::L4);
    lab
}

fn flow(lab: &mut Synthetic, at: f64, client: &str, flow: u32, did: FlowDid) {
    let protocol = if flow == 0 { Transport::Tcp } else { Transport::Udp };
    let changes = vec![FlowChange { at: clock(at), flow, protocol, did }];
    // Batches are written later than what is in them.
    let what = What::Flows { client: client.into(), group: "web".into(), changes, requests: 10, answered: 9 };
    lab.at(at + 0.7, what);
}

fn begun(lab: &mut Synthetic, at: f64, client: &str, number: u32, member: &str) {
    flow(lab, at, client, number, FlowDid::Begun { member: member.into(), since: clock(at - 0.01), port: 40_000 });
}

/// A break and, some time later, the flow's next connection.
fn broken(lab: &mut Synthetic, times: (f64, f64, f64), client: &str, number: u32, ends: (&str, &str)) {
    let (since, at, again) = times;
    let why = if number == 0 { BreakReason::Reset } else { BreakReason::StatelessReset };
    let (member, since) = (ends.0.to_owned(), clock(since));
    let by = (number == 1).then(|| ends.1.to_owned());
    flow(lab, at, client, number, FlowDid::Broken { member, why, since, by, round_trip: 1_000_000 });
    let member = ends.1.to_owned();
    flow(lab, again, client, number, FlowDid::Recovered { member, since, port: 40_001, attempts: 1 });
}

/// All flows begin at 0.1 s: those of c1 with west, those of c2 with east.
fn begun_lab() -> Synthetic {
    let mut lab = lab();
    for number in [0, 1] {
        begun(&mut lab, 0.1, "home.c1", number, "west.n1");
        begun(&mut lab, 0.1, "home.c2", number, "east.n1");
    }
    lab
}

#[test]
fn a_fault_breaks_the_flows_of_those_it_moves() {
    let mut lab = begun_lab();
    lab.fault(10.0, "withdraw west.n1");
    broken(&mut lab, (10.1, 10.15, 10.2), "home.c1", 0, ("west.n1", "east.n1"));
    broken(&mut lab, (10.1, 10.3, 10.5), "home.c1", 1, ("west.n1", "east.n1"));
    lab.end(20.0);
    let report = lab.report();
    let flows = report.faults[0].flows.clone().unwrap();
    assert_eq!((flows.alive, flows.broken, flows.broken_again, flows.reestablished), (4, 2, 0, 2));
    assert_eq!((flows.clients, flows.of_their_flows), (1, 2), "c2 is not affected");
    assert_eq!((flows.p50_ms, flows.max_ms), (Some(100.0), Some(400.0)));
    assert_eq!(flows.reasons.into_iter().collect::<Vec<_>>(), [("reset".into(), 1), ("stateless reset".into(), 1)]);
    let udp = &flows.protocols["udp"];
    assert_eq!((udp.alive, udp.broken, udp.max_ms), (2, 1, Some(400.0)));
    assert_eq!((flows.members["west.n1"].broken, flows.members["east.n1"].broken), (2, 0));

    let run = report.flows.unwrap();
    assert_eq!((run.flows, run.connections, run.alive_end, run.broken, run.without_fault), (4, 6, 4, 2, 0));
    assert_eq!((run.requests, run.answered), (80, 72));
    assert_eq!(run.multipath["core"], "l4");
}

#[test]
fn what_breaks_before_any_fault_or_long_after_routing_was_quiet_breaks_without_one() {
    let mut lab = begun_lab();
    broken(&mut lab, (5.0, 5.1, 5.2), "home.c1", 0, ("west.n1", "east.n1"));
    lab.fault(10.0, "withdraw west.n1").fib(11.0, "core", Some("east.gw"));
    broken(&mut lab, (15.5, 15.6, 15.7), "home.c1", 1, ("west.n1", "east.n1"));
    broken(&mut lab, (17.0, 17.1, 17.2), "home.c2", 0, ("east.n1", "west.n1"));
    lab.end(30.0);
    let report = lab.report();
    assert_eq!(report.faults[0].flows.as_ref().unwrap().broken, 1, "5 s after the last change of a route");
    assert_eq!(report.flows.unwrap().without_fault, 2);
}

#[test]
fn a_break_belongs_to_the_fault_that_silenced_the_flow_not_to_the_one_before_it_was_noticed() {
    let mut lab = begun_lab();
    lab.fault(10.0, "blackhole core-west.gw").fault(11.0, "withdraw east.n1");
    // Silent since the first fault, noticed by timeout after the second.
    broken(&mut lab, (10.1, 12.1, 12.2), "home.c1", 0, ("west.n1", "east.n1"));
    // On its way when the second fault began.
    broken(&mut lab, (10.995, 11.1, 11.2), "home.c2", 0, ("east.n1", "west.n1"));
    lab.end(20.0);
    let report = lab.report();
    let [first, second] = [0, 1].map(|i| report.faults[i].flows.clone().unwrap());
    assert_eq!((first.alive, first.broken, first.max_ms), (4, 1, Some(2100.0)));
    assert_eq!((second.alive, second.broken), (3, 1), "a flow that is silent already is not there to be broken");
}

#[test]
fn a_flow_that_breaks_twice_and_one_that_stays_broken_are_told() {
    let mut lab = begun_lab();
    lab.fault(10.0, "withdraw west.n1");
    broken(&mut lab, (10.1, 10.2, 10.3), "home.c1", 0, ("west.n1", "east.n1"));
    broken(&mut lab, (10.5, 10.6, 10.7), "home.c1", 0, ("east.n1", "west.n1"));
    let why = BreakReason::Timeout;
    let did = FlowDid::Broken { member: "west.n1".into(), why, since: clock(10.1), by: None, round_trip: 1 };
    flow(&mut lab, 12.1, "home.c1", 1, did);
    lab.end(20.0);
    let report = lab.report();
    let flows = report.faults[0].flows.as_ref().unwrap();
    assert_eq!((flows.broken, flows.broken_again, flows.reestablished), (2, 1, 1));
    assert_eq!(report.flows.as_ref().unwrap().alive_end, 3);
    let text = anybed::report::text(&report, false).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("2 of 4 flows broken (1 reset, 1 timeout); served by west.n1 2 of 2"), "{text}");
    assert!(text.contains("1 flow opened since broke too"), "{text}");
}

#[test]
fn a_run_without_flows_says_nothing_of_them() {
    let mut lab = Synthetic::new("quiet").stubs(&[("west", &["n1"], &["c1"])]).group("web");
    lab.fault(1.0, "withdraw west.n1").end(2.0);
    let report = lab.report();
    assert_eq!((&report.flows, &report.faults[0].flows), (&None, &None));
    assert!(!anybed::report::text(&report, false).contains("flow"));
}

#[test]
fn expectations_count_breaks_and_survivors() {
    let mut lab = begun_lab();
    lab.fault(10.0, "withdraw west.n1");
    broken(&mut lab, (10.1, 10.2, 10.3), "home.c1", 0, ("west.n1", "east.n1"));
    broken(&mut lab, (10.1, 10.4, 10.5), "home.c1", 0, ("east.n1", "west.n1"));
    let during = |from, to| When::During { from, to };
    let number = Value::Number;
    let cases = [
        (metric("broken flows"), Op::Eq, number(2.0), during(10.0, 11.0), Outcome::Pass),
        (metric("broken flows"), Op::Eq, number(0.0), during(0.0, 10.0), Outcome::Pass),
        (metric("broken flows of home.c2"), Op::Eq, number(0.0), When::End, Outcome::Pass),
        // Of four flows one did not keep its connection, however often it broke.
        (metric("affinity"), Op::Eq, number(0.75), during(10.0, 11.0), Outcome::Pass),
        (metric("affinity"), Op::Eq, number(0.75), When::End, Outcome::Pass),
        (metric("affinity of home.c1"), Op::Ge, number(0.6), When::End, Outcome::Fail),
        (metric("affinity of home.c1"), Op::Eq, number(1.0), during(11.0, 12.0), Outcome::Pass),
        (metric("affinity"), Op::Eq, number(1.0), When::At { at: 9.0, within: 0.0 }, Outcome::Pass),
        (metric("flow members of home.c1"), Op::Eq, number(1.0), during(1.0, 10.2), Outcome::Pass),
        (metric("flow members of home.c1"), Op::Eq, number(2.0), When::At { at: 10.3, within: 0.0 }, Outcome::Pass),
        (metric("flow members of home.c1"), Op::Eq, number(1.0), When::End, Outcome::Pass),
        (metric("flow members of nobody"), Op::Eq, number(1.0), When::End, Outcome::Fail),
    ];
    for (metric, op, value, when, _) in cases.clone() {
        lab.expect(metric, op, value, when);
    }
    lab.end(20.0);
    for (verdict, (.., wanted)) in lab.report().expectations.iter().zip(&cases) {
        assert_eq!(verdict.verdict, *wanted, "{verdict:?}");
    }
}

/// Two faults, for the report's other forms.
fn drawn() -> Synthetic {
    let mut lab = begun_lab();
    lab.fault(10.0, "withdraw west.n1");
    broken(&mut lab, (10.1, 10.15, 10.2), "home.c1", 0, ("west.n1", "east.n1"));
    broken(&mut lab, (10.1, 10.3, 10.5), "home.c1", 1, ("west.n1", "east.n1"));
    lab.fault(15.0, "announce west.n1").end(20.0);
    lab
}

#[test]
fn flows_in_text() {
    insta::assert_snapshot!(anybed::report::text(&drawn().report(), false));
}

#[test]
fn flows_in_markdown() {
    insta::assert_snapshot!(anybed::report::markdown(&drawn().report()));
}

#[test]
fn flows_on_a_page_and_in_a_table() {
    let record = drawn().record();
    let findings = Findings::of(&record);
    let (report, series) = (findings.report(), findings.series());
    let page = html(&report, &Network::of_facts(&record.facts), &series);
    for part in ["<h2>Flows</h2>", "Open flows by the member that serves them", "2 of 4&#160;flows broken", "band b1"] {
        assert!(page.replace('\u{a0}', "&#160;").contains(part), "no {part} on the page");
    }
    let tables = tables(&report, &series).unwrap();
    let (_, flows) = tables.iter().find(|(name, _)| *name == "flows.csv").unwrap();
    insta::assert_snapshot!(flows);
}
