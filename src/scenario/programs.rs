//! What runs on a node, as faults name it. The plan says how each is started.

use crate::program::{Process, ProcessKind};
use crate::topology::{NodeId, NodeKind, Topology};

/// The routing daemon's.
pub const ROUTING: Process = Process { kind: ProcessKind::Routing, name: "bird" };

/// The processes of a node in the order of their start: a node needs its routing daemon to announce.
pub fn on(topology: &Topology, node: NodeId) -> Vec<Process> {
    match topology.node(node).kind {
        NodeKind::Client => Vec::new(),
        NodeKind::Member => vec![ROUTING, Process::NODE],
        NodeKind::Router | NodeKind::Gateway => vec![ROUTING],
    }
}

/// The routing daemon of a node.
pub fn routing(topology: &Topology, node: NodeId) -> Option<Process> {
    on(topology, node).into_iter().find(|process| process.kind == ProcessKind::Routing)
}
