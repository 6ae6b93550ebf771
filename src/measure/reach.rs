//! Which hosts the links connect at all, as faults take links away and give them back.

use std::collections::{BTreeMap, BTreeSet};

use crate::physics::Egress;
use crate::record::{LabFacts, Record, What};

/// Physical components of the network over time.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// From when on, and the component of each node of [`LabFacts::nodes`]. The first entry is the whole lab.
    steps: Vec<(u64, Vec<usize>)>,
    nodes: BTreeMap<String, usize>,
}

impl Reach {
    /// Follows the states of the links.
    pub(crate) fn of(record: &Record) -> Self {
        let facts = &record.facts;
        let nodes: BTreeMap<String, usize> = facts.nodes.iter().enumerate().map(|(i, n)| (n.name.clone(), i)).collect();
        let links: BTreeMap<&str, usize> = facts.links.iter().enumerate().map(|(i, l)| (l.name.as_str(), i)).collect();
        let mut down: BTreeSet<usize> = BTreeSet::new();
        let mut steps = vec![(0, components(facts, &nodes, &down))];
        for event in &record.events {
            let What::Link { link, up, egress } = &event.what else { continue };
            let Some(&link) = links.get(link.as_str()) else { continue };
            let changed = if passes(*up, egress) { down.remove(&link) } else { down.insert(link) };
            if changed {
                steps.push((event.at, components(facts, &nodes, &down)));
            }
        }
        Self { steps, nodes }
    }

    /// Whether links led from one to the other at this moment, routing aside. Unknown names: yes.
    pub(crate) fn connected(&self, at: u64, a: &str, b: &str) -> bool {
        let (Some(&a), Some(&b)) = (self.nodes.get(a), self.nodes.get(b)) else { return true };
        let step = self.steps.partition_point(|(from, _)| *from <= at).max(1) - 1;
        self.steps[step].1[a] == self.steps[step].1[b]
    }

    /// When links parted the network, or joined it.
    pub(crate) fn changes(&self) -> impl Iterator<Item = u64> {
        self.steps.iter().map(|(at, _)| *at)
    }

    /// Whether all links were there at this moment, or so many that none is cut off.
    pub(crate) fn undivided(&self, at: u64) -> bool {
        let step = self.steps.partition_point(|(from, _)| *from <= at).max(1) - 1;
        step == 0 || self.steps[step].1 == self.steps[0].1
    }
}

/// Whether a link in this state lets frames through. Who can only send, or only hear, is cut off.
pub(crate) fn passes(up: bool, egress: &[Egress; 2]) -> bool {
    up && egress.iter().all(Egress::passes)
}

fn components(facts: &LabFacts, nodes: &BTreeMap<String, usize>, down: &BTreeSet<usize>) -> Vec<usize> {
    let mut adjacent = vec![Vec::new(); nodes.len()];
    for (i, link) in facts.links.iter().enumerate() {
        if let (false, Some(&a), Some(&b)) = (down.contains(&i), nodes.get(&link.a), nodes.get(&link.b)) {
            adjacent[a].push(b);
            adjacent[b].push(a);
        }
    }
    let mut component = vec![usize::MAX; nodes.len()];
    for start in 0..nodes.len() {
        let mut open = vec![start];
        while let Some(node) = open.pop() {
            if component[node] == usize::MAX {
                component[node] = start;
                open.extend(&adjacent[node]);
            }
        }
    }
    component
}
