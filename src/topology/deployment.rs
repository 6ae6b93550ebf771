//! Infrastructures of a lab, and what is found through them.

use std::collections::BTreeMap;

use super::id::{GroupId, NodeId};
use crate::anycast::{Infrastructure, Transport};
use crate::overlay::key::Value;

/// An infrastructure of the lab: its kind, and the hosts of its servers.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    pub name: String,
    pub kind: Infrastructure,
    pub hosts: Vec<NodeId>,
    /// Of the kind's own keys, those that the file sets.
    pub settings: BTreeMap<String, Value>,
    /// What its servers announce, if they do.
    pub block: Option<GroupId>,
    /// When a server's process ends, its host withdraws that.
    pub health_gate: bool,
}

/// A program's port on some hosts, found through an infrastructure.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    pub name: String,
    /// The infrastructure's index.
    pub via: usize,
    pub members: Vec<NodeId>,
    pub transport: Transport,
    pub port: u16,
    /// Its address, which only some infrastructures have a use for.
    pub group: GroupId,
}
