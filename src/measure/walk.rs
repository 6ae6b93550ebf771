//! Where the kernels' routes lead a client: the other witness of a catchment.
//!
//! The record's route changes give each node's table; from the client's gateway on, next hop by
//! next hop, they lead to a host. A walk that meets a node without a known route, or a next hop
//! whose owner is unknown, says nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::record::Record;
use crate::record::survey::MOST_WAYS;
use crate::record::{FibChange, GroupFacts, LinkRole, What};

/// Routes of every node to the groups' addresses, as the record's events are taken in.
pub(crate) struct Tables<'a> {
    routes: BTreeMap<(&'a str, IpNet), &'a FibChange>,
    owners: BTreeMap<IpAddr, &'a str>,
    hosts: BTreeSet<&'a str>,
    gateways: BTreeMap<&'a str, &'a str>,
    groups: BTreeSet<IpNet>,
    last_change: u64,
}

impl<'a> Tables<'a> {
    pub(crate) fn new(record: &'a Record) -> Self {
        let facts = &record.facts;
        let owned = facts.nodes.iter().flat_map(|n| n.addresses.iter().map(|a| (*a, n.name.as_str())));
        let access = facts.links.iter().filter(|l| l.kind == LinkRole::Access);
        Self {
            routes: BTreeMap::new(),
            owners: owned.collect(),
            hosts: facts.nodes.iter().filter(|n| n.kind.is_host()).map(|n| n.name.as_str()).collect(),
            gateways: access.map(|l| (l.b.as_str(), l.a.as_str())).collect(),
            groups: facts.groups.iter().flat_map(|g| g.addresses.iter().map(|a| IpNet::from(*a))).collect(),
            last_change: 0,
        }
    }

    /// When a route to any group last changed.
    pub(crate) fn last_change(&self) -> u64 {
        self.last_change
    }

    pub(crate) fn apply(&mut self, at: u64, what: &'a What) {
        let (node, change) = match what {
            What::Fib { node, change } => (node, change),
            What::Renumbered { node, addresses } => {
                self.owners.retain(|_, owner| *owner != node);
                self.owners.extend(addresses.iter().map(|address| (*address, node.as_str())));
                return;
            }
            _ => return,
        };
        let Some(prefix) = change.prefix.parse().ok().filter(|p| self.groups.contains(p)) else { return };
        self.last_change = at;
        if change.add {
            self.routes.insert((node, prefix), change);
        } else {
            self.routes.remove(&(node.as_str(), prefix));
        }
    }

    /// Hosts that the client's packets to the group may reach; empty if that is not known.
    pub(crate) fn destinations(&self, client: &str, group: &GroupFacts) -> BTreeSet<&'a str> {
        self.gateways.get(client).map_or_else(BTreeSet::new, |gateway| self.from(gateway, group))
    }

    /// Every way that the client's packets to the group may take, up to [`MOST_WAYS`]; the nodes on it.
    pub(crate) fn ways(&self, client: &'a str, group: &GroupFacts) -> Vec<Vec<&'a str>> {
        let mut ways = Vec::new();
        let gateway = self.gateways.get(client);
        let mut open: Vec<Vec<&str>> = gateway.map(|gateway| vec![*gateway]).into_iter().collect();
        while let Some(way) = open.pop() {
            let Some(last) = way.last().copied() else { continue };
            let next = self.next(last, group);
            let (Some(next), false) = (next, self.hosts.contains(last)) else {
                ways.push(way);
                continue;
            };
            if ways.len() + open.len() < MOST_WAYS {
                let fresh = next.into_iter().filter(|node| !way.contains(node));
                open.extend(fresh.map(|node| [&way[..], &[node]].concat()));
            }
        }
        ways.reverse();
        ways
    }

    /// The nodes after this one on the way to the group; `None` if they are not known.
    fn next(&self, node: &'a str, group: &GroupFacts) -> Option<Vec<&'a str>> {
        let prefix = IpNet::from(*group.addresses.first()?);
        let via = &self.routes.get(&(node, prefix))?.via;
        let owners: Option<Vec<&str>> = via.iter().map(|via| self.owners.get(via).copied()).collect();
        owners.filter(|owners| !owners.is_empty())
    }

    /// Hosts that packets from this node to the group may reach; empty if that is not known.
    pub(crate) fn from(&self, node: &'a str, group: &GroupFacts) -> BTreeSet<&'a str> {
        let (mut open, mut met, mut ends) = (vec![node], BTreeSet::new(), BTreeSet::new());
        while let Some(node) = open.pop() {
            if !met.insert(node) {
                continue;
            }
            if self.hosts.contains(node) {
                ends.insert(node);
                continue;
            }
            match self.next(node, group) {
                Some(owners) => open.extend(owners),
                None => return BTreeSet::new(),
            }
        }
        ends
    }
}
