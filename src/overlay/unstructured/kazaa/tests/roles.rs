//! Who is a supernode, who hangs on whom, and what happens when that ends.

use super::*;

#[test]
fn only_supernodes_are_found_at_the_group_and_ordinary_nodes_hang_on_the_nearest() {
    // One supernode in each of three places.
    let place = |host: usize| 100 * (host % 3) as u64 + 3 * (host / 3) as u64;
    let given = values()
        .with("least_children", 0u64)
        .with("children", 20u64)
        .with("refresh", Value::Time(Duration::from_secs(5)));
    let mut world = World::placed(18, 1, &given, place);
    world.sim.command(17, Order::Begin);
    world.run(0.5);
    for host in [16, 15] {
        world.sim.command(host, Order::Join);
        world.run(2.0);
        let (now, above) = (world.sim.now(), world.parent(host).expect("a supernode"));
        world.sim.tell(above, |bare| bare.node.promote(now, |node| node.heirs().first().copied()));
        world.run(2.0);
    }
    assert_eq!(world.supernodes(), [15, 16, 17].into());
    for host in 0..15 {
        world.sim.command(host, Order::Join);
        world.run(0.3);
    }
    world.run(30.0);
    assert_eq!(world.supernodes(), [15, 16, 17].into());
    for host in 0..15 {
        assert_eq!(world.parent(host), Some(15 + host % 3), "{host}");
        assert_eq!(world.sim.catchment(0, host), Some(15 + host % 3));
        assert_eq!(world.sim.machine(host).map(|bare| bare.greeted), Some(0), "nobody has come here");
    }
    assert!(world.whole(|_| true));
}

#[test]
fn a_child_goes_to_a_nearer_supernode_when_there_is_one() {
    let given = values().with("least_children", 0u64).with("refresh", Value::Time(Duration::from_secs(5)));
    let mut world = World::placed(3, 1, &given, |host| [0, 5, 100][host]);
    world.join(&[2, 1, 0]);
    world.share(0, "red fox");
    assert_eq!((world.parent(0), world.parent(1)), (Some(2), Some(2)));
    let now = world.sim.now();
    world.sim.tell(2, |bare| bare.node.promote(now, |node| node.heirs().first().copied()));
    world.run(20.0);
    assert_eq!((world.parent(0), world.supernodes()), (Some(1), [1, 2].into()));
    assert_eq!((world.node(2).indexed(), world.node(1).indexed()), (0, 1), "it is known in one place");
    assert_eq!(world.found(2, "fox"), [0].into());
}

#[test]
fn need_makes_supernodes_and_they_go_when_it_is_over() {
    let given = values().with("children", 6u64).with("uptime", Value::Time(Duration::from_secs(2)));
    let mut world = World::joined(40, 1, &given);
    let many = world.supernodes();
    assert!(many.len() >= 5, "{many:?}");
    assert!(world.sim.machines().all(|(_, bare)| bare.node.children.len() <= 12));
    assert!(world.whole(|_| true));
    for host in 0..40 {
        assert_eq!(world.sim.machine(host).map(|bare| bare.node.serves()), Some(many.contains(&host)));
    }
    // Most ordinary nodes leave.
    let below: Vec<usize> = (0..40).filter(|host| !many.contains(host)).collect();
    for host in &below[3..] {
        world.sim.command(*host, Order::Leave);
    }
    world.run(120.0);
    let few = world.supernodes();
    assert!(few.len() * 2 <= many.len() && !few.is_empty(), "{few:?} of {many:?}");
    assert!(world.total(|counts| counts.demotions) > 0);
    assert!(world.whole(|_| true), "{few:?}");
    for host in &many {
        let found = world.sim.catchment(0, *host).expect("somebody");
        assert!(few.contains(&found), "{found} is found, though it is not one");
    }
}

#[test]
fn two_supernodes_in_one_place_share_the_children() {
    let given = values().with("children", 6u64).with("least_children", 0u64);
    let mut world = World::placed(12, 5, &given, |_| 0);
    world.join(&(0..12).rev().collect::<Vec<_>>());
    let above = world.supernodes();
    assert!(above.len() >= 2 && world.whole(|_| true));
    // All that ask the group come to the same one.
    let found: BTreeSet<_> =
        (0..12).filter(|host| !above.contains(host)).map(|host| world.sim.catchment(0, host)).collect();
    assert_eq!(found.len(), 1);
    for host in &above {
        assert!(world.node(*host).children.len() <= 8, "{host}: {}", world.node(*host).children.len());
    }
    (0..12).for_each(|host| world.share(host, "red fox"));
    world.run(1.0);
    assert_eq!(world.found(0, "fox"), (0..12).collect());
}

