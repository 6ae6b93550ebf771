//! What faults did to clients and sites: load, fairness, flips, stretch.

use std::collections::BTreeMap;

use anybed::measure::{Findings, GroupLoad, Outcome, Report, RunVerdict, Shares, Source};
use anybed::physics::{Egress, Impairment};
use anybed::record::{NodeDid, ProbeResult, What};
use anybed::report::{markdown, tables, text};
use anybed::scenario::{Metric, Op, Value, When};

use crate::metric::metric;
use crate::synthetic::{Synthetic, clock};

const CLIENTS: [&str; 4] = ["home.c1", "home.c2", "home.c3", "away.c1"];

/// Two sites. Three clients near one and one near the other, until the first one's BIRD is killed at 20 s; at 40 s
/// it announces again. It is probed 10 times a second by each client.
fn two_sites() -> Synthetic {
    let mut lab = Synthetic::new("two-sites")
        .stubs(&[
            ("near", &["n1"], &[]),
            ("far", &["n1"], &[]),
            ("home", &[], &["c1", "c2", "c3"]),
            ("away", &[], &["c1"]),
        ])
        .group("web");
    announced(&mut lab, -1.0, "near.n1", true);
    announced(&mut lab, -1.0, "far.n1", true);
    for client in &CLIENTS[..3] {
        lab.probes(client, 0.0, 20.0, Some("near.n1"))
            .probes(client, 20.0, 20.5, None)
            .probes(client, 20.5, 41.0, Some("far.n1"))
            .probes(client, 41.0, 60.0, Some("near.n1"));
    }
    lab.probes(CLIENTS[3], 0.0, 60.0, Some("far.n1"));
    lab.fault(20.0, "crash near.n1 bird");
    let exit = What::Exit {
        node: "near.n1".into(),
        process: "bird".into(),
        kind: None,
        status: "signal 9".into(),
        expected: true,
    };
    lab.at(20.0001, exit);
    lab.fault(40.0, "restart near.n1 bird");
    announced(&mut lab, 40.5, "near.n1", true);
    lab.end(60.0);
    lab
}

fn announced(lab: &mut Synthetic, at: f64, member: &str, on: bool) {
    let group = lab.facts.groups[0].name.clone();
    let did = if on { NodeDid::Announced { group: group.clone() } } else { NodeDid::Withdrew { group: group.clone() } };
    lab.at(at, What::Node { node: member.into(), overlay: group, did });
}

fn counts(of: &BTreeMap<String, usize>) -> Vec<(&str, usize)> {
    of.iter().map(|(name, count)| (name.as_str(), *count)).collect()
}

fn clients(spread: &Shares) -> Vec<(&str, usize)> {
    counts(&spread.clients)
}

#[test]
fn a_fault_moves_load_and_the_next_one_gives_it_back() {
    let report = two_sites().report();
    let [killed, restarted] = &report.faults[..] else { panic!("two faults") };
    let load = &killed.loads[0];
    assert_eq!(clients(&load.before), [("far.n1", 1), ("near.n1", 3)]);
    // A site whose BIRD is dead is none.
    assert_eq!(clients(&load.after), [("far.n1", 4)]);
    assert_eq!(counts(&load.before.requests), [("far.n1", 200), ("near.n1", 600)]);
    // Four seconds' worth of three clients' probes are missing half a second: 15 lost.
    assert_eq!(counts(&load.after.requests), [("far.n1", 4 * 200 - 15)]);
    assert_eq!((load.before.fairness, load.after.fairness), (Some(0.8), Some(1.0)));
    assert_eq!((load.before.max_over_mean, load.after.max_over_mean), (Some(1.5), Some(1.0)));
    assert_eq!(clients(&restarted.loads[0].after), [("far.n1", 1), ("near.n1", 3)]);
}

