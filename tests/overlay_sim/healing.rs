//! A stub network is cut off and comes back.

use std::collections::BTreeSet;
use std::time::Duration;

use anybed::anycast::Event;
use anybed::overlay::id::Id;
use anybed::topology::{Bootstrap, Healing, LookupMode};

use crate::world::{self, Options, World};

const SECOND: Duration = Duration::from_secs(1);

/// 24 members of which 6, a stub network, are cut off until both islands are whole and each has
/// stored more keys.
fn cut_off(options: Options) -> (World, [BTreeSet<usize>; 2]) {
    let mut world = World::new(Options { hosts: 24, ..options });
    world.join_all();
    world.expect_whole(30 * SECOND);
    assert_eq!(world.put(60), 60);
    let stub: BTreeSet<usize> = (6..12).collect();
    let rest: BTreeSet<usize> = (0..24).filter(|h| !stub.contains(h)).collect();
    world.sim.partition(&stub.iter().copied().collect::<Vec<_>>());
    let islands = [stub, rest];
    for island in &islands {
        // Before anyone has noticed: slow answers, but from the right owners.
        let looked = world.lookups_among(island, 60);
        assert_eq!(looked.wrong, 0, "{looked:?}");
    }
    world.expect_islands(40 * SECOND, &islands);
    // Long enough for every finger to have been looked up again.
    world.sim.run_for(15 * SECOND);
    for island in &islands {
        let looked = world.lookups_among(island, 100);
        assert_eq!((looked.unanswered, looked.wrong), (0, 0), "each island keeps serving");
        let through: Vec<usize> = island.iter().copied().collect();
        assert_eq!(world.put_through(&through, 20), 20);
    }
    (world, islands)
}

#[test]
fn colors_merge_two_islands_and_no_key_is_lost() {
    for (seed, lookup) in [(1, LookupMode::Iterative), (2, LookupMode::Recursive), (3, LookupMode::Iterative)] {
        let (mut world, [stub, _]) = cut_off(Options { seed, lookup, healing: Healing::Colors, ..Options::default() });
        world.sim.heal();
        let healed = world.sim.now();
        world.expect_whole(20 * SECOND);
        let since: Vec<&world::Happening> = world.sim.events().iter().filter(|h| h.at >= healed).collect();
        assert!(since.iter().any(|h| matches!(h.event, Event::Contact { .. })), "the islands met");
        let rejoined = |h: &world::Happening| matches!(h.event, Event::Rejoined { .. }).then_some(h.host);
        let rejoined: BTreeSet<usize> = since.iter().copied().filter_map(rejoined).collect();
        assert!(rejoined.is_superset(&stub), "every node of the smaller island looked itself up: {rejoined:?}");
        // Maintenance brings the keys to their owners in a few of its rounds.
        world.sim.run_for(10 * SECOND);
        assert_eq!(world.missing(), Vec::<String>::new());
        let looked = world.lookups(300);
        assert_eq!((looked.unanswered, looked.wrong), (0, 0));
    }
}

#[test]
fn without_healing_two_islands_stay_two() {
    let (mut world, islands) = cut_off(Options::default());
    world.sim.heal();
    world.sim.run_for(60 * SECOND);
    world.expect_islands(Duration::ZERO, &islands);
    let ids: Vec<BTreeSet<Id>> = islands.iter().map(|i| i.iter().map(|h| world::id(*h)).collect()).collect();
    for (island, ids) in islands.iter().zip(&ids) {
        for host in island {
            let digest = world.sim.machine(*host).unwrap().digest();
            assert!(digest.neighbors.fingers.iter().all(|f| ids.contains(f)), "a finger leads out of the island");
        }
    }
    assert!(!world.sim.events().iter().any(|h| matches!(h.event, Event::Contact { .. } | Event::Rejoining { .. })));
}

#[test]
fn a_whole_ring_with_colors_never_believes_in_another_island() {
    let mut world = World::new(Options { hosts: 24, healing: Healing::Colors, ..Options::default() });
    world.join_all();
    world.sim.run_for(60 * SECOND);
    world.expect_whole(Duration::ZERO);
    assert!(!world.sim.events().iter().any(|h| matches!(h.event, Event::Contact { .. })));
}

#[test]
fn equal_islands_merge_too() {
    let mut world = World::new(Options { hosts: 12, healing: Healing::Colors, ..Options::default() });
    world.join_all();
    world.expect_whole(30 * SECOND);
    let (a, b): (BTreeSet<usize>, BTreeSet<usize>) = ((0..6).collect(), (6..12).collect());
    world.sim.partition(&[0, 1, 2, 3, 4, 5]);
    world.expect_islands(40 * SECOND, &[a, b]);
    world.sim.heal();
    world.expect_whole(20 * SECOND);
}

/// One that finds a smaller island leaves the moving to it.
#[test]
fn the_smaller_island_moves_even_when_only_the_larger_looks() {
    let mut world = World::new(Options { hosts: 6, silent: 2, healing: Healing::Colors, ..Options::default() });
    world.join_all();
    world.expect_whole(30 * SECOND);
    let (small, large): (BTreeSet<usize>, BTreeSet<usize>) = ((0..2).collect(), (2..6).collect());
    let missed = small.iter().any(|h| large.iter().all(|l| world::color(*l) != world::color(*h)));
    assert!(missed, "the larger island lacks a color of the smaller");
    world.sim.partition(&[0, 1]);
    world.expect_islands(40 * SECOND, &[small.clone(), large.clone()]);
    world.sim.run_for(15 * SECOND);
    world.sim.heal();
    let healed = world.sim.now();
    world.expect_whole(20 * SECOND);
    let hosts = |wanted: fn(&Event) -> bool| -> BTreeSet<usize> {
        let since = world.sim.events().iter().filter(|h| h.at >= healed);
        since.filter(|h| wanted(&h.event)).map(|h| h.host).collect()
    };
    let found = hosts(|e| matches!(e, Event::Contact { .. }));
    assert!(found.intersection(&large).next().is_some(), "found by {found:?}");
    let moved = hosts(|e| matches!(e, Event::Rejoining { .. }));
    assert!(moved.is_superset(&small), "{moved:?}");
}

#[test]
fn joiners_learn_the_nearest_member_of_each_color_before_they_join() {
    let mut world = World::new(Options { hosts: 24, healing: Healing::Colors, ..Options::default() });
    world.join_all();
    let met = |host: usize| world.sim.machine(host).unwrap().digest().met;
    assert!(met(0).is_empty(), "the first found nobody");
    for host in 12..24 {
        assert!(met(host).len() >= 3, "h{host} met {:?}", met(host));
    }
}

#[test]
fn well_known_bootstrap_joins_through_the_well_known_node() {
    let mut world = World::new(Options { bootstrap: Bootstrap::WellKnown, ..Options::default() });
    world.join_all();
    world.expect_whole(30 * SECOND);
    for h in world.sim.events() {
        if let Event::Joined { served_by, .. } = &h.event {
            assert_eq!(*served_by, (h.host != 0).then(|| world::id(0)));
        }
    }
}
