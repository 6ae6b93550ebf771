//! What a fault of the record was, of records from before there were kinds.

use super::event::What;
use crate::scenario::Victim;
use crate::scenario::deed::{Deed, ProcessDeed, ProcessKind};

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
    let victim = match action.rsplit(' ').next() {
        Some("bird") => Victim::Bird,
        Some("node") => Victim::Node,
        _ => Victim::Both,
    };
    match verb {
        "mend" | "recover" | "heal" | "clear" => Deed::Repair,
        "crash" => Deed::process(ProcessDeed::Crash, victim),
        "restart" => Deed::process(ProcessDeed::Restart, victim),
        "freeze" => Deed::process(ProcessDeed::Freeze, victim),
        "thaw" => Deed::process(ProcessDeed::Thaw, victim),
        "renumber" => Deed::Renumber,
        "announce" | "withdraw" | "drain" => Deed::Site,
        "flood" => Deed::Flood,
        "join" => Deed::Join,
        "leave" | "put" | "overwrite" | "audit" | "ping" | "stretch" | "catchment" => Deed::Other,
        _ => Deed::Damage,
    }
}
