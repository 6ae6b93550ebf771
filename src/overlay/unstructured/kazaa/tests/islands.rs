//! Islands: what one link between them does.

use super::*;

/// Even and odd hosts, each an island.
fn two_islands(hosts: usize, seed: u64) -> (World, Vec<usize>, Vec<usize>) {
    let mut world = World::joined(hosts, seed, &values());
    let (ours, theirs): (Vec<usize>, Vec<usize>) = (0..hosts).partition(|host| host % 2 == 0);
    (0..hosts).for_each(|host| world.share(host, "red fox"));
    world.sim.partition(&ours);
    world.run(60.0);
    (world, ours, theirs)
}

#[test]
fn islands_live_on_and_one_link_makes_them_one() {
    let (mut world, ours, theirs) = two_islands(40, 1);
    let of = |hosts: &[usize]| hosts.iter().copied().collect::<BTreeSet<usize>>();
    assert!(world.whole(|host| host % 2 == 0) && world.whole(|host| host % 2 == 1));
    assert_eq!((world.found(ours[3], "fox"), world.found(theirs[3], "fox")), (of(&ours), of(&theirs)));
    let (hits, _) = world.search(ours[3], "fox");
    let sought = world.judge("fox", &hits, |host| host % 2 == 0);
    assert_eq!((sought.found, sought.missed, sought.apart), (20, 0, 20));
    world.sim.heal();
    let above = world.supernodes();
    let one = *above.iter().find(|host| **host % 2 == 0).expect("a supernode");
    let other = *above.iter().find(|host| **host % 2 == 1).expect("a supernode");
    world.sim.take_events();
    world.sim.command(one, Order::Merge(other));
    world.run(0.5);
    assert!(world.sim.events().iter().any(|happened| happened.event == Did::Merged { ok: true }));
    assert!(world.whole(|_| true));
    assert_eq!(world.found(ours[5], "fox"), (0..40).collect());
    assert_eq!(world.found(theirs[7], "fox"), (0..40).collect());
    world.run(5.0);
    world.sim.take_events();
    let now = world.sim.now();
    world.sim.tell(one, |bare| bare.node.merge(now, Peer { id: id(other, 40), address: address(other) }));
    world.run(1.0);
    assert!(world.sim.events().iter().any(|happened| happened.event == Did::Merged { ok: false }), "it knows it");
}

#[test]
fn an_ordinary_node_leads_supernodes_to_each_other() {
    let (mut world, ours, theirs) = two_islands(40, 2);
    world.sim.heal();
    let ordinary = |world: &World, of: &[usize]| {
        *of.iter().find(|host| !world.node(**host).is_supernode()).expect("an ordinary node")
    };
    let (one, other) = (ordinary(&world, &ours), ordinary(&world, &theirs));
    let now = world.sim.now();
    world.sim.tell(one, |bare| bare.node.merge(now, Peer { id: id(other, 40), address: address(other) }));
    world.run(2.0);
    assert!(world.whole(|_| true), "through {one} and {other}");
}

#[test]
fn what_ordinary_nodes_find_at_the_group_heals_islands() {
    let (mut world, ..) = two_islands(40, 3);
    world.sim.heal();
    let begin = world.sim.now();
    let mut whole = false;
    while !whole && world.sim.now() - begin < Duration::from_secs(60) {
        world.run(0.5);
        whole = world.whole(|_| true);
    }
    assert!(whole, "ordinary nodes ask the group once in 20 s");
}

#[test]
fn a_new_address_costs_nothing() {
    let mut world = World::joined(20, 7, &values());
    world.share(5, "rare newt");
    let above = *world.supernodes().first().expect("a supernode");
    let below = (0..20).find(|host| !world.node(*host).is_supernode()).expect("an ordinary node");
    for (n, host) in [above, below].into_iter().enumerate() {
        let new = SocketAddr::from(([10, 9, 9, 9 + n as u8], NUMBER));
        world.sim.renumber(host, new);
        world.sim.take_events();
        let now = world.sim.now();
        world.sim.tell(host, |bare| bare.node.renumber(now, new));
        world.run(10.0);
        let renewed = |e: &crate::machine::sim::Happened<Did>| {
            e.host == host && matches!(e.event, Did::Renewed { by: Some(_), .. })
        };
        assert!(world.sim.events().iter().any(renewed), "{host}");
        assert!(world.whole(|_| true), "{host}");
        assert_eq!(world.found(11, "newt"), [5].into());
    }
}
