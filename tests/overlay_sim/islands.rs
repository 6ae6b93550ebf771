//! Ways in which islands find one another, and when they do not.

use std::collections::BTreeSet;
use std::time::Duration;

use anybed::anycast::{Event, Healing, Means};

use crate::world::{Happening, Options, RENDEZVOUS, World};

const SECOND: Duration = Duration::from_secs(1);

/// Members that are cut off from each other for so long, each part a ring of its own meanwhile.
fn cut(options: Options, parts: &[Vec<usize>], away: Duration) -> World {
    let mut world = World::new(options);
    world.join_all();
    world.expect_whole(30 * SECOND);
    let parts: Vec<&[usize]> = parts.iter().map(Vec::as_slice).collect();
    parts.iter().for_each(|part| world.sim.partition(part));
    let begun = world.sim.now();
    let islands: Vec<BTreeSet<usize>> = parts.iter().map(|p| p.iter().copied().collect()).collect();
    world.expect_islands(40 * SECOND, &islands);
    world.sim.run_for(away.saturating_sub(world.sim.now() - begun));
    world
}

/// Seconds until the ring is whole again.
fn heal(world: &mut World, within: Duration) -> f64 {
    world.sim.heal();
    let healed = world.sim.now();
    world.expect_whole(within);
    world.sim.now().millis_since(healed) / 1e3
}

fn contacts(world: &World) -> BTreeSet<Means> {
    let by = |h: &Happening| if let Event::Contact { by, .. } = h.event { Some(by) } else { None };
    world.sim.events().iter().filter_map(by).collect()
}

fn shapes() -> [Vec<Vec<usize>>; 3] {
    let range = |hosts: std::ops::Range<usize>| hosts.collect::<Vec<_>>();
    [vec![range(0..3), range(3..12)], vec![range(0..6), range(6..12)], vec![range(0..3), range(3..6), range(6..12)]]
}

fn options(seed: u64, healing: Healing) -> Options {
    Options { hosts: 12, seed, healing, ..Options::default() }
}

#[test]
fn a_rendezvous_merges_small_equal_and_several_islands() {
    for (seed, parts) in (1..).zip(shapes()) {
        let mut world = cut(options(seed, Healing::Rendezvous), &parts, 15 * SECOND);
        // An epoch is 20 s; two leaders may listen at the same time, and three islands meet in pairs.
        heal(&mut world, 100 * SECOND);
        assert_eq!(contacts(&world), BTreeSet::from([Means::Rendezvous]), "seed {seed}");
    }
}

#[test]
fn an_island_has_one_leader_and_a_whole_ring_finds_nobody_else() {
    let mut world = World::new(options(1, Healing::Rendezvous));
    world.join_all();
    world.expect_whole(30 * SECOND);
    world.sim.run_for(10 * SECOND);
    let since = world.sim.events().len();
    let mut most = 0;
    for _ in 0..600 {
        world.sim.run_for(SECOND / 10);
        let leads = |digest: anybed::anycast::Digest| digest.announced.contains(&RENDEZVOUS);
        most = most.max(world.sim.machines().filter(|(_, m)| leads(m.digest())).count());
    }
    assert_eq!(most, 1);
    let paused = |h: &&Happening| h.event == Event::Withdrew { group: RENDEZVOUS };
    let pauses = world.sim.events()[since..].iter().filter(paused).count();
    assert!((2..=4).contains(&pauses), "{pauses} pauses in three epochs");
    assert!(contacts(&world).is_empty());
}

/// Alarmed leaders pause more often, and none of that takes the place of the pause of each epoch.
#[test]
fn a_leader_pauses_in_every_epoch_of_a_long_outage() {
    let [_, halves, _] = shapes();
    for seed in 1..=2 {
        let mut world = cut(options(seed, Healing::Rendezvous), &halves, 240 * SECOND);
        world.sim.run_for(SECOND);
        let end = world.sim.now();
        for half in &halves {
            let paused = |h: &&Happening| h.event == Event::Withdrew { group: RENDEZVOUS };
            let pauses = world.sim.events().iter().filter(paused).filter(|h| half.contains(&h.host)).map(|h| h.at);
            // The first of them leads from here on.
            let times: Vec<_> = pauses.skip_while(|at| end - *at > 220 * SECOND).chain([end]).collect();
            let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
            assert!(longest.is_some_and(|gap| gap < 40 * SECOND), "seed {seed}: an epoch is 20 s: {longest:?}");
        }
    }
}

