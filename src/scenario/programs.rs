//! What runs on a node, as faults name it. The plan says how each is started.

use crate::program::{Process, ProcessKind};
use crate::routing::registry;
use crate::topology::{NodeId, NodeKind, Topology};

/// The processes of a node in the order of their start: a node needs its routing daemon to announce.
pub fn on(topology: &Topology, node: NodeId) -> Vec<Process> {
    let kind = topology.node(node).kind;
    let routing = if kind.speaks_bgp() { registry::preferred().processes() } else { &[] };
    let own = (kind == NodeKind::Member).then_some(Process::NODE);
    routing.iter().copied().chain(own).collect()
}

/// The routing daemon of a node.
pub fn routing(topology: &Topology, node: NodeId) -> Option<Process> {
    on(topology, node).into_iter().find(|process| process.kind == ProcessKind::Routing)
}
