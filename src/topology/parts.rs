//! The parts that a graph falls into.

use std::collections::{BTreeMap, BTreeSet};

/// Connected components in order of their first node.
pub(super) fn parts<N: Copy + Ord>(nodes: &[N], links: impl Iterator<Item = (N, N)>) -> Vec<Vec<N>> {
    let mut neighbors: BTreeMap<N, Vec<N>> = nodes.iter().map(|n| (*n, Vec::new())).collect();
    for (a, b) in links {
        if neighbors.contains_key(&a) && neighbors.contains_key(&b) {
            neighbors.entry(a).or_default().push(b);
            neighbors.entry(b).or_default().push(a);
        }
    }
    let mut seen = BTreeSet::new();
    let mut parts = Vec::new();
    for node in nodes {
        if !seen.insert(*node) {
            continue;
        }
        let (mut part, mut next) = (vec![*node], 0);
        while next < part.len() {
            let unseen: Vec<_> = neighbors[&part[next]].iter().copied().filter(|n| seen.insert(*n)).collect();
            part.extend(unseen);
            next += 1;
        }
        part.sort_unstable();
        parts.push(part);
    }
    parts
}
