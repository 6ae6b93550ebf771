//! Gnutella 0.4: how far a query goes, how often, and what comes back.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn old() -> Values {
    values().with("version", "0.4").with("connections", 2u64)
}

#[test]
fn a_query_reaches_exactly_the_nodes_within_its_ttl() {
    for (ttl, seed) in [(1u64, 1), (2, 1), (3, 2), (7, 3)] {
        let mut world = World::joined(60, seed, &old().with("ttl", ttl));
        (0..60).for_each(|host| world.share(host, "red fox"));
        for from in [0, 59] {
            let mut expected = world.within(from, ttl as usize);
            assert!(ttl > 3 || expected.len() < 60, "{} of 60 within {ttl} hops", expected.len());
            assert_eq!(world.found(from, "fox"), expected, "ttl {ttl} from {from}");
            expected.remove(&from);
            assert_eq!(world.total(|counts| counts.queries_heard), expected.len() as u64, "each once");
            for host in 0..60 {
                world.sim.tell(host, |bare| bare.node.counts = Counts::default());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// In any graph, and no servent passes a query on twice: each copy is either the first that came or one too many.
    #[test]
    fn flooding_reaches_exactly_who_is_within_and_nobody_passes_it_on_twice(
        hosts in 2usize..30, links in 1u64..4, ttl in 1u64..8, from in 0usize..30, seed in 0u64..1000,
    ) {
        let mut world = World::joined(hosts, seed, &old().with("connections", links).with("ttl", ttl));
        let from = from % hosts;
        (0..hosts).for_each(|host| world.share(host, "red fox"));
        let expected = world.within(from, ttl as usize);
        prop_assert_eq!(world.found(from, "fox"), expected.clone());
        for host in 0..hosts {
            let (counts, fan) = (world.node(host).counts, world.links(host).len() as u64);
            prop_assert_eq!(counts.queries_heard, u64::from(host != from && expected.contains(&host)));
            prop_assert_eq!(counts.queries_sent, if host == from { fan } else { 0 });
            prop_assert!(counts.queries_forwarded == 0 || counts.queries_forwarded == fan - 1, "to all but who sent it, or none");
            prop_assert_eq!(counts.hits_sent, counts.queries_heard, "answered once");
        }
        let copies = world.total(|counts| counts.queries_sent + counts.queries_forwarded);
        prop_assert_eq!(copies, world.total(|counts| counts.queries_heard + counts.queries_repeated + counts.queries_spent));
    }
}

#[test]
fn nothing_is_answered_or_forwarded_twice() {
    let mut world = World::joined(40, 1, &old());
    (0..40).for_each(|host| world.share(host, "red fox"));
    let (hits, hops) = world.search(3, "red");
    assert_eq!(hits.len(), 40);
    assert_eq!(hops, 0, "it has one itself");
    // Each of the others answers once; each passes it on to all its links but one.
    assert_eq!(world.total(|counts| counts.hits_sent), 39);
    let links: usize = (0..40).map(|host| world.links(host).len()).sum();
    let copies = world.total(|counts| counts.queries_sent + counts.queries_forwarded);
    let fan: u64 = world.links(3).len() as u64;
    assert_eq!(world.total(|counts| counts.queries_sent), fan);
    assert!(copies <= (links - 39) as u64, "{copies} copies over {links} ends of links");
    assert_eq!(world.total(|counts| counts.queries_heard + counts.queries_repeated), copies);
}

#[test]
fn hits_come_back_the_way_the_query_came_or_not_at_all() {
    // A chain: 0 - 1 - 2 - 3.
    let mut world = World::new(4, 1, &values().with("version", "0.4").with("connections", 1u64));
    world.sim.command(0, Order::Begin);
    for host in 1..4 {
        world.sim.command(host, Order::Join(peer(host - 1)));
        world.sim.run_for(Duration::from_secs(1));
    }
    assert_eq!(world.links(1), BTreeSet::from([0, 2]));
    world.share(3, "rare heron");
    let (hits, hops) = world.search(0, "rare");
    assert_eq!((hits.len(), hops), (1, 3));
    assert_eq!(world.node(1).counts.hits_forwarded, 1);
    // The way back is gone when the hit comes: it is dropped, and nobody else hears of it.
    world.sim.command(0, Order::Ask(99, Ask::Search { words: "heron".into() }));
    world.sim.run_for(Duration::from_millis(35));
    world.sim.crash(0);
    world.sim.tell(1, |bare| {
        let number =
            *bare.node.links.iter().find(|(_, link)| link.ip() == Ipv4Addr::new(10, 0, 0, 1)).expect("a link").0;
        bare.node.close(number);
    });
    world.sim.run_for(Duration::from_secs(3));
    assert_eq!(world.total(|counts| counts.hits_dropped), 1);
    assert_eq!(world.node(1).counts.hits_forwarded, 1);
}

#[test]
fn what_has_come_too_far_goes_no_further() {
    let head = |ttl, hops| message::Head { guid: [1; 16], kind: message::QUERY, ttl, hops };
    assert_eq!(Gnutella::further(head(7, 0)), Some(head(6, 1)));
    assert_eq!(Gnutella::further(head(255, 5)), Some(head(1, 6)), "TTL and hops are at most 7 together");
    for spent in [head(1, 0), head(0, 0), head(255, 6), head(7, 7), head(9, 200)] {
        assert_eq!(Gnutella::further(spent), None);
    }
}

#[test]
fn pongs_are_cached_and_pings_go_one_hop() {
    let pings = |caching: bool| {
        let mut world = World::joined(24, 1, &old().with("pong_caching", Value::Bool(caching)));
        let before = world.total(|counts| counts.pings);
        world.sim.run_for(Duration::from_secs(20));
        assert!(world.sim.machines().all(|(_, bare)| bare.node.hosts.len() >= 18), "everybody hears of most others");
        for (name, most) in [("pongs", hosts::MAX_PONGS), ("hosts", hosts::MAX_HOSTS)] {
            let held = |bare: &Bare<Gnutella>| {
                bare.node.tables().iter().find(|(table, _)| *table == name).map(|(_, held)| *held)
            };
            assert!(world.sim.machines().all(|(_, bare)| held(bare).is_some_and(|held| held <= most)));
        }
        world.total(|counts| counts.pings) - before
    };
    let (cached, flooded) = (pings(true), pings(false));
    assert!(cached * 4 < flooded, "{cached} pings with a cache, {flooded} without");
}
