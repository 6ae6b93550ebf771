//! What a fault of the record was, by kind. Whoever measures asks this, never the action's text.

use serde::{Deserialize, Serialize};

use super::event::What;
pub use crate::program::ProcessKind;
use crate::scenario::action::Class;
use crate::scenario::{Action, Victim};

/// What is said of whom in [`What::Fault`]: its `target` is the link, stub, node or overlay meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Deed {
    /// Links, stubs or parts of the network were damaged.
    Damage,
    /// Such damage was undone.
    Repair,
    /// Processes of the node `target`.
    Process { done: ProcessDeed, processes: Vec<ProcessKind> },
    /// The host has other addresses.
    Renumber,
    /// The host announces, withdraws or drains.
    Site,
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
    pub fn of(action: &Action) -> Self {
        match action {
            Action::Mend(_) | Action::Recover(_) | Action::Heal { .. } | Action::Clear(..) => Self::Repair,
            Action::Crash(_, victim) => Self::process(ProcessDeed::Crash, *victim),
            Action::Restart(_, victim) => Self::process(ProcessDeed::Restart, *victim),
            Action::Freeze(_, victim) => Self::process(ProcessDeed::Freeze, *victim),
            Action::Thaw(_, victim) => Self::process(ProcessDeed::Thaw, *victim),
            Action::Renumber(_) => Self::Renumber,
            Action::Announce { .. } | Action::Withdraw { .. } | Action::Drain { .. } => Self::Site,
            Action::Flood { .. } => Self::Flood,
            Action::Join { .. } => Self::Join,
            action if action.class() == Class::Fault => Self::Damage,
            _ => Self::Other,
        }
    }

    fn process(done: ProcessDeed, victim: Victim) -> Self {
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

impl What {
    /// Gives an event of a record from before there were kinds its kind: the one place that reads words.
    pub(crate) fn with_kind(self) -> Self {
        match self {
            Self::Fault { deed: None, action, verb, target, done, live } => {
                let deed = Some(from_words(&verb, &action));
                Self::Fault { deed, action, verb, target, done, live }
            }
            Self::Exit { kind: None, node, process, status, expected } => {
                let kind = match process.as_str() {
                    "bird" => ProcessKind::Routing,
                    "node" | "anybed node" => ProcessKind::Node,
                    _ => ProcessKind::Service,
                };
                Self::Exit { kind: Some(kind), node, process, status, expected }
            }
            other => other,
        }
    }
}

fn from_words(verb: &str, action: &str) -> Deed {
    let processes = match action.rsplit(' ').next() {
        Some("bird") => vec![ProcessKind::Routing],
        Some("node") => vec![ProcessKind::Node],
        _ => vec![ProcessKind::Routing, ProcessKind::Node],
    };
    let process = |done| Deed::Process { done, processes };
    match verb {
        "mend" | "recover" | "heal" | "clear" => Deed::Repair,
        "crash" => process(ProcessDeed::Crash),
        "restart" => process(ProcessDeed::Restart),
        "freeze" => process(ProcessDeed::Freeze),
        "thaw" => process(ProcessDeed::Thaw),
        "renumber" => Deed::Renumber,
        "announce" | "withdraw" | "drain" => Deed::Site,
        "flood" => Deed::Flood,
        "join" => Deed::Join,
        "leave" | "put" | "overwrite" | "audit" | "ping" | "stretch" | "catchment" => Deed::Other,
        _ => Deed::Damage,
    }
}
