//! The network as a picture needs it, from a record's facts or from a lab file.

use std::collections::BTreeMap;

use crate::record::{LabFacts, LinkRole};
use crate::topology::{LinkKind, NodeKind, Place, Relation, Topology};

/// Nodes and links of a lab.
#[derive(Clone, Debug)]
pub struct Network {
    pub(crate) name: String,
    pub(crate) seed: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) links: Vec<Link>,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) kind: NodeKind,
    /// Name of its AS; of a stub's nodes, the stub's name.
    pub(crate) network: String,
    pub(crate) place: Option<Place>,
}

/// A link between two nodes, by index.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) a: usize,
    pub(crate) b: usize,
    pub(crate) kind: LinkWord,
}

/// What a link is between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkWord {
    Internal,
    /// `b` is a customer of `a`.
    Customer,
    Peer,
    /// From a gateway to a host.
    Access,
}

impl Node {
    pub(crate) fn is_host(&self) -> bool {
        self.kind.is_host()
    }

    /// As it is written beside the node: a gateway has its stub's name, a host the last part of its own.
    pub(crate) fn label(&self) -> &str {
        match self.kind {
            NodeKind::Gateway => &self.network,
            NodeKind::Router | NodeKind::Exchange => &self.name,
            NodeKind::Member | NodeKind::Client => self.name.rsplit('.').next().unwrap_or(&self.name),
        }
    }
}

impl Network {
    /// Of a lab that was built.
    pub fn of_facts(facts: &LabFacts) -> Self {
        let nodes = facts.nodes.iter().map(|n| Node {
            name: n.name.clone(),
            kind: n.kind,
            network: n.as_name.clone(),
            place: n.place,
        });
        let nodes: Vec<Node> = nodes.collect();
        let index: BTreeMap<&str, usize> = nodes.iter().enumerate().map(|(i, n)| (n.name.as_str(), i)).collect();
        let links = facts.links.iter().filter_map(|l| {
            let (a, b) = (*index.get(l.a.as_str())?, *index.get(l.b.as_str())?);
            let (a, b, kind) = match l.kind {
                LinkRole::Customer => (a, b, LinkWord::Customer),
                LinkRole::Provider => (b, a, LinkWord::Customer),
                LinkRole::Peer => (a, b, LinkWord::Peer),
                LinkRole::Access => (a, b, LinkWord::Access),
                LinkRole::Internal => (a, b, LinkWord::Internal),
            };
            Some(Link { name: l.name.clone(), a, b, kind })
        });
        Self { name: facts.lab.clone(), seed: facts.seed, links: links.collect(), nodes }
    }

    /// Of a lab file.
    pub fn of_topology(topology: &Topology) -> Self {
        let nodes = topology.nodes.iter().map(|n| Node {
            name: n.name.clone(),
            kind: n.kind,
            network: topology.ases[n.as_id.0].name.clone(),
            place: n.place,
        });
        let links = topology.links.iter().filter(|l| l.over.is_none()).map(|l| {
            let (a, b) = (l.a.0, l.b.0);
            let (a, b, kind) = match l.kind {
                LinkKind::Internal { .. } => (a, b, LinkWord::Internal),
                LinkKind::External(Relation::Customer) => (a, b, LinkWord::Customer),
                LinkKind::External(Relation::Provider) => (b, a, LinkWord::Customer),
                LinkKind::External(Relation::Peer) | LinkKind::Port => (a, b, LinkWord::Peer),
                LinkKind::Access => (a, b, LinkWord::Access),
            };
            Link { name: l.name.clone(), a, b, kind }
        });
        let (name, seed) = (topology.name.clone(), topology.seed);
        Self { name, seed, nodes: nodes.collect(), links: links.collect() }
    }

    /// Neighbors of every node, by index.
    pub(crate) fn neighbors(&self) -> Vec<Vec<usize>> {
        let mut neighbors = vec![Vec::new(); self.nodes.len()];
        for link in &self.links {
            neighbors[link.a].push(link.b);
            neighbors[link.b].push(link.a);
        }
        neighbors
    }
}
