//! What runs on a node, as faults name it. The plan says how each is started.

use crate::program::{Process, ProcessKind};
use crate::routing::daemon::Needs;
use crate::routing::registry;
use crate::topology::{LinkKind, NodeId, NodeKind, Topology};

/// The processes of a node in the order of their start: a node needs its routing daemon to announce.
pub fn on(topology: &Topology, node: NodeId) -> Vec<Process> {
    let of = topology.node(node);
    let routing = if of.kind.speaks_bgp() { registry::meant(of).processes(&needs(topology, node)) } else { Vec::new() };
    let own = (of.kind == NodeKind::Member).then_some(Process::NODE);
    let tells = topology.rtr.as_ref().is_some_and(|server| server.host == node);
    routing.into_iter().chain(own).chain(tells.then_some(Process::RTR)).collect()
}

/// The routing daemon of a node.
pub fn routing(topology: &Topology, node: NodeId) -> Option<Process> {
    on(topology, node).into_iter().find(|process| process.kind == ProcessKind::Routing)
}

/// What the daemon of a node is needed for besides BGP; plans find the same in what it is to do.
fn needs(topology: &Topology, node: NodeId) -> Needs {
    let links = || topology.links.iter().filter(|link| link.a == node || link.b == node);
    let speaks = links().any(|link| matches!(link.kind, LinkKind::Internal { .. }));
    // Clients run no routing daemon.
    let bfd = links().any(|link| link.session.bfd.is_some() && topology.node(link.b).kind.speaks_bgp());
    Needs { igp: if speaks { topology.family.families().to_vec() } else { Vec::new() }, bfd }
}
