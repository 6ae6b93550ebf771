//! Pastry in the simulated network.

use std::time::Duration;

use anybed::overlay::{ProtocolSettings, pastry};
use anybed::topology::LookupMode;

use crate::world::{Options, World};

const SECOND: Duration = Duration::from_secs(1);

fn protocol(settings: pastry::Settings) -> ProtocolSettings {
    ProtocolSettings::Pastry(settings)
}

fn options(hosts: usize) -> Options {
    Options { hosts, protocol: protocol(pastry::Settings::default()), ..Options::default() }
}

/// Few leaves: most of the overlay lies beyond them.
fn few_leaves() -> ProtocolSettings {
    protocol(pastry::Settings { leaf_set: 4, ..pastry::Settings::default() })
}

fn up(options: Options) -> World {
    let mut world = World::new(options);
    world.join_all();
    world.expect_whole(30 * SECOND);
    world
}

#[test]
fn after_random_joins_every_leaf_set_is_right() {
    for (hosts, protocol) in [(24, options(0).protocol), (64, options(0).protocol), (64, few_leaves())] {
        up(Options { protocol, ..options(hosts) });
    }
}

#[test]
fn overlays_of_one_two_and_three_work() {
    for hosts in 1..=3 {
        let mut world = up(options(hosts));
        assert_eq!(world.put(5), 5);
        assert_eq!(world.missing(), Vec::<String>::new());
        for host in 1..hosts {
            world.sim.crash(host);
            world.expect_whole(30 * SECOND);
        }
        assert_eq!(world.missing(), Vec::<String>::new());
    }
}

#[test]
fn a_lookup_takes_fewer_hops_than_an_id_has_digits_of_use() {
    for (lookup, b, limit) in
        [(LookupMode::Iterative, 4, 2.0), (LookupMode::Recursive, 4, 2.0), (LookupMode::Iterative, 1, 6.0)]
    {
        let settings = pastry::Settings { b, leaf_set: 4, neighborhood: 0, ..pastry::Settings::default() };
        let mut world = up(Options { lookup, protocol: protocol(settings), ..options(64) });
        world.sim.run_for(10 * SECOND);
        let looked = world.lookups(500);
        assert_eq!((looked.unanswered, looked.wrong), (0, 0));
        println!("{lookup:?} b={b} hops {}", looked.mean_hops);
        // The first hop is free: the paper counts it.
        assert!(looked.mean_hops < limit, "{lookup:?}, b = {b}: {}", looked.mean_hops);
    }
}

#[test]
fn crashes_of_fewer_than_replicas_members_lose_no_acknowledged_key() {
    for seed in 1..=4 {
        let mut world = up(Options { seed, ..options(24) });
        assert_eq!(world.put(100), 100);
        for round in 0..3 {
            let ring = world.ring();
            world.sim.crash(ring[5]);
            world.sim.crash(ring[6]);
            world.expect_whole(30 * SECOND);
            world.sim.run_for(5 * SECOND);
            assert_eq!(world.missing(), Vec::<String>::new(), "seed {seed}, round {round}");
        }
    }
}
