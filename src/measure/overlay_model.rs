//! The report's part about an overlay: its members, islands, joins, lookups and keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::anycast::Means;
use crate::measure::effect::Balance;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OverlayReport {
    pub protocol: String,
    pub bootstrap: String,
    pub healing: String,
    /// Hosts that may join.
    pub hosts: usize,
    /// Joined and alive at the end.
    pub members: usize,
    /// Most islands at any moment.
    pub islands_max: usize,
    pub islands_end: usize,
    /// Whether the ring was whole at the end.
    pub whole_end: bool,
    /// Seconds from the last repair of a link (`mend`, `recover`, `heal`, `clear`) until the ring was whole.
    pub merge_seconds: Option<f64>,
    /// Only changes.
    pub islands: Vec<IslandPoint>,
    pub contacts: Vec<Contact>,
    pub rejoins: Rejoins,
    pub joins: Joins,
    pub lookups: Lookups,
    pub keys: Keys,
    /// Not there if nothing was searched for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searches: Option<SearchReport>,
    /// By when they were over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub floods: Vec<FloodReport>,
}

/// Searches, in an overlay whose keys have no owners. Each is of one kind, by what was shared when it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SearchReport {
    pub ended: usize,
    /// Found something that was there.
    pub found: usize,
    /// Found nothing, though a member of the asker's island shared it.
    pub missed: usize,
    /// Found nothing, and only members of other islands shared it.
    pub apart: usize,
    /// Found nothing, and there was nothing.
    pub nothing: usize,
    /// Found only what was not there.
    pub wrong: usize,
    /// Hits that were right.
    pub hits_mean: Option<f64>,
    /// To the first hit, like the latencies.
    pub hops_mean: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// Copies of queries and hits that all nodes sent for one.
    pub messages_mean: Option<f64>,
    /// Nodes that heard one.
    pub reach_mean: Option<f64>,
}

/// First Hellos of joiners who did not mean to join. Bytes are of UDP payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FloodReport {
    /// When it began.
    pub at: f64,
    /// For so long it sent.
    pub seconds: f64,
    /// From where.
    pub host: String,
    /// Hellos a second that it was to send.
    pub rate: u32,
    /// Hellos.
    pub sent: u64,
    pub sent_bytes: u64,
    /// Hellos that were due and not sent: the machine was late, or the host had no way for them.
    pub skipped: u64,
    /// Datagrams that arrived for it, up to a second after the last Hello.
    pub answers: u64,
    pub answered_bytes: u64,
    /// Bytes answered for each byte sent; `null`: nothing was sent.
    pub gain: Option<f64>,
    /// Those who began to join before it, and while no other flood of the overlay sent.
    pub joins_before: Joiners,
    /// Those who began to join while it sent.
    pub joins_during: Joiners,
}

/// How those fared who meant to join. Who found nobody and began the overlay has not joined it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Joiners {
    pub begun: usize,
    /// Of these, those who joined in the end.
    pub joined: usize,
    /// From the first Hello until it was a member.
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct IslandPoint {
    pub at: f64,
    pub islands: usize,
    /// Largest first.
    pub sizes: Vec<usize>,
    /// One island, and each member's successor is the right one.
    pub whole: bool,
    /// Inside each island, each member's successor is the right one.
    pub rings_right: bool,
}

/// A member of another island that answered, or that found this host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Contact {
    pub at: f64,
    pub host: String,
    pub peer: String,
    /// What led to it.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "String"))]
    pub by: Means,
    /// With colors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<u16>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Rejoins {
    pub begun: usize,
    pub done: usize,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Joins {
    pub ok: usize,
    pub failed: usize,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// Joins that found nobody and began a new overlay.
    pub founded: usize,
    /// Those who began to join when there was a member already: who is there first waits for somebody to join.
    #[serde(default)]
    pub with_members: Joiners,
    /// Requests that went unanswered before one was.
    pub retries: u64,
    /// Joins that a member sent to another one.
    #[serde(default)]
    pub redirected: usize,
    /// Member to the number of joins that it served.
    pub served_by: BTreeMap<String, usize>,
    /// How evenly joins are spread over all hosts that ever joined.
    #[serde(default)]
    pub balance: Balance,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Lookups {
    #[serde(flatten)]
    pub total: LookupCounts,
    /// By the time they were sent: before the first fault, after each fault.
    pub phases: Vec<LookupPhase>,
    /// By the asking node's stub.
    pub stubs: BTreeMap<String, LookupCounts>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LookupCounts {
    pub sent: usize,
    /// Answered, and not wrong.
    pub ok: usize,
    /// Not answered.
    pub failed: usize,
    /// The owner was not the key's successor, see [`crate::measure`].
    pub wrong: usize,
    /// Of answered ones, like the latencies.
    pub hops_mean: Option<f64>,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LookupPhase {
    pub from: f64,
    pub to: f64,
    /// The fault that it follows; `null` for the first.
    pub after: Option<String>,
    #[serde(flatten)]
    pub counts: LookupCounts,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Keys {
    pub stored: u64,
    /// Other values stored for keys that there were.
    #[serde(default)]
    pub overwritten: u64,
    /// Keys and other values that were not acknowledged.
    pub failed: u64,
    pub audits: Vec<Audit>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Audit {
    pub at: f64,
    pub found: u32,
    pub missing: Vec<String>,
    /// Keys with several values, written in islands that did not know of each other.
    #[serde(default)]
    pub conflicts: u32,
}
