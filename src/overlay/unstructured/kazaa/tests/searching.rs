//! What a search finds, and what it costs.

use super::*;

#[test]
fn a_search_finds_all_that_is_shared_and_nobody_forwards_it_twice() {
    let mut world = World::joined(60, 1, &values());
    for host in 0..60 {
        world.share(host, &format!("song {host} of band b{}", host % 7));
    }
    world.run(2.0);
    assert!(world.whole(|_| true), "{:?}", world.supernodes());
    let above = world.supernodes();
    assert!((4..40).contains(&above.len()), "{above:?}");
    let askers = [0, 13, 29, 44, 59];
    for host in askers {
        let (heard, copies) =
            (world.total(|c| c.searches_heard), world.total(|c| c.searches_sent + c.searches_forwarded));
        let (hits, _) = world.search(host, "band b3");
        let sought = world.judge("band b3", &hits, |_| true);
        assert_eq!((sought.missed, sought.wrong), (0, 0), "from {host}: {sought:?}");
        assert_eq!(sought.found, (0..60).filter(|host| host % 7 == 3).count());
        // Every supernode has heard it once: what each sends is one copy a link at most, but to whence it came.
        let heard = world.total(|c| c.searches_heard) - heard;
        assert_eq!(heard as usize, above.len() - usize::from(above.contains(&host)), "each once");
        let ends: usize = above.iter().map(|host| world.node(*host).links.len()).sum();
        let copies = world.total(|c| c.searches_sent + c.searches_forwarded) - copies;
        assert!(copies as usize <= ends - (above.len() - 1) + 1, "{copies} copies over {ends} ends of links");
    }
    let ordinary = askers.iter().filter(|host| !above.contains(host)).count();
    assert_eq!(world.total(|c| c.children_asked) as usize, ordinary, "who is none asks its supernode");
}

#[test]
fn a_search_goes_as_far_as_its_ttl() {
    let few = values().with("ttl", 1u64).with("supernode_links", 1u64).with("least_children", 0u64);
    let mut world = World::joined(60, 2, &few);
    (0..60).for_each(|host| world.share(host, "red fox"));
    world.run(2.0);
    let asker = (0..60).find(|host| !world.node(*host).is_supernode()).expect("an ordinary node");
    let home = world.parent(asker).expect("a supernode");
    let near: BTreeSet<usize> = world.node(home).links.keys().map(|id| world.host_of(*id)).chain([home]).collect();
    let expected: BTreeSet<usize> = (0..60)
        .filter(|host| near.contains(host) || world.parent(*host).is_some_and(|above| near.contains(&above)))
        .collect();
    assert!(near.len() < world.supernodes().len(), "not all are within a hop");
    assert_eq!(world.found(asker, "fox"), expected);
}

#[test]
fn what_is_lost_on_the_way_is_said_again() {
    let mut world = World::joined(30, 3, &values());
    world.sim.set_loss(0.1);
    (0..30).for_each(|host| world.share(host, &format!("red fox {host}")));
    world.run(10.0);
    let mut sought = Sought::default();
    for host in 0..10 {
        let (hits, _) = world.search(host, "fox");
        let one = world.judge("fox", &hits, |_| true);
        sought = Sought { found: sought.found + one.found, missed: sought.missed + one.missed, ..sought };
    }
    assert!(sought.missed * 20 < sought.found, "{sought:?}");
    assert!(world.total(|counts| counts.again) > 0);
}

#[test]
fn many_items_are_uploaded_in_pieces() {
    let mut world = World::joined(4, 4, &values());
    (0..900).for_each(|n| world.share(0, &format!("song {n} of {}", "x".repeat(n % 150))));
    world.run(3.0);
    let home = world.parent(0).expect("a supernode");
    assert_eq!(world.node(home).indexed(), 900);
    assert_eq!(world.search(1, "song 899").0.len(), 1);
}
