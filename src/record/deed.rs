//! What a fault of the record was, of records from before there were kinds.

use super::event::What;
use crate::program::ProcessKind;
use crate::scenario::deed::{Deed, ProcessDeed};

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
