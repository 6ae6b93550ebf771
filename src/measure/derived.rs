//! Stretch as it follows from the record alone: configured delays of the links along the kernels' routes.
//!
//! A way that meets several equal next hops, two links between the same nodes, a link that is down or swallows
//! frames, or a node whose routes are not known, says nothing, and so does a network without delays.

use std::net::IpAddr;

use crate::measure::Findings;
use crate::measure::effect::Source;
use crate::measure::paths::{Paths, Taken};
use crate::measure::replay::{Network, Node, Replay};
use crate::record::What;

/// Moments at most: the begin of the play, and the ends of the faults that followed.
const MOST: usize = 24;

/// Every probed group before the first fault, and at the end of what follows from each. Empty without delays.
pub(crate) fn derived<'a>(findings: &Findings<'a>) -> Vec<Taken<'a>> {
    let record = findings.record;
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
    let (mut replay, mut found) = (Replay::new(record), Vec::new());
    for at in moments {
        replay.until(at);
        let groups = (0..record.facts.groups.len()).filter_map(|index| taken(replay.network(), findings, index, at));
        found.extend(groups);
    }
    found
}

/// One group at this moment; `None` if no client probes it, or nothing can be said of any.
fn taken<'a>(network: &Network<'a>, findings: &Findings<'a>, index: usize, at: u64) -> Option<Taken<'a>> {
    let group = &findings.record.facts.groups[index];
    let address = *group.addresses.first()?;
    let members: Vec<Node> = findings.sites[index].at(at).filter_map(|site| network.node(site)).collect();
    let probed = findings.probed.iter().filter(|p| std::ptr::eq(p.group, group));
    let paths = |client: Node| {
        let led = way(network, client, address);
        let round_trip = |member: Node| Some(to(network, client, member)? + to(network, member, client)?);
        let back = |(site, there): (Node, u64)| Some(there + to(network, site, client)?);
        let ms = |nanoseconds: u64| nanoseconds as f64 / 1e6;
        Paths {
            client: network.name(client),
            site: led.map(|(site, _)| network.name(site)),
            anycast: led.and_then(back).map(ms),
            members: members.iter().filter_map(|m| Some((network.name(*m), ms(round_trip(*m)?)))).collect(),
        }
    };
    let clients: Vec<Paths<'a>> = probed.filter_map(|p| network.node(p.client)).map(paths).collect();
    let known = clients.iter().any(|c| c.anycast.is_some() && !c.members.is_empty());
    known.then_some(Taken { at, group: &group.name, source: Source::Derived, clients })
}

/// Nanoseconds of delay from one host to another's address.
fn to(network: &Network<'_>, from: Node, to: Node) -> Option<u64> {
    let own = network.addresses(from).first()?;
    let address = network.addresses(to).iter().find(|address| address.is_ipv4() == own.is_ipv4())?;
    way(network, from, *address).filter(|(end, _)| *end == to).map(|(_, delay)| delay)
}

/// The host that packets from this one to an address reach by their only way, and the delay on it.
fn way(network: &Network<'_>, from: Node, address: IpAddr) -> Option<(Node, u64)> {
    let only = network.ways_to_host(from, address, 1).arriving()?.pop()?;
    let delays = only.windows(2).map(|pair| network.links().delay(pair[0], pair[1]));
    Some((*only.last()?, delays.sum::<Option<u64>>()?))
}
