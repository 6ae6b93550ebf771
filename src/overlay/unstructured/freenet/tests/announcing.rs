//! How newcomers become known.

use super::message::{Errand, Message, Step};
use super::*;

/// Under which keys others know this host.
fn known_as(world: &World, host: usize) -> Vec<(usize, Id)> {
    let of = |bare: &Bare| {
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
        world.sim.command(7, Order::Join(20));
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

#[test]
fn nobody_decides_the_key_alone() {
    // Whoever draws another seed, everything else being the same, makes another key.
    let key = |other: Option<usize>| {
        let mut world = World::ring(6, 1, &values().with("announce_hops", 3u64));
        world.sim.command(0, Order::Leave);
        world.sim.run_for(Duration::from_secs(1));
        world.sim.command(0, Order::Join(3));
        // The walk is under way, and all have drawn.
        world.sim.run_for(Duration::from_millis(35));
        let parts: Vec<usize> =
            world.sim.machines().filter(|(_, bare)| !bare.node.parts.is_empty()).map(|(host, _)| host).collect();
        assert_eq!(parts.len(), 3);
        (parts, other.map(|_| ()), world)
    };
    let (parts, _, mut honest) = key(None);
    honest.sim.run_for(Duration::from_secs(2));
    let right = honest.node(0).key;
    for liar in parts {
        // It tells another seed than it is bound by: those after it, if there are any, do not believe it.
        let (_, _, mut world) = key(Some(liar));
        world.sim.tell(liar, |bare| bare.node.parts.values_mut().for_each(|part| part.lie()));
        world.sim.run_for(Duration::from_secs(20));
        let known = known_as(&world, 0);
        assert!(known.iter().all(|(_, key)| *key == world.node(0).key), "{known:?}: who believes, believes the same");
        let told = world.node(0).key != right;
        assert!(told || known.len() == 3, "the seed was told before it was changed");
    }
}

#[test]
fn seeds_other_than_promised_are_not_believed() {
    let mut world = World::ring(6, 2, &values().with("announce_hops", 3u64));
    world.sim.command(0, Order::Leave);
    world.sim.run_for(Duration::from_secs(1));
    world.sim.command(0, Order::Join(3));
    world.sim.run_for(Duration::from_millis(35));
    // The newcomer draws again when it is too late.
    world.sim.tell(0, |bare| bare.node.quest.as_mut().expect("it joins").lie());
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
        world.sim.command(0, Order::Join(6));
        world.sim.run_for(Duration::from_secs(25));
        assert_eq!(world.node(0).phase(), Phase::Member, "{seed}");
        let known = known_as(&world, 0);
        assert!(known.iter().all(|(_, key)| *key == world.node(0).key) && !known.is_empty());
    }
    let mut world = World::ring(12, 1, &values());
    world.sim.command(0, Order::Leave);
    world.sim.run_for(Duration::from_secs(1));
    world.sim.crash(6);
    world.sim.command(0, Order::Join(6));
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