#[test]
fn a_site_without_a_client_counts_until_no_link_leads_to_it() {
    let mut lab = two_sites();
    lab.events.retain(|e| !matches!(e.what, What::Exit { .. }));
    assert_eq!(clients(&lab.report().faults[0].loads[0].after), [("far.n1", 4), ("near.n1", 0)]);
    assert_eq!(lab.report().faults[0].loads[0].after.fairness, Some(0.5));
    let egress = Default::default();
    lab.at(20.0, What::Link { link: "core-near.gw".into(), up: false, egress });
    assert_eq!(clients(&lab.report().faults[0].loads[0].after), [("far.n1", 4)]);
}

#[test]
fn clients_that_nobody_answers_are_no_load() {
    let mut lab = two_sites();
    lab.events.pop();
    lab.probes(CLIENTS[3], 60.0, 62.0, None).end(62.0);
    let last = lab.report().loads[0].stretches.last().unwrap().spread.clone();
    assert_eq!((clients(&last), last.unanswered), (vec![("far.n1", 0), ("near.n1", 3)], 1));
}

#[test]
fn requests_are_counted_by_member_and_stretch() {
    let report = two_sites().report();
    let [load] = &report.loads[..] else { panic!("one group") };
    let GroupLoad { clients: number, requests, members, stretches, .. } = load;
    assert_eq!((*number, *requests, stretches.len()), (4, 4 * 600 - 15, 3));
    let of_stretches: usize = stretches.iter().flat_map(|s| s.spread.requests.values()).sum();
    assert_eq!(of_stretches, *requests);
    assert_eq!(members["near.n1"].requests, 3 * (200 + 190));
    assert_eq!(members["near.n1"].requests_per_second, 19.5);
    assert_eq!(stretches[0].requests_per_second, 40.0);
    assert_eq!(
        stretches.iter().map(|s| s.after.as_deref()).collect::<Vec<_>>()[..2],
        [None, Some("crash near.n1 bird")]
    );
}

#[test]
fn joins_are_load_of_those_who_serve_them() {
    let hosts = ["a.n1", "a.n2", "b.n1", "b.n2"];
    let mut lab =
        Synthetic::new("joins").stubs(&[("a", &["n1", "n2"], &["c1"]), ("b", &["n1", "n2"], &[])]).group("music");
    lab = lab.overlay("music", &hosts);
    lab.facts.groups[0].overlay = Some("music".into());
    lab.joined(1.0, hosts[0], None);
    for host in &hosts[1..] {
        lab.joined(2.0, host, Some(hosts[0]));
    }
    lab.probes("a.c1", 0.0, 5.0, Some("a.n1")).end(5.0);
    let report = lab.report();
    let balance = report.overlays["music"].joins.balance;
    assert_eq!((balance.over, balance.max_over_mean), (4, Some(4.0)));
    assert_eq!((balance.fairness, balance.gini), (Some(0.25), Some(0.75)));
    assert_eq!(report.loads[0].members["a.n1"].joins, 3);
    assert_eq!(counts(&report.loads[0].stretches[0].joins), [("a.n1", 3)]);
}

#[test]
fn a_flip_is_a_change_of_member_and_a_silence_is_none() {
    let mut lab = two_sites();
    let report = lab.report();
    assert_eq!(
        report.flips.iter().map(|c| (c.client.as_str(), c.flips.len())).collect::<Vec<_>>(),
        [("home.c1", 2), ("home.c2", 2), ("home.c3", 2)]
    );
    let first = &report.flips[0].flips[0];
    assert_eq!((first.at, first.from.as_str(), first.to.as_str()), (20.5, "near.n1", "far.n1"));
    lab.events.pop();
    lab.probes(CLIENTS[3], 60.0, 61.0, None).probes(CLIENTS[3], 61.0, 62.0, Some("far.n1")).end(62.0);
    assert_eq!(lab.report().flips.len(), 3);
}

