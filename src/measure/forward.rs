//! Ways of packets by the recorded kernel routes and the recorded states of links, hop by hop.
//!
//! The record has what routing put into every router's table; how nodes on one link find each other
//! and that a host sends everything to its gateway follows from the network. Parallel links between
//! two nodes count as one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::physics::Egress;
use crate::record::Record;
use crate::record::{LinkFacts, What};
use crate::scenario::Target;

/// Equal-cost routes multiply; more ways than this are not told apart.
const MOST_WAYS: usize = 64;

/// The nodes on a way, its ends included.
pub(crate) type Way<'a> = Vec<&'a str>;

/// Tables and links at one moment, as the record's events are taken in.
pub(crate) struct Forwarding<'a> {
    tables: BTreeMap<&'a str, BTreeMap<IpNet, &'a [IpAddr]>>,
    owners: BTreeMap<IpAddr, &'a str>,
    addresses: BTreeMap<&'a str, Vec<IpAddr>>,
    /// Links by name, and the states of the two ends.
    links: BTreeMap<&'a str, (&'a LinkFacts, State)>,
    /// Links of a node.
    at: BTreeMap<&'a str, Vec<&'a str>>,
    groups: BTreeMap<&'a str, &'a [IpAddr]>,
    hosts: BTreeSet<&'a str>,
}

#[derive(Clone, Copy)]
struct State {
    up: bool,
    /// What `a` sends passes, and what `b` sends.
    passes: [bool; 2],
}

impl<'a> Forwarding<'a> {
    /// The lab before its routing.
    pub(crate) fn new(record: &'a Record) -> Self {
        let facts = &record.facts;
        let mut at: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for link in &facts.links {
            at.entry(&link.a).or_default().push(&link.name);
            at.entry(&link.b).or_default().push(&link.name);
        }
        let whole = State { up: true, passes: [true; 2] };
        let mut forwarding = Self {
            tables: BTreeMap::new(),
            owners: BTreeMap::new(),
            addresses: BTreeMap::new(),
            links: facts.links.iter().map(|l| (l.name.as_str(), (l, whole))).collect(),
            at,
            groups: facts.groups.iter().map(|g| (g.name.as_str(), &*g.addresses)).collect(),
            hosts: facts.nodes.iter().filter(|n| n.kind.is_host()).map(|n| &*n.name).collect(),
        };
        for node in &facts.nodes {
            forwarding.owns(&node.name, &node.addresses);
        }
        forwarding
    }

    fn owns(&mut self, node: &'a str, addresses: &[IpAddr]) {
        self.owners.retain(|_, owner| *owner != node);
        self.owners.extend(addresses.iter().map(|address| (*address, node)));
        self.addresses.insert(node, addresses.to_vec());
    }

    /// Takes an event in; false if no packet can go another way for it.
    pub(crate) fn apply(&mut self, what: &'a What) -> bool {
        match what {
            What::Fib { node, change } => {
                let any = if change.via.first().is_some_and(IpAddr::is_ipv6) { "::/0" } else { "0.0.0.0/0" };
                let prefix = if change.prefix == "default" { any } else { &*change.prefix };
                let Ok(prefix) = prefix.parse() else { return false };
                let table = self.tables.entry(node).or_default();
                if change.add {
                    table.insert(prefix, &change.via)
                } else {
                    table.remove(&prefix)
                };
                true
            }
            What::Link { link, up, egress } => match self.links.get_mut(link.as_str()) {
                Some((_, state)) => {
                    *state = State { up: *up, passes: egress.each_ref().map(Egress::passes) };
                    true
                }
                None => false,
            },
            What::Renumbered { node, addresses } => {
                self.owns(node, addresses);
                true
            }
            _ => false,
        }
    }

    /// Number of routes in the node's table.
    pub(crate) fn routes(&self, node: &str) -> usize {
        self.tables.get(node).map_or(0, BTreeMap::len)
    }

