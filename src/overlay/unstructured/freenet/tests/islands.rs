//! Islands, and what joins, leaves or moves.

use super::*;

fn rounds() -> Common {
    Common { stabilize_every: Duration::from_millis(500), ..common() }
}

/// Hosts that requests may come to from this one.
fn reach(world: &World, from: usize) -> BTreeSet<usize> {
    let host = |id: Id| (0..world.hosts).find(|host| peer(*host).id == id).expect("a host");
    let (mut reached, mut left) = (BTreeSet::from([from]), vec![from]);
    while let Some(at) = left.pop() {
        let known = world.node(at).table.peers().map(|peer| host(peer.id)).collect::<Vec<_>>();
        left.extend(known.into_iter().filter(|next| reached.insert(*next)));
    }
    reached
}

#[test]
fn one_link_makes_two_islands_one() {
    for seed in 1..4 {
        let mut world =
            World::new(24, seed, &values().with("hops_to_live", 24u64).with("announce_hops", 3u64), rounds());
        world.join(&(0..12).collect::<Vec<_>>());
        world.join(&(12..24).collect::<Vec<_>>());
        world.put(3, "fox", "red").expect("stored");
        world.put(20, "owl", "grey").expect("stored");
        assert_eq!((world.get(20, "fox"), world.get(3, "owl")), (None, None), "they are apart");
        world.sim.take_events();
        world.sim.command(5, Order::Merge(peer(17)));
        world.sim.run_for(Duration::from_secs(5));
        assert!(world.events(5).any(|did| *did == Did::Merged { ok: true }));
        let found = |world: &mut World| {
            let fox = (12..24).filter(|host| world.get(*host, "fox").as_deref() == Some("red")).count();
            fox + (0..12).filter(|host| world.get(*host, "owl").as_deref() == Some("grey")).count()
        };
        let first = found(&mut world);
        assert!(first >= 20, "{first} of 24 find what is in the other island");
        assert_eq!((reach(&world, 0).len(), reach(&world, 23).len()), (24, 24));
    }
}

#[test]
fn who_is_of_the_same_island_is_not_joined_again() {
    let mut world = World::joined(30, 1, &values(), common());
    for through in [1, 10, 20] {
        world.sim.take_events();
        let before = world.total(|counts| counts.announced);
        world.sim.command(29, Order::Merge(peer(through)));
        world.sim.run_for(Duration::from_secs(2));
        assert!(world.events(29).any(|did| *did == Did::Merged { ok: false }), "{through}");
        assert_eq!(world.total(|counts| counts.announced), before);
    }
    world.sim.crash(3);
    world.sim.take_events();
    world.sim.tell(29, |bare| assert!(bare.node.table.remove(peer(3).id) || !bare.node.table.knows(peer(3).id)));
    world.sim.command(29, Order::Merge(peer(3)));
    world.sim.run_for(Duration::from_secs(20));
    assert!(world.events(29).any(|did| *did == Did::Merged { ok: false }), "nobody is there");
}

#[test]
fn the_dead_and_those_who_left_are_forgotten() {
    let mut world = World::joined(20, 1, &values(), rounds());
    world.sim.crash(4);
    world.sim.command(9, Order::Leave);
    world.sim.run_for(Duration::from_secs(60));
    assert_eq!(world.node(9).phase(), Phase::Idle);
    assert!(world.node(9).store.len() == 0 && world.node(9).peers().is_empty());
    for host in (0..20).filter(|host| ![4, 9].contains(host)) {
        let known = world.node(host);
        assert!(!known.table.knows(peer(4).id) && !known.table.knows(peer(9).id), "{host}");
        let told =
            world.events(host).filter_map(|did| if let Did::Neighbors(all) = did { Some(all) } else { None }).last();
        assert!(told.is_none_or(|told| *told == known.neighbors()), "what was told last is so");
    }
    assert!(world.events(9).any(|did| *did == Did::Left));
    // It comes back.
    world.sim.command(9, Order::Join(peer(0)));
    world.sim.run_for(Duration::from_secs(5));
    assert_eq!(world.node(9).phase(), Phase::Member);
}

#[test]
fn a_renumbered_node_is_known_by_its_new_address() {
    let mut world = World::joined(12, 1, &values(), rounds());
    let new = address(200);
    world.sim.take_events();
    world.sim.renumber(5, new);
    let now = world.sim.now();
    world.sim.tell(5, |bare| bare.node.renumber(now, new));
    world.sim.run_for(Duration::from_secs(2));
    assert!(world.events(5).any(|did| matches!(did, Did::Renewed { by: Some(_), .. })));
    for known in world.node(5).peers() {
        let host = (0..12).find(|host| peer(*host).id == known.id).expect("a host");
        let theirs = world.node(host).peers().into_iter().find(|known| known.id == peer(5).id);
        assert!(theirs.is_none_or(|theirs| theirs.address == new), "{host}");
    }
    world.put(5, "fox", "red").expect("stored");
    assert_eq!(world.get(2, "fox").as_deref(), Some("red"));
}

#[test]
fn a_node_that_is_met_becomes_known_while_there_is_room() {
    let mut world = World::ring(12, 1, &values().with("routing_size", 5u64));
    for (met, known) in [(6, true), (7, false)] {
        let now = world.sim.now();
        world.sim.tell(0, |bare| bare.node.meet(now, peer(met), Duration::from_millis(20)));
        world.sim.run_for(Duration::from_secs(1));
        assert_eq!(world.node(0).table.knows(peer(met).id), known, "{met}");
    }
    let key = world.node(6).key;
    assert!(world.node(0).table.nearest(key).next() == Some((key, peer(6))));
    world.sim.tell(0, |bare| bare.node.abort());
    world.sim.run_for(Duration::from_secs(1));
    assert!(world.node(0).phase() == Phase::Idle && world.node(0).peers().is_empty());
}
