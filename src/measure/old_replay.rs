//! The kernels' routes to the groups, replayed: after every change, where each node's packets end.
//!
//! - An interface that goes down takes the routes through it along, and IPv4's kernel tells nobody. A route of
//!   several next hops loses those, and has them again when the interface comes back.
//! - A link that swallows what is sent over it, and a host that has withdrawn or whose node does not run,
//!   are as good as no route.
//! - Nothing is said of what the record does not tell: a next hop without a known owner leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::measure::model::Nowhere;
use crate::record::Record;
use crate::record::{Deed, FibChange, LabFacts, NodeDid, ProcessDeed, ProcessKind, What};

/// A node, by its index in [`LabFacts::nodes`].
pub(super) type Node = usize;

/// A next hop: its owner if that is known, and the interface if the record has it.
struct Hop<'a> {
    to: Option<Node>,
    via: IpAddr,
    interface: Option<&'a str>,
}

/// One address of one group, and the routes to it.
struct Target<'a> {
    group: &'a str,
    address: IpAddr,
    prefix: IpNet,
    routes: Vec<Option<Vec<Hop<'a>>>>,
    /// Hosts that have withdrawn the group.
    withdrawn: BTreeSet<Node>,
}

/// What a node does with packets to one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// It hands them on to these.
    pub(super) next: Vec<Node>,
    /// Some of them, or all, end here.
    pub(super) ends: Option<Nowhere>,
    /// It answers them itself.
    pub(super) serves: bool,
}

/// A target, and the nodes whose ways to it may be others than before; none named: any.
pub(super) type Changed = (usize, Vec<Node>);

