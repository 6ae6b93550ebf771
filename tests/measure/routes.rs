//! Where packets went, by the routes that a record has: the doubtful cases, each as it is decided.

use std::net::{IpAddr, Ipv6Addr};

use anybed::measure::{Findings, Outcome, Source};
use anybed::physics::{Egress, Impairment};
use anybed::record::{FibChange, LinkFacts, LinkRole, What};
use anybed::scenario::{Metric, Op, Value, When};
use anybed::topology::NodeKind;

use crate::metric::metric;
use crate::synthetic::Synthetic;

const CLIENT: &str = "left.c1";
const WEB: &str = "198.51.100.1/32";

/// A client on the left of a core, a site on either side; the routes lead to the right one, and back.
fn lab() -> Synthetic {
    let mut lab = Synthetic::new("routes").stubs(&[("left", &["n1"], &["c1"]), ("right", &["n1"], &[])]).group("web");
    for (node, next) in [("left.gw", "core"), ("core", "right.gw"), ("right.gw", "right.n1")] {
        fib(&mut lab, -1.0, node, WEB, &[next], &[]);
    }
    lab.route_to(-1.0, "right.gw", CLIENT, Some("core")).route_to(-1.0, "core", CLIENT, Some("left.gw"));
    lab.route_to(-1.0, "left.gw", CLIENT, None);
    lab
}

fn address(lab: &Synthetic, node: &str) -> IpAddr {
    let nobody = IpAddr::from([192, 0, 2, 9]);
    lab.facts.nodes.iter().find(|n| n.name == node).map_or(nobody, |n| n.addresses[0])
}

/// A route by way of these nodes (one that the lab does not have: by an address of nobody), through these interfaces.
fn fib(lab: &mut Synthetic, seconds: f64, node: &str, prefix: &str, next: &[&str], interfaces: &[&str]) {
    let change = FibChange {
        add: true,
        prefix: prefix.into(),
        via: next.iter().map(|next| address(lab, next)).collect(),
        interfaces: interfaces.iter().map(|name| (*name).to_owned()).collect(),
    };
    lab.at(seconds, What::Fib { node: node.into(), change });
}

/// As a kernel may tell of it: without the next hop.
fn gone(lab: &mut Synthetic, seconds: f64, node: &str, prefix: &str) {
    let change = FibChange { add: false, prefix: prefix.into(), via: vec![], interfaces: vec![] };
    lab.at(seconds, What::Fib { node: node.into(), change });
}

fn carrier(lab: &mut Synthetic, seconds: f64, node: &str, interface: &str, up: bool) {
    lab.at(seconds, What::Carrier { node: node.into(), interface: interface.into(), up });
}

/// A link swallows what its first end sends, or its second.
fn swallows(lab: &mut Synthetic, seconds: f64, link: &str, first: bool, second: bool) {
    let egress = [first, second].map(|blackhole| Egress { blackhole, ..Egress::default() });
    lab.at(seconds, What::Link { link: link.into(), up: true, egress });
}

fn parallel(lab: &mut Synthetic, name: &str, a: &str, b: &str) {
    let (a, b, kind) = (a.into(), b.into(), LinkRole::Peer);
    lab.facts.links.push(LinkFacts { name: name.into(), a, b, kind, impairments: Default::default() });
}

fn copy(lab: &Synthetic) -> Synthetic {
    Synthetic { facts: lab.facts.clone(), events: lab.events.clone() }
}

fn judged(lab: &Synthetic, at: f64, metric: Metric, op: Op, value: Value) -> (Outcome, String) {
    let mut lab = copy(lab);
    lab.expect(metric, op, value, When::At { at, within: 0.0 }).end(40.0);
    let report = lab.report();
    (report.expectations[0].verdict, report.expectations[0].observed.clone())
}

/// At this moment the client's packets take ways over these ASes; no ways: none.
#[track_caller]
fn leads(lab: &Synthetic, at: f64, ways: &str) {
    let path = Value::Path(owned(&["none", "such"]));
    let (_, observed) = judged(lab, at, metric("as path of left.c1 to group web"), Op::Eq, path);
    let seen = observed.find(" at ").or(observed.find(" since ")).map_or(&*observed, |end| &observed[..end]);
    assert_eq!(seen, ways, "at {at} s");
}

