//! The report's numbers of flows. As elsewhere in it, `*_ms` are milliseconds and `null` is what was not observed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The flows of a whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FlowReport {
    /// That the lab file asks for.
    pub flows: usize,
    /// Open when the record ended.
    pub alive_end: usize,
    /// Opened in all, those opened again included.
    pub connections: usize,
    pub broken: usize,
    /// Of these: before any fault, or after routing had been quiet for [`crate::measure::QUIET_SECONDS`].
    pub without_fault: usize,
    /// Of the broken ones: opened again.
    pub reestablished: usize,
    /// From the oldest request without an answer to the first answer over the next connection.
    pub p50_ms: Option<f64>,
    pub max_ms: Option<f64>,
    /// Why they broke: `reset`, `closed`, `timeout`, `stateless reset`, `unreachable`.
    pub reasons: BTreeMap<String, usize>,
    /// Connections by `tcp` and `udp`.
    pub protocols: BTreeMap<String, FlowCounts>,
    /// Sent over all flows, and answered.
    pub requests: u64,
    pub answered: u64,
    /// Routers that use several equally good BGP routes, and by what they choose: `l3` or `l4`. Configured.
    pub multipath: BTreeMap<String, String>,
}

/// Flows, and how many of them broke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FlowCounts {
    pub alive: usize,
    pub broken: usize,
}

impl FlowCounts {
    pub(crate) fn count(&mut self, broken: bool) {
        self.alive += 1;
        self.broken += usize::from(broken);
    }
}

/// What a fault did to the flows that were open when it began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FlowReaction {
    pub alive: usize,
    /// Of these.
    pub broken: usize,
    /// Connections that were opened since, and broke too.
    pub broken_again: usize,
    /// Clients of the broken ones.
    pub clients: usize,
    /// All flows that these clients had.
    pub of_their_flows: usize,
    /// Of the broken ones: opened again.
    pub reestablished: usize,
    /// From the oldest request without an answer to the first answer over the next connection.
    pub p50_ms: Option<f64>,
    pub max_ms: Option<f64>,
    pub reasons: BTreeMap<String, usize>,
    pub protocols: BTreeMap<String, ProtocolReaction>,
    /// By the member that had served them.
    pub members: BTreeMap<String, FlowCounts>,
}

/// The same for `tcp` or `udp` alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProtocolReaction {
    pub alive: usize,
    pub broken: usize,
    pub p50_ms: Option<f64>,
    pub max_ms: Option<f64>,
}