/// Echoes of a client, all of the same round trip in milliseconds.
fn stretch(
    lab: &mut Synthetic,
    at: f64,
    client: &str,
    site: Option<&str>,
    anycast: Option<f64>,
    members: &[(&str, f64)],
) {
    let echoes = |ms: Option<f64>| vec![ms.map(|ms| (ms * 1e6) as u64); 3];
    let members = members.iter().map(|(member, ms)| ((*member).to_owned(), echoes(Some(*ms)))).collect();
    let (group, client, site) = ("web".to_owned(), client.to_owned(), site.map(str::to_owned));
    lab.at(at, What::Stretch { group, client, site, anycast: echoes(anycast), members });
}

/// One is at its best site, one as good as, one too far, one gets no answer.
fn stretched() -> Synthetic {
    let mut lab = two_sites();
    let end = lab.events.pop().expect("an end");
    stretch(&mut lab, 30.0, CLIENTS[0], Some("far.n1"), Some(20.1), &[("far.n1", 20.0), ("near.n1", 30.0)]);
    stretch(&mut lab, 30.0, CLIENTS[1], Some("far.n1"), Some(20.0), &[("far.n1", 20.0), ("near.n1", 19.2)]);
    stretch(&mut lab, 30.0, CLIENTS[2], Some("far.n1"), Some(50.0), &[("far.n1", 50.0), ("near.n1", 20.0)]);
    stretch(&mut lab, 30.0, CLIENTS[3], None, None, &[("near.n1", 20.0)]);
    lab.events.push(end);
    lab
}

#[test]
fn stretch_is_the_way_that_anycast_takes_over_the_nearest() {
    let report = stretched().report();
    let [found] = &report.stretches[..] else { panic!("one stretch") };
    assert_eq!((found.at, found.source, found.after.as_deref()), (30.0, Source::Measured, Some("crash near.n1 bird")));
    assert_eq!((found.p50, found.p90, found.p99), (Some(1.042), Some(2.5), Some(2.5)));
    assert_eq!((found.inflation_p50_ms, found.inflation_p90_ms), (Some(0.8), Some(30.0)));
    // 0.8 ms of 19.2 ms are within 5 %.
    assert_eq!((found.at_best, found.clients, found.unanswered), (2, 4, 1));
    let far = &found.by_client[2];
    assert_eq!((far.best.as_deref(), far.stretch, far.at_best), (Some("near.n1"), Some(2.5), false));
}

#[test]
fn a_ratio_of_nothing_is_not_made() {
    let mut lab = two_sites();
    lab.events.pop();
    stretch(&mut lab, 30.0, CLIENTS[0], Some("far.n1"), Some(0.3), &[("far.n1", 0.3), ("near.n1", 0.05)]);
    lab.end(60.0);
    let found = lab.report().stretches[0].by_client[0].clone();
    assert_eq!((found.stretch, found.inflation_ms, found.at_best), (Some(1.0), Some(0.25), true));
}

fn judged(metric: Metric, op: Op, value: f64, when: When) -> (Outcome, String) {
    let mut lab = stretched();
    lab.expect(metric, op, Value::Number(value), when);
    let verdict = lab.report().expectations.remove(0);
    (verdict.verdict, verdict.observed)
}

