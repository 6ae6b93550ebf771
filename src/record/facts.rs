//! What is known of a lab before anything runs: the record's first line.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::flows::FlowFacts;
use crate::overlay::id::Id;
use crate::physics::Impairment;
use crate::scenario::Expectation;
use crate::topology::{Bootstrap, Coloring, Healing, LookupMode, MultipathHash, NodeKind, Place, Protocol, Redirect};

/// What is known before anything runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabFacts {
    pub schema: u32,
    /// anybed's version.
    pub version: String,
    pub bird: String,
    /// Routing daemons, each with its nodes; empty in records that do not have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub daemons: Vec<DaemonFacts>,
    pub kernel: String,
    pub lab: String,
    pub file: String,
    /// Milliseconds: the shortest silence that anybody in the lab takes for a failure.
    #[serde(default)]
    pub patience_ms: Option<f64>,
    /// What was typed to begin it, quoted for a shell; empty in records that do not have it.
    #[serde(default)]
    pub command: String,
    /// Keys of the lab file that were set from outside, and to what.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    pub seed: u64,
    pub nodes: Vec<NodeFacts>,
    pub links: Vec<LinkFacts>,
    pub groups: Vec<GroupFacts>,
    pub overlays: Vec<OverlayFacts>,
    /// What clients keep open; records from before there were flows have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flows: Option<FlowFacts>,
    /// Seconds since the play's begin, and the action's text.
    pub timeline: Vec<(f64, String)>,
    pub expectations: Vec<Expectation>,
    /// Seconds of play planned.
    pub duration: f64,
}

/// A routing daemon of a lab.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DaemonFacts {
    /// `BIRD`
    pub name: String,
    pub version: String,
    /// Who runs it.
    pub nodes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeFacts {
    pub name: String,
    pub kind: NodeKind,
    #[serde(rename = "as")]
    pub as_name: String,
    pub asn: u32,
    /// The stub it belongs to, for gateways and hosts.
    pub stub: Option<String>,
    pub place: Option<Place>,
    pub addresses: Vec<IpAddr>,
    /// Of its interfaces, in IPv6: OSPF's routes lead by way of them. Empty in records that do not have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub link_local: Vec<IpAddr>,
    /// A router that uses all of several equally good BGP routes: by what its kernel chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multipath: Option<MultipathHash>,
}

/// What a link is for; between ASes, what its end `b` is to `a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkRole {
    Internal,
    Customer,
    Provider,
    Peer,
    Access,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkFacts {
    pub name: String,
    pub a: String,
    pub b: String,
    pub kind: LinkRole,
    /// From `a` to `b`, and back.
    #[serde(default, skip_serializing_if = "unimpaired")]
    pub impairments: [Impairment; 2],
}

fn unimpaired(impairments: &[Impairment; 2]) -> bool {
    impairments.iter().all(Impairment::is_none)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupFacts {
    pub name: String,
    pub addresses: Vec<IpAddr>,
    /// What is announced for it, if that is more than its addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<IpNet>,
    pub overlay: Option<String>,
    /// `None` for a plain or a join group.
    pub color: Option<u16>,
    /// It is its overlay's rendezvous group.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rendezvous: bool,
    /// Routes lead to servers of an infrastructure, which pass what is sent there to members.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_servers: bool,
    /// Hosts that may announce it; empty in records that do not have them.
    #[serde(default)]
    pub members: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverlayFacts {
    pub name: String,
    pub protocol: Protocol,
    pub bootstrap: Bootstrap,
    pub healing: Healing,
    #[serde(default)]
    pub coloring: Coloring,
    #[serde(default)]
    pub redirect: Redirect,
    pub lookup: LookupMode,
    /// Host name to ring id.
    pub ids: BTreeMap<String, Id>,
    /// Other overlays that a question to this one may come to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reaches: Vec<String>,
    /// Host name to color; empty without colors, and when each host chooses its own ([`NodeDid::Colored`]).
    pub colors: BTreeMap<String, u16>,
}
