//! Gnutella 0.6: ultrapeers and leaves.

use std::time::Duration;

use super::*;

fn leaves_first() -> Values {
    values().with("ultrapeers", Value::Float(0.25))
}

#[test]
fn leaves_hang_on_ultrapeers_and_find_what_leaves_have() {
    let mut world = World::joined(40, 1, &leaves_first());
    let role = |world: &World, host| world.node(host).role;
    assert!((0..10).all(|host| role(&world, host) == Role::Ultrapeer));
    assert!((10..40).all(|host| role(&world, host) == Role::Leaf));
    for host in 10..40 {
        let parents = world.links(host);
        assert!(parents.len() == 3 && parents.iter().all(|parent| *parent < 10), "{host}: {parents:?}");
    }
    for host in 0..10 {
        let equals = world.links(host).iter().filter(|other| **other < 10).count();
        assert!(equals >= 4, "{host}: {equals}");
    }
    world.share(33, "rare heron");
    world.sim.run_for(Duration::from_secs(1));
    for from in [2, 12, 33, 39] {
        assert_eq!(world.found(from, "rare"), [33].into(), "from {from}");
    }
    assert!(world.found(12, "heron fish").is_empty());
}

#[test]
fn query_routing_spares_leaves_and_finds_the_same() {
    let played = |routing: bool| {
        let mut world = World::joined(60, 2, &leaves_first().with("query_routing", Value::Bool(routing)));
        for host in 0..60 {
            world.share(host, &format!("song s{} of band b{}", host % 7, host % 5));
        }
        world.sim.run_for(Duration::from_secs(1));
        let before = world.total(|counts| counts.queries_sent + counts.queries_forwarded);
        let found: Vec<_> = (0..5).map(|n| world.found(50 + n, &format!("band b{n}"))).collect();
        (found, world.total(|counts| counts.queries_sent + counts.queries_forwarded) - before)
    };
    let ((with, spared), (without, all)) = (played(true), played(false));
    assert_eq!(with, without);
    assert!(with.iter().all(|found| found.len() == 12), "{with:?}");
    assert!(spared * 2 < all, "{spared} messages, {all} without tables");
}

#[test]
fn what_is_common_costs_less_than_what_is_rare() {
    // 24 ultrapeers, and 36 leaves of one ultrapeer each.
    let given = values().with("ultrapeers", Value::Float(0.4)).with("connections", 3u64).with("parents", 1u64);
    let mut world = World::joined(60, 3, &given);
    for leaf in 24..60 {
        (0..25).for_each(|n| world.share(leaf, &format!("hit {n} of the year")));
    }
    world.share(59, "rare heron");
    world.sim.run_for(Duration::from_secs(1));
    let asked = |world: &mut World, words: &str| {
        let heard = |world: &World| (0..24).map(|host| world.node(host).counts.queries_heard).sum::<u64>();
        let before = heard(world);
        (world.search(30, words).0.len(), heard(world) - before)
    };
    let (common, few) = asked(&mut world, "hit year");
    let (rare, many) = asked(&mut world, "heron");
    assert!(common >= 50 && rare == 1, "{common} and {rare} found");
    assert!(few * 2 < many && many == 24, "{few} and {many} ultrapeers asked");
}

#[test]
fn where_there_is_no_ultrapeer_somebody_becomes_one() {
    let mut world = World::joined(12, 4, &values().with("ultrapeers", Value::Float(0.0)).with("leaves", 4u64));
    let count = |world: &World| (0..12).filter(|host| world.node(*host).role == Role::Ultrapeer).count();
    assert!((1..12).contains(&count(&world)), "{} of 12", count(&world));
    world.share(11, "rare heron");
    world.sim.run_for(Duration::from_secs(1));
    assert_eq!(world.found(5, "heron"), [11].into());
    let ultrapeers: Vec<usize> = (0..12).filter(|host| world.node(*host).role == Role::Ultrapeer).collect();
    let gone = *ultrapeers.iter().find(|host| **host != 11 && **host != 5).expect("another ultrapeer");
    world.sim.crash(gone);
    world.sim.run_for(Duration::from_secs(60));
    assert_eq!(world.found(5, "heron"), [11].into(), "after {gone} is gone");
}

#[test]
fn a_node_that_leaves_is_missed_by_nobody_and_a_crash_is_noticed() {
    for version in ["0.4", "0.6"] {
        let mut world = World::joined(30, 5, &values().with("version", version));
        let neighbors = world.links(0);
        assert!(!neighbors.is_empty());
        world.sim.take_events();
        world.sim.command(0, Order::Leave);
        world.sim.run_for(Duration::from_secs(1));
        assert!(neighbors.iter().all(|other| !world.links(*other).contains(&0)), "{version}");
        let forgotten = |world: &World| world.sim.events().iter().filter(|h| matches!(h.event, Did::Forgot(_))).count();
        if version == "0.6" {
            assert_eq!(forgotten(&world), 0, "it has said bye");
        }
        let neighbors = world.links(1);
        world.sim.take_events();
        world.sim.crash(1);
        world.sim.run_for(Duration::from_secs(10));
        assert_eq!(forgotten(&world), neighbors.len(), "{version}");
        (2..30).for_each(|host| world.share(host, "red fox"));
        world.sim.run_for(Duration::from_secs(10));
        assert_eq!(world.found(2, "fox"), (2..30).collect(), "{version}: the rest is one");
    }
}
