//! What an overlay's node is told to do, what it did, and its state.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::inquiry::{Inquiry, Reply, Step};
use super::means::Means;
use crate::machine::Part;
use crate::overlay::id::Id;
use crate::overlay::{Answer, Neighbors, Phase, Spent};

/// What a node is told to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// `found`: when nobody answers, begin a new overlay; otherwise keep asking for 30 s.
    Join {
        found: bool,
    },
    /// Withdraw, hand the keys over, tell the neighbors, stop.
    Leave,
    /// The host has another unicast address from now on.
    Renumber {
        address: SocketAddr,
    },
    Lookup {
        token: u64,
        key: Id,
    },
    Put {
        token: u64,
        key: String,
        value: String,
    },
    Get {
        token: u64,
        key: String,
    },
    /// Has an item under a name of words.
    Share {
        token: u64,
        name: String,
    },
    Search {
        token: u64,
        words: String,
    },
    /// Hosts nearby that other nodes of its host know: before it is told to join.
    Acquaint {
        nearby: Vec<SocketAddr>,
    },
    /// Another node of its host asks; [`Event::Replies`] follows.
    Inquire {
        token: u64,
        inquiry: Inquiry,
    },
    /// What has become of what it asked by [`Event::Asks`].
    Replied {
        token: u64,
        reply: Reply,
    },
}

/// What a node did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first datagram of a join has been handed out.
    Joining,
    /// It is a member. `served_by` is `None` when it began a new overlay. After a renumbering `attempts` is 0:
    /// it joined through a neighbor it knew.
    Joined {
        served_by: Option<Id>,
        milliseconds: f64,
        attempts: u32,
        /// How often a member sent it to another one.
        redirected: u32,
    },
    /// It has chosen the color that it announces ([`super::config::Coloring::Farthest`]).
    Colored {
        color: u16,
    },
    JoinFailed {
        reason: String,
    },
    /// A group's address is on `lo` and its route in BGP.
    Announced {
        group: Part,
    },
    Withdrew {
        group: Part,
    },
    Left,
    /// Its neighbors are others than before.
    Neighbors(Neighbors),
    Forgot {
        peer: Id,
    },
    /// A member of another island has answered, or has found this node.
    Contact {
        peer: Id,
        by: Means,
        color: Option<u16>,
    },
    /// It looks itself up in that island.
    Rejoining {
        through: Id,
    },
    Rejoined {
        through: Id,
        milliseconds: f64,
    },
    /// What was asked of it ended.
    Done {
        token: u64,
        /// The members that the question has come to, if it is not the node itself that had the answer.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        path: Vec<Step>,
        #[serde(flatten)]
        outcome: Answer,
    },
    /// To the node of another overlay on its host: it has no answer of its own.
    Asks {
        token: u64,
        overlay: String,
        inquiry: Inquiry,
    },
    /// To the node on its host that has asked.
    Replies {
        token: u64,
        reply: Reply,
    },
}

/// A node's state: for its status and for tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    pub host: String,
    pub id: Id,
    pub phase: Phase,
    #[serde(flatten)]
    pub neighbors: Neighbors,
    pub keys: usize,
    /// Keys of which it holds several values, written in islands that did not know of each other.
    #[serde(default)]
    pub conflicts: usize,
    /// The color it announces, or is about to.
    #[serde(default)]
    pub color: Option<u16>,
    /// Estimated number of nodes in its island.
    pub island: u32,
    /// Groups it announces.
    pub announced: Vec<Part>,
    /// Members that answered before it joined, with milliseconds until they did.
    pub met: BTreeMap<Id, f64>,
    /// By color, the member that answered last at its address: before this node joined, or since, if it asks other
    /// colors for other islands.
    #[serde(default)]
    pub heard: Vec<(u16, Id)>,
    /// Datagrams dropped unread.
    pub dropped: u64,
    /// The overlay's own messages so far, by what they were, in protocols that count them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
    /// What searches have cost it so far.
    #[serde(default, skip_serializing_if = "Spent::is_nothing")]
    pub spent: Spent,
}