#[track_caller]
fn reaches(lab: &Synthetic, at: f64, reaches: bool) {
    let value = if reaches { Value::Yes } else { Value::No };
    let found = judged(lab, at, metric("reachable of left.c1 to group web"), Op::Eq, value);
    assert_eq!(found.0, Outcome::Pass, "at {at} s: {}", found.1);
}

#[track_caller]
fn routes(lab: &Synthetic, at: f64, node: &str, number: f64) {
    let found = judged(lab, at, metric(&format!("routes of {node}")), Op::Eq, Value::Number(number));
    assert_eq!(found.0, Outcome::Pass, "at {at} s: {}", found.1);
}

/// Loops and black holes, while the client probes.
fn transients(lab: &Synthetic) -> Vec<String> {
    let mut lab = copy(lab);
    lab.probes(CLIENT, 0.0, 40.0, Some("right.n1")).end(40.0);
    let told = |t: &anybed::measure::Transient| {
        format!("{:?} {} {:?}..{:?} {:?}", t.kind, t.nodes.join(" "), t.from, t.to, t.reason)
    };
    lab.report().transients.iter().map(told).collect()
}

/// What the other witness says at the end, when the answers come from a member that the routes do not lead to: the
/// members, and the ways.
fn witness(lab: &Synthetic) -> Option<(Vec<String>, Vec<String>)> {
    let mut lab = copy(lab);
    lab.probes(CLIENT, 0.0, 40.0, Some("nobody")).end(40.0);
    let found = lab.report().catchments.pop()?.disagreements.pop()?;
    Some((found.routed_to, found.ways.iter().map(|way| way.join(" ")).collect()))
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_longest_prefix_leads_and_a_shorter_one_when_it_is_gone() {
    let mut lab = lab();
    fib(&mut lab, -0.5, "left.gw", "198.51.0.0/16", &["left.n1"], &[]);
    fib(&mut lab, -0.5, "left.gw", "default", &["core"], &[]);
    gone(&mut lab, 10.0, "left.gw", WEB);
    gone(&mut lab, 20.0, "left.gw", "198.51.0.0/16");
    leads(&lab, 5.0, "core right");
    leads(&lab, 15.0, "local");
    leads(&lab, 25.0, "core right");
    assert_eq!(transients(&lab), owned(&[]), "there is always a way");
    assert_eq!(witness(&lab).unwrap().0, ["right.n1"]);
    // From the left the routes lead to the left for a while, and the drawn map has it so.
    let mut lab = copy(&lab);
    lab.events.retain(|e| !matches!(&e.what, What::Fib { change, .. } if !change.add && change.prefix != WEB));
    lab.probes(CLIENT, 0.0, 40.0, Some("left.n1")).end(40.0);
    let record = lab.record();
    let routed = Findings::of(&record).series().routed;
    assert_eq!((routed[0]["left.gw"], routed.last().unwrap()["left.gw"]), ("right.n1", "left.n1"));
}

#[test]
fn what_was_answered_before_a_shorter_route_changed_is_not_compared() {
    let mut lab = lab();
    gone(&mut lab, -0.5, "left.gw", WEB);
    fib(&mut lab, -0.4, "left.gw", "default", &["core"], &[]);
    assert!(witness(&lab).is_some());
    fib(&mut lab, 39.95, "left.gw", "default", &["left.n1"], &[]);
    assert_eq!(witness(&lab), None);
}

#[test]
fn several_next_hops_are_several_ways_and_each_counts() {
    let mut lab = lab();
    fib(&mut lab, -0.5, "left.gw", WEB, &["left.n1", "core"], &[]);
    leads(&lab, 5.0, "core right or local");
    let ways = owned(&["left.gw left.n1", "left.gw core right.gw right.n1"]);
    assert_eq!(witness(&lab), Some((owned(&["left.n1", "right.n1"]), ways)));
}

#[test]
fn parallel_links_are_one_way_and_carry_if_one_of_them_does() {
    let mut lab = lab();
    parallel(&mut lab, "second", "right.gw", "core");
    fib(&mut lab, -0.5, "core", WEB, &["right.gw", "right.gw"], &["to-right", "to-right-2"]);
    assert_eq!(witness(&lab).unwrap().1, ["left.gw core right.gw right.n1"]);
    leads(&lab, 5.0, "core right");
    swallows(&mut lab, 10.0, "core-right.gw", true, false);
    reaches(&lab, 11.0, true);
    // The other end is the second link's first.
    swallows(&mut lab, 20.0, "second", true, false);
    reaches(&lab, 21.0, true);
    swallows(&mut lab, 25.0, "second", false, true);
    reaches(&lab, 26.0, false);
    leads(&lab, 26.0, "core right");
    assert_eq!(transients(&lab), ["Blackhole core 25.0..None Some(SilentLink)"]);
    // One that is down carries nothing either.
    lab.at(30.0, What::Link { link: "core-right.gw".into(), up: false, egress: Default::default() });
    reaches(&lab, 31.0, false);
    assert_eq!(transients(&lab), ["Blackhole core 25.0..None Some(SilentLink)"]);
}

#[test]
fn a_silent_link_is_silent_in_its_direction_and_routes_do_not_know() {
    let mut lab = lab();
    swallows(&mut lab, 10.0, "core-right.gw", false, true);
    // The way there is fine, the answers' is not.
    reaches(&lab, 11.0, false);
    assert_eq!(transients(&lab), owned(&[]));
    swallows(&mut lab, 20.0, "core-right.gw", true, false);
    leads(&lab, 21.0, "core right");
    assert_eq!(transients(&lab), ["Blackhole core 20.0..None Some(SilentLink)"]);
    assert_eq!(witness(&lab).unwrap().0, ["right.n1"]);
}

#[test]
fn an_interface_that_goes_down_takes_routes_along_for_every_asker() {
    let mut lab = lab();
    fib(&mut lab, -0.5, "core", WEB, &["right.gw"], &["to-right"]);
    fib(&mut lab, -0.5, "core", "10.9.0.0/31", &[], &["to-right"]);
    fib(&mut lab, -0.5, "core", "10.9.0.0/16", &[], &[]);
    // The route to the client, that to the group, and what is unreachable; the one to its own link is not routing's.
    routes(&lab, 5.0, "core", 3.0);
    carrier(&mut lab, 10.0, "core", "to-right", false);
    routes(&lab, 15.0, "core", 2.0);
    leads(&lab, 15.0, "no way");
    assert_eq!(witness(&lab), None);
    carrier(&mut lab, 20.0, "core", "to-right", true);
    leads(&lab, 25.0, "no way");
    assert_eq!(transients(&lab), ["Blackhole core 10.0..None Some(NoRoute)"]);
    fib(&mut lab, 30.0, "core", WEB, &["right.gw"], &["to-right"]);
    leads(&lab, 35.0, "core right");
    assert_eq!(witness(&lab).unwrap().0, ["right.n1"]);
}

#[test]
fn a_route_added_through_an_interface_that_is_down_waits_for_it() {
    let mut lab = lab();
    fib(&mut lab, -0.5, "left.gw", "default", &["core"], &["to-core"]);
    carrier(&mut lab, 5.0, "left.gw", "to-n1", false);
    fib(&mut lab, 10.0, "left.gw", WEB, &["left.n1"], &["to-n1"]);
    carrier(&mut lab, 20.0, "left.gw", "to-n1", true);
    leads(&lab, 15.0, "core right");
    leads(&lab, 25.0, "local");
}

#[test]
fn of_several_next_hops_those_through_interfaces_that_are_up_count() {
    let mut lab = lab();
    fib(&mut lab, -0.5, "left.gw", WEB, &["left.n1", "core"], &["to-n1", "to-core"]);
    carrier(&mut lab, 10.0, "left.gw", "to-n1", false);
    carrier(&mut lab, 20.0, "left.gw", "to-n1", true);
    leads(&lab, 15.0, "core right");
    leads(&lab, 25.0, "core right or local");
    // What was answered before is not compared with what the routes say now.
    carrier(&mut lab, 39.95, "left.gw", "to-n1", false);
    assert_eq!(witness(&lab), None);
}

#[test]
fn a_default_route_leaves_the_table_of_its_family() {
    let mut lab = lab();
    for (index, node) in lab.facts.nodes.iter_mut().enumerate() {
        node.addresses = vec![Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, index as u16 + 1).into()];
    }
    lab.facts.groups[0].addresses = vec!["2001:db8::1".parse().unwrap()];
    lab.events.retain(|e| !matches!(e.what, What::Fib { .. }));
    for (node, next) in [("left.gw", "core"), ("core", "right.gw"), ("right.gw", "right.n1")] {
        fib(&mut lab, -1.0, node, "default", &[next], &[]);
    }
    gone(&mut lab, 10.0, "left.gw", "default");
    routes(&lab, 5.0, "left.gw", 1.0);
    leads(&lab, 5.0, "core right");
    routes(&lab, 15.0, "left.gw", 0.0);
    leads(&lab, 15.0, "no way");
    assert_eq!(transients(&lab), ["Blackhole left.gw 10.0..None Some(NoRoute)"]);
}

