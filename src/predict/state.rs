//! What works while it is predicted.

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::topology::{GroupId, NodeId};

/// What of a lab does its work.
pub struct State<'a> {
    /// The groups that are asked for; others are worked out as far as these need it.
    pub about: &'a dyn Fn(GroupId) -> bool,
    /// Whether a host announces a group, if it announces anything.
    pub announces: &'a dyn Fn(NodeId, GroupId) -> bool,
    /// Without a routing daemon.
    pub silent: &'a BTreeSet<NodeId>,
    /// Links without a carrier.
    pub cut: &'a BTreeSet<usize>,
    /// The path that a router is known to use, if it is: which of several equal routes came first.
    pub fell: &'a dyn Fn(NodeId, IpNet) -> Option<Vec<u32>>,
}
