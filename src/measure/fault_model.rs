//! The report's part about faults: what routing, clients and overlays did after each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::flow_model::FlowReaction;
use super::overlay_model::Contact;
#[cfg(doc)]
use crate::measure::Report;
use crate::measure::effect::LoadChange;

/// One fault, or several of the same moment, and what followed until the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FaultReport {
    pub at: f64,
    /// The action's text; several of one moment are joined by `, `.
    pub fault: String,
    /// Injected by hand, not by the timeline.
    pub live: bool,
    /// Seconds of play up to which effects are attributed to it.
    pub until: f64,
    /// How long its system calls took.
    pub took_ms: f64,
    /// Begin of the fault to the first change of an interface, a BGP session or a kernel route anywhere.
    pub detect_ms: Option<f64>,
    /// Which change that was.
    pub noticed: Option<Noticed>,
    pub first_fib_change_ms: Option<f64>,
    /// To the last change before routing was quiet, see [`crate::measure::QUIET_SECONDS`].
    pub last_fib_change_ms: Option<f64>,
    pub fib_changes: usize,
    /// Nodes whose kernel routes changed.
    pub fib_nodes: usize,
    /// These nodes, the first to change first.
    #[serde(default)]
    pub cascade: Vec<CascadeNode>,
    /// Loops among [`Report::transients`] that began before `until`.
    #[serde(default)]
    pub loops: usize,
    /// Black holes likewise.
    #[serde(default)]
    pub blackholes: usize,
    /// BGP updates until `until`; `null` if the record does not have them.
    pub updates: Option<Updates>,
    /// To the first answer that the slowest affected client got again; see [`ClientReport`].
    pub first_reply_ms: Option<f64>,
    /// To the sending of the last probe that was lost.
    pub last_lost_ms: Option<f64>,
    /// Probes sent and not answered until `until`.
    pub lost: usize,
    /// Probes sent until `until`.
    pub probes: usize,
    /// What the verification of a partition or its undo found.
    pub verified: Vec<String>,
    pub moved: Vec<Move>,
    /// Every probed group's load before and after.
    #[serde(default)]
    pub loads: Vec<LoadChange>,
    /// Affected clients only: moved, or with probes lost.
    pub clients: Vec<ClientReport>,
    /// `null`: no flow was open.
    pub flows: Option<FlowReaction>,
    pub overlays: BTreeMap<String, OverlayReaction>,
}

/// The first change after a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Noticed {
    pub ms: f64,
    pub node: String,
    pub by: NoticedBy,
    /// The interface, the session's neighbor, or the route's prefix.
    pub what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum NoticedBy {
    /// It gained or lost its carrier.
    Interface,
    /// A BGP session ended or was established, whoever told BGP: a timer, BFD, the neighbor, TCP.
    Session,
    /// A kernel's route changed.
    Route,
}

/// What one node's kernel did after a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CascadeNode {
    pub node: String,
    pub first_ms: f64,
    pub last_ms: f64,
    pub changes: usize,
}

/// A loop or a black hole of the forwarding plane, as the kernels' routes had it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Transient {
    pub kind: TransientKind,
    pub group: String,
    pub address: String,
    pub from: f64,
    /// `null`: it was there at the end.
    pub to: Option<f64>,
    /// How long it lasted, or until the end.
    pub ms: f64,
    /// Index of the fault it followed; `null`: none.
    pub fault: Option<usize>,
    /// Of a loop, in its order; of a black hole, where packets end.
    pub nodes: Vec<String>,
    /// Why packets end there; `null` for a loop.
    pub reason: Option<Nowhere>,
    /// Clients whose packets ran into it.
    pub clients: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum TransientKind {
    Loop,
    Blackhole,
}

/// Why packets end at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Nowhere {
    /// The kernel has no route, or none through an interface that is up.
    NoRoute,
    /// The link it sends over swallows everything.
    SilentLink,
    /// A host that has withdrawn the group, or whose node is dead or stopped.
    SilentHost,
}

/// BGP UPDATE messages, counted where they arrive; an End-of-RIB is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Updates {
    pub messages: usize,
    /// Routes in them.
    pub announced: usize,
    pub withdrawn: usize,
    /// Nodes that received or sent any.
    pub nodes: BTreeMap<String, NodeUpdates>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NodeUpdates {
    pub received: usize,
    /// Those that arrived at its neighbors.
    pub sent: usize,
}

/// A client whose answering member is another after the fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Move {
    pub client: String,
    pub group: String,
    /// `null`: nobody answered it.
    pub from: Option<String>,
    pub to: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClientReport {
    pub client: String,
    pub group: String,
    pub from: Option<String>,
    pub to: Option<String>,
    pub lost: usize,
    /// The longest run of lost probes, from the first one's sending to the next answered one's.
    pub outage_ms: f64,
    /// Begin of the fault to the sending of the last probe that was lost.
    pub last_lost_ms: Option<f64>,
    /// Begin of the fault to the first answer from `to` to a probe sent after it (for a client
    /// that did not move: sent after its first lost probe); `null` if there was none.
    pub first_reply_ms: Option<f64>,
}

/// What an overlay did after a fault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OverlayReaction {
    pub islands_before: usize,
    pub islands_after: usize,
    pub islands_max: usize,
    /// Sizes when there were most islands, largest first.
    pub sizes_at_max: Vec<usize>,
    /// Fault's begin to the first change of the number of islands.
    pub first_change_ms: Option<f64>,
    /// To when there were as many islands as at the end of the window, for good.
    pub settled_ms: Option<f64>,
    /// To when the ring was whole (again), if it was not at the fault's begin.
    pub whole_ms: Option<f64>,
    pub first_contact: Option<Contact>,
}
