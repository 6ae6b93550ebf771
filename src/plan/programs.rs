//! The programs of a node.

use super::speakers;
use crate::kernel::interface::Interface;
use crate::program::{self, Program};
use crate::routing::{RenderError, Renderer};
use crate::topology::{Addresses, LinkId, NodeId, NodeKind, Topology};

/// What runs on `node`, in the order of its start: what [`crate::scenario::programs`] says.
pub(super) fn of(
    topology: &Topology,
    addresses: &Addresses,
    renderer: &dyn Renderer,
    node: NodeId,
    attached: &[Vec<LinkId>],
    interfaces: &[Interface],
) -> Result<Vec<Program>, RenderError> {
    let speaker = speakers::of(topology, addresses, node, attached, interfaces);
    let mut programs = speaker.map_or(Ok(Vec::new()), |speaker| renderer.programs(&speaker))?;
    if topology.node(node).kind == NodeKind::Member {
        programs.push(program::of_node(&topology.node(node).name));
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::plan::Plan;
    use crate::program::Process;
    use crate::routing::registry;
    use crate::scenario::programs;
    use crate::topology::Overrides;

    #[test]
    fn faults_know_what_is_started() {
        let lab = "[lab]\n[[as]]\nname = \"r\"\n[[stub]]\nname = \"s\"\nuplinks = [\"r\"]\nmembers = 1\nclients = 1\n";
        let lab = crate::scenario::load_text(Path::new("lab.toml"), lab, &Overrides::default());
        let (topology, _) = lab.unwrap_or_else(|e| panic!("{e}"));
        let renderer = registry::preferred().renderer(None).expect("the templates that the program carries");
        let plan = Plan::new(&topology, &*renderer).expect("they can be rendered");
        for node in &plan.nodes {
            let planned: Vec<Process> = node.programs.iter().map(|program| program.process).collect();
            assert_eq!(planned, programs::on(&topology, node.id), "{}", node.name);
        }
        assert_eq!(plan.nodes.iter().map(|node| node.programs.len()).max(), Some(2));
    }
}
