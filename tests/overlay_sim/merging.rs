//! What is answered while two rings become one.

use std::collections::BTreeSet;
use std::time::Duration;

use anybed::anycast::{Command, Event, Node};
use anybed::overlay::Answer;
use anybed::overlay::id::Id;
use anybed::topology::Healing;

use crate::oracle;
use crate::world::{self, Happening, Options, World, delay};

const SECOND: Duration = Duration::from_secs(1);
const HOSTS: usize = 12;
/// What the world gives every overlay.
const STABILIZE_EVERY: Duration = Duration::from_millis(500);

/// Two rings of six, a stub each, that can reach each other and know of nobody there.
fn two_rings(seed: u64, healing: Healing) -> (World, [BTreeSet<usize>; 2]) {
    let mut world = World::new(Options { hosts: HOSTS, seed, healing, ..Options::default() });
    world.join_all();
    world.expect_whole(30 * SECOND);
    world.sim.partition(&[0, 1, 2, 3, 4, 5]);
    let rings: [BTreeSet<usize>; 2] = [(0..6).collect(), (6..HOSTS).collect()];
    world.expect_islands(40 * SECOND, &rings);
    // Until nobody asks any more after those that it has lost.
    world.sim.run_for(5 * SECOND);
    world.sim.heal();
    (world, rings)
}

fn everybody() -> BTreeSet<usize> {
    (0..HOSTS).collect()
}

fn link(world: &mut World, host: usize, to: usize) {
    let (now, peer) = (world.sim.now(), world.sim.machine(to).expect("it runs").config().peer());
    world.sim.tell(host, |member| member.link(now, peer));
}

fn predecessor(world: &World, host: usize) -> Option<Id> {
    world.sim.machine(host).expect("it runs").digest().neighbors.predecessor
}

/// Whose predecessor is not the one of a single ring.
fn behind(world: &World) -> Vec<usize> {
    let ring = world.ring();
    let before = |n: usize| world::id(ring[(n + ring.len() - 1) % ring.len()]);
    (0..ring.len()).filter(|n| predecessor(world, ring[*n]) != Some(before(*n))).map(|n| ring[n]).collect()
}

fn knows(world: &World, host: usize, others: &BTreeSet<usize>) -> bool {
    let peers = world.sim.machine(host).expect("it runs").peers();
    others.iter().any(|other| peers.iter().any(|peer| peer.id == world::id(*other)))
}

/// Looks ten times in the shortest delay.
fn until(world: &mut World, holds: impl Fn(&World) -> bool) {
    let deadline = world.sim.now() + SECOND;
    while !holds(world) {
        assert!(world.sim.now() < deadline, "not within a second");
        world.sim.run_for(Duration::from_micros(100));
    }
}

/// Ownership follows from predecessors: until all are right, two nodes answer for the same keys. They are right as
/// soon as datagrams allow, and wait for no round of stabilization: the one that moves knows its predecessor with its
/// place, and of its neighbors none has to be asked more than three times, one after another.
#[test]
fn those_who_move_own_nothing_that_is_others() {
    let asked = 4 * 2 * (0..HOSTS).map(|host| delay(0, host)).max().expect("there are hosts");
    assert!(asked < STABILIZE_EVERY / 4);
    let mut adjacent = 0;
    for seed in 1..=6 {
        let (mut world, [moving, staying]) = two_rings(seed, Healing::None);
        let ring = world.ring();
        adjacent +=
            (0..HOSTS).filter(|n| moving.contains(&ring[*n]) && moving.contains(&ring[(n + 1) % HOSTS])).count();
        // In some order, as when a flood reaches them.
        for host in &moving {
            link(&mut world, *host, 6 + (*host + seed as usize) % 6);
            world.sim.run_for(Duration::from_millis(seed % 4));
        }
        until(&mut world, |world| moving.iter().all(|host| knows(world, *host, &staying)));
        world.sim.run_for(asked);
        assert_eq!(behind(&world), Vec::<usize>::new(), "seed {seed}");
    }
    assert!(adjacent > 0, "two that move lie next to each other somewhere");
}

/// The shortest schedule with a wrong answer that no rule could have prevented: one member links the rings, and
/// another one of its ring, which no datagram can have reached since, is asked for a key of the other ring's. It
/// answers at once from what it knows, and by then the two rings count as one. Had it asked somebody first, the
/// answer would have been as old on arrival.
#[test]
fn a_node_that_no_datagram_can_have_reached_answers_for_its_own_ring() {
    let (mut world, [moving, staying]) = two_rings(1, Healing::None);
    let ring = world.ring();
    // It answers for its ring's part of the keys, of which a member of the other ring has the end.
    let at = (0..HOSTS).find(|n| staying.contains(&ring[*n]) && moving.contains(&ring[(n + 1) % HOSTS]));
    let at = at.expect("the rings interleave");
    let (owner, asked) = (ring[at], ring[(at + 1) % HOSTS]);
    let key = world::id(owner);
    let first = *moving.iter().find(|host| **host != asked).expect("there are six");
    link(&mut world, first, 6);
    until(&mut world, |world| knows(world, first, &staying));
    let linked = world.sim.now();
    assert!(!knows(&world, asked, &staying), "the islands are one, and nothing has told it so");
    let since = world.sim.events().len();
    world.sim.command(asked, Command::Lookup { token: 1, key });
    let answer = |h: &Happening| match &h.event {
        Event::Done { token: 1, outcome: Answer::Looked { owner, hops, .. }, .. } => Some((h.at, *owner, *hops)),
        _ => None,
    };
    until(&mut world, |world| world.sim.events()[since..].iter().any(|h| answer(h).is_some()));
    let (answered, said, hops) = world.sim.events()[since..].iter().find_map(answer).expect("it was waited for");
    assert!(answered - linked < delay(first, asked), "sooner than any datagram");
    assert_eq!((said, hops), (Some(world::id(asked)), 0));
    let chord = world::chord(8).protocol;
    assert_eq!(oracle::owner(&world.sim, &moving, chord, key), said, "right in its own ring");
    assert_eq!(oracle::owner(&world.sim, &everybody(), chord, key), Some(world::id(owner)), "wrong in both");
}
