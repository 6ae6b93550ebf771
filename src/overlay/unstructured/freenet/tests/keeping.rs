//! What is stored where, and for how long.

use proptest::prelude::*;

use super::*;

#[test]
fn what_is_found_is_kept_on_the_way_and_its_source_is_learned() {
    let never = Value::Float(0.0);
    let mut world = World::ring(40, 1, &values().with("insert_hops", 1u64).with("source_reset", never));
    world.put(0, "fox", "red").expect("stored");
    assert_eq!(world.holders(key_of("fox")).len(), 2);
    assert_eq!(world.get(20, "fox").as_deref(), Some("red"));
    let holders = world.holders(key_of("fox"));
    assert!(holders.len() > 3 && holders.contains(&20), "{holders:?}");
    let source = |host: usize| world.node(host).table.nearest(key_of("fox")).next().map(|(key, peer)| (key, peer.id));
    let of = source(20).expect("it knows somebody");
    assert_eq!(of.0, key_of("fox"));
    assert!(holders.iter().any(|host| peer(*host).id == of.1) && of.1 != peer(20).id);
    // The next request is answered at once, or next door.
    let before = world.total(|counts| counts.requests);
    assert_eq!(world.get(21, "fox").as_deref(), Some("red"));
    assert!(world.total(|counts| counts.requests) - before <= 3);
}

#[test]
fn the_source_is_reset_at_random() {
    let chain = |reset: f64| {
        let values = values().with("source_reset", Value::Float(reset)).with("insert_hops", 1u64);
        let links = |host: usize| if host < 9 { vec![host + 1] } else { vec![] };
        let mut world = World::new(10, 1, &values, common()).linked(links);
        world.put(9, "fox", "red").expect("it is alone, and stores it itself");
        assert_eq!(world.get(0, "fox").as_deref(), Some("red"));
        let near = world.node(0).table.nearest(key_of("fox")).next().map(|(_, peer)| peer);
        (0..10).find(|host| near == Some(peer(*host))).expect("a host")
    };
    assert_eq!(chain(0.0), 9, "who had it");
    assert_eq!(chain(1.0), 1, "who passed it on");
}

#[test]
fn an_insert_of_another_value_is_refused_and_fetches_the_first() {
    let mut world = World::ring(30, 1, &values());
    assert!(world.put(0, "fox", "red").is_some());
    assert!(world.put(17, "fox", "grey").is_none());
    assert_eq!(
        world.node(17).store.clone().get(key_of("fox")).map(|thing| thing.value.clone()).as_deref(),
        Some("red")
    );
    assert!(world.put(3, "fox", "red").is_some(), "the same is stored already");
    assert_eq!(world.get(25, "fox").as_deref(), Some("red"));
    let (content, own) = (world.put(4, "CHK@", "grey").unwrap(), world.put(5, "SSK@/fox", "blue").unwrap());
    assert_eq!((world.get(20, &content).as_deref(), world.get(21, &own).as_deref()), (Some("grey"), Some("blue")));
    assert!(world.put(6, &own, "black").is_none(), "of another's subspace");
}

#[test]
fn a_node_alone_stores_what_it_is_given() {
    let mut world = World::new(1, 1, &values(), common());
    assert!(world.put(0, "fox", "red").is_none(), "it is no member of anything");
    world.sim.command(0, Order::Begin);
    assert!(world.put(0, "fox", "red").is_some());
    assert_eq!((world.get(0, "fox").as_deref(), world.get(0, "owl")), (Some("red"), None));
    let refused = world.ask(0, Ask::Find { key: Id(7) });
    assert!(matches!(refused, Answer::Looked { owner: None, .. }));
}

#[test]
fn the_least_used_goes_and_tables_keep_their_limits() {
    let few = values().with("store_size", 5u64).with("routing_size", 7u64);
    let mut world = World::ring(25, 2, &few);
    world.put(0, "popular", "v").expect("stored");
    for n in 0..60 {
        world.put(n % 25, &format!("k{n}"), "v").expect("stored");
        assert!(world.get((n + 7) % 25, "popular").is_some(), "after {n} others: whoever uses it keeps it");
    }
    for (host, bare) in world.sim.machines() {
        let (things, entries) = (bare.node.store.len(), bare.node.table.entries());
        assert!(things <= 5 && entries <= 7, "{host}: {things} things, {entries} entries");
    }
    let rest = (0..60).filter(|n| !world.holders(key_of(&format!("k{n}"))).is_empty()).count();
    assert!(rest < 50, "what nobody asks for goes: {rest} of 60 are left");
    assert!(world.holders(key_of("popular")).len() > 5);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Whatever is stored and asked for, in whatever order.
    #[test]
    fn stores_and_tables_never_hold_more_than_they_may(
        store in 1u64..6, table in 1u64..8, seed in 0u64..1000,
        asked in prop::collection::vec((0usize..12, 0u8..20, any::<bool>()), 1..60),
    ) {
        let few = values().with("store_size", store).with("routing_size", table);
        let mut world = World::ring(12, seed, &few);
        for (host, thing, put) in asked {
            let key = format!("k{thing}");
            if put {
                world.put(host, &key, "v");
            } else if let Some(value) = world.get(host, &key) {
                prop_assert_eq!(value, "v");
            }
            for (_, bare) in world.sim.machines() {
                let (things, entries) = (bare.node.store.len() as u64, bare.node.table.entries() as u64);
                prop_assert!(things <= store && entries <= table, "{} things, {} entries", things, entries);
            }
        }
        prop_assert!(world.sim.machines().all(|(_, bare)| bare.node.walks.is_empty()), "no walk is left");
    }
}
