//! Metrics of clients' flows: which break, and who serves them.

use std::collections::BTreeSet;

use super::asked::Asked;
use super::row::{Bounds, Kind, Row, Shape};
use crate::scenario::words::ActionError;
use crate::topology::Topology;

pub(super) const ROWS: &[Row] = &[
    // By when the client noticed.
    Row::new("broken flows", "broken flows [of CLIENT]", Kind::Count, Shape::Counter, |asked| {
        flowing(asked).and_then(|()| asked.any_client())
    }),
    // The share of the flows there at the window's begin, or else first opened in it, that do not break in it.
    Row::new("affinity", "affinity [of CLIENT]", Kind::Ratio, Shape::Counter, |asked| {
        flowing(asked).and_then(|()| asked.any_client())
    })
    .bounds(|_, _| Bounds::SHARE),
    // Members that serve its flows.
    Row::new("flow members", "flow members of CLIENT", Kind::Count, Shape::State, |asked| {
        flowing(asked).and_then(|()| asked.client())
    })
    .bounds(|_, topology| Bounds::up_to(Some(flow_members(topology)))),
];

fn flowing(asked: &Asked<'_, '_>) -> Result<(), ActionError> {
    asked.lab_has(asked.topology.flows.is_some(), "no client keeps flows open in this lab", "add a `[flows]` table")
}

/// Hosts that may serve a client's flows.
fn flow_members(topology: &Topology) -> usize {
    let groups = topology.flows.iter().flat_map(|flows| &flows.groups);
    groups.flat_map(|id| &topology.groups[id.0].members).collect::<BTreeSet<_>>().len()
}