/// The state of all tables, as the record's events are taken in.
pub(super) struct Replay<'a> {
    nodes: BTreeMap<&'a str, Node>,
    hosts: Vec<bool>,
    owners: BTreeMap<IpAddr, Node>,
    links: BTreeMap<&'a str, (Node, Node)>,
    /// From one node to another: how many links there are, and how many of them swallow what they are given.
    between: BTreeMap<(Node, Node), (usize, BTreeSet<&'a str>)>,
    down: BTreeSet<(Node, &'a str)>,
    /// Hosts whose node has been killed, or stopped.
    silent: BTreeSet<Node>,
    targets: Vec<Target<'a>>,
}

impl<'a> Replay<'a> {
    pub(super) fn new(record: &'a Record) -> Self {
        let facts: &'a LabFacts = &record.facts;
        let nodes: BTreeMap<&str, Node> = facts.nodes.iter().enumerate().map(|(i, n)| (n.name.as_str(), i)).collect();
        let links =
            facts.links.iter().filter_map(|l| Some((l.name.as_str(), (*nodes.get(&*l.a)?, *nodes.get(&*l.b)?))));
        let links: BTreeMap<&str, (Node, Node)> = links.collect();
        let mut between: BTreeMap<(Node, Node), (usize, BTreeSet<&str>)> = BTreeMap::new();
        for (a, b) in links.values() {
            between.entry((*a, *b)).or_default().0 += 1;
            between.entry((*b, *a)).or_default().0 += 1;
        }
        let target = |group: &'a str, address: &IpAddr| Target {
            group,
            address: *address,
            prefix: IpNet::from(*address),
            routes: facts.nodes.iter().map(|_| None).collect(),
            withdrawn: BTreeSet::new(),
        };
        let targets = facts.groups.iter().flat_map(|g| g.addresses.iter().map(move |a| target(&g.name, a)));
        Self {
            hosts: facts.nodes.iter().map(|n| n.kind.is_host()).collect(),
            owners: facts
                .nodes
                .iter()
                .enumerate()
                .flat_map(|(i, n)| n.addresses.iter().map(move |a| (*a, i)))
                .collect(),
            nodes,
            links,
            between,
            down: BTreeSet::new(),
            silent: BTreeSet::new(),
            targets: targets.collect(),
        }
    }

    /// Number of addresses.
    pub(super) fn targets(&self) -> usize {
        self.targets.len()
    }

    /// Name of the group, and the address.
    pub(super) fn target(&self, target: usize) -> (&'a str, IpAddr) {
        (self.targets[target].group, self.targets[target].address)
    }

    /// Takes an event in; returns the targets whose ways it may have changed.
    pub(super) fn apply(&mut self, what: &'a What) -> Vec<Changed> {
        match what {
            What::Fib { node, change } => self.route(node, change).into_iter().collect(),
            What::Carrier { node, interface, up } => self.carrier(node, interface, *up),
            What::Link { link, egress, .. } => {
                let Some(&(a, b)) = self.links.get(link.as_str()) else { return Vec::new() };
                for (ends, egress) in [((a, b), &egress[0]), ((b, a), &egress[1])] {
                    let Some((_, swallowing)) = self.between.get_mut(&ends) else { continue };
                    if egress.passes() {
                        swallowing.remove(link.as_str())
                    } else {
                        swallowing.insert(link)
                    };
                }
                self.all()
            }
            What::Renumbered { node, addresses } => {
                let Some(&node) = self.nodes.get(node.as_str()) else { return Vec::new() };
                self.owners.retain(|_, owner| *owner != node);
                self.owners.extend(addresses.iter().map(|address| (*address, node)));
                for hop in self.targets.iter_mut().flat_map(|t| &mut t.routes).flatten().flatten() {
                    hop.to = self.owners.get(&hop.via).copied();
                }
                self.all()
            }
            What::Exit { node, kind: Some(ProcessKind::Node), .. } => self.silence(node, true),
            What::Fault { target, deed: Some(Deed::Process { done, processes }), .. }
                if processes.contains(&ProcessKind::Node) =>
            {
                match done {
                    // Its end is told by itself.
                    ProcessDeed::Crash => Vec::new(),
                    ProcessDeed::Freeze => self.silence(target, true),
                    ProcessDeed::Thaw | ProcessDeed::Restart => self.silence(target, false),
                }
            }
            What::Node { node, did, .. } => self.node(node, did),
            _ => Vec::new(),
        }
    }

    fn all(&self) -> Vec<Changed> {
        (0..self.targets.len()).map(|target| (target, Vec::new())).collect()
    }

    fn route(&mut self, node: &str, change: &'a FibChange) -> Option<Changed> {
        let node = *self.nodes.get(node)?;
        let prefix: IpNet = change.prefix.parse().ok()?;
        let index = self.targets.iter().position(|t| t.prefix == prefix)?;
        let target = &mut self.targets[index];
        let hop = |(i, via): (usize, &IpAddr)| Hop {
            to: self.owners.get(via).copied(),
            via: *via,
            interface: change.interfaces.get(i).map(String::as_str),
        };
        let hops: Vec<Hop<'a>> = change.via.iter().enumerate().map(hop).collect();
        let mut nodes = vec![node];
        for host in hops.iter().filter_map(|hop| hop.to).filter(|to| change.add && self.hosts[*to]) {
            // It announces again, and has not yet said so.
            target.withdrawn.remove(&host);
            nodes.push(host);
        }
        target.routes[node] = change.add.then_some(hops);
        Some((index, nodes))
    }

    fn carrier(&mut self, node: &str, interface: &'a str, up: bool) -> Vec<Changed> {
        let Some(&node) = self.nodes.get(node) else { return Vec::new() };
        if up {
            self.down.remove(&(node, interface));
            return self.all();
        }
        self.down.insert((node, interface));
        for target in &mut self.targets {
            let dead = |hop: &Hop<'_>| hop.interface.is_some_and(|name| self.down.contains(&(node, name)));
            if target.routes[node].as_ref().is_some_and(|hops| !hops.is_empty() && hops.iter().all(dead)) {
                target.routes[node] = None;
            }
        }
        self.all()
    }

    fn silence(&mut self, node: &str, silent: bool) -> Vec<Changed> {
        let Some(&node) = self.nodes.get(node).filter(|node| self.hosts[**node]) else { return Vec::new() };
        let changed = if silent { self.silent.insert(node) } else { self.silent.remove(&node) };
        if changed { self.all() } else { Vec::new() }
    }

    fn node(&mut self, name: &str, did: &NodeDid) -> Vec<Changed> {
        let (group, withdrew) = match did {
            NodeDid::Announced { group } => (group, false),
            NodeDid::Withdrew { group } => (group, true),
            _ => return self.silence(name, false),
        };
        let mut changed = self.silence(name, false);
        let Some(&node) = self.nodes.get(name) else { return changed };
        for (index, target) in self.targets.iter_mut().enumerate().filter(|(_, t)| t.group == group) {
            if withdrew {
                target.withdrawn.insert(node)
            } else {
                target.withdrawn.remove(&node)
            };
            changed.push((index, vec![node]));
        }
        changed
    }

    /// What a node does with packets to this target.
    pub(super) fn way(&self, target: usize, node: Node) -> Way {
        let target = &self.targets[target];
        if self.hosts[node] {
            let silent = target.withdrawn.contains(&node) || self.silent.contains(&node);
            return Way { ends: silent.then_some(Nowhere::SilentHost), serves: !silent, ..Way::default() };
        }
        let Some(hops) = &target.routes[node] else {
            return Way { ends: Some(Nowhere::NoRoute), ..Way::default() };
        };
        let mut way = Way::default();
        let is_up = |hop: &&Hop<'_>| hop.interface.is_none_or(|name| !self.down.contains(&(node, name)));
        for hop in hops.iter().filter(is_up) {
            let swallowed = |to: Node| self.between.get(&(node, to)).is_some_and(|(all, bad)| *all == bad.len());
            match hop.to {
                Some(to) if swallowed(to) => way.ends = Some(Nowhere::SilentLink),
                Some(to) => way.next.push(to),
                None => {}
            }
        }
        if hops.is_empty() {
            // An unreachable or a black hole of its own.
            way.ends = Some(Nowhere::NoRoute);
        }
        way
    }
}
