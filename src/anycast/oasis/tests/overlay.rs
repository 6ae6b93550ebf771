//! An overlay whose nodes find each other by OASIS, and know of no place.

use std::net::SocketAddr;
use std::time::Duration;

use super::lab::{Lab, socket};
use crate::anycast::{Bootstrap, Coloring, Command, Healing, Infrastructure, NodeConfig, Redirect, Resident, Told};
use crate::machine::Time;
use crate::machine::sim::{Conditions, Sim};
use crate::overlay::id::Id;
use crate::overlay::{Given, LookupMode, Phase, Protocol};

const SERVERS: usize = 6;
const NODES: usize = 24;

fn config(lab: &Lab, host: usize) -> NodeConfig {
    NodeConfig {
        beyond: Default::default(),
        overlay: "music".to_owned(),
        host: format!("host{host}"),
        seed: 1,
        id: Id::of_node(1, "music", &format!("host{host}")),
        address: socket(host),
        infrastructure: lab.facts(),
        groups: Default::default(),
        color: None,
        bootstrap: Bootstrap::Anycast,
        well_known: Vec::new(),
        healing: Healing::RandomPeer,
        coloring: Coloring::Random,
        heal_every: Duration::from_secs(2),
        remember: Duration::from_secs(60),
        rendezvous: None,
        redirect: Redirect::Nearest,
        join_capacity: 64,
        drain: None,
        lookup: LookupMode::Iterative,
        place: None,
        protocol: Given::of(Protocol::all().next().unwrap()),
        replicas: 3,
        stabilize_every: Duration::from_millis(500),
        rpc_timeout: Duration::from_millis(200),
        rpc_tries: 3,
        key: None,
    }
}

fn network() -> Sim<Resident> {
    let lab = Lab { servers: SERVERS, endpoints: NODES, clients: 0, ..Lab::default() };
    let make = move |host: usize, _: SocketAddr, now: Time| {
        if host < SERVERS {
            Resident::Server(lab.server(host, now))
        } else {
            Resident::Node(Infrastructure::named("oasis").unwrap().node(config(&lab, host), now))
        }
    };
    let conditions = Conditions {
        seed: 1,
        hosts: (0..SERVERS + NODES).map(socket).collect(),
        groups: Vec::new(),
        delay: Box::new(|a, b| Duration::from_millis(2 + a.abs_diff(b) as u64)),
        loss: 0.0,
        propagation: Duration::from_millis(50),
    };
    let mut sim = Sim::new(conditions, make);
    for host in 0..SERVERS {
        // Whoever is told anything is asked when it wants to be woken.
        sim.tell(host, |_| {});
    }
    sim
}

/// Nodes of the largest island, by whom each knows.
fn largest(sim: &Sim<Resident>) -> usize {
    let islands = sim.machines().filter_map(|(_, resident)| resident.node()).map(|node| node.digest().island);
    islands.max().unwrap_or(0) as usize
}

#[test]
fn an_overlay_joins_and_heals_by_it() {
    let mut sim = network();
    sim.run_for(Duration::from_secs(3));
    let nodes: Vec<usize> = (SERVERS..SERVERS + NODES).collect();
    for (n, host) in nodes.iter().enumerate() {
        sim.command(*host, Told::Node(Command::Join { found: n == 0 }));
        sim.run_for(Duration::from_millis(if n == 0 { 5000 } else { 300 }));
    }
    let all = |sim: &Sim<Resident>| {
        let members = sim.machines().filter_map(|(_, r)| r.node()).filter(|node| node.phase() == Phase::Member);
        members.count() == NODES
    };
    assert!(sim.run_until(Duration::from_secs(20), all));
    sim.run_for(Duration::from_secs(10));
    println!("{NODES} nodes in an island of about {}", largest(&sim));
    let reachable = |sim: &Sim<Resident>| {
        // From the first, over all that each knows.
        let address = |host: usize| socket(host);
        let mut known = vec![nodes[0]];
        let mut at = 0;
        while at < known.len() {
            let peers = sim.machine(known[at]).and_then(Resident::node).unwrap().peers();
            let next = nodes.iter().copied().filter(|n| peers.iter().any(|peer| peer.address == address(*n)));
            let new: Vec<_> = next.filter(|n| !known.contains(n)).collect();
            known.extend(new);
            at += 1;
        }
        known.len()
    };
    assert_eq!(reachable(&sim), NODES);
    // Two islands, each with half of the core; then one network again.
    let west: Vec<usize> = (0..SERVERS / 2).chain(nodes.iter().copied().take(NODES / 2)).collect();
    sim.partition(&west);
    sim.run_for(Duration::from_secs(30));
    assert_eq!(reachable(&sim), NODES / 2, "each island has forgotten the other");
    sim.heal();
    let healed = sim.now();
    assert!(sim.run_until(Duration::from_secs(60), |sim| reachable(sim) == NODES));
    println!("two islands met {:?} after the network was one again", sim.now() - healed);
}