    /// Every way that the routes lead from a node to a target; none if one of them ends on the way or
    /// turns in a circle.
    pub(crate) fn ways(&self, from: &'a str, target: &Target) -> Vec<Way<'a>> {
        match target {
            Target::Group(group) => {
                let address = self.groups.get(group.as_str()).and_then(|addresses| addresses.first());
                let arrives = |node: &str| self.hosts.contains(node) && node != from;
                address.map_or_else(Vec::new, |address| self.follow(from, *address, &arrives))
            }
            Target::Node(to) => self.to_node(from, to),
        }
    }

    /// By whichever address of the node there is a route to: BGP does not carry all of a router's.
    fn to_node(&self, from: &'a str, to: &str) -> Vec<Way<'a>> {
        let addresses = self.addresses.get(to).map_or(&[][..], Vec::as_slice);
        let of_family = addresses.iter().filter(|a| a.is_ipv4() == addresses[0].is_ipv4());
        let ways = of_family.map(|address| self.follow(from, *address, &|node| node == to));
        ways.into_iter().find(|ways| !ways.is_empty()).unwrap_or_default()
    }

    fn follow(&self, from: &'a str, address: IpAddr, arrives: &dyn Fn(&str) -> bool) -> Vec<Way<'a>> {
        let (mut open, mut found) = (vec![vec![from]], Vec::new());
        while let Some(way) = open.pop() {
            let node = way[way.len() - 1];
            if arrives(node) {
                found.push(way);
                continue;
            }
            let next = self.next(node, address);
            let fine = |next: &&str| !way.contains(next) && self.is_up(node, next);
            if next.is_empty() || !next.iter().all(fine) || found.len() + open.len() + next.len() > MOST_WAYS {
                return Vec::new();
            }
            open.extend(next.into_iter().map(|next| [&way[..], &[next]].concat()));
        }
        found.sort_unstable();
        found
    }

    /// Where a node sends packets to this address.
    fn next(&self, node: &str, address: IpAddr) -> Vec<&'a str> {
        let neighbor = self.owners.get(&address).copied();
        if let Some(neighbor) = neighbor.filter(|neighbor| self.share_a_net(node, neighbor, address)) {
            return vec![neighbor];
        }
        if let Some(via) = self.tables.get(node).and_then(|table| longest(table, address)) {
            let next: Option<Vec<_>> = via.iter().map(|via| self.owners.get(via).copied()).collect();
            return next.unwrap_or_default();
        }
        let gateway = |link: &&str| self.links.get(*link).map(|(facts, _)| facts.a.as_str());
        let access = self.at.get(node).filter(|_| self.hosts.contains(node));
        access.into_iter().flatten().find_map(gateway).into_iter().collect()
    }

    /// Whether the address is that of the neighbor's end of a link: the two ends of one are next to each other.
    fn share_a_net(&self, node: &str, neighbor: &str, address: IpAddr) -> bool {
        let length = if address.is_ipv4() { 31 } else { 127 };
        let own = self.addresses.get(node).map_or(&[][..], Vec::as_slice);
        let net = IpNet::new(address, length).map(|net| net.trunc());
        node != neighbor
            && self.between(node, neighbor).next().is_some()
            && net.is_ok_and(|net| own.iter().any(|own| net.contains(own)))
    }

    fn between(&self, a: &str, b: &str) -> impl Iterator<Item = &(&'a LinkFacts, State)> {
        let links = self.at.get(a).into_iter().flatten().filter_map(|link| self.links.get(link));
        links.filter(move |(facts, _)| facts.a == b || facts.b == b)
    }

    fn is_up(&self, a: &str, b: &str) -> bool {
        self.between(a, b).any(|(_, state)| state.up)
    }

    /// Whether the links on a way carry what is sent along it.
    pub(crate) fn carries(&self, way: &[&str]) -> bool {
        way.windows(2).all(|pair| {
            let passes =
                |(facts, state): &(&LinkFacts, State)| state.up && state.passes[usize::from(facts.b == pair[0])];
            self.between(pair[0], pair[1]).any(passes)
        })
    }

    /// Whether packets get from a node to the target, and the answers back, on every way.
    pub(crate) fn reachable(&self, from: &'a str, target: &Target) -> bool {
        let there = self.ways(from, target);
        let ends: BTreeSet<&str> = there.iter().filter_map(|way| way.last().copied()).collect();
        let back = ends.into_iter().map(|end| self.to_node(end, from));
        let fine = |ways: &[Way<'_>]| !ways.is_empty() && ways.iter().all(|way| self.carries(way));
        fine(&there) && back.into_iter().all(|ways| fine(&ways))
    }
}

/// The gateways of the longest prefix with the address.
fn longest<'a>(table: &BTreeMap<IpNet, &'a [IpAddr]>, address: IpAddr) -> Option<&'a [IpAddr]> {
    let most = if address.is_ipv4() { 32 } else { 128 };
    let net = |length| IpNet::new(address, length).ok().map(|net| net.trunc());
    (0..=most).rev().filter_map(net).find_map(|net| table.get(&net).copied())
}
