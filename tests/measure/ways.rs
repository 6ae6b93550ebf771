//! Expectations about the ways of packets, and those over the whole run.

use std::net::IpAddr;

use anybed::measure::Outcome;
use anybed::physics::Egress;
use anybed::record::{FibChange, What};
use anybed::scenario::{Metric, Op, Value, When};

use crate::metric::metric;
use crate::synthetic::Synthetic;

const END: When = When::End;
const CLIENT: &str = "east.c1";

fn route(lab: &mut Synthetic, seconds: f64, node: &str, prefix: &str, via: &[&str]) {
    let address = |name: &&str| -> IpAddr {
        let node = lab.facts.nodes.iter().find(|n| n.name == **name).expect("a node of the lab");
        node.addresses[0]
    };
    let via: Vec<IpAddr> = via.iter().map(address).collect();
    let change = FibChange { add: !via.is_empty(), prefix: prefix.into(), via, interfaces: vec![] };
    lab.at(seconds, What::Fib { node: node.into(), change });
}

/// A client in the east of a site in the west, which is gone from 20 s to 30 s, when one in the south
/// answers; from 40 s to 50 s frames from the core to the west vanish, and nobody notices.
fn world() -> Synthetic {
    let mut lab = Synthetic::new("world").group("web").stubs(&[
        ("east", &["n1"], &["c1"]),
        ("west", &["n1"], &[]),
        ("south", &["n1"], &[]),
    ]);
    let (client, web) = ("10.0.0.4/32", "198.51.100.1/32");
    for (node, next) in [("west.gw", "core"), ("south.gw", "core"), ("core", "east.gw"), ("east.gw", CLIENT)] {
        route(&mut lab, -1.0, node, client, &[next]);
    }
    for (node, next) in [("east.gw", "core"), ("core", "west.gw"), ("west.gw", "west.n1")] {
        route(&mut lab, -1.0, node, web, &[next]);
    }
    route(&mut lab, 20.0, "west.gw", web, &[]);
    route(&mut lab, 20.1, "core", web, &["south.gw"]);
    route(&mut lab, 20.2, "south.gw", web, &["south.n1"]);
    route(&mut lab, 30.0, "west.gw", web, &["west.n1"]);
    route(&mut lab, 30.1, "core", web, &["west.gw"]);
    let link = |blackhole: bool| What::Link {
        link: "core-west.gw".into(),
        up: true,
        egress: [Egress { blackhole, ..Egress::default() }, Egress::default()],
    };
    lab.at(40.0, link(true)).at(50.0, link(false)).end(60.0);
    lab
}

fn judged(mut lab: Synthetic, metric: Metric, op: Op, value: Value, when: When) -> (Outcome, String) {
    lab.expect(metric, op, value, when);
    let verdict = &lab.report().expectations[0];
    (verdict.verdict, verdict.observed.clone())
}

#[track_caller]
fn passes(metric: Metric, op: Op, value: Value, when: When, observed: &str) {
    assert_eq!(judged(world(), metric, op, value, when), (Outcome::Pass, observed.to_owned()));
}

#[track_caller]
fn fails(metric: Metric, op: Op, value: Value, when: When, observed: &str) {
    assert_eq!(judged(world(), metric, op, value, when), (Outcome::Fail, observed.to_owned()));
}

fn path(names: &str) -> Value {
    Value::Path(names.split_whitespace().map(str::to_owned).collect())
}

