//! Chord and the anycast join in the simulated network.

use std::time::Duration;

use crate::world::{self, Options, World};
use anybed::anycast::{Command, Event};
use anybed::topology::LookupMode;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn after_24_and_64_joins_the_ring_is_whole() {
    for hosts in [24, 64] {
        let mut world = World::new(Options { hosts, ..Options::default() });
        world.join_all();
        world.expect_whole(30 * SECOND);
    }
}

#[test]
fn a_lookup_takes_about_half_log2_n_hops_and_finds_the_true_owner() {
    for lookup in [LookupMode::Iterative, LookupMode::Recursive] {
        let mut world = World::new(Options { hosts: 64, protocol: world::chord(4), lookup, ..Options::default() });
        world.join_all();
        world.expect_whole(30 * SECOND);
        world.sim.run_for(10 * SECOND);
        let looked = world.lookups(500);
        assert_eq!(looked.unanswered, 0);
        assert_eq!(looked.wrong, 0);
        // ½ log2 64 = 3, and one more hop to the owner itself, which confirms; lists shorten it.
        assert!((2.0..4.5).contains(&looked.mean_hops), "{lookup:?}: {}", looked.mean_hops);
    }
}

#[test]
fn the_nearest_member_serves_a_join() {
    let mut world = World::new(Options { hosts: 24, ..Options::default() });
    world.join_all();
    world.expect_whole(30 * SECOND);
    world.sim.crash(11);
    assert!(world.sim.run_until(30 * SECOND, |sim| {
        sim.machines().all(|(_, m)| !m.digest().neighbors.successors.contains(&world::id(11)))
    }));
    world.sim.restart(11);
    let since = world.sim.events().len();
    let nearest = world.nearest_other(11);
    world.sim.command(11, Command::Join { found: false });
    assert!(world.sim.run_until(20 * SECOND, |sim| {
        sim.events()[since..].iter().any(|h| h.host == 11 && matches!(h.event, Event::Announced { .. }))
    }));
    let served = world.sim.events().iter().rev().find_map(|h| match &h.event {
        Event::Joined { served_by, .. } if h.host == 11 => *served_by,
        _ => None,
    });
    assert_eq!(served, Some(world::id(nearest)));
    world.expect_whole(20 * SECOND);
}

#[test]
fn crashes_of_fewer_than_replicas_members_lose_no_acknowledged_key() {
    for seed in 1..=4 {
        let mut world = World::new(Options { hosts: 24, seed, ..Options::default() });
        world.join_all();
        world.expect_whole(30 * SECOND);
        assert_eq!(world.put(100), 100);
        for round in 0..3 {
            // An owner and its first successor at the same instant: two of three copies.
            let ring = world.ring();
            world.sim.crash(ring[5]);
            world.sim.crash(ring[6]);
            world.expect_whole(30 * SECOND);
            // The copies are made up for before the next two go.
            world.sim.run_for(5 * SECOND);
            assert_eq!(world.missing(), Vec::<String>::new(), "seed {seed}, round {round}");
        }
    }
}

#[test]
fn a_member_reaches_only_itself_through_its_own_group() {
    let mut world = World::new(Options::default());
    world.join_all();
    world.sim.run_for(SECOND);
    world.sim.crash(3);
    assert_eq!(world.sim.catchment(0, 2), Some(2));
    assert_eq!(world.sim.catchment(0, 3), Some(3), "routing has not noticed yet");
    world.sim.run_for(SECOND);
    assert_eq!(world.sim.catchment(0, 3), Some(2), "the nearest other");
}

#[test]
fn graceful_leaves_lose_nothing() {
    let mut world = World::new(Options { hosts: 16, ..Options::default() });
    world.join_all();
    world.expect_whole(30 * SECOND);
    assert_eq!(world.put(60), 60);
    // All copies of some keys leave at once.
    let leaving = world.ring()[2..6].to_vec();
    for host in &leaving {
        world.sim.command(*host, Command::Leave);
    }
    let left = |host: usize| move |h: &world::Happening| h.host == host && h.event == Event::Left;
    assert!(world.sim.run_until(30 * SECOND, |sim| leaving.iter().all(|h| sim.events().iter().any(left(*h)))));
    world.expect_whole(30 * SECOND);
    assert_eq!(world.sim.machines().filter(|(_, m)| !m.digest().neighbors.successors.is_empty()).count(), 12);
    assert_eq!(world.missing(), Vec::<String>::new());
    for host in leaving {
        let order: Vec<&Event> = world.sim.events().iter().filter(|h| h.host == host).map(|h| &h.event).collect();
        let withdrew = order.iter().rposition(|e| matches!(e, Event::Withdrew { .. }));
        let left = order.iter().position(|e| matches!(e, Event::Left));
        assert!(withdrew < left && withdrew.is_some(), "it withdraws before it leaves");
    }
}

#[test]
fn a_later_put_of_the_same_key_replaces_the_value() {
    let mut world = World::new(Options { hosts: 8, ..Options::default() });
    world.join_all();
    world.expect_whole(30 * SECOND);
    assert!(world.put_one(0, "color", "red"));
    assert!(world.put_one(3, "color", "blue"));
    for host in 0..8 {
        assert_eq!(world.get_one(host, "color"), Some("blue".into()));
    }
    assert_eq!(world.get_one(0, "shape"), None);
}

#[test]
fn rings_of_one_two_and_three_work() {
    for hosts in 1..=3 {
        let mut world = World::new(Options { hosts, ..Options::default() });
        world.join_all();
        world.expect_whole(30 * SECOND);
        assert_eq!(world.put(5), 5);
        assert_eq!(world.missing(), Vec::<String>::new());
        // Down to one, which keeps every key.
        for host in 1..hosts {
            world.sim.crash(host);
            world.expect_whole(30 * SECOND);
        }
        assert_eq!(world.missing(), Vec::<String>::new());
    }
}

#[test]
fn without_a_member_a_join_fails_unless_it_may_begin() {
    let mut world = World::new(Options { hosts: 2, ..Options::default() });
    world.sim.command(0, Command::Join { found: false });
    assert!(
        world
            .sim
            .run_until(60 * SECOND, |sim| { sim.events().iter().any(|h| matches!(h.event, Event::JoinFailed { .. })) })
    );
    world.sim.command(0, Command::Join { found: true });
    assert!(world.sim.run_until(60 * SECOND, |sim| {
        sim.events().iter().any(|h| matches!(h.event, Event::Joined { served_by: None, .. }))
    }));
}

#[test]
fn a_member_that_restarts_before_it_was_missed_joins_again() {
    for after in [0, 20, 150, 400] {
        let mut world = World::new(Options { hosts: 12, ..Options::default() });
        world.join_all();
        world.expect_whole(30 * SECOND);
        world.sim.crash(6);
        world.sim.run_for(Duration::from_millis(after));
        world.sim.restart(6);
        world.sim.command(6, Command::Join { found: false });
        let is_member = |sim: &_| anybed::machine::sim::Sim::machine(sim, 6).is_some_and(world::is_member);
        assert!(world.sim.run_until(15 * SECOND, is_member), "after {after} ms");
        world.expect_whole(20 * SECOND);
    }
}

#[test]
fn one_seed_one_course_of_events() {
    let course = |seed| {
        let mut world = World::new(Options { hosts: 16, seed, loss: 0.02, ..Options::default() });
        world.join_all();
        world.sim.run_for(10 * SECOND);
        (world.sim.trace(), world.sim.events().to_vec())
    };
    let (first, again, other) = (course(5), course(5), course(6));
    assert_eq!(first, again);
    assert_ne!(first.0, other.0);
}
