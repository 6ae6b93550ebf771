//! Overlay protocols as state machines without input or output.
//!
//! [`Overlay`] is what a node may expect of any protocol.

pub mod auth;
pub mod given;
pub mod id;
pub mod key;
pub mod neighbors;
pub mod oracle;
pub mod registry;
pub mod store;
pub mod structured;
pub mod version;
pub mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use given::{Common, Given};
use id::Id;
pub use neighbors::Neighbors;
pub use registry::Protocol;

pub use crate::machine::Time;

/// Most nodes that a message tells of.
pub const MAX_PEERS: usize = 16;

/// A datagram to send, from the node's unicast address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// A node as others know it: its place on the ring and its unicast address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Peer {
    pub id: Id,
    pub address: SocketAddr,
}

/// What a node may expect of its overlay's protocol. Bytes are the protocol's own messages: whoever
/// drives it says in datagrams whose they are.
pub trait Overlay {
    fn phase(&self) -> Phase;
    /// Begins an overlay of one.
    fn begin(&mut self, now: Time);
    /// Joins the overlay that `through` belongs to. [`Did::Joined`] or [`Did::JoinFailed`] follows.
    fn join(&mut self, now: Time, through: Peer);
    /// Joins another island of the same overlay, as a member of this one. [`Did::Merged`] follows.
    fn merge(&mut self, now: Time, through: Peer);
    /// Hands the keys over, tells the neighbors, stops. [`Did::Left`] follows.
    fn leave(&mut self, now: Time);
    /// Stops at once, telling nobody.
    fn abort(&mut self);
    /// This node has another address from now on. [`Did::Renewed`] follows if it is a member.
    fn renumber(&mut self, now: Time, address: SocketAddr);
    /// A node of the overlay and how long it takes to answer: one that may be worth knowing better.
    fn meet(&mut self, now: Time, peer: Peer, round_trip: Duration);
    /// [`Did::Done`] with the token follows: at once and without an answer, if it is of a kind that the
    /// protocol's row does not list.
    fn ask(&mut self, now: Time, token: Token, ask: Ask);
    /// A key that this node owns now; in an overlay without owners, its id.
    fn place(&self) -> Id;
    /// Whether this node is the only one of its island that owns `key`; never, in an overlay without owners.
    fn owns(&self, _key: Id) -> bool {
        false
    }
    /// Estimated number of nodes in this node's island.
    fn size(&self) -> u32;
    /// Number of keys held, copies of others' keys included.
    fn keys(&self) -> usize;
    /// How many of them have several values, written by nodes that did not know of each other's.
    fn conflicts(&self) -> usize {
        0
    }
    /// All neighbors, each once.
    fn peers(&self) -> Vec<Peer>;
    fn neighbors(&self) -> Neighbors;
    /// Numbers of entries in its tables, each of which has a limit.
    fn tables(&self) -> Vec<(&'static str, usize)>;
    /// A message that came from this address.
    fn handle(&mut self, now: Time, from: SocketAddr, message: &[u8]);
    fn handle_timeout(&mut self, now: Time);
    fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)>;
    fn poll_timeout(&self) -> Option<Time>;
    fn poll_event(&mut self) -> Option<Did>;
}

/// Where a node stands with its overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Idle,
    Joining,
    Member,
    Leaving,
}

/// What a protocol reports.
#[derive(Clone, Debug, PartialEq)]
pub enum Did {
    /// It is part of the overlay, and its neighbors have noticed it.
    Joined,
    JoinFailed,
    Left,
    /// They are others than before.
    Neighbors(Neighbors),
    /// A neighbor did not answer.
    Forgot(Peer),
    /// What was asked has ended.
    Done {
        token: Token,
        outcome: Outcome,
    },
    Merged {
        ok: bool,
    },
    /// After [`Overlay::renumber`]: a neighbor knows the new address; `None`: it has no neighbor.
    Renewed {
        by: Option<Id>,
        milliseconds: f64,
    },
}

/// What a node may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Who owns a key?
    Find { key: Id },
    /// To store a value.
    Put { key: String, value: String },
    /// To fetch a value.
    Get { key: String },
}

/// What kinds of that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskKind {
    Find,
    Put,
    Get,
}

/// Who asked, and which of its questions it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// A command from outside.
    Command(u64),
    /// The layer above, for itself.
    Own(u64),
}

/// Result of a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// `owner` is `None` when nobody answered. `hops`: nodes the lookup was passed to.
    Looked { key: Id, owner: Option<Id>, hops: u32, milliseconds: f64 },
    /// `stored`: all copies have been acknowledged.
    Put { key: String, stored: bool },
    /// `value` is `None` when neither the owner nor a replica had it. `others`: what was written in another
    /// island meanwhile.
    Got {
        key: String,
        value: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<String>,
    },
}

/// Which of several nodes that would serve as neighbors a node takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proximity {
    /// The first that it hears of.
    None,
    /// The nearest, by measured round trip, of those that its lookups find.
    Probed,
    /// The nearest of those and of the nodes it has met at the overlay's anycast addresses, and of
    /// their neighbors.
    #[default]
    Anycast,
}

/// Who carries a lookup on: the node that asked, or each node that it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LookupMode {
    Iterative,
    Recursive,
}

impl Ask {
    pub fn kind(&self) -> AskKind {
        match self {
            Self::Find { .. } => AskKind::Find,
            Self::Put { .. } => AskKind::Put,
            Self::Get { .. } => AskKind::Get,
        }
    }
}

impl Proximity {
    pub const ALL: [Self; 3] = [Self::None, Self::Probed, Self::Anycast];

    /// As a lab file has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Probed => "probed",
            Self::Anycast => "anycast",
        }
    }
}

impl From<Proximity> for key::Value {
    fn from(proximity: Proximity) -> Self {
        Self::from(proximity.word())
    }
}