#[test]
fn a_link_local_next_hop_is_the_neighbor_whose_interface_has_it() {
    let mut lab = lab();
    let local: IpAddr = "fe80::ff:fe00:101".parse().unwrap();
    let via = |lab: &mut Synthetic, seconds| {
        let (node, prefix) = ("core".to_owned(), WEB.to_owned());
        let change = FibChange { add: true, prefix, via: vec![local], interfaces: vec!["to-right".into()] };
        lab.at(seconds, What::Fib { node, change });
    };
    via(&mut lab, 10.0);
    leads(&lab, 15.0, "no way");
    let right = lab.facts.nodes.iter_mut().find(|n| n.name == "right.gw").unwrap();
    right.link_local = vec![local];
    leads(&lab, 15.0, "core right");
    // It stays the node's when others of its addresses change.
    let addresses = vec!["10.0.9.9".parse().unwrap()];
    lab.at(20.0, What::Renumbered { node: "right.gw".into(), addresses });
    leads(&lab, 25.0, "core right");
}

#[test]
fn a_circle_is_no_way() {
    let mut lab = lab();
    fib(&mut lab, 10.0, "right.gw", WEB, &["core"], &[]);
    leads(&lab, 15.0, "no way");
    reaches(&lab, 15.0, false);
    assert_eq!(witness(&lab), None);
    assert_eq!(transients(&lab), ["Loop core right.gw 10.0..None None"]);
    // Of several next hops one is enough; where the others lead is still known.
    fib(&mut lab, 20.0, "right.gw", WEB, &["core", "right.n1"], &[]);
    leads(&lab, 25.0, "no way");
    assert_eq!(witness(&lab), Some((owned(&["right.n1"]), owned(&["left.gw core right.gw right.n1"]))));
}