#[test]
fn children_of_a_supernode_that_crashes_are_found_again_in_time() {
    for seed in 1..4 {
        let mut world = World::joined(40, seed, &values());
        (0..40).for_each(|host| world.share(host, &format!("red fox {host}")));
        world.run(2.0);
        let above = world.supernodes();
        let gone = *above.iter().max_by_key(|host| world.node(**host).children.len()).expect("a supernode");
        let children: Vec<usize> = (0..40).filter(|host| world.parent(*host) == Some(gone)).collect();
        assert!(children.len() >= 3);
        world.sim.crash(gone);
        let begin = world.sim.now();
        // A round, three tries of 200, 400 and 800 ms, twice: for it, and for one more that may be gone.
        let bound = Duration::from_millis(550 + 2 * 1400 + 500);
        for child in &children {
            let back = world.sim.run_until(bound.saturating_sub(world.sim.now() - begin), |sim| {
                let node = &sim.machine(*child).expect("it runs").node;
                node.parent.as_ref().is_some_and(|parent| parent.peer.address != address(gone) && parent.known >= 1)
                    || node.is_supernode()
            });
            assert!(back, "{child} of {gone}, seed {seed}");
        }
        world.run(5.0);
        let asker = (0..40).find(|host| *host != gone && !children.contains(host)).expect("another");
        let (hits, _) = world.search(asker, "fox");
        let sought = world.judge("fox", &hits, |_| true);
        assert_eq!((sought.missed, sought.found), (0, 39), "seed {seed}");
    }
}

#[test]
fn while_a_supernode_leaves_no_search_fails() {
    for seed in 1..4 {
        let mut world = World::joined(40, seed, &values());
        (0..40).for_each(|host| world.share(host, &format!("red fox {host}")));
        world.run(2.0);
        let above = world.supernodes();
        let leaver = *above.iter().max_by_key(|host| world.node(**host).children.len()).expect("a supernode");
        let children: Vec<usize> = (0..40).filter(|host| world.parent(*host) == Some(leaver)).collect();
        let others: Vec<usize> = (0..40).filter(|host| *host != leaver && !children.contains(host)).take(4).collect();
        world.sim.command(leaver, Order::Leave);
        let mut asked = Vec::new();
        for turn in 0..40 {
            let host =
                if turn % 2 == 0 { children[turn / 2 % children.len()] } else { others[turn / 2 % others.len()] };
            asked.push((host, world.ask(host, "fox")));
            world.run(0.1);
        }
        world.run(20.0);
        assert_eq!(world.node(leaver).phase(), Phase::Idle);
        for (host, token) in asked {
            let (hits, _) = World::answered(&world.sim, token).expect("an answer");
            let missed = (0..40)
                .filter(|other| *other != leaver)
                .filter(|other| !hits.iter().any(|hit| hit.at == id(*other, 40)));
            assert_eq!(missed.collect::<Vec<_>>(), Vec::<usize>::new(), "seed {seed}, {host}");
        }
        assert!(world.whole(|host| host != leaver), "seed {seed}");
        let forgot = world.sim.events().iter().any(|happened| matches!(happened.event, Did::Forgot(_)));
        assert!(!forgot, "nobody has missed it");
    }
}

#[test]
fn the_only_supernode_has_a_child_take_its_place_before_it_leaves() {
    let mut world = World::joined(5, 1, &values());
    assert_eq!(world.supernodes(), [4].into());
    (0..5).for_each(|host| world.share(host, "red fox"));
    world.run(1.0);
    world.sim.command(4, Order::Leave);
    world.run(15.0);
    assert_eq!(world.supernodes(), [3].into(), "the one with the highest capacity");
    assert_eq!(world.found(0, "fox"), (0..4).collect());
}

#[test]
fn where_all_supernodes_have_crashed_one_of_the_others_becomes_one() {
    for seed in 1..4 {
        let given = values().with("children", 20u64);
        let mut world = World::joined(16, seed, &given);
        (0..16).for_each(|host| world.share(host, "red fox"));
        world.run(1.0);
        let above = world.supernodes();
        assert!(above.len() < 4);
        let heirs: Vec<Peer> = above.iter().flat_map(|host| world.node(*host).heirs()).collect();
        above.iter().for_each(|host| world.sim.crash(*host));
        world.run(20.0);
        let left: BTreeSet<usize> = (0..16).filter(|host| !above.contains(host)).collect();
        let after = world.supernodes();
        assert!(world.whole(|_| true), "seed {seed}: {after:?} after {above:?}");
        assert!(after.len() <= above.len(), "{after:?} after {above:?}");
        assert!(after.iter().all(|host| heirs.iter().any(|heir| heir.id == id(*host, 16))), "{after:?} of {heirs:?}");
        let asker = *left.first().expect("some");
        assert_eq!(world.found(asker, "fox"), left, "seed {seed}");
    }
}
