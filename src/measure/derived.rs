//! Stretch as it follows from the record alone: configured delays of the links along the kernels' routes.
//!
//! A way that meets several equal next hops, two links between the same nodes, a link that is down or swallows
//! frames, or a node whose routes are not known, says nothing, and so does a network without delays.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::measure::Findings;
use crate::measure::effect::Source;
use crate::measure::reach::passes;
use crate::measure::stretch::{Paths, Taken};
use crate::physics::Egress;
use crate::record::Record;
use crate::record::{FibChange, LinkRole, What};

/// Moments at most: the begin of the play, and the ends of the faults that followed.
const MOST: usize = 24;

/// Every probed group before the first fault, and at the end of what follows from each. Empty without delays.
pub(crate) fn derived<'a>(findings: &Findings<'a>) -> Vec<Taken<'a>> {
    let record = findings.record;
    let mut network = Network::new(record);
    let impaired = |what: &What| match what {
        What::Link { egress, .. } => egress.iter().any(|e| !e.impairment.delay.is_zero()),
        _ => false,
    };
    let configured = record.facts.links.iter().any(|l| l.impairments.iter().any(|i| !i.delay.is_zero()));
    if record.play.is_none() || !configured && !record.events.iter().any(|e| impaired(&e.what)) {
        return Vec::new();
    }
    let before = findings.windows.first().map_or(record.end, |w| w.begin.saturating_sub(1));
    let after = findings.windows.iter().map(|w| if w.end >= record.end { record.end } else { w.end.saturating_sub(1) });
    let mut moments: Vec<u64> = std::iter::once(before).chain(after).collect();
    let hidden = moments.len().saturating_sub(MOST);
    moments.drain(1..=hidden);
    let mut events = record.events.iter().peekable();
    let mut found = Vec::new();
    for at in moments {
        while let Some(event) = events.next_if(|e| e.at <= at) {
            network.apply(&event.what);
        }
        let groups = (0..record.facts.groups.len()).filter_map(|index| network.taken(findings, index, at));
        found.extend(groups);
    }
    found
}

/// Routes, addresses and links as they are at one moment.
pub(super) struct Network<'a> {
    routes: BTreeMap<&'a str, BTreeMap<IpNet, &'a FibChange>>,
    /// Of all prefixes so far.
    lengths: BTreeSet<u8>,
    owners: BTreeMap<IpAddr, &'a str>,
    /// Node to its addresses, the first of which is the one that others use.
    addresses: BTreeMap<&'a str, Vec<IpAddr>>,
    /// Host to its gateway.
    gateways: BTreeMap<&'a str, &'a str>,
    /// Both ends, in either order, to the nanoseconds of delay from the first to the second; `None`: frames do not
    /// get through, or there are two such links.
    delays: BTreeMap<(&'a str, &'a str), Option<u64>>,
    /// Links by name: their ends, unless they share them with another link.
    links: BTreeMap<&'a str, (&'a str, &'a str)>,
}

impl<'a> Network<'a> {
    pub(super) fn new(record: &'a Record) -> Self {
        let facts = &record.facts;
        let owned = facts.nodes.iter().flat_map(|n| n.addresses.iter().map(|a| (*a, n.name.as_str())));
        let access = facts.links.iter().filter(|l| l.kind == LinkRole::Access);
        let mut network = Self {
            routes: BTreeMap::new(),
            lengths: BTreeSet::new(),
            owners: owned.collect(),
            addresses: facts.nodes.iter().map(|n| (n.name.as_str(), n.addresses.clone())).collect(),
            gateways: access.map(|l| (l.b.as_str(), l.a.as_str())).collect(),
            delays: BTreeMap::new(),
            links: BTreeMap::new(),
        };
        for link in &facts.links {
            let ends = (link.a.as_str(), link.b.as_str());
            if network.delays.contains_key(&ends) {
                network.delays.insert(ends, None);
                network.delays.insert((ends.1, ends.0), None);
                network.links.retain(|_, other| *other != ends && *other != (ends.1, ends.0));
            } else {
                network.links.insert(&link.name, ends);
                network.delay(ends, link.impairments.map(|i| Some(i.delay.as_nanos() as u64)));
            }
        }
        network
    }

    fn delay(&mut self, (a, b): (&'a str, &'a str), [there, back]: [Option<u64>; 2]) {
        self.delays.insert((a, b), there);
        self.delays.insert((b, a), back);
    }