#[test]
fn of_a_next_hop_that_nobody_owns_nothing_is_said() {
    let mut lab = lab();
    fib(&mut lab, 10.0, "core", WEB, &["right.gw", "nobody"], &[]);
    leads(&lab, 15.0, "no way");
    assert_eq!(witness(&lab), None);
    assert_eq!(transients(&lab), owned(&[]), "it leads somewhere");
}

#[test]
fn a_host_that_is_not_the_target_forwards_nothing() {
    let mut lab = lab();
    let prefix = format!("{}/32", address(&lab, "right.n1"));
    for (node, next) in [("left.gw", "left.n1"), ("left.n1", "core"), ("core", "right.gw")] {
        fib(&mut lab, -0.5, node, &prefix, &[next], &[]);
    }
    let hops = metric("hops of left.c1 to node right.n1");
    assert_eq!(judged(&lab, 5.0, hops, Op::Ge, Value::Number(1.0)).0, Outcome::Fail);
}

/// Stages of two routers each, of which every one uses both of the next stage.
fn lattice(stages: usize) -> Synthetic {
    let mut lab = lab();
    let router = |stage: usize, i: usize| format!("r{stage}{i}");
    for (stage, i) in (0..stages).flat_map(|stage| [(stage, 0), (stage, 1)]) {
        lab.node(&router(stage, i), NodeKind::Router, None);
        if stage == 0 {
            lab.link("left.gw", &router(0, i), LinkRole::Customer);
        } else {
            lab.link(&router(stage - 1, 0), &router(stage, i), LinkRole::Customer);
            lab.link(&router(stage - 1, 1), &router(stage, i), LinkRole::Customer);
        }
    }
    (0..2).for_each(|i| lab.link(&router(stages - 1, i), "core", LinkRole::Customer));
    fib(&mut lab, -0.5, "left.gw", WEB, &[&*router(0, 0), &*router(0, 1)], &[]);
    for stage in 0..stages {
        let next = if stage + 1 == stages {
            vec!["core".to_owned()]
        } else {
            vec![router(stage + 1, 0), router(stage + 1, 1)]
        };
        let next: Vec<&str> = next.iter().map(String::as_str).collect();
        (0..2).for_each(|i| fib(&mut lab, -0.5, &router(stage, i), WEB, &next, &[]));
    }
    lab
}

