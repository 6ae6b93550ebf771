//! What of a lab an action names (ends of a link, parts of the network, processes of a node), and who does it.

use std::collections::BTreeSet;
use std::fmt;

use crate::program::Process;
use crate::topology::{AsId, GroupId, LinkId, NodeId, Topology};

/// Who does something to a lab. What a flap has done only that flap undoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The timeline, or a person.
    Direct,
    /// A `flap`, by its number.
    Flap(u32),
}

/// Frames sent by which end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ends {
    Both,
    /// 0: the link's `a`, 1: its `b`.
    One(usize),
}

impl Ends {
    /// The sides meant.
    pub(super) fn sides(self) -> impl Iterator<Item = usize> {
        (0..2).filter(move |side| self.covers(*side))
    }

    pub(super) fn covers(self, side: usize) -> bool {
        self == Self::Both || self == Self::One(side)
    }
}

/// One end of a session, and the group that is meant; `None`: all that is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Session {
    pub link: LinkId,
    /// 0: the link's `a`, 1: its `b`.
    pub side: usize,
    pub group: Option<GroupId>,
}

/// What a stub announces of another's group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hijack {
    /// Both halves of its prefix, not the prefix itself.
    pub specific: bool,
    /// The path begins at this AS.
    pub forging: Option<u32>,
}

/// What a partition names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// All routers of an AS, and its hosts.
    As(AsId),
    Node(NodeId),
}

impl Part {
    pub(super) fn name(self, topology: &Topology) -> &str {
        match self {
            Self::As(id) => &topology.ases[id.0].name,
            Self::Node(id) => &topology.node(id).name,
        }
    }
}

/// The nodes that a partition names.
pub fn members(parts: &[Part], topology: &Topology) -> BTreeSet<NodeId> {
    let of = |part: &Part| match part {
        Part::As(id) => topology.ids().filter(|n| topology.node(*n).as_id == *id).collect(),
        Part::Node(id) => vec![*id],
    };
    parts.iter().flat_map(of).collect()
}

/// The nodes that a `ping` names: of an AS, its routers.
pub fn pinged(parts: &[Part], topology: &Topology) -> BTreeSet<NodeId> {
    let of = |part: &Part| match part {
        Part::As(id) => topology.ases[id.0].routers.clone(),
        Part::Node(id) => vec![*id],
    };
    parts.iter().flat_map(of).collect()
}

/// Which process of a node a crash kills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    Program(Process),
    /// Every process.
    All,
    /// Every process, and the links.
    Host,
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Program(process) => process.name,
            Self::All => "both",
            Self::Host => "host",
        })
    }
}
