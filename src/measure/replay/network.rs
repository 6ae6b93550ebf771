//! Addresses, interfaces and tables of all nodes, as the record's events are taken in.
//!
//! - A packet takes the route of the longest prefix that holds its address.
//! - An interface that goes down takes the routes through it along, and IPv4's kernel tells nobody. A route of
//!   several next hops loses those, and has them again when the interface comes back.
//! - Nothing is said of what the record does not tell: a next hop whose owner is not known leads somewhere.
//! - How nodes on one link find each other, and that a host sends everything to its gateway, follows from the
//!   network: the record has it of neither.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::measure::replay::hosts::Hosts;
use crate::measure::replay::index::{Change, Node, Target, indices};
use crate::measure::replay::links::Links;
use crate::record::{FibChange, GroupFacts, LabFacts, LinkRole, NodeFacts, What};

/// A next hop of a route.
struct Hop<'a> {
    /// `None`: what the route leads to is on the link itself.
    via: Option<IpAddr>,
    /// The owner of `via`, if that is known.
    to: Option<Node>,
    /// If the record has it.
    interface: Option<&'a str>,
}

/// All next hops; none: an unreachable or a black hole of the kernel's own.
type Route<'a> = Vec<Hop<'a>>;

/// One node's.
#[derive(Default)]
struct State<'a> {
    table: BTreeMap<IpNet, Route<'a>>,
    /// Interfaces without a carrier.
    down: BTreeSet<&'a str>,
    addresses: Vec<IpAddr>,
    /// Of a host.
    gateway: Option<Node>,
}

/// All nodes, and the links between them, at one moment.
pub(crate) struct Network<'a> {
    facts: &'a LabFacts,
    nodes: BTreeMap<&'a str, Node>,
    states: Vec<State<'a>>,
    owners: BTreeMap<IpAddr, Node>,
    /// Of all prefixes so far.
    lengths: BTreeSet<u8>,
    targets: Vec<Target<'a>>,
    links: Links<'a>,
    hosts: Hosts,
}

impl<'a> Network<'a> {
    /// The lab before its routing.
    pub(crate) fn new(facts: &'a LabFacts) -> Self {
        let nodes = indices(facts);
        let mut states: Vec<State<'a>> =
            facts.nodes.iter().map(|n| State { addresses: n.addresses.clone(), ..State::default() }).collect();
        for link in facts.links.iter().filter(|l| l.kind == LinkRole::Access) {
            if let (Some(gateway), Some(host)) = (nodes.get(&*link.a), nodes.get(&*link.b)) {
                states[*host].gateway = Some(*gateway);
            }
        }
        let of_group =
            |g: &'a GroupFacts| g.addresses.iter().map(|address| Target { group: &g.name, address: *address });
        let all = |node: &'a NodeFacts| node.addresses.iter().chain(&node.link_local);
        let owned = facts.nodes.iter().enumerate().flat_map(|(i, n)| all(n).map(move |a| (*a, i)));
        Self {
            facts,
            nodes,
            states,
            owners: owned.collect(),
            lengths: BTreeSet::new(),
            targets: facts.groups.iter().flat_map(of_group).collect(),
            links: Links::new(facts),
            hosts: Hosts::new(facts),
        }
    }