#[test]
fn expectations_are_judged() {
    use Outcome::{Fail, Pass};
    let (during, at) = (|from, to| When::During { from, to }, |at| When::At { at, within: 0.0 });
    let cases = [
        (metric("stretch p50"), Op::Le, 1.1, When::End, Pass, "1.04, +0.80 ms, of 4 clients, 1 without an answer"),
        (
            metric("stretch p90"),
            Op::Le,
            1.1,
            during(29.0, 31.0),
            Fail,
            "2.50, +30.00 ms, of 4 clients, 1 without an answer",
        ),
        (metric("stretch p99"), Op::Ge, 1.1, during(0.0, 30.0), Fail, "nothing recorded"),
        (metric("best site of web"), Op::Ge, 0.5, When::End, Pass, "50 % (2 of 4)"),
        (metric("best site"), Op::Gt, 0.5, When::End, Fail, "50 % (2 of 4)"),
        (metric("fairness"), Op::Eq, 0.8, at(10.0), Pass, "0.8 at 10.0 s"),
        (metric("fairness"), Op::Ge, 0.9, during(21.0, 39.0), Pass, "1 throughout"),
        // While clients are between two sites, they are no load of either.
        (metric("fairness"), Op::Ge, 0.7, during(1.0, 39.0), Fail, "0.5 at 20.0 s"),
        (metric("fairness"), Op::Gt, 0.8, during(1.0, 39.0), Fail, "0.8 at 1.0 s"),
        (metric("load of near"), Op::Le, 0.6, during(1.0, 19.0), Fail, "3 of 4 at 1.0 s"),
        (metric("load of far.n1"), Op::Eq, 1.0, during(21.0, 40.0), Pass, "4 of 4 throughout"),
        (metric("load of near.n1"), Op::Lt, 0.1, during(21.0, 40.0), Pass, "0 of 4 throughout"),
        (metric("flips"), Op::Eq, 6.0, When::End, Pass, "6"),
        (metric("flips of home.c2"), Op::Lt, 1.0, during(21.0, 60.0), Fail, "1"),
        (metric("flips of away.c1"), Op::Eq, 0.0, When::End, Pass, "0"),
    ];
    for (metric, op, value, when, outcome, observed) in cases {
        let name = format!("{metric:?} {op:?} {value} {when:?}");
        assert_eq!(judged(metric, op, value, when), (outcome, observed.to_owned()), "{name}");
    }
}

#[test]
fn nothing_holds_of_a_load_that_nobody_has() {
    let mut lab = two_sites();
    lab.events.pop();
    for client in CLIENTS {
        lab.probes(client, 60.0, 62.0, None);
    }
    lab.end(62.0);
    for op in [Op::Ge, Op::Lt, Op::Ne] {
        lab.expect(metric("fairness"), op, Value::Number(0.5), When::End);
        lab.expect(metric("load of near"), op, Value::Number(0.5), When::End);
    }
    assert!(lab.report().expectations.iter().all(|e| e.verdict == Outcome::Fail && e.observed.starts_with("nobody")));
}

/// Routes from the core and the gateways to both hosts and the group, with delays: near 5 ms, far 25 ms.
fn with_delays(group_leads_to: &str) -> Synthetic {
    let mut lab = two_sites();
    let end = lab.events.pop().expect("an end");
    for (stub, milliseconds) in [("near", 5), ("far", 25)] {
        let link = lab.facts.links.iter_mut().find(|l| l.name == format!("core-{stub}.gw")).expect("an uplink");
        link.impairments =
            [Impairment { delay: std::time::Duration::from_millis(milliseconds), ..Impairment::default() }; 2];
    }
    let member = |stub: &str| format!("{stub}.n1");
    let hosts: Vec<String> = lab
        .facts
        .nodes
        .iter()
        .filter(|n| n.stub.is_some() && n.kind != anybed::topology::NodeKind::Gateway)
        .map(|n| n.name.clone())
        .collect();
    for stub in ["near", "far", "home", "away"] {
        let gateway = format!("{stub}.gw");
        for host in &hosts {
            let own = host.starts_with(&format!("{stub}."));
            let gateway_of_host = format!("{}.gw", host.split('.').next().unwrap_or_default());
            lab.route_to(-1.0, &gateway, host, if own { None } else { Some("core") });
            lab.route_to(-1.0, "core", host, Some(&gateway_of_host));
        }
        let next = if stub == group_leads_to { member(stub) } else { "core".to_owned() };
        lab.fib(-1.0, &gateway, Some(&next));
    }
    lab.fib(-1.0, "core", Some(&format!("{group_leads_to}.gw")));
    lab.events.push(end);
    lab
}

