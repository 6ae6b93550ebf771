//! Sharing the work: who serves joins, which colors are taken, what a flood of Hellos costs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use anybed::anycast::{Coloring, Command, Drain, Event, Healing, Member, Redirect};
use anybed::machine::{Part, Via};
use anybed::overlay::Time;

use crate::world::{self, Happening, JOIN, Options, World};

const SECOND: Duration = Duration::from_secs(1);

/// Eight members, then 32 hosts of the far end join at once; joins served by each member.
fn crowd(options: Options) -> (World, BTreeMap<usize, usize>) {
    let mut world = World::new(Options { hosts: 40, ..options });
    world.sim.command(0, Command::Join { found: true });
    world.sim.run_for(2 * SECOND);
    for host in 1..8 {
        world.sim.command(host, Command::Join { found: false });
        world.sim.run_for(SECOND);
    }
    world.sim.run_for(5 * SECOND);
    let since = world.sim.events().len();
    for host in 8..40 {
        world.sim.command(host, Command::Join { found: false });
    }
    let all = world.sim.run_until(60 * SECOND, |sim| sim.machines().all(|(_, m)| world::is_member(m)));
    assert!(all, "some never joined");
    let hosts: BTreeMap<_, usize> = (0..40).map(|h| (world::id(h), h)).collect();
    let mut served = BTreeMap::new();
    for h in &world.sim.events()[since..] {
        if let Event::Joined { served_by: Some(by), .. } = &h.event {
            *served.entry(hosts[by]).or_default() += 1;
        }
    }
    (world, served)
}

/// The busiest of the eight first members, against their mean.
fn imbalance(served: &BTreeMap<usize, usize>) -> f64 {
    let first: Vec<usize> = (0..8).map(|h| served.get(&h).copied().unwrap_or_default()).collect();
    *first.iter().max().expect("somebody served") as f64 * 8.0 / first.iter().sum::<usize>() as f64
}

#[test]
fn overloaded_members_point_to_others() {
    let (_, nearest) = crowd(Options::default());
    let (mut world, shared) = crowd(Options { redirect: Redirect::LeastLoaded, ..Options::default() });
    assert_eq!(nearest.len(), 1, "the nearest serves everybody: {nearest:?}");
    assert!(imbalance(&nearest) > 7.9, "{nearest:?}");
    assert!(imbalance(&shared) < 2.5, "{shared:?}");
    assert_eq!(shared.values().sum::<usize>(), 32);
    let redirected = |h: &&Happening| matches!(h.event, Event::Joined { redirected: 1.., .. });
    assert!(world.sim.events().iter().filter(redirected).count() >= 16);
    let twice = |h: &&Happening| matches!(h.event, Event::Joined { redirected: 3.., .. });
    assert_eq!(world.sim.events().iter().filter(twice).count(), 0);
    world.expect_whole(60 * SECOND);
}

#[test]
fn a_drained_member_leaves_its_catchment_to_others_and_returns() {
    let (mut world, _) = crowd(Options { drain: Some(Drain { above: 8, below: 4 }), ..Options::default() });
    let withdrew = |h: &&Happening| h.event == Event::Withdrew { group: JOIN };
    let drained: BTreeSet<usize> = world.sim.events().iter().filter(withdrew).map(|h| h.host).collect();
    assert!(!drained.is_empty());
    world.sim.run_for(12 * SECOND);
    let announces = |(_, m): (usize, &Member)| m.digest().announced.contains(&JOIN);
    assert!(world.sim.machines().all(announces), "all have returned");
    world.expect_whole(60 * SECOND);
}

#[test]
fn the_farthest_color_is_seldom_the_neighbor_s() {
    let unlike = |coloring| {
        let options = Options { hosts: 24, healing: Healing::Colors, coloring, ..Options::default() };
        let mut world = World::new(options);
        world.sim.command(0, Command::Join { found: true });
        for host in 1..24 {
            // Those who choose at the same moment do not see each other's choice.
            world.sim.run_for(SECOND);
            world.sim.command(host, Command::Join { found: false });
        }
        world.sim.run_for(5 * SECOND);
        let colors: Vec<u16> =
            (0..24).map(|h| world.sim.machine(h).unwrap().digest().color.expect("every member has one")).collect();
        (0..24).filter(|h| colors[*h] != colors[world.nearest_other(*h)]).count()
    };
    let (random, farthest) = (unlike(Coloring::Random), unlike(Coloring::Farthest));
    assert!(farthest > random, "{farthest} of 24, not {random}");
    assert!(farthest >= 21, "{farthest} of 24");
}

#[test]
fn with_chosen_colors_small_islands_heal_too() {
    let options = Options { hosts: 12, healing: Healing::Colors, coloring: Coloring::Farthest, ..Options::default() };
    let mut world = World::new(options);
    world.join_all();
    world.expect_whole(30 * SECOND);
    world.sim.run_for(SECOND);
    world.sim.partition(&[0, 1, 2]);
    world.expect_islands(40 * SECOND, &[(0..3).collect(), (3..12).collect()]);
    world.sim.heal();
    world.expect_whole(20 * SECOND);
}

/// Datagrams as a flood from one stub sends them: Hellos, and Echoes with invented cookies, from forged addresses.
#[test]
fn a_flood_of_forged_joins_earns_no_more_bytes_than_it_costs_and_keeps_nobody_out() {
    let now = Time::default();
    let mut member = Member::plain(world::config(Options::default(), 0), now);
    member.command(now, Command::Join { found: true });
    let mut joiner = Member::plain(world::config(Options::default(), 1), now);
    let mut now = now;
    while !world::is_member(&member) {
        now = now + Duration::from_millis(50);
        member.handle_timeout(now);
        while member.poll_transmit().is_some() {}
    }
    joiner.command(now, Command::Join { found: false });
    let hello = joiner.poll_transmit().expect("it asks").bytes;
    let (mut sent, mut answered, mut answers) = (0, 0, 0);
    for n in 0..20_000_u32 {
        let from = SocketAddr::from(([10, 9, (n >> 8) as u8, n as u8], 4000));
        let mut forged = hello.clone();
        // Behind version, tag and the message's number lies the nonce.
        forged[10..14].copy_from_slice(&(n | 0x8080_8080).to_be_bytes());
        sent += forged.len();
        member.handle(now, from, Via::Group(Part(0)), &forged);
        while let Some(answer) = member.poll_transmit() {
            answered += answer.bytes.len();
            answers += 1;
        }
    }
    assert!(answers > 15_000, "they look like any other Hello: {answers}");
    assert!(answered < sent, "{answered} bytes answered for {sent}");
    // In the middle of it, an honest one.
    let mut datagrams = vec![(world::address(1), world::address(0), hello)];
    for _ in 0..40 {
        for (from, to, bytes) in std::mem::take(&mut datagrams) {
            let receiver = if to == world::address(1) { &mut joiner } else { &mut member };
            receiver.handle(now, from, Via::Unicast, &bytes);
        }
        let members = [(world::address(0), &mut member), (world::address(1), &mut joiner)];
        for (from, machine) in members {
            datagrams.extend(std::iter::from_fn(|| machine.poll_transmit()).map(|t| (from, t.to, t.bytes)));
        }
        now = now + Duration::from_millis(5);
    }
    assert!(world::is_member(&joiner));
}
