//! Which routes every router should end up with, from the relations between ASes alone.

use std::collections::{BTreeSet, VecDeque};

use crate::topology::{AsId, LinkKind, Relation, Topology};

/// For each AS, the ASes whose routes reach it over a valley-free path (Gao and Rexford): up through
/// providers, across at most one peer link, down through customers.
///
/// The links in `cut` do not count.
pub fn valley_free(topology: &Topology, cut: &BTreeSet<usize>) -> Vec<BTreeSet<AsId>> {
    let neighbors = neighbors(topology, cut);
    let mut heard = vec![BTreeSet::new(); topology.ases.len()];
    for origin in 0..topology.ases.len() {
        for receiver in spread(&neighbors, origin) {
            heard[receiver].insert(AsId(origin));
        }
    }
    heard
}

/// `[as] = (neighbor, what the neighbor is to the AS)`.
fn neighbors(topology: &Topology, cut: &BTreeSet<usize>) -> Vec<Vec<(usize, Relation)>> {
    let mut all = vec![Vec::new(); topology.ases.len()];
    for (index, link) in topology.links.iter().enumerate() {
        if let LinkKind::External(relation) = link.kind
            && !cut.contains(&index)
        {
            let (a, b) = (topology.node(link.a).as_id.0, topology.node(link.b).as_id.0);
            all[a].push((b, relation));
            all[b].push((a, relation.reversed()));
        }
    }
    all
}

/// Everyone who hears a route of `origin`. A route climbs (state 0) until it has crossed a peer link
/// or gone down once (state 1); from then on it only goes down.
fn spread(neighbors: &[Vec<(usize, Relation)>], origin: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::from([(origin, 0)]);
    let mut queue = VecDeque::from([(origin, 0)]);
    while let Some((at, state)) = queue.pop_front() {
        for (next, relation) in &neighbors[at] {
            let step = match (relation, state) {
                (Relation::Provider, 0) => Some((*next, 0)),
                (Relation::Peer, 0) | (Relation::Customer, _) => Some((*next, 1)),
                _ => None,
            };
            if let Some(step) = step
                && seen.insert(step)
            {
                queue.push_back(step);
            }
        }
    }
    seen.into_iter().map(|(receiver, _)| receiver).collect()
}
