//! Where requests and probes go, and where they end.

use proptest::prelude::*;

use super::*;

/// Each host knows some others, and the next one, so that each can be reached from each.
fn graph(hosts: usize, links: &[(usize, usize)]) -> impl Fn(usize) -> Vec<usize> {
    let links: BTreeSet<(usize, usize)> = links.iter().map(|(a, b)| (a % hosts, b % hosts)).collect();
    move |host| {
        let next = (host + 1) % hosts;
        let mut known: BTreeSet<usize> = links.iter().filter(|(a, b)| *a == host && a != b).map(|(_, b)| *b).collect();
        known.insert(next);
        known.into_iter().collect()
    }
}

fn exact(hops: u64) -> Values {
    values().with("hops_to_live", hops).with("insert_hops", hops).with("last_hop", Value::Float(1.0))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// With as many hops as there are nodes a request comes to all of them, if it must.
    #[test]
    fn what_was_inserted_is_found_within_the_hops(
        hosts in 2usize..14, links in prop::collection::vec((0usize..14, 0usize..14), 0..30),
        from in 0usize..14, to in 0usize..14, few in 1u64..6, seed in 0u64..1000, text in "[a-z]{1,8}",
    ) {
        let mut world = World::new(hosts, seed, &exact(hosts as u64).with("insert_hops", few), common())
            .linked(graph(hosts, &links));
        prop_assert!(world.put(from % hosts, &text, "red").is_some());
        let holders = world.holders(key_of(&text));
        prop_assert!(holders.contains(&(from % hosts)) && holders.len() <= few as usize + 1, "{:?}", holders);
        prop_assert!(holders.len() > 1, "it is not at the one node that may fail only");
        let found = world.get(to % hosts, &text);
        prop_assert_eq!(found.as_deref(), Some("red"));
        prop_assert_eq!(world.get(to % hosts, "something else"), None);
        prop_assert!(world.sim.machines().all(|(_, bare)| bare.node.walks.is_empty()));
    }

    /// Each walk comes to a node once, and to no more nodes than it may.
    #[test]
    fn no_node_is_visited_twice_and_hops_end_it(
        hosts in 2usize..20, links in prop::collection::vec((0usize..20, 0usize..20), 0..60), hops in 1u64..30, seed in 0u64..1000,
    ) {
        let mut world = World::new(hosts, seed, &exact(hops), common()).linked(graph(hosts, &links));
        prop_assert_eq!(world.get(0, "nothing"), None);
        let visits: Vec<u64> = (0..hosts).map(|host| world.node(host).counts.requests).collect();
        prop_assert!(visits.iter().all(|visits| *visits <= 1) && visits[0] == 0, "{:?}", visits);
        prop_assert_eq!(visits.iter().sum::<u64>(), hops.min(hosts as u64 - 1), "every hop is used if there are nodes");
        let tries = world.total(|counts| counts.forwarded);
        let turned = world.total(|counts| counts.elsewhere);
        prop_assert_eq!(tries, visits.iter().sum::<u64>() + turned, "each try came to one node, or was turned away");
    }
}

#[test]
fn the_last_hop_is_the_last_only_with_a_probability() {
    let far = |last: f64| {
        let mut world = World::ring(60, 3, &exact(5).with("last_hop", Value::Float(last)));
        let visits: Vec<u64> = (0..40)
            .map(|n| {
                let before = world.total(|counts| counts.requests);
                assert_eq!(world.get(n, "nothing"), None);
                world.total(|counts| counts.requests) - before
            })
            .collect();
        visits
    };
    assert!(far(1.0).iter().all(|visits| *visits == 5));
    let some = far(0.5);
    let mean = some.iter().sum::<u64>() as f64 / some.len() as f64;
    assert!(some.iter().all(|visits| (5..30).contains(visits)) && some.contains(&5), "{some:?}");
    assert!((5.4..6.8).contains(&mean), "one more hop is to be expected, not {mean} in all");
}

#[test]
fn others_walks_come_no_further_than_a_node_allows() {
    let mut world = World::ring(60, 3, &exact(5));
    world.sim.tell(0, |bare| bare.node.settings.hops = 1000);
    assert_eq!(world.get(0, "nothing"), None);
    assert_eq!(world.total(|counts| counts.requests), 5);
}

/// 0 knows 1 and 2; 1 knows 3, and 2 knows 4, which has it.
fn fork(seed: u64) -> World {
    let links = |host: usize| [vec![1, 2], vec![3], vec![4], vec![], vec![]][host].clone();
    let mut world = World::new(5, seed, &exact(10), common()).linked(links);
    world.sim.tell(4, |bare| {
        let (thing, key, _) = content::Name::of("fox").unwrap().make("red".into(), || bare.node.own()).unwrap();
        bare.node.store.put(key, thing);
    });
    // 1 is known for just this key.
    world.sim.tell(0, |bare| bare.node.learn(Time::default(), key_of("fox"), peer(1)));
    world
}

#[test]
fn a_request_comes_back_from_where_nobody_is_left() {
    let mut world = fork(1);
    assert_eq!(world.get(0, "fox").as_deref(), Some("red"));
    let visited: Vec<u64> = (0..5).map(|host| world.node(host).counts.requests).collect();
    assert_eq!(visited, [0, 1, 1, 1, 1]);
    assert_eq!(world.total(|counts| counts.backtracked), 2, "3 to 1, and 1 to 0");
    assert_eq!(world.holders(key_of("fox")), BTreeSet::from([0, 2, 4]), "kept on the way back, and only there");
}

#[test]
fn a_request_finds_its_way_around_a_dead_node() {
    for (dead, before) in [(1, true), (3, true), (1, false), (3, false)] {
        let mut world = fork(2);
        if before {
            world.sim.crash(dead);
        } else {
            // It has taken the request, and dies with it.
            world.sim.command(0, Order::Ask(99, Ask::Get { key: "fox".into() }));
            world.sim.run_for(Duration::from_millis(if dead == 1 { 12 } else { 22 }));
            world.sim.crash(dead);
            world.sim.run_for(Duration::from_secs(30));
            let done = world.events(0).any(|did| matches!(did, Did::Done { outcome: Answer::Got { value, .. }, .. } if value.as_deref() == Some("red")));
            assert!(done, "{dead} died with it");
            continue;
        }
        assert_eq!(world.get(0, "fox").as_deref(), Some("red"), "{dead}");
        let forgot = world.sim.events().iter().filter(|happened| matches!(happened.event, Did::Forgot(_))).count();
        assert_eq!(forgot, 1);
    }
}

#[test]
fn nothing_lasts_of_a_walk_whose_asker_is_gone() {
    let mut world = fork(3);
    world.sim.command(0, Order::Ask(1, Ask::Get { key: "nothing".into() }));
    world.sim.run_for(Duration::from_millis(15));
    world.sim.crash(0);
    world.sim.run_for(Duration::from_secs(60));
    assert!(world.sim.machines().all(|(_, bare)| bare.node.walks.is_empty() && bare.node.post.len() == 0));
}

#[test]
fn lost_datagrams_change_nothing_but_the_time() {
    let mut world = World::ring(30, 5, &exact(30));
    world.sim.set_loss(0.15);
    let stored = (0..20).filter(|n| world.put(*n, &format!("k{n}"), "v").is_some()).count();
    let found = (0..20).filter(|n| world.get(29 - n, &format!("k{n}")).is_some()).count();
    // A node that three messages in a row do not reach counts as dead.
    assert!(stored >= 18 && found >= 18, "{stored} stored, {found} found of 20");
}