#[test]
fn remembered_peers_heal_until_they_are_forgotten() {
    for (seed, parts) in (1..).zip(shapes()) {
        let mut world = cut(options(seed, Healing::RememberedPeers), &parts, 15 * SECOND);
        heal(&mut world, 40 * SECOND);
        assert_eq!(contacts(&world), BTreeSet::from([Means::RememberedPeer]), "seed {seed}");
    }
    let short = Options { remember: 10 * SECOND, ..options(1, Healing::RememberedPeers) };
    let [parts, ..] = shapes();
    let mut world = cut(short, &parts, 30 * SECOND);
    world.sim.heal();
    world.sim.run_for(60 * SECOND);
    let islands: Vec<BTreeSet<usize>> = parts.iter().map(|p| p.iter().copied().collect()).collect();
    world.expect_islands(Duration::ZERO, &islands);
    assert!(contacts(&world).is_empty(), "nobody was asked any more");
}

/// The well-known node is among them: nobody would find it at its new address.
#[test]
fn who_returns_with_new_addresses_is_found_but_by_the_well_known_one() {
    let [parts, ..] = shapes();
    for healing in [Healing::RememberedPeers, Healing::Rendezvous] {
        let mut world = cut(options(2, healing), &[parts[1].clone(), parts[0].clone()], 10 * SECOND);
        for host in &parts[0] {
            world.renumber(*host);
        }
        world.sim.run_for(10 * SECOND);
        heal(&mut world, 100 * SECOND);
    }
}

#[test]
fn a_well_known_node_is_asked_by_those_who_are_cut_off_from_it() {
    for (seed, parts) in (1..).zip(shapes()) {
        let mut world = cut(options(seed, Healing::WellKnown), &parts, 15 * SECOND);
        heal(&mut world, 60 * SECOND);
        assert_eq!(contacts(&world), BTreeSet::from([Means::WellKnown]), "seed {seed}");
    }
}

#[test]
fn with_colors_too_nobody_waits_for_the_rendezvous() {
    for parts in shapes() {
        let mut world = cut(options(4, Healing::ColorsAndRendezvous), &parts, 15 * SECOND);
        let both = heal(&mut world, 60 * SECOND);
        assert!(both < 20.0, "the colors need no epoch: {both} s");
    }
}

#[test]
fn what_two_islands_wrote_stays_visible_until_somebody_writes_again() {
    for (seed, parts) in (1..).zip(shapes()).skip(1) {
        let mut world = World::new(options(seed, Healing::Colors));
        world.join_all();
        world.expect_whole(30 * SECOND);
        let keys: Vec<String> = (0..20).map(|n| format!("shared {n}")).collect();
        for key in &keys {
            assert!(world.put_one(0, key, "before"));
        }
        parts.iter().for_each(|part| world.sim.partition(part));
        let islands: Vec<BTreeSet<usize>> = parts.iter().map(|p| p.iter().copied().collect()).collect();
        world.expect_islands(40 * SECOND, &islands);
        world.sim.run_for(5 * SECOND);
        for (island, part) in parts.iter().enumerate().take(2) {
            for key in &keys[..10] {
                assert!(world.put_one(part[0], key, &format!("of {island}")));
            }
        }
        assert!(world.put_one(parts[1][0], &keys[10], "of one side only"));
        heal(&mut world, 60 * SECOND);
        world.sim.run_for(10 * SECOND);
        let hosts = world.ring();
        for (n, key) in keys.iter().enumerate() {
            let (value, mut others) = world.get_all(hosts[n % hosts.len()], key);
            // An island without a copy did not know of it.
            others.retain(|other| other != "before");
            let (right, beside) = match n {
                ..10 => ("of 1", vec!["of 0".to_owned()]),
                10 => ("of one side only", vec![]),
                _ => ("before", vec![]),
            };
            assert_eq!((value.as_deref(), others), (Some(right), beside), "seed {seed}, {key}");
        }
        let conflicts = |world: &World| world.sim.machines().map(|(_, m)| m.digest().conflicts).sum::<usize>();
        assert!(conflicts(&world) >= 30, "three copies of each");
        for key in &keys[..=10] {
            assert!(world.put_one(hosts[0], key, "after"));
        }
        world.sim.run_for(10 * SECOND);
        assert_eq!(conflicts(&world), 0, "a write that has seen both replaces both");
    }
}
