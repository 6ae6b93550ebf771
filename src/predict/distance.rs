//! How far nodes are from each other, by what the lab file says of links.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Add;
use std::time::Duration;

use crate::topology::{NodeId, NodeKind, Topology};

/// A way's length, one way. Of two ways with the same delay the one with fewer links is shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Distance {
    /// Configured, not measured.
    pub delay: Duration,
    pub links: u32,
}

impl Add for Distance {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { delay: self.delay + other.delay, links: self.links + other.links }
    }
}

/// Over the shortest link from one node to its neighbor, or two ports of an exchange; `None`: there is nothing.
pub(super) fn step(topology: &Topology, from: NodeId, to: NodeId) -> Option<Distance> {
    let made = topology.links.iter().filter(|link| link.over.is_none());
    let there = made.filter_map(|link| match (link.a, link.b) {
        (a, b) if (a, b) == (from, to) => Some(Distance { delay: link.impairments[0].delay, links: 1 }),
        (a, b) if (a, b) == (to, from) => Some(Distance { delay: link.impairments[1].delay, links: 1 }),
        _ => None,
    });
    let port = |router, exchange| topology.port(router, exchange).map(|port| &topology.links[port.0].impairments);
    let exchanges = topology.of_kind(|kind| kind == NodeKind::Exchange);
    let across = exchanges.filter_map(|exchange| {
        let delay = port(from, exchange)?[0].delay + port(to, exchange)?[1].delay;
        Some(Distance { delay, links: 2 })
    });
    there.chain(across).min()
}

/// From one node to all others, over routers, whatever routing says (Dijkstra 1959).
pub(super) fn shortest(topology: &Topology, from: NodeId) -> BTreeMap<NodeId, Distance> {
    let mut beside: BTreeMap<NodeId, Vec<(NodeId, Duration)>> = BTreeMap::new();
    for link in topology.links.iter().filter(|link| link.over.is_none()) {
        beside.entry(link.a).or_default().push((link.b, link.impairments[0].delay));
        beside.entry(link.b).or_default().push((link.a, link.impairments[1].delay));
    }
    let mut far = BTreeMap::from([(from, Distance { delay: Duration::ZERO, links: 0 })]);
    let mut open = BinaryHeap::from([Reverse((far[&from], from))]);
    while let Some(Reverse((length, at))) = open.pop() {
        let passes = at == from || !topology.node(at).kind.is_host();
        if far.get(&at).is_some_and(|known| *known < length) || !passes {
            continue;
        }
        for (next, delay) in beside.get(&at).into_iter().flatten() {
            let there = length + Distance { delay: *delay, links: 1 };
            if far.get(next).is_none_or(|known| there < *known) {
                far.insert(*next, there);
                open.push(Reverse((there, *next)));
            }
        }
    }
    far
}
