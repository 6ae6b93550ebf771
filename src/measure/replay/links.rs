//! The links between nodes: which are up, what becomes of frames on them, and how long they take.

use std::collections::BTreeMap;

use crate::measure::replay::index::{Node, indices};
use crate::physics::{Egress, Impairment};
use crate::record::{LabFacts, LinkFacts};
use crate::topology::NodeKind;

/// One link, as it is now.
struct Link<'a> {
    facts: &'a LinkFacts,
    /// Those that the lab has.
    ends: Vec<Node>,
    up: bool,
    /// Of `a`'s end, and of `b`'s.
    egress: [Egress; 2],
}

/// What frames pass between two nodes.
type Way = Vec<(usize, usize)>;

/// All links of a lab.
pub(crate) struct Links<'a> {
    links: Vec<Link<'a>>,
    names: BTreeMap<&'a str, usize>,
    /// From one node to another: each way, a link or two ports of an exchange, each with the end that frames leave from.
    between: BTreeMap<(Node, Node), Vec<Way>>,
}

impl<'a> Links<'a> {
    /// All up, with what the lab file gives them.
    pub(crate) fn new(facts: &'a LabFacts) -> Self {
        let nodes = indices(facts);
        let mut between: BTreeMap<(Node, Node), Vec<Way>> = BTreeMap::new();
        let mut ports: BTreeMap<Node, Vec<(Node, usize)>> = BTreeMap::new();
        for (index, link) in facts.links.iter().enumerate() {
            let (Some(a), Some(b)) = (nodes.get(&*link.a), nodes.get(&*link.b)) else { continue };
            between.entry((*a, *b)).or_default().push(vec![(index, 0)]);
            between.entry((*b, *a)).or_default().push(vec![(index, 1)]);
            if facts.nodes[*b].kind == NodeKind::Exchange {
                ports.entry(*b).or_default().push((*a, index));
            }
        }
        for all in ports.values() {
            for (a, near) in all {
                for (b, far) in all.iter().filter(|(b, _)| b != a) {
                    between.entry((*a, *b)).or_default().push(vec![(*near, 0), (*far, 1)]);
                }
            }
        }
        let egress = |impairment: Impairment| Egress { impairment, ..Egress::default() };
        let link = |facts: &'a LinkFacts| Link {
            facts,
            ends: [&facts.a, &facts.b].into_iter().filter_map(|end| nodes.get(end.as_str()).copied()).collect(),
            up: true,
            egress: facts.impairments.map(egress),
        };
        Self {
            links: facts.links.iter().map(link).collect(),
            names: facts.links.iter().enumerate().map(|(i, l)| (l.name.as_str(), i)).collect(),
            between,
        }
    }

    /// A link's new state; returns the nodes at its ends, none if the lab has no such link.
    pub(crate) fn set(&mut self, link: &str, up: bool, egress: &[Egress; 2]) -> Vec<Node> {
        let Some(&index) = self.names.get(link) else { return Vec::new() };
        let link = &mut self.links[index];
        (link.up, link.egress) = (up, *egress);
        link.ends.clone()
    }

    fn between(
        &self,
        from: Node,
        to: Node,
    ) -> impl Iterator<Item = impl Iterator<Item = (&Link<'a>, &Egress)> + Clone> {
        let all = self.between.get(&(from, to)).into_iter().flatten();
        all.map(|way| way.iter().map(|(index, end)| (&self.links[*index], &self.links[*index].egress[*end])))
    }

    /// Whether there is a link between two nodes, or an exchange, up or not.
    pub(crate) fn adjacent(&self, a: Node, b: Node) -> bool {
        self.between.contains_key(&(a, b))
    }

    /// Whether anything between two nodes is up.
    pub(crate) fn up(&self, a: Node, b: Node) -> bool {
        self.between(a, b).any(|mut way| way.all(|(link, _)| link.up))
    }

    /// Whether frames get from one node to its neighbor: over any link between them, for which one a packet
    /// takes is not known.
    pub(crate) fn carry(&self, from: Node, to: Node) -> bool {
        self.between(from, to).any(|mut way| way.all(|(link, egress)| link.up && egress.passes()))
    }

    /// Nanoseconds that frames from one node to its neighbor are delayed; `None` if none gets there, or
    /// there are several links.
    pub(crate) fn delay(&self, from: Node, to: Node) -> Option<u64> {
        let mut all = self.between(from, to);
        let (Some(way), None) = (all.next(), all.next()) else { return None };
        let passes = way.clone().all(|(link, egress)| link.up && egress.passes());
        passes.then(|| way.map(|(_, egress)| egress.impairment.delay.as_nanos() as u64).sum())
    }

    /// What a link does to frames from this end of it, and the other end.
    pub(crate) fn from(&self, link: &str, end: &str) -> Option<(&Impairment, &'a str)> {
        let link = &self.links[*self.names.get(link)?];
        let (index, other) = if end == link.facts.a { (0, &link.facts.b) } else { (1, &link.facts.a) };
        Some((&link.egress[index].impairment, other))
    }
}