    pub(crate) fn name(&self, node: Node) -> &'a str {
        &self.facts.nodes[node].name
    }

    pub(crate) fn node(&self, name: &str) -> Option<Node> {
        self.nodes.get(name).copied()
    }

    /// Number of nodes.
    pub(crate) fn size(&self) -> usize {
        self.states.len()
    }

    /// Every address of every group.
    pub(crate) fn targets(&self) -> &[Target<'a>] {
        &self.targets
    }

    pub(crate) fn links(&self) -> &Links<'a> {
        &self.links
    }

    pub(crate) fn is_host(&self, node: Node) -> bool {
        self.hosts.is_host(node)
    }

    /// Whether a host answers packets to a group's address that reach it.
    pub(crate) fn answers(&self, host: Node, address: IpAddr) -> bool {
        self.hosts.answers(host, address)
    }

    /// The router behind which a host is.
    pub(crate) fn gateway(&self, host: Node) -> Option<Node> {
        self.states[host].gateway
    }

    /// The first is the one that others use.
    pub(crate) fn addresses(&self, node: Node) -> &[IpAddr] {
        &self.states[node].addresses
    }

    /// Number of routes that routing has put into the node's table: all but those to its own links.
    pub(crate) fn routes(&self, node: Node) -> usize {
        let connected = |route: &&Route<'_>| !route.is_empty() && route.iter().all(|hop| hop.via.is_none());
        self.states[node].table.values().filter(|route| !connected(route)).count()
    }

    /// Takes an event in.
    pub(crate) fn apply(&mut self, what: &'a What) -> Change<'a> {
        match what {
            What::Fib { node, change } => self.route(node, change),
            What::Carrier { node, interface, up } => self.carrier(node, interface, *up),
            What::Link { link, up, egress } => {
                let nodes = self.links.set(link, *up, egress);
                if nodes.is_empty() { Change::Nothing } else { Change::Nodes { nodes, routes: false } }
            }
            What::Renumbered { node, addresses } => {
                let Some(node) = self.node(node) else { return Change::Nothing };
                self.owns(node, addresses);
                Change::All
            }
            _ => self.hosts.apply(what, &self.nodes),
        }
    }

    fn owns(&mut self, node: Node, addresses: &[IpAddr]) {
        self.owners.retain(|_, owner| *owner != node);
        let all = addresses.iter().chain(&self.facts.nodes[node].link_local);
        self.owners.extend(all.map(|address| (*address, node)));
        self.states[node].addresses = addresses.to_vec();
        let routes = self.states.iter_mut().flat_map(|state| state.table.values_mut());
        for hop in routes.flatten() {
            hop.to = hop.via.and_then(|via| self.owners.get(&via).copied());
        }
    }

    fn route(&mut self, node: &str, change: &'a FibChange) -> Change<'a> {
        let Some(node) = self.node(node) else { return Change::Nothing };
        let prefixes = self.prefixes(node, change);
        let mut hosts = Vec::new();
        for prefix in &prefixes {
            if !change.add {
                self.states[node].table.remove(prefix);
                continue;
            }
            let route = self.hops(change);
            hosts.extend(route.iter().filter_map(|hop| hop.to).filter(|to| self.hosts.is_host(*to)));
            hosts.iter().for_each(|host| self.hosts.announced(*host, prefix));
            self.lengths.insert(prefix.prefix_len());
            self.states[node].table.insert(*prefix, route);
        }
        match prefixes[..] {
            [] => Change::Nothing,
            [prefix] => Change::Route { node, prefix, hosts },
            _ => Change::Nodes { nodes: vec![node], routes: true },
        }
    }

    /// The change's prefix, in the record `default` for both families: without a next hop, of every family
    /// that the node has.
    fn prefixes(&self, node: Node, change: &FibChange) -> Vec<IpNet> {
        if change.prefix != "default" {
            return change.prefix.parse().into_iter().collect();
        }
        let any = [IpNet::new_assert([0; 4].into(), 0), IpNet::new_assert([0; 16].into(), 0)];
        let of_family = |like: &IpAddr| any[usize::from(like.is_ipv6())];
        let all: BTreeSet<IpNet> = match change.via.first() {
            Some(via) => [of_family(via)].into(),
            None => self.addresses(node).iter().map(of_family).collect(),
        };
        all.into_iter().collect()
    }

    fn hops(&self, change: &'a FibChange) -> Route<'a> {
        let interface = |index: usize| change.interfaces.get(index).map(String::as_str);
        if change.via.is_empty() {
            // Of what is unreachable, IPv6's kernel says that it is behind the loopback.
            let device = interface(0).filter(|name| *name != "lo");
            return device.map(|_| Hop { via: None, to: None, interface: device }).into_iter().collect();
        }
        let hop = |(index, via): (usize, &IpAddr)| Hop {
            via: Some(*via),
            to: self.owners.get(via).copied(),
            interface: interface(index),
        };
        change.via.iter().enumerate().map(hop).collect()
    }

    fn carrier(&mut self, node: &str, interface: &'a str, up: bool) -> Change<'a> {
        let Some(node) = self.node(node) else { return Change::Nothing };
        let State { table, down, .. } = &mut self.states[node];
        let routes = table.values().flatten().any(|hop| hop.interface == Some(interface));
        if up {
            down.remove(interface);
        } else {
            down.insert(interface);
            table.retain(|_, route| route.is_empty() || route.iter().any(|hop| hop.is_up(down)));
        }
        Change::Nodes { nodes: vec![node], routes }
    }

    /// The neighbors that a node sends packets to this address to, each once, `None` for one that is not
    /// known. Empty: it has no route, or none through an interface that is up.
    pub(crate) fn next(&self, node: Node, address: IpAddr) -> Vec<Option<Node>> {
        let state = &self.states[node];
        let owner = self.owners.get(&address).copied();
        if let Some(neighbor) = owner.filter(|owner| self.on_link(node, *owner, address)) {
            return vec![Some(neighbor)];
        }
        let Some(route) = self.longest(node, address) else {
            return state.gateway.map(Some).into_iter().collect();
        };
        if route.iter().all(|hop| hop.via.is_none()) {
            return owner.filter(|owner| self.links.adjacent(node, *owner)).map(Some).into_iter().collect();
        }
        let mut next = Vec::with_capacity(route.len());
        for hop in route.iter().filter(|hop| hop.is_up(&state.down)) {
            if !next.contains(&hop.to) {
                next.push(hop.to);
            }
        }
        next
    }

    /// Of the longest prefix, and through an interface that is up.
    fn longest(&self, node: Node, address: IpAddr) -> Option<&Route<'a>> {
        let State { table, down, .. } = &self.states[node];
        let usable = |route: &&Route<'_>| route.is_empty() || route.iter().any(|hop| hop.is_up(down));
        let lengths = self.lengths.range(..=if address.is_ipv4() { 32 } else { 128 });
        let mut routes = lengths.rev().filter_map(|length| table.get(&IpNet::new_assert(address, *length).trunc()));
        routes.find(usable)
    }

    /// Whether the address is that of the neighbor's end of a link: the two ends of one are next to each other.
    fn on_link(&self, node: Node, neighbor: Node, address: IpAddr) -> bool {
        let net = IpNet::new_assert(address, if address.is_ipv4() { 31 } else { 127 }).trunc();
        self.links.up(node, neighbor) && self.addresses(node).iter().any(|own| net.contains(own))
    }
}

impl Hop<'_> {
    fn is_up(&self, down: &BTreeSet<&str>) -> bool {
        self.interface.is_none_or(|name| !down.contains(name))
    }
}
