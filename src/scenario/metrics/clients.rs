//! Metrics of clients' probes: who answers them, what is lost, how they are spread over sites.

use super::row::{Bounds, Kind, Row, Shape};
use super::subject::Subject;
use crate::scenario::words::probed;
use crate::topology::{GroupId, NodeId, NodeKind, Topology};

pub(super) const ROWS: &[Row] = &[
    // The longest run of lost probes.
    Row::new("outage", "outage of CLIENT [for GROUP]", Kind::Seconds, Shape::Counter, |asked| {
        asked.probing().and_then(|()| asked.client_and_group())
    }),
    // Who answers it: a host or a stub.
    Row::new("catchment", "catchment of CLIENT [for GROUP]", Kind::Site, Shape::State, |asked| {
        asked.probing().and_then(|()| asked.client_and_group())
    }),
    // Clients whose answering member changed.
    Row::new("moved clients", "moved clients", Kind::Count, Shape::Counter, |asked| {
        asked.probing().and_then(|()| asked.everything("`moved clients` counts all clients"))
    })
    .bounds(|_, topology| {
        Bounds::up_to(Some(topology.of_kind(|k| k == NodeKind::Client).count() * probed(topology).len()))
    }),
    // Probes without an answer.
    Row::new("lost probes", "lost probes [of CLIENT]", Kind::Count, Shape::Counter, |asked| {
        asked.probing().and_then(|()| asked.any_client())
    }),
    // Jain's index of the clients per site.
    Row::new("fairness", "fairness [of GROUP]", Kind::Ratio, Shape::State, |asked| {
        asked.probing().and_then(|()| asked.one_group(true))
    })
    .bounds(fairness),
    // The share of the answered clients that a host, or a stub's hosts, answer.
    Row::new("load", "load of SITE [for GROUP]", Kind::Ratio, Shape::State, |asked| {
        asked.probing().and_then(|()| asked.site_and_group())
    })
    .bounds(load),
    // Changes of the answering member, over all clients and groups.
    Row::new("flips", "flips [of CLIENT]", Kind::Count, Shape::Counter, |asked| {
        asked.probing().and_then(|()| asked.any_client())
    }),
];

/// The members of the group named, or of the one that is probed.
fn members<'a>(name: Option<&String>, topology: &'a Topology) -> Option<&'a [NodeId]> {
    let mut groups = topology.groups.iter().enumerate();
    let meant = groups.find(|(index, g)| match name {
        Some(name) => g.name == *name,
        None => probed(topology).contains(&GroupId(*index)),
    });
    meant.map(|(_, group)| &group.members[..])
}

/// Jain's index is least with all clients at one site of the group.
fn fairness(subject: &Subject, topology: &Topology) -> Bounds {
    let members = members(subject.of.as_ref(), topology);
    Bounds { least: members.map_or(0.0, |members| 1.0 / members.len().max(1) as f64), ..Bounds::SHARE }
}

/// A group's only site has all there is.
fn load(subject: &Subject, topology: &Topology) -> Bounds {
    let is_site = |id: &NodeId| {
        let member = topology.node(*id);
        [&member.name, &topology.ases[member.as_id.0].name].contains(&subject.of.as_ref().unwrap_or(&String::new()))
    };
    let alone = members(subject.group.as_ref(), topology).is_some_and(|members| members.iter().all(is_site));
    Bounds { least: if alone { 1.0 } else { 0.0 }, ..Bounds::SHARE }
}
