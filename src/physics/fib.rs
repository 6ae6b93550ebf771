//! What a kernel says of its routing table.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A change of one kernel routing table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FibChange {
    /// False: the route was deleted.
    pub add: bool,
    /// `198.51.100.1/32`, `default`.
    pub prefix: String,
    /// Gateways, several for equal-cost multipath; empty for a connected route.
    pub via: Vec<IpAddr>,
    /// Outgoing interfaces, in the order of `via`.
    pub interfaces: Vec<String>,
}
