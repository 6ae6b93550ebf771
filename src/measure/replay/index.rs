//! What the parts of the replay speak of: nodes by index, the groups' addresses, and what an event changed.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::record::LabFacts;

/// A node, by its index in [`LabFacts::nodes`].
pub(crate) type Node = usize;

/// The nodes by name.
pub(super) fn indices(facts: &LabFacts) -> BTreeMap<&str, Node> {
    facts.nodes.iter().enumerate().map(|(index, node)| (node.name.as_str(), index)).collect()
}

/// One address of one group.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) group: &'a str,
    pub(crate) address: IpAddr,
}

/// What an event may have changed for packets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change<'a> {
    Nothing,
    /// A node's route to this prefix, and whether these hosts answer packets to it.
    Route {
        node: Node,
        prefix: IpNet,
        hosts: Vec<Node>,
    },
    /// Whether a host answers packets to a group, or (`None`) to any.
    Host {
        node: Node,
        group: Option<&'a str>,
    },
    /// What these nodes do with packets to any address; because of their routes?
    Nodes {
        nodes: Vec<Node>,
        routes: bool,
    },
    /// Anything anywhere.
    All,
}
