//! A lab's links as delays between its hosts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::delay::Delays;
use crate::physics::Egress;
use crate::scenario::damage::Damage;
use crate::topology::{LinkId, NodeId, NodeKind, Topology};

/// What a frame takes over a link without a delay: some tens of microseconds, as between network namespaces. So
/// without delays the way of the fewest links is the shortest.
const LINK: Duration = Duration::from_micros(20);

/// What the links are worth between some hosts at one moment.
pub(super) struct Ways {
    pub(super) delays: Delays,
    /// Hosts of different sides cannot reach each other.
    pub(super) sides: Vec<u32>,
}

impl Ways {
    /// The way with the least sum of configured delays from each host to each, over links that pass frames in
    /// both directions. Real routing follows policies, and may take a longer one.
    pub(super) fn between(hosts: &[NodeId], topology: &Topology, damage: &Damage) -> Self {
        let mut links: Vec<Vec<(usize, Duration)>> = vec![Vec::new(); topology.nodes.len()];
        for (index, link) in topology.links.iter().enumerate().filter(|(_, link)| link.over.is_none()) {
            let state = damage.link(LinkId(index), topology);
            if state.up && state.egress.iter().all(Egress::passes) {
                links[link.a.0].push((link.b.0, state.egress[0].impairment.delay + LINK));
                links[link.b.0].push((link.a.0, state.egress[1].impairment.delay + LINK));
            }
        }
        let mut all = Vec::with_capacity(hosts.len() * hosts.len());
        let mut sides: Vec<u32> = vec![0; hosts.len()];
        for (index, host) in hosts.iter().enumerate() {
            let far = distances(host.0, &links);
            let reached = |other: &NodeId| far[other.0].is_some();
            // The first host that it can reach stands for all of its side.
            sides[index] = hosts.iter().position(reached).unwrap_or(index) as u32;
            all.extend(hosts.iter().map(|other| far[other.0].unwrap_or_default()));
        }
        Self { delays: Delays::of_one_way(hosts.len(), all), sides }
    }
}

/// One-way delays between a network's routers, without faults.
pub fn between_routers(topology: &Topology) -> Delays {
    let routers: Vec<NodeId> = topology.of_kind(|kind| kind == NodeKind::Router).collect();
    Ways::between(&routers, topology, &Damage::default()).delays
}

/// From one node to all (Dijkstra); `None`: no link leads there.
fn distances(from: usize, links: &[Vec<(usize, Duration)>]) -> Vec<Option<Duration>> {
    let mut far = vec![None; links.len()];
    let mut open = BinaryHeap::from([Reverse((Duration::ZERO, from))]);
    while let Some(Reverse((so_far, node))) = open.pop() {
        if far[node].is_none() {
            far[node] = Some(so_far);
            open.extend(links[node].iter().map(|(next, delay)| Reverse((so_far + *delay, *next))));
        }
    }
    far
}