#[test]
fn the_way_follows_the_routes() {
    let as_path = || metric("as path of east.c1 to group web");
    passes(as_path(), Op::Eq, path("core west"), END, "core west since 30.1 s");
    passes(as_path(), Op::Eq, path("core south"), When::At { at: 19.0, within: 3.0 }, "core south at 20.2 s");
    fails(as_path(), Op::Eq, path("core west"), When::During { from: 10.0, to: 60.0 }, "no way at 20.0 s");
    passes(as_path(), Op::Contains, path("core"), END, "core west since 30.1 s");
    passes(as_path(), Op::Lacks, path("south"), END, "core west since 30.1 s");
    let hops = || metric("hops of east.c1 to group web");
    passes(hops(), Op::Eq, Value::Number(4.0), END, "4 since 20.2 s");
    let own = metric("as path of west.gw to group web");
    passes(own, Op::Eq, path(""), END, "local since 30.0 s");
    // Towards a node, and what the other end of the link is.
    let back = metric("hops of west.n1 to node east.c1");
    passes(back, Op::Eq, Value::Number(4.0), END, "4");
    let unknown = metric("hops of west.n1 to node south.n1");
    fails(unknown, Op::Ge, Value::Number(1.0), END, "no way");
}

#[test]
fn what_never_happens_is_looked_for_at_every_moment() {
    let as_path = || metric("as path of east.c1 to group web");
    let never = |from, to| When::Never { from, to };
    fails(as_path(), Op::Contains, path("south"), never(0.0, None), "core south at 20.2 s");
    passes(as_path(), Op::Contains, path("south"), never(31.0, None), "core west throughout");
    passes(as_path(), Op::Contains, path("south"), never(0.0, Some(20.1)), "throughout");
    // Where there is no way, none is too long: that is what `reachable` is for.
    passes(metric("hops of east.c1 to group web"), Op::Gt, Value::Number(4.0), never(0.0, None), "throughout");
    // A state of which nothing is known is no success.
    let other = metric("routes of nobody");
    fails(other, Op::Eq, Value::Number(1.0), never(0.0, None), "nothing recorded");
}

#[test]
fn until_begins_with_the_play() {
    let reachable = || metric("reachable of east.c1 to group web");
    passes(reachable(), Op::Eq, Value::Yes, When::Until { from: 0.0, to: 19.0 }, "yes throughout");
    fails(reachable(), Op::Eq, Value::Yes, When::Until { from: 0.0, to: 25.0 }, "no at 20.0 s");
}

#[test]
fn reachable_needs_links_that_carry() {
    let reachable = || metric("reachable of east.c1 to group web");
    passes(reachable(), Op::Eq, Value::No, When::At { at: 45.0, within: 0.0 }, "no at 45.0 s");
    passes(reachable(), Op::Eq, Value::Yes, END, "yes since 50.0 s");
    // The routes have not noticed.
    let hops = metric("hops of east.c1 to group web");
    passes(hops, Op::Eq, Value::Number(4.0), When::During { from: 40.0, to: 50.0 }, "4 throughout");
    passes(metric("routes of core"), Op::Eq, Value::Number(2.0), END, "2");
}

#[test]
fn with_equal_costs_every_way_counts() {
    let mut lab = world();
    route(&mut lab, 55.0, "core", "198.51.100.1/32", &["west.gw", "south.gw"]);
    let as_path = || metric("as path of east.c1 to group web");
    let at_end = |op, value| judged(lab_clone(&lab), as_path(), op, value, END);
    let observed = "core south or core west since 55.0 s".to_owned();
    assert_eq!(at_end(Op::Eq, path("core west")), (Outcome::Fail, observed.clone()));
    assert_eq!(at_end(Op::Contains, path("south")), (Outcome::Pass, observed));
}

fn lab_clone(lab: &Synthetic) -> Synthetic {
    Synthetic { facts: lab.facts.clone(), events: lab.events.clone() }
}

#[test]
fn a_record_that_stops_early_says_nothing_of_the_rest() {
    let mut lab = world();
    lab.events.pop();
    let whole = judged(
        lab_clone(&lab),
        metric("routes of core"),
        Op::Eq,
        Value::Number(0.0),
        When::Never { from: 0.0, to: None },
    );
    assert_eq!(whole.0, Outcome::Skipped);
    let begin = When::Until { from: 0.0, to: 30.0 };
    assert_eq!(judged(lab, metric("routes of core"), Op::Eq, Value::Number(2.0), begin).0, Outcome::Pass);
}
