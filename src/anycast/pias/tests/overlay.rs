//! An overlay whose members find each other through proxies.

use std::collections::BTreeSet;

use super::*;
use crate::anycast::{Bootstrap, Coloring, Command, Event, Healing, NodeConfig, Redirect};
use crate::overlay::{Given, LookupMode, Phase, Protocol};

/// Nodes of Chord instead of programs' agents.
fn world(plan: Plan, healing: Healing) -> World {
    let make = move |plan: &Plan, host: usize, now: Time| {
        let mut busy = plan.being_of(host, 1, now);
        if plan.members().contains(&host) {
            let name = format!("h{host}");
            let config = NodeConfig {
                beyond: Default::default(),
                overlay: "g1".into(),
                seed: plan.seed,
                id: Id::of_node(plan.seed, "g1", &name),
                address: address(host, 4000),
                infrastructure: plan.facts(),
                place: None,
                groups: [(Part(0), group_address(1))].into(),
                color: None,
                bootstrap: Bootstrap::Anycast,
                well_known: Vec::new(),
                healing,
                coloring: Coloring::Random,
                heal_every: seconds(5.0),
                remember: seconds(60.0),
                key: None,
                rendezvous: None,
                redirect: Redirect::Nearest,
                join_capacity: 1000,
                drain: None,
                lookup: LookupMode::Iterative,
                protocol: Given::of(Protocol::default()),
                replicas: 2,
                stabilize_every: seconds(1.0),
                rpc_timeout: seconds(0.3),
                rpc_tries: 3,
                host: name,
            };
            let node = Infrastructure::named("pias").unwrap().node(config, now);
            busy.being.resident = Some(Resident::Node(node));
        }
        busy
    };
    plan.world_made(make)
}

fn node(world: &World, host: usize) -> Option<&dyn crate::anycast::Node> {
    world.sim.machine(host)?.being.resident.as_ref()?.node()
}

/// Whom one can reach through neighbors.
fn island(world: &World, from: usize) -> BTreeSet<usize> {
    let (mut seen, mut next) = (BTreeSet::from([from]), vec![from]);
    while let Some(host) = next.pop() {
        let peers = node(world, host).map(|node| node.peers()).unwrap_or_default();
        for other in peers.into_iter().map(|peer| host_of(peer.address)) {
            if seen.insert(other) {
                next.push(other);
            }
        }
    }
    seen
}

fn join_all(world: &mut World) {
    for (index, member) in world.plan.members().enumerate() {
        world.sim.command(member, Wish::Told(Told::Node(Command::Join { found: index == 0 })));
        world.sim.run_for(seconds(if index == 0 { 8.0 } else { 0.2 }));
    }
    world.sim.run_for(seconds(20.0));
}

#[test]
fn an_overlay_joins_through_proxies_and_its_members_announce_nothing() {
    let mut world = world(Plan::random(6, 24, 0, 100), Healing::None);
    join_all(&mut world);
    for member in world.plan.members() {
        assert_eq!(node(&world, member).map(|node| node.phase()), Some(Phase::Member), "{member}");
        assert_eq!(island(&world, member).len(), 24);
    }
    assert_eq!(world.targets(), 24);
    let founded = |happened: &&Happened<Fact>| {
        matches!(happened.event, Fact::Deed(Deed::Node(Event::Joined { served_by: None, .. })))
    };
    assert_eq!(world.sim.events().iter().filter(founded).count(), 1, "one has begun the overlay");
    for host in world.plan.members() {
        assert!(world.sim.catchment(1, host).is_some_and(|announcer| announcer < 6));
    }
    let leaver = world.plan.members().start;
    world.sim.command(leaver, Wish::Told(Told::Node(Command::Leave)));
    world.sim.run_for(seconds(3.0));
    assert_eq!(world.targets(), 23);
    let left =
        |happened: &Happened<Fact>| happened.host == leaver && happened.event == Fact::Deed(Deed::Node(Event::Left));
    assert!(world.sim.events().iter().any(left));
}

#[test]
fn islands_heal_by_random_members_that_the_proxies_name() {
    for (healing, islands) in [(Healing::RandomPeer, 1), (Healing::None, 2)] {
        let plan = Plan::random(6, 16, 0, 101);
        let mut world = world(plan.clone(), healing);
        join_all(&mut world);
        let side = |host: usize| plan.nearest(host, 0..6) < 3;
        let one: Vec<_> = (0..plan.places.len()).filter(|host| side(*host)).collect();
        world.sim.partition(&one);
        world.sim.run_for(seconds(60.0));
        let all = |world: &World| plan.members().map(|member| island(world, member)).collect::<BTreeSet<_>>();
        assert_eq!(all(&world).len(), 2, "{healing:?}");
        world.sim.heal();
        world.sim.run_for(seconds(40.0));
        assert_eq!(all(&world).len(), islands, "{healing:?}");
    }
}
