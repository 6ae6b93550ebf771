//! The record's first line: what is known before anything runs.

use std::path::Path;
use std::time::Duration;

use crate::overlay::id::Id;
use crate::physics::link_local;
use crate::plan::Plan;
use crate::record::{
    DaemonFacts, FlowFacts, GroupFacts, LabFacts, LinkFacts, LinkRole, NodeFacts, OverlayFacts, SCHEMA,
};
use crate::routing::{Fleet, Installed, registry};
use crate::scenario::Scenario;
use crate::topology::{By, Family, Flows, Group, Link, LinkKind, NodeId, Relation, Topology};

/// Of a lab in which everybody waits longer.
const LONGEST_PATIENCE: Duration = Duration::from_secs(1);

/// Collects the facts of a lab about to be built, with this version of its routing daemon.
pub(crate) fn collect(topology: &Topology, scenario: &Scenario, plan: &Plan, routing: &str, file: &Path) -> LabFacts {
    let timeline = scenario.timeline.iter();
    LabFacts {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").into(),
        bird: routing.to_owned(),
        daemons: Vec::new(),
        kernel: nix::sys::utsname::uname().map(|u| u.release().to_string_lossy().into_owned()).unwrap_or_default(),
        lab: topology.name.clone(),
        file: file.display().to_string(),
        patience_ms: Some(patience(topology).as_secs_f64() * 1e3),
        command: command(std::env::args().skip(1)),
        settings: Default::default(),
        seed: topology.seed,
        nodes: topology.ids().map(|id| node(topology, plan, id)).collect(),
        links: topology.links.iter().filter(|l| l.over.is_none()).map(|l| link(topology, l)).collect(),
        groups: topology.groups.iter().map(|g| group(topology, g)).collect(),
        overlays: (0..topology.overlays.len()).map(|index| overlay(topology, index)).collect(),
        flows: topology.flows.as_ref().map(|f| flows(topology, f)),
        timeline: timeline.map(|e| (e.at.as_secs_f64(), e.action.display(topology).to_string())).collect(),
        expectations: scenario.expectations.clone(),
        duration: scenario.duration.as_secs_f64(),
    }
}

/// The routing daemons of a lab, and who runs each.
pub(crate) fn daemons(topology: &Topology, fleet: &Fleet) -> Vec<DaemonFacts> {
    fleet.crews(topology).into_iter().map(|crew| daemon(topology, crew)).collect()
}

fn daemon(topology: &Topology, (installed, nodes): (&Installed, Vec<NodeId>)) -> DaemonFacts {
    DaemonFacts {
        name: installed.daemon.title().to_owned(),
        version: installed.version.clone(),
        nodes: nodes.into_iter().map(|id| topology.node(id).name.clone()).collect(),
    }
}

/// `2.0.12`, and after it others by name: the key is older than they are, and whoever reads it writes the preferred
/// one's name before it.
pub(crate) fn versions(daemons: &[DaemonFacts]) -> String {
    let title = registry::preferred().title();
    let first = daemons.iter().position(|daemon| daemon.name == title);
    let others = daemons.iter().enumerate().filter(|(index, _)| Some(*index) != first);
    let others = others.map(|(_, daemon)| format!(", {} {}", daemon.name, daemon.version));
    first.map_or("none", |first| &daemons[first].version).to_owned() + &others.collect::<String>()
}

/// The shortest silence that anybody takes for a failure: a request's timeout, or BFD's detection time.
/// The routing protocols' own are longer than either.
fn patience(topology: &Topology) -> Duration {
    let requests = topology.overlays.iter().map(|overlay| overlay.rpc_timeout);
    let detection = topology.links.iter().filter_map(|link| link.session.bfd);
    let detection = detection.map(|bfd| bfd.interval * u32::from(bfd.multiplier));
    requests.chain(detection).min().unwrap_or(Duration::MAX).min(LONGEST_PATIENCE)
}

