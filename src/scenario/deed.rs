//! What the record is told of an action, by kind. Whoever measures asks this, never the action's text.

use serde::{Deserialize, Serialize};

use super::scope::Victim;
use crate::program::ProcessKind;

/// What is said of whom in a fault of the record: its `target` is the link, stub, node or overlay meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Deed {
    /// Links, stubs or parts of the network were damaged.
    Damage,
    /// Such damage was undone: a link carries again what it had carried.
    Repair,
    /// Processes of the node `target`.
    Process { done: ProcessDeed, processes: Vec<ProcessKind> },
    /// The host has other addresses.
    Renumber,
    /// The host announces, withdraws or drains.
    Site,
    /// A router announces or believes something otherwise than before.
    Policy,
    /// The stub `target` announces a group of others.
    Hijack,
    /// The overlay's members are flooded.
    Flood,
    /// Nodes were told to join.
    Join,
    /// Orders and questions, which change nothing of the network.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessDeed {
    Crash,
    Restart,
    Freeze,
    Thaw,
}

impl Deed {
    /// What is done to the processes meant.
    pub fn process(done: ProcessDeed, victim: Victim) -> Self {
        let processes = match victim {
            Victim::Program(process) => vec![process.kind],
            Victim::All | Victim::Host => vec![ProcessKind::Routing, ProcessKind::Node],
        };
        Self::Process { done, processes }
    }

    /// Whether this was done to a process of that kind.
    pub fn is(&self, deed: ProcessDeed, kind: ProcessKind) -> bool {
        matches!(self, Self::Process { done, processes } if *done == deed && processes.contains(&kind))
    }
}
