//! Members whose hosts get new addresses.

use std::time::Duration;

use anybed::anycast::{Command, Event};
use anybed::topology::{Healing, LookupMode};

use crate::world::{self, Happening, Options, World};

const SECOND: Duration = Duration::from_secs(1);

fn up(options: Options) -> World {
    let mut world = World::new(options);
    world.join_all();
    world.expect_whole(30 * SECOND);
    world
}

/// Moves these hosts at once and waits until each has joined again.
fn renumber(world: &mut World, hosts: &[usize]) {
    let since = world.sim.events().len();
    for host in hosts {
        world.renumber(*host);
    }
    let joined = |host: usize| move |h: &Happening| h.host == host && matches!(h.event, Event::Joined { .. });
    let all =
        world.sim.run_until(30 * SECOND, |sim| hosts.iter().all(|h| sim.events()[since..].iter().any(joined(*h))));
    assert!(all, "{hosts:?} have not all joined again");
}

#[test]
fn fewer_than_replicas_at_once_lose_no_key_and_no_lookup_goes_wrong() {
    for (seed, lookup) in [(1, LookupMode::Iterative), (2, LookupMode::Recursive), (3, LookupMode::Iterative)] {
        let mut world = up(Options { hosts: 24, seed, lookup, ..Options::default() });
        assert_eq!(world.put(100), 100);
        for round in 0..4 {
            // An owner and its first successor: two of three copies.
            let moving = [world.ring()[5], world.ring()[6]];
            renumber(&mut world, &moving);
            let looked = world.lookups(100);
            assert_eq!((looked.unanswered, looked.wrong), (0, 0), "seed {seed}, round {round}");
            assert_eq!(world.put(20), 20, "seed {seed}, round {round}");
            world.expect_whole(20 * SECOND);
            assert_eq!(world.missing(), Vec::<String>::new(), "seed {seed}, round {round}");
        }
    }
}

#[test]
fn a_new_address_is_known_within_a_round_trip_and_nobody_is_missed() {
    let mut world = up(Options { hosts: 24, ..Options::default() });
    let since = world.sim.events().len();
    let begun = world.sim.now();
    renumber(&mut world, &[7]);
    assert!(world.sim.now() - begun < Duration::from_millis(100), "it waits for no timeout");
    world.sim.run_for(20 * SECOND);
    world.expect_whole(Duration::ZERO);
    let forgot = |h: &&Happening| h.event == Event::Forgot { peer: world::id(7) };
    let forgot: Vec<_> = world.sim.events()[since..].iter().filter(forgot).collect();
    assert!(forgot.is_empty(), "{forgot:?}");
}

#[test]
fn several_times_in_a_row_under_load_and_loss() {
    for seed in 1..=4 {
        let healing = if seed % 2 == 0 { Healing::Colors } else { Healing::None };
        let mut world = up(Options { hosts: 16, seed, loss: 0.03, healing, ..Options::default() });
        assert_eq!(world.put(60), 60);
        for n in 0..12 {
            // The second time before anybody may have heard of the first.
            let host = n * 5 % 16;
            world.renumber(host);
            world.sim.run_for(Duration::from_millis(n as u64 % 3));
            world.renumber(host);
            world.put(5);
            world.sim.run_for(SECOND);
        }
        world.sim.set_loss(0.0);
        world.expect_whole(40 * SECOND);
        world.sim.run_for(5 * SECOND);
        assert_eq!(world.missing(), Vec::<String>::new(), "seed {seed}");
        let looked = world.lookups(100);
        assert_eq!((looked.unanswered, looked.wrong), (0, 0), "seed {seed}");
    }
}

#[test]
fn while_it_joins_and_while_it_leaves() {
    for after in [0, 3, 12, 25, 60, 200] {
        let mut world = World::new(Options { hosts: 8, ..Options::default() });
        world.join_all();
        world.sim.command(6, Command::Leave);
        world.sim.run_for(Duration::from_millis(after));
        world.renumber(6);
        let left = |h: &Happening| h.host == 6 && h.event == Event::Left;
        assert!(world.sim.run_until(30 * SECOND, |sim| sim.events().iter().any(left)), "after {after} ms");
        world.sim.command(6, Command::Join { found: false });
        world.sim.run_for(Duration::from_millis(after));
        world.renumber(6);
        let joined = world.sim.run_until(30 * SECOND, |sim| sim.machines().all(|(_, m)| world::is_member(m)));
        assert!(joined, "after {after} ms");
        world.expect_whole(20 * SECOND);
    }
}

#[test]
fn a_member_that_was_cut_off_meanwhile_is_found_by_its_colors() {
    let mut world = up(Options { hosts: 12, healing: Healing::Colors, ..Options::default() });
    assert_eq!(world.put(30), 30);
    for away in [200, 30_000] {
        world.sim.partition(&[4]);
        world.sim.run_for(Duration::from_millis(away / 2));
        world.renumber(4);
        world.sim.run_for(Duration::from_millis(away / 2));
        world.sim.heal();
        world.expect_whole(40 * SECOND);
        world.sim.run_for(10 * SECOND);
        assert_eq!(world.missing(), Vec::<String>::new());
    }
}

#[test]
fn rings_of_one_and_two() {
    for hosts in 1..=2 {
        let mut world = up(Options { hosts, ..Options::default() });
        assert_eq!(world.put(10), 10);
        for host in 0..hosts {
            renumber(&mut world, &[host]);
        }
        world.expect_whole(20 * SECOND);
        assert_eq!(world.missing(), Vec::<String>::new());
    }
}