/// `anybed` and its arguments, quoted where a shell wants it.
pub(crate) fn command(arguments: impl Iterator<Item = String>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    let quoted = arguments.map(|word| match word.chars().all(plain) && !word.is_empty() {
        true => word,
        false => format!("'{}'", word.replace('\'', r"'\''")),
    });
    std::iter::once("anybed".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

fn node(topology: &Topology, plan: &Plan, id: NodeId) -> NodeFacts {
    let node = topology.node(id);
    let own = &topology.ases[node.as_id.0];
    let planned = plan.node(id);
    let ipv6 = topology.family.families().contains(&Family::Ipv6);
    NodeFacts {
        name: node.name.clone(),
        kind: node.kind,
        as_name: own.name.clone(),
        asn: own.asn,
        stub: own.stub.then(|| own.name.clone()),
        place: node.place,
        multipath: (node.kind.is_router() && own.multipath.on).then_some(own.multipath.hash),
        addresses: planned.addresses(),
        link_local: if ipv6 {
            planned.interfaces.iter().chain(&planned.segment).map(|i| link_local(i.mac).into()).collect()
        } else {
            vec![]
        },
    }
}

fn link(topology: &Topology, link: &Link) -> LinkFacts {
    let kind = match link.kind {
        LinkKind::Internal { .. } => LinkRole::Internal,
        LinkKind::External(Relation::Customer) => LinkRole::Customer,
        LinkKind::External(Relation::Provider) => LinkRole::Provider,
        LinkKind::External(Relation::Peer) => LinkRole::Peer,
        LinkKind::Access => LinkRole::Access,
        LinkKind::Port => LinkRole::Peer,
    };
    let name = |id| topology.node(id).name.clone();
    LinkFacts { name: link.name.clone(), a: name(link.a), b: name(link.b), kind, impairments: link.impairments }
}

fn group(topology: &Topology, group: &Group) -> GroupFacts {
    let by = group.owner.map(|owner| owner.by);
    let color = if let Some(By::Color(color)) = by { Some(color) } else { None };
    let rendezvous = by == Some(By::Leader);
    let overlay = group.owner.and_then(|owner| owner.overlay).map(|overlay| topology.overlays[overlay].name.clone());
    let members = group.members.iter().map(|id| topology.node(*id).name.clone()).collect();
    let (name, addresses, by_servers) = (group.name.clone(), group.addresses.clone(), by == Some(By::Servers));
    let longer = group.prefixes().filter(|prefix| prefix.prefix_len() < prefix.max_prefix_len()).collect();
    GroupFacts { name, addresses, prefixes: longer, overlay, color, rendezvous, by_servers, members }
}

fn overlay(topology: &Topology, index: usize) -> OverlayFacts {
    let overlay = &topology.overlays[index];
    let others = topology.reached(index).into_iter().filter(|other| *other != index);
    let name = |id: &NodeId| topology.node(*id).name.clone();
    let id = |host: &NodeId| (name(host), Id::of_node(topology.seed, &overlay.name, &name(host)));
    OverlayFacts {
        name: overlay.name.clone(),
        protocol: overlay.settings.protocol,
        bootstrap: overlay.bootstrap,
        healing: overlay.healing,
        coloring: overlay.coloring,
        redirect: overlay.redirect,
        lookup: overlay.lookup,
        ids: overlay.members.iter().map(id).collect(),
        reaches: others.map(|other| topology.overlays[other].name.clone()).collect(),
        colors: overlay.members.iter().map(name).zip(overlay.colors.iter().copied()).collect(),
    }
}

fn flows(topology: &Topology, flows: &Flows) -> FlowFacts {
    FlowFacts {
        groups: flows.groups.iter().map(|id| topology.groups[id.0].name.clone()).collect(),
        protocols: flows.transports.clone(),
        per_client: flows.per_client,
        every: flows.every.as_secs_f64(),
        timeout: flows.timeout.as_secs_f64(),
    }
}
