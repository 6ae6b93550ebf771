//! An overlay whose members find each other through i3.

use std::collections::BTreeSet;

use super::*;
use crate::anycast::config::{Bootstrap, Coloring, Healing, NodeConfig, Redirect};
use crate::anycast::event::{Command, Event};
use crate::anycast::row::Asked;
use crate::overlay::{Given, LookupMode, Phase, Protocol};

fn node(facts: &Facts, host: usize) -> NodeConfig {
    let asked = Asked { colors: 0, rendezvous: false };
    NodeConfig {
        beyond: Default::default(),
        overlay: GROUP.into(),
        host: format!("h{host}"),
        seed: 1,
        id: Id::of_node(1, GROUP, &format!("h{host}")),
        address: address(host),
        infrastructure: facts.clone(),
        place: None,
        groups: i3().addresses(&asked, |_| SocketAddr::from(([10, 200, 0, 1], 4000))),
        color: None,
        bootstrap: Bootstrap::Anycast,
        well_known: Vec::new(),
        healing: Healing::RandomPeer,
        coloring: Coloring::Random,
        heal_every: seconds(2.0),
        remember: seconds(60.0),
        rendezvous: None,
        redirect: Redirect::Nearest,
        join_capacity: 4,
        drain: None,
        lookup: LookupMode::Iterative,
        protocol: Given::of(Protocol::default()).with("successors", 12),
        replicas: 3,
        stabilize_every: seconds(0.5),
        rpc_timeout: seconds(0.3),
        rpc_tries: 3,
        key: None,
    }
}

/// Numbers of nodes in islands, as the nodes see them.
fn islands(sim: &Sim<Resident>) -> BTreeSet<u32> {
    sim.machines().filter_map(|(_, r)| r.node()).map(|node| node.digest().island).collect()
}

#[test]
fn members_join_through_it_and_islands_find_each_other() {
    let mut world = World::with(90, 6, 12, &[], |facts, host, now| Resident::Node(i3().node(node(facts, host), now)));
    world.run(5.0);
    for host in world.endpoints() {
        world.sim.command(host, Told::Node(Command::Join { found: host == 6 }));
        world.run(if host == 6 { 8.0 } else { 0.5 });
    }
    world.run(10.0);
    let phases =
        world.sim.machines().filter_map(|(_, r)| r.node()).filter(|node| node.phase() == Phase::Member).count();
    assert_eq!((phases, islands(&world.sim)), (12, [12].into()));
    let joined = |deed: &Deed| {
        if let Deed::Node(Event::Joined { milliseconds, .. }) = deed { Some(*milliseconds) } else { None }
    };
    let mut took: Vec<f64> =
        world.sim.events().iter().filter(|e| e.host > 6).filter_map(|e| joined(&e.event)).collect();
    took.sort_by(f64::total_cmp);
    println!("members joined after {:.0} ms in the median, {:.0} at most", took[took.len() / 2], took[took.len() - 1]);

    let half: Vec<usize> = (0..18).filter(|host| host % 6 < 3).collect();
    world.sim.partition(&half);
    world.run(30.0);
    assert_eq!(islands(&world.sim), [6].into());
    world.sim.heal();
    let begin = world.sim.now();
    assert!(world.sim.run_until(seconds(120.0), |sim| islands(sim) == [12].into()), "{:?}", islands(&world.sim));
    println!("islands one again after {:.1} s", (world.sim.now() - begin).as_secs_f64());
}
