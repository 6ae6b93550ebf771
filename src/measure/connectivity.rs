//! Connected components of a graph that changes: an edge at a time, at the cost of the smaller side.

use std::collections::{BTreeMap, BTreeSet};

/// Undirected graph over nodes `0..n`, of which some are present, with its components kept current.
#[derive(Clone, Debug)]
pub(crate) struct Connectivity {
    edges: Vec<BTreeSet<usize>>,
    /// Equal labels: same component. `None`: the node is absent.
    labels: Vec<Option<usize>>,
    /// Nodes by label.
    sizes: BTreeMap<usize, usize>,
    next_label: usize,
    /// Stamp of the search that last met a node, so that a search need not clear anything.
    met: Vec<usize>,
    stamp: usize,
}

impl Connectivity {
    /// A graph of `n` absent nodes.
    pub(crate) fn new(n: usize) -> Self {
        let edges = vec![BTreeSet::new(); n];
        Self { edges, labels: vec![None; n], sizes: BTreeMap::new(), next_label: 0, met: vec![0; n], stamp: 0 }
    }

    pub(crate) fn contains(&self, node: usize) -> bool {
        self.labels[node].is_some()
    }

    /// The component of a present node; comparable until the next change.
    pub(crate) fn component(&self, node: usize) -> Option<usize> {
        self.labels[node]
    }

    /// Number of components.
    pub(crate) fn count(&self) -> usize {
        self.sizes.len()
    }

    /// Sizes of the components, largest first.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = self.sizes.values().copied().collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes
    }

    /// Adds a node as a component of its own; no effect on a present one.
    pub(crate) fn insert(&mut self, node: usize) {
        if self.labels[node].is_none() {
            self.relabel(&[node]);
        }
    }

    /// Removes a node and its edges.
    pub(crate) fn remove(&mut self, node: usize) {
        for neighbor in self.edges[node].clone() {
            self.unlink(node, neighbor);
        }
        if let Some(label) = self.labels[node].take() {
            self.shrink(label, 1);
        }
    }

    /// Adds an edge between two present nodes.
    pub(crate) fn link(&mut self, a: usize, b: usize) {
        let (Some(label_a), Some(label_b)) = (self.labels[a], self.labels[b]) else { return };
        if a == b {
            return;
        }
        if label_a != label_b {
            let (small, label) = if self.sizes[&label_a] < self.sizes[&label_b] { (a, label_b) } else { (b, label_a) };
            let members = self.flood(small);
            self.assign(&members, label);
        }
        self.edges[a].insert(b);
        self.edges[b].insert(a);
    }

    /// Removes an edge, if there is one.
    pub(crate) fn unlink(&mut self, a: usize, b: usize) {
        if self.edges[a].remove(&b) {
            self.edges[b].remove(&a);
            if let Some(part) = self.part_between(a, b) {
                self.relabel(&part);
            }
        }
    }

    /// Searches from both ends in turn. Overlays are well connected, so that the searches meet
    /// soon; if not, the smaller part is exhausted first, and returned.
    fn part_between(&mut self, a: usize, b: usize) -> Option<Vec<usize>> {
        self.stamp += 2;
        let stamps = [self.stamp, self.stamp + 1];
        let mut parts = [vec![a], vec![b]];
        let mut done = [0, 0];
        self.met[a] = stamps[0];
        self.met[b] = stamps[1];
        let mut side = 0;
        loop {
            let Some(&node) = parts[side].get(done[side]) else { return Some(std::mem::take(&mut parts[side])) };
            done[side] += 1;
            for &next in &self.edges[node] {
                if self.met[next] == stamps[1 - side] {
                    return None;
                }
                if self.met[next] != stamps[side] {
                    self.met[next] = stamps[side];
                    parts[side].push(next);
                }
            }
            side = 1 - side;
        }
    }

    fn flood(&mut self, from: usize) -> Vec<usize> {
        self.stamp += 2;
        let mut members = vec![from];
        self.met[from] = self.stamp;
        let mut done = 0;
        while let Some(&node) = members.get(done) {
            done += 1;
            for &next in &self.edges[node] {
                if self.met[next] != self.stamp {
                    self.met[next] = self.stamp;
                    members.push(next);
                }
            }
        }
        members
    }

    fn relabel(&mut self, members: &[usize]) {
        self.next_label += 1;
        self.assign(members, self.next_label);
    }

    fn assign(&mut self, members: &[usize], label: usize) {
        for &member in members {
            if let Some(old) = self.labels[member].replace(label) {
                self.shrink(old, 1);
            }
        }
        *self.sizes.entry(label).or_default() += members.len();
    }

    fn shrink(&mut self, label: usize, by: usize) {
        if let Some(size) = self.sizes.get_mut(&label) {
            *size -= by;
            if *size == 0 {
                self.sizes.remove(&label);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(usize),
        Remove(usize),
        Link(usize, usize),
        Unlink(usize, usize),
    }

    const NODES: usize = 12;

    fn step() -> impl Strategy<Value = Step> {
        let node = 0..NODES;
        prop_oneof![
            2 => node.clone().prop_map(Step::Insert),
            1 => node.clone().prop_map(Step::Remove),
            4 => (node.clone(), node.clone()).prop_map(|(a, b)| Step::Link(a, b)),
            3 => (node.clone(), node).prop_map(|(a, b)| Step::Unlink(a, b)),
        ]
    }

    /// Union-find over the present nodes and edges, from nothing.
    fn oracle(present: &BTreeSet<usize>, edges: &BTreeSet<(usize, usize)>) -> Vec<usize> {
        fn root(parents: &[usize], mut node: usize) -> usize {
            while parents[node] != node {
                node = parents[node];
            }
            node
        }
        let mut parents: Vec<usize> = (0..NODES).collect();
        for &(a, b) in edges {
            let (a, b) = (root(&parents, a), root(&parents, b));
            parents[a] = b;
        }
        present.iter().map(|n| root(&parents, *n)).collect()
    }

    proptest! {
        #[test]
        fn agrees_with_union_find(steps in prop::collection::vec(step(), 0..120)) {
            let mut graph = Connectivity::new(NODES);
            let (mut present, mut edges) = (BTreeSet::new(), BTreeSet::new());
            for step in steps {
                match step {
                    Step::Insert(n) => { graph.insert(n); present.insert(n); }
                    Step::Remove(n) => { graph.remove(n); present.remove(&n); edges.retain(|(a, b)| *a != n && *b != n); }
                    Step::Link(a, b) => {
                        graph.link(a, b);
                        if a != b && present.contains(&a) && present.contains(&b) { edges.insert((a.min(b), a.max(b))); }
                    }
                    Step::Unlink(a, b) => { graph.unlink(a, b); edges.remove(&(a.min(b), a.max(b))); }
                }
                let roots = oracle(&present, &edges);
                let labels: Vec<usize> = present.iter().map(|n| graph.component(*n).unwrap()).collect();
                for i in 0..labels.len() {
                    for j in 0..i {
                        prop_assert_eq!(labels[i] == labels[j], roots[i] == roots[j]);
                    }
                }
                let distinct: BTreeSet<usize> = roots.iter().copied().collect();
                let mut sizes: Vec<usize> = distinct.iter().map(|r| roots.iter().filter(|x| *x == r).count()).collect();
                sizes.sort_unstable_by(|a, b| b.cmp(a));
                prop_assert_eq!(graph.count(), distinct.len());
                prop_assert_eq!(graph.sizes(), sizes);
            }
        }
    }
}