    pub(super) fn apply(&mut self, what: &'a What) {
        match what {
            What::Fib { node, change } => {
                let prefix = match change.prefix.as_str() {
                    "default" => change.via.first().map(|via| IpNet::new_assert(unspecified(*via), 0)),
                    prefix => prefix.parse().ok(),
                };
                self.lengths.extend(prefix.map(|p| p.prefix_len()));
                let table = self.routes.entry(node).or_default();
                match prefix {
                    Some(prefix) if change.add => drop(table.insert(prefix, change)),
                    Some(prefix) => drop(table.remove(&prefix)),
                    // A default route is deleted without saying of which family.
                    None => table.retain(|known, _| known.prefix_len() > 0),
                }
            }
            What::Renumbered { node, addresses } => {
                self.owners.retain(|_, owner| *owner != node);
                self.owners.extend(addresses.iter().map(|address| (*address, node.as_str())));
                self.addresses.insert(node, addresses.clone());
            }
            What::Link { link, up, egress } => {
                let Some(ends) = self.links.get(link.as_str()).copied() else { return };
                let delay = |e: &Egress| passes(*up, egress).then_some(e.impairment.delay.as_nanos() as u64);
                self.delay(ends, [delay(&egress[0]), delay(&egress[1])]);
            }
            _ => {}
        }
    }

    /// One group at this moment; `None` if no client probes it, or nothing can be said of any.
    fn taken(&self, findings: &Findings<'a>, index: usize, at: u64) -> Option<Taken<'a>> {
        let group = &findings.record.facts.groups[index];
        let address = *group.addresses.first()?;
        let members: Vec<&str> = findings.sites[index].at(at).collect();
        let probed = findings.probed.iter().filter(|p| std::ptr::eq(p.group, group));
        let paths = |client: &'a str| {
            let led = self.way(client, address);
            let round_trip = |member: &'a str| Some(self.to(client, member)? + self.to(member, client)?);
            let back = |(site, there): (&'a str, u64)| Some(there + self.to(site, client)?);
            let ms = |nanoseconds: u64| nanoseconds as f64 / 1e6;
            Paths {
                client,
                site: led.map(|(site, _)| site),
                anycast: led.and_then(back).map(ms),
                members: members.iter().filter_map(|m| Some((*m, ms(round_trip(m)?)))).collect(),
            }
        };
        let clients: Vec<Paths<'a>> = probed.map(|p| paths(p.client)).collect();
        let known = clients.iter().any(|c| c.anycast.is_some() && !c.members.is_empty());
        known.then_some(Taken { at, group: &group.name, source: Source::Derived, clients })
    }

    /// Nanoseconds of delay from one host to another's address.
    fn to(&self, from: &'a str, to: &'a str) -> Option<u64> {
        let family = |address: &&IpAddr| {
            self.addresses.get(from).and_then(|own| own.first()).is_some_and(|own| own.is_ipv4() == address.is_ipv4())
        };
        let address = self.addresses.get(to)?.iter().find(family)?;
        self.way(from, *address).filter(|(end, _)| *end == to).map(|(_, delay)| delay)
    }

    /// The host that packets from this one to an address reach, and the delay on the way.
    pub(super) fn way(&self, from: &'a str, target: IpAddr) -> Option<(&'a str, u64)> {
        let (mut at, mut delay) =
            (*self.gateways.get(from)?, self.delays.get(&(from, *self.gateways.get(from)?)).copied()??);
        // No way is longer than there are nodes.
        for _ in 0..self.addresses.len() {
            if self.gateways.contains_key(at) {
                return Some((at, delay));
            }
            let next = self.next(at, target)?;
            delay += self.delays.get(&(at, next)).copied()??;
            at = next;
        }
        None
    }

    /// The next node on the way; by the longest prefix that holds the target.
    fn next(&self, at: &str, target: IpAddr) -> Option<&'a str> {
        let table = self.routes.get(at)?;
        let longest = if target.is_ipv4() { 32 } else { 128 };
        let lengths = self.lengths.range(..=longest).rev();
        let route = lengths.into_iter().find_map(|length| table.get(&IpNet::new_assert(target, *length).trunc()))?;
        match route.via.as_slice() {
            [] => self.owners.get(&target).copied(),
            [only] => self.owners.get(only).copied(),
            _ => None,
        }
    }
}

fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    }
}
