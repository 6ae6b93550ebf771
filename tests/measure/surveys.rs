//! Surveys and disagreements: two witnesses of who catches whom.

use std::collections::BTreeMap;

use anybed::measure::{Outcome, Report};
use anybed::record::What;
use anybed::record::survey::{Packet, Routes, Survey, Surveyed, Way, WayEnd};
use anybed::report::text;
use anybed::scenario::{Op, Value, When};

use crate::metric::metric;
use crate::synthetic::Synthetic;

/// Two sites, three clients.
fn lab() -> Synthetic {
    Synthetic::new("sites")
        .stubs(&[("left", &["n1"], &["c1", "c2"]), ("right", &["n1"], &["c1"])])
        .group("web")
        .group("mail")
}

/// A node whose packet came to `reached` and whose routes lead to `routed`.
fn surveyed(node: &str, reached: Option<&str>, routed: &[&str]) -> Surveyed {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let way = |end: &&str| Way { hops: names(&["core", end]), end: WayEnd::Arrives };
    let mut hops: Vec<String> = names(&["left.gw", "core"]);
    hops.extend(reached.map(str::to_owned));
    Surveyed {
        node: node.into(),
        kind: "client".into(),
        as_name: "left".into(),
        packet: Some(Packet { member: reached.map(str::to_owned), hops, ..Packet::default() }),
        routes: Some(Routes {
            members: routed.iter().map(|m| (*m).to_owned()).collect(),
            ways: routed.iter().map(way).collect(),
        }),
        echo: None,
    }
}

fn survey(group: &str, nodes: Vec<Surveyed>, settled: bool) -> What {
    let site = |member: &str| (member.to_owned(), member.split('.').next().unwrap_or(member).to_owned());
    What::Survey(Box::new(Survey {
        group: group.into(),
        address: "198.51.100.1".parse().expect("an address"),
        nodes,
        sites: ["left.n1", "right.n1"].map(site).into(),
        ases: BTreeMap::new(),
        hash_policies: [0].into(),
        settled,
        echoed_by: None,
        cost: Vec::new(),
    }))
}

fn expect(lab: &mut Synthetic, group: Option<&str>, when: When) {
    let differ = metric(&group.map_or("disagreements".to_owned(), |group| format!("disagreements of {group}")));
    lab.expect_named("packets and routes agree", differ, Op::Eq, Value::Number(0.0), when);
}

fn outcomes(report: &Report) -> Vec<(Outcome, &str)> {
    report.expectations.iter().map(|e| (e.verdict, e.observed.as_str())).collect()
}

#[test]
fn a_survey_is_reported_with_both_traces() {
    let mut lab = lab();
    let nodes = vec![
        surveyed("left.c1", Some("left.n1"), &["left.n1"]),
        surveyed("left.c2", Some("left.n1"), &["right.n1"]),
        surveyed("right.c1", None, &["left.n1", "right.n1"]),
    ];
    lab.at(5.0, survey("web", nodes, true))
        .at(8.0, survey("web", vec![surveyed("left.c1", None, &["left.n1"])], false));
    expect(&mut lab, None, When::End);
    expect(&mut lab, Some("mail"), When::End);
    expect(&mut lab, Some("web"), When::During { from: 0.0, to: 4.0 });
    lab.end(10.0);
    let report = lab.report();
    let [first, second] = &report.surveys[..] else { panic!("{:?}", report.surveys) };
    assert_eq!((first.compared, first.disagreements.len(), first.sites["left"]), (3, 2, 2));
    let found = &first.disagreements[0];
    assert_eq!((&*found.node, &*found.found), ("left.c2", "its packet reached left.n1, the routes lead to right.n1"));
    assert_eq!(
        (&*found.packet[2], &*found.routes[0].hops[1], &*found.routes[0].end),
        ("left.n1", "right.n1", "arrives")
    );
    assert!(!second.settled && second.compared == 0 && second.disagreements.is_empty(), "{second:?}");
    // What was not compared shows nothing, and does not hold.
    let nothing = (Outcome::Fail, "nothing recorded");
    assert_eq!(outcomes(&report), [(Outcome::Fail, "2 of 3 compared"), nothing, nothing]);
    insta::assert_snapshot!("surveys", text(&report, false));
}

#[test]
fn branches_agree_with_whatever_they_lead_to() {
    let mut lab = lab();
    lab.at(5.0, survey("web", vec![surveyed("left.c1", Some("right.n1"), &["left.n1", "right.n1"])], true));
    expect(&mut lab, Some("web"), When::End);
    lab.end(10.0);
    assert_eq!(outcomes(&lab.report()), [(Outcome::Pass, "0 of 1 compared")]);
}

#[test]
fn probes_and_recorded_routes_count_too() {
    let mut lab = lab();
    lab.fib(-0.5, "left.gw", Some("core"))
        .fib(-0.5, "core", Some("right.gw"))
        .fib(-0.5, "right.gw", Some("right.n1"))
        .probes("left.c1", 0.0, 10.0, Some("left.n1"))
        .probes("right.c1", 0.0, 10.0, Some("right.n1"));
    expect(&mut lab, None, When::During { from: 5.0, to: 10.5 });
    lab.end(10.0);
    let report = lab.report();
    assert_eq!(outcomes(&report), [(Outcome::Fail, "1 of 2 compared")]);
    let found = &report.catchments.last().unwrap().disagreements[0];
    assert_eq!(found.ways, [["left.gw", "core", "right.gw", "right.n1"]]);
    lab.fib(1.0, "core", Some("left.gw")).fib(1.0, "left.gw", Some("left.n1"));
    assert_eq!(outcomes(&lab.report()), [(Outcome::Pass, "0 of 2 compared")]);
}
