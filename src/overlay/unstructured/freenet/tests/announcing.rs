//! How newcomers become known.

use super::message::{Errand, Message, Step};
use super::*;

/// Under which keys others know this host.
fn known_as(world: &World, host: usize) -> Vec<(usize, Id)> {
    let of = |bare: &Bare<Freenet>| {
        let all = bare.node.table.nearest(Id(0)).filter(|(_, known)| known.id == peer(host).id);
        all.map(|(key, _)| key).collect::<Vec<_>>()
    };
    world.sim.machines().flat_map(|(at, bare)| of(bare).into_iter().map(move |key| (at, key))).collect()
}

#[test]
fn all_that_an_announcement_comes_to_learn_the_same_key() {
    for (seed, hops) in [(1, 10u64), (2, 10), (3, 4), (4, 1)] {
        let mut world = World::ring(30, seed, &values().with("announce_hops", hops));
        world.sim.command(7, Order::Leave);
        world.sim.run_for(Duration::from_secs(1));
        assert!(known_as(&world, 7).is_empty());
        world.sim.command(7, Order::Join(peer(20)));
        world.sim.run_for(Duration::from_secs(5));
        assert_eq!(world.node(7).phase(), Phase::Member);
        let known = known_as(&world, 7);
        assert_eq!(known.len() as u64, hops, "{known:?}");
        assert!(known.iter().any(|(at, _)| *at == 20) && known.iter().all(|(_, key)| *key == world.node(7).key));
        let knows = world.node(7).table.peers().collect::<BTreeSet<_>>();
        assert_eq!(knows, known.iter().map(|(at, _)| peer(*at)).collect(), "and it knows them");
        assert!(world.sim.machines().all(|(_, bare)| bare.node.parts.is_empty() && bare.node.counts.disagreed == 0));
    }
}

/// A newcomer's announcement under way, all three nodes that it comes to having drawn, in order.
fn drawn() -> (Vec<usize>, World) {
    let mut world = World::ring(6, 1, &values().with("announce_hops", 3u64));
    world.sim.command(0, Order::Leave);
    world.sim.run_for(Duration::from_secs(1));
    world.sim.command(0, Order::Join(peer(3)));
    world.sim.run_for(Duration::from_millis(35));
    let hops = |bare: &Bare<Freenet>| bare.node.parts.values().map(|part| part.hops).max();
    let mut parts: Vec<(u8, usize)> =
        world.sim.machines().filter_map(|(host, bare)| Some((hops(bare)?, host))).collect();
    parts.sort_unstable_by(|a, b| b.cmp(a));
    (parts.into_iter().map(|(_, host)| host).collect(), world)
}

#[test]
fn nobody_decides_the_key_alone() {
    let (parts, mut honest) = drawn();
    assert_eq!(parts.len(), 3);
    honest.sim.run_for(Duration::from_secs(2));
    let right = honest.node(0).key;
    assert_eq!(known_as(&honest, 0).len(), 3);
    for (place, liar) in parts.iter().enumerate() {
        // It takes another seed than it is bound by: nobody after it believes that. The last has told its seed by now,
        // and only contradicts itself.
        let (_, mut world) = drawn();
        world.sim.tell(*liar, |bare| bare.node.parts.values_mut().for_each(|part| part.seed[0] ^= 1));
        world.sim.run_for(Duration::from_secs(20));
        let known = known_as(&world, 0);
        assert!(known.iter().all(|(_, key)| *key == world.node(0).key), "{known:?}: who believes, believes the same");
        let believe: BTreeSet<usize> = parts[..(place + 1).min(2)].iter().copied().collect();
        assert_eq!(known.iter().map(|(at, _)| *at).collect::<BTreeSet<_>>(), believe, "place {place}");
        assert_eq!(world.node(0).key == right, place == 2, "each seed makes another key");
    }
}

#[test]
fn seeds_other_than_promised_are_not_believed() {
    let mut world = World::ring(6, 2, &values().with("announce_hops", 3u64));
    world.sim.command(0, Order::Leave);
    world.sim.run_for(Duration::from_secs(1));
    world.sim.command(0, Order::Join(peer(3)));
    world.sim.run_for(Duration::from_millis(35));
    // The newcomer draws again when it is too late.
    world.sim.tell(0, |bare| bare.node.quest.as_mut().expect("it joins").seed[0] ^= 1);
    world.sim.run_for(Duration::from_secs(30));
    assert_eq!(world.total(|counts| counts.disagreed), 3);
    assert!(known_as(&world, 0).is_empty() && world.node(0).phase() == Phase::Idle);
    assert!(world.events(0).any(|did| *did == Did::JoinFailed));
}

#[test]
fn an_announcement_goes_around_the_dead() {
    for seed in 1..6 {
        let mut world = World::ring(12, seed, &values());
        world.sim.command(0, Order::Leave);
        world.sim.run_for(Duration::from_secs(1));
        world.sim.crash(4);
        world.sim.crash(8);
        world.sim.command(0, Order::Join(peer(6)));
        world.sim.run_for(Duration::from_secs(25));
        assert_eq!(world.node(0).phase(), Phase::Member, "{seed}");
        let known = known_as(&world, 0);
        assert!(known.iter().all(|(_, key)| *key == world.node(0).key) && !known.is_empty());
    }
    let mut world = World::ring(12, 1, &values());
    world.sim.command(0, Order::Leave);
    world.sim.run_for(Duration::from_secs(1));
    world.sim.crash(6);
    world.sim.command(0, Order::Join(peer(6)));
    world.sim.run_for(Duration::from_secs(25));
    assert!(world.events(0).any(|did| *did == Did::JoinFailed) && world.node(0).phase() == Phase::Idle);
}

#[test]
fn a_network_grows_from_one() {
    let mut world = World::joined(60, 1, &values(), common());
    for host in 0..60 {
        assert!(world.node(host).table.len() >= 1, "{host}");
    }
    for n in 0..20 {
        assert!(world.put(n, &format!("k{n}"), "v").is_some());
    }
    let found = (0..20).filter(|n| world.get(59 - n, &format!("k{n}")).is_some()).count();
    assert!(found >= 18, "{found} of 20");
}

#[test]
fn an_announcement_is_of_whom_it_came_from() {
    let mut world = World::ring(6, 1, &values());
    let newcomer = Peer { id: Id(5), address: address(99) };
    let announce = Message::Announce { walk: 1, newcomer, hash: [1; 32], hops: 3 };
    let bytes = postcard::to_stdvec(&Envelope { sender: Id(5), call: 1, message: announce }).unwrap();
    world.sim.tell(0, |bare| bare.node.handle(Time::default(), address(98), &bytes));
    assert_eq!(world.total(|counts| counts.announced), 0);
    // Seeds that come unasked, and a walk of more steps than there may be, are nobody's.
    let step = Step { peer: peer(1), key: Id(1), seed: [0; 32] };
    let seeds = Message::Seeds { walk: 1, steps: vec![step; 2] };
    let walk = Message::Walk { walk: 1, errand: Errand::Request, key: Id(1), hops: 1 };
    for message in [seeds, walk] {
        let bytes = postcard::to_stdvec(&Envelope { sender: peer(1).id, call: 1, message }).unwrap();
        world.sim.tell(0, |bare| bare.node.handle(Time::default(), peer(1).address, &bytes));
    }
    assert!(known_as(&world, 99).is_empty());
}
