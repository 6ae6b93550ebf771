//! Which hosts the links connect at all, as faults take links away and give them back.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{LabFacts, What};
use crate::measure::Record;

/// Physical components of the network over time.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// From when on, and the component of each node of [`LabFacts::nodes`]. The first entry is the whole lab.
    steps: Vec<(u64, Vec<usize>)>,
    nodes: BTreeMap<String, usize>,
}

impl Reach {
    /// Follows `cut`, `mend`, `fail` and `recover`.
    pub(crate) fn of(record: &Record) -> Self {
        let facts = &record.facts;
        let nodes: BTreeMap<String, usize> = facts.nodes.iter().enumerate().map(|(i, n)| (n.name.clone(), i)).collect();
        let mut down: BTreeSet<usize> = BTreeSet::new();
        let mut steps = vec![(0, components(facts, &nodes, &down))];
        for event in &record.events {
            let What::Fault { verb, target, .. } = &event.what else { continue };
            let links = match verb.as_str() {
                "cut" | "mend" => (0..facts.links.len()).filter(|l| facts.links[*l].name == *target).collect(),
                "fail" | "recover" => uplinks(facts, target),
                _ => continue,
            };
            if matches!(verb.as_str(), "cut" | "fail") {
                down.extend(links);
            } else {
                down.retain(|l| !links.contains(l));
            }
            steps.push((event.at, components(facts, &nodes, &down)));
        }
        Self { steps, nodes }
    }

    /// Whether links led from one to the other at this moment, routing aside. Unknown names: yes.
    pub(crate) fn connected(&self, at: u64, a: &str, b: &str) -> bool {
        let (Some(&a), Some(&b)) = (self.nodes.get(a), self.nodes.get(b)) else { return true };
        let step = self.steps.partition_point(|(from, _)| *from <= at).max(1) - 1;
        self.steps[step].1[a] == self.steps[step].1[b]
    }

    /// Whether all links were there at this moment, or so many that none is cut off.
    pub(crate) fn undivided(&self, at: u64) -> bool {
        let step = self.steps.partition_point(|(from, _)| *from <= at).max(1) - 1;
        step == 0 || self.steps[step].1 == self.steps[0].1
    }
}

fn uplinks(facts: &LabFacts, stub: &str) -> Vec<usize> {
    let gateway = facts.nodes.iter().find(|n| n.kind == "gateway" && n.stub.as_deref() == Some(stub));
    let Some(gateway) = gateway.map(|n| n.name.as_str()) else { return Vec::new() };
    let is_uplink = |l: &usize| {
        let link = &facts.links[*l];
        link.kind != "access" && (link.a == gateway || link.b == gateway)
    };
    (0..facts.links.len()).filter(is_uplink).collect()
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
