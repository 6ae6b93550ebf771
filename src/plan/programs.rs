//! The programs of a node.

use super::bird::{self, TemplateError, Templates};
use crate::kernel::interface::Interface;
use crate::program::{self, Process, ProcessKind, Program};
use crate::scenario::programs;
use crate::topology::{Addresses, LinkId, NodeId, Topology};

/// What runs on `node`, in the order of its start.
pub(super) fn of(
    topology: &Topology,
    addresses: &Addresses,
    templates: &Templates,
    node: NodeId,
    attached: &[Vec<LinkId>],
    interfaces: &[Interface],
) -> Result<Vec<Program>, TemplateError> {
    let name = &topology.node(node).name;
    let program = |process: Process| match process.kind {
        ProcessKind::Routing => {
            let config = bird::render(topology, addresses, templates, node, attached, interfaces)?;
            let graceful = attached[node.0].iter().any(|link| bird::is_graceful(&topology.links[link.0]));
            Ok(bird::program(name, process, config.unwrap_or_default(), graceful))
        }
        ProcessKind::Node | ProcessKind::Service => Ok(program::of_node(name)),
    };
    programs::on(topology, node).into_iter().map(program).collect()
}