#[test]
fn eight_ways_are_listed_sixty_four_told_apart_and_the_ends_of_all_known() {
    let hops = || metric("hops of left.c1 to group web");
    let few = lattice(6);
    assert_eq!(judged(&few, 5.0, hops(), Op::Eq, Value::Number(10.0)).0, Outcome::Pass);
    let many = lattice(7);
    assert_eq!(judged(&many, 5.0, hops(), Op::Ge, Value::Number(1.0)).0, Outcome::Fail);
    let (members, ways) = witness(&many).unwrap();
    assert_eq!((members, ways.len()), (owned(&["right.n1"]), 8));
    assert_eq!(ways[0], "left.gw r00 r10 r20 r30 r40 r50 r60 core right.gw right.n1");
    assert_eq!(ways[7], "left.gw r00 r10 r20 r30 r41 r51 r61 core right.gw right.n1");
}

#[test]
fn derived_delays_are_by_direction_and_say_nothing_of_parallel_links() {
    let mut lab = lab();
    let delay = |ms| Impairment { delay: std::time::Duration::from_millis(ms), ..Impairment::default() };
    for link in &mut lab.facts.links {
        link.impairments = [delay(1), delay(2)];
    }
    lab.route_to(-1.0, "left.gw", "right.n1", Some("core")).route_to(-1.0, "core", "right.n1", Some("right.gw"));
    lab.route_to(-1.0, "right.gw", "right.n1", None);
    let announced = anybed::record::NodeDid::Announced { group: "web".into() };
    lab.at(-0.5, What::Node { node: "right.n1".into(), overlay: "web".into(), did: announced });
    lab.probes(CLIENT, 0.0, 40.0, Some("right.n1"));
    let anycast = |lab: &Synthetic| {
        let mut lab = copy(lab);
        lab.end(40.0);
        let found = lab.report().stretches.pop()?;
        assert_eq!(found.source, Source::Derived);
        found.by_client[0].anycast_ms
    };
    // There 2 + 2 + 1 + 1 ms, and back likewise.
    assert_eq!(anycast(&lab), Some(12.0));
    let mut silent = copy(&lab);
    swallows(&mut silent, 10.0, "core-left.gw", true, false);
    assert_eq!(anycast(&silent), None, "no answer comes back");
    let mut two = copy(&lab);
    parallel(&mut two, "second", "core", "right.gw");
    assert_eq!(anycast(&two), None);
    let mut down = copy(&lab);
    fib(&mut down, -0.5, "core", WEB, &["right.gw"], &["to-right"]);
    assert_eq!(anycast(&down), Some(12.0));
    carrier(&mut down, 10.0, "core", "to-right", false);
    assert_eq!(anycast(&down), None);
}

#[test]
fn circles_take_no_room_from_ways_that_lead_somewhere() {
    let mut lab = lab();
    let around: Vec<String> = (0..12).map(|index| format!("around-{index}")).collect();
    for name in &around {
        lab.node(name, NodeKind::Router, None);
        lab.link("left.gw", name, LinkRole::Peer);
        fib(&mut lab, -0.5, name, WEB, &["left.gw"], &[]);
    }
    let next: Vec<&str> = around.iter().map(String::as_str).chain(["core"]).collect();
    fib(&mut lab, -0.4, "left.gw", WEB, &next, &[]);
    assert_eq!(witness(&lab), Some((owned(&["right.n1"]), owned(&["left.gw core right.gw right.n1"]))));
}
