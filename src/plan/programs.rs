//! The programs of a node.

use crate::program::{self, Program};
use crate::routing::{Fleet, RenderError, Speaker, rtr};
use crate::topology::{NodeId, NodeKind, Topology};

/// What runs on `node`, in the order of its start: what [`crate::scenario::programs`] says.
pub(super) fn of(
    topology: &Topology,
    id: NodeId,
    speaker: Option<Speaker>,
    fleet: &Fleet,
) -> Result<Vec<Program>, RenderError> {
    let node = topology.node(id);
    let mut programs = speaker.map_or(Ok(Vec::new()), |speaker| fleet.renderer(node).programs(&speaker))?;
    if node.kind == NodeKind::Member {
        programs.push(program::of_node(&node.name));
    }
    if let Some(server) = topology.rtr.as_ref().filter(|server| server.host == id) {
        programs.push(rtr::program(&node.name, &topology.roas, server.intervals));
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::plan::Plan;
    use crate::program::Process;
    use crate::routing::Fleet;
    use crate::scenario::programs;
    use crate::topology::Overrides;

    #[test]
    fn faults_know_what_is_started() {
        let lab = "[lab]\n[rtr]\nat = \"s\"\n[[as]]\nname = \"r\"\nrov = true\n[[stub]]\nname = \"s\"\nuplinks = [\"r\"]\nmembers = 1\nclients = 1\n";
        let lab = crate::scenario::read_text(Path::new("lab.toml"), lab, &Overrides::default());
        let (topology, _) = lab.unwrap_or_else(|e| panic!("{e}"));
        let fleet = Fleet::meant(&topology, None).expect("the templates that the program carries");
        let plan = Plan::new(&topology, &fleet).expect("they can be rendered");
        for node in &plan.nodes {
            let planned: Vec<Process> = node.programs.iter().map(|program| program.process).collect();
            assert_eq!(planned, programs::on(&topology, node.id), "{}", node.name);
        }
        assert_eq!(plan.nodes.iter().map(|node| node.programs.len()).max(), Some(3));
    }
}