#[test]
fn without_echoes_stretch_follows_from_configured_delays() {
    let at_first = |lab: &Synthetic| lab.report().stretches.first().cloned();
    assert!(at_first(&two_sites()).is_none(), "no delays, no distances");
    let near = at_first(&with_delays("near")).unwrap();
    assert_eq!((near.source, near.after, near.p99, near.at_best), (Source::Derived, None, Some(1.0), 4));
    let far = at_first(&with_delays("far")).unwrap();
    assert_eq!((far.p50, far.inflation_p50_ms, far.at_best, far.clients), (Some(5.0), Some(40.0), 0, 4));
    assert_eq!((far.by_client[0].anycast_ms, far.by_client[0].best_ms), (Some(50.0), Some(10.0)));
}

#[test]
fn what_the_record_does_not_say_is_not_derived() {
    // Over a black hole there is no round trip; to the other site there is.
    let mut lab = with_delays("far");
    let egress = [Egress::default(), Egress { blackhole: true, ..Egress::default() }];
    lab.at(5.0, What::Link { link: "core-far.gw".into(), up: true, egress });
    let report = lab.report();
    assert!(report.stretches.iter().all(|s| s.by_client.iter().all(|c| c.stretch.is_none())), "{:?}", report.stretches);
    // A measured one is worth more than any number of derived ones.
    let mut lab = with_delays("far");
    stretch(&mut lab, 30.0, CLIENTS[0], Some("far.n1"), Some(50.2), &[("far.n1", 50.1), ("near.n1", 10.1)]);
    assert_eq!(lab.report().stretches.iter().map(|s| s.source).collect::<Vec<_>>(), [Source::Measured]);
}

#[test]
fn probes_that_could_not_be_sent_make_a_run_invalid() {
    let run = |skipped: u64| -> Report {
        let mut lab = two_sites();
        let probes: Vec<ProbeResult> = vec![];
        let end = lab.events.pop().unwrap();
        lab.at(59.0, What::Probes { client: CLIENTS[0].into(), group: "web".into(), probes, skipped });
        lab.events.push(end);
        lab.report()
    };
    assert_eq!((run(24).verdict, run(24).fidelity.probes_due), (RunVerdict::Pass, 2424));
    let found = run(25);
    assert_eq!((found.verdict, found.exit_code()), (RunVerdict::Invalid, 5));
    assert!(found.fidelity.reasons[0].starts_with("25 of 2425 probes"), "{:?}", found.fidelity.reasons);
}

#[test]
fn a_record_of_before_is_read() {
    let mut lab = stretched();
    lab.events.retain(|e| !matches!(&e.what, What::Node { .. } | What::Stretch { .. }));
    let old = lab.lines().replace(",\"skipped\":0", "").replace(",\"members\":[]", "");
    assert!(!old.contains("skipped") && !old.contains("members"));
    let record = anybed::record::Record::from_reader(old.as_bytes()).unwrap();
    let report = anybed::measure::report(&record);
    // Without announcements, sites are all members that ever answered.
    assert_eq!(clients(&report.faults[0].loads[0].after), [("far.n1", 4), ("near.n1", 0)]);
    assert!(clock(0.0) == record.zero());
}

#[test]
fn effects_in_every_form() {
    let lab = stretched();
    let record = lab.record();
    let findings = Findings::of(&record);
    let report = findings.report();
    insta::assert_snapshot!("effects_in_text", text(&report, false));
    insta::assert_snapshot!("effects_in_markdown", markdown(&report));
    let tables = tables(&report, &findings.series()).unwrap();
    let drawn = tables.iter().filter(|(name, _)| ["loads.csv", "flips.csv", "stretch.csv"].contains(name));
    let drawn: String = drawn.map(|(name, table)| format!("{name}\n{table}\n")).collect();
    insta::assert_snapshot!("effects_as_tables", drawn);
    let page = crate::files::skeleton_of(&lab);
    let part = &page[page.find("h2: Load").unwrap()..page.find("h2: Fidelity").unwrap()];
    insta::assert_snapshot!("effects_on_a_page", part.replace("h2: Latency", "\nh2: Latency"));
}
