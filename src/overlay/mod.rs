//! Overlay protocols as state machines without input or output.
//!
//! [`OverlayNode`] is what a node may expect of any protocol. In `structured` ones keys have owners, and are looked up;
//! in `unstructured` ones things lie where they were put, and are searched for; `layered` ones stand on another overlay.

pub mod auth;
pub mod given;
pub mod id;
pub mod key;
pub mod layered;
pub mod neighbors;
pub mod oracle;
mod peer;
mod proximity;
pub mod registry;
mod row;
pub mod store;
pub mod structured;
pub mod truth;
pub mod unstructured;
mod values;
pub mod version;
mod window;
pub mod wire;
pub mod words;

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use given::Given;
use id::Id;
pub use neighbors::Neighbors;
pub use peer::Peer;
pub use proximity::{LookupMode, Proximity};
pub use registry::Protocol;
pub use values::{Common, Values};

pub use crate::machine::Time;
use crate::machine::{Stream, StreamId};

/// Most nodes that a message tells of.
pub const MAX_PEERS: usize = 16;

/// A datagram to send, from the node's unicast address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// What a node may expect of its overlay's protocol. Bytes are the protocol's own messages: whoever
/// drives it says in datagrams whose they are.
pub trait OverlayNode {
    fn phase(&self) -> Phase;
    /// Begins an overlay of one.
    fn begin(&mut self, now: Time);
    /// Joins the overlay that `through` belongs to. [`Did::Joined`] or [`Did::JoinFailed`] follows.
    fn join(&mut self, now: Time, through: Peer);
    /// Joins another island of the same overlay, as a member of this one. [`Did::Merged`] follows: not `ok` in an
    /// overlay without owners if the peer is of this island as far as this node knows.
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
    /// Number of keys held, copies of others' keys included; of items shared, in an overlay that searches.
    fn keys(&self) -> usize;
    /// How many of them have several values, written by nodes that did not know of each other's.
    fn conflicts(&self) -> usize {
        0
    }
    /// All neighbors, each once.
    fn peers(&self) -> Vec<Peer>;
    fn neighbors(&self) -> Neighbors;
    /// Addresses of nodes that it knows, and their shortest round trips so far.
    fn round_trips(&self) -> Vec<(SocketAddr, Duration)> {
        Vec::new()
    }
    /// Numbers of entries in its tables, each of which has a limit.
    fn tables(&self) -> Vec<(&'static str, usize)>;
    /// Questions that its latest join took, one after another: those asked side by side count once.
    fn join_hops(&self) -> u32 {
        0
    }
    /// Messages so far, by what they were: each only ever grows.
    fn counts(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
    /// What searches have cost here so far: it only ever grows.
    fn spent(&self) -> Spent {
        Spent::default()
    }
    /// Something happened in a stream: in one of its own, or in one that somebody has opened to a port that its row
    /// needs.
    fn stream(&mut self, _now: Time, _id: StreamId, _part: Stream<&[u8]>) {}
    /// Whether others who look for the overlay shall find this node. [`Did::Serves`] follows whenever that changes
    /// while it is a member.
    fn serves(&self) -> bool {
        true
    }
    /// Neighbors that others who look for the overlay may be sent to.
    fn servers(&self) -> Vec<Peer> {
        self.peers()
    }
    /// It is about to leave: whether others rely on finding it, and are handed over first. [`Did::Serves`] follows then.
    fn retire(&mut self, _now: Time) -> bool {
        false
    }
    /// What it wants of streams; its own it numbers itself.
    fn poll_stream(&mut self) -> Option<(StreamId, Stream<Vec<u8>>)> {
        None
    }
    /// What it wants of the overlay that it stands on, numbered by itself.
    fn poll_below(&mut self) -> Option<(u64, Ask)> {
        None
    }
    /// The end of that.
    fn answered_below(&mut self, _now: Time, _number: u64, _answer: Answer) {}
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
    /// From now on others shall find it, or not any more: whoever relied on it has been handed over.
    Serves(bool),
    /// It wants to [`OverlayNode::meet`] whichever node serves nearest.
    Seeks,
    /// They are others than before.
    Neighbors(Neighbors),
    /// A neighbor did not answer.
    Forgot(Peer),
    /// What was asked has ended.
    Done {
        token: Token,
        outcome: Answer,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// Who owns a key?
    Find { key: Id },
    /// To store a value.
    Put { key: String, value: String },
    /// To fetch a value.
    Get { key: String },
    /// To have something under a name of words, here, where others find it.
    Share { name: String },
    /// Who has something whose name has all these words?
    Search { words: String },
}

/// What kinds of that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskKind {
    Find,
    Put,
    Get,
    Share,
    Search,
}

/// Who asked, and which of its questions it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// A command from outside.
    Command(u64),
    /// The layer above, for itself.
    Own(u64),
    /// The layer above, for others.
    Question(u64),
}

/// Result of a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Answer {
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
    /// Not `stored` when there is no room, or the name has no words.
    Shared { name: String, stored: bool },
    /// What was found, each item once a node. `hops`: to the node whose hit came first; `milliseconds`: until it did,
    /// and without hits until the search was given up.
    Searched { words: String, hits: Vec<Hit>, hops: u32, milliseconds: f64 },
}

/// What searches have cost a node: others' and its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Copies of queries and of hits that it sent.
    pub messages: u64,
    /// Queries that it heard, each once.
    pub heard: u64,
}

/// An item that a search has found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hit {
    pub name: String,
    /// The node that shares it.
    pub at: Id,
}

impl Spent {
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl std::ops::Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { messages: self.messages + other.messages, heard: self.heard + other.heard }
    }
}

/// Nothing, when a node has been lost in between with what it had counted.
impl std::ops::Sub for Spent {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        let heard = self.heard.saturating_sub(before.heard);
        Self { messages: self.messages.saturating_sub(before.messages), heard }
    }
}

impl Ask {
    pub fn kind(&self) -> AskKind {
        match self {
            Self::Find { .. } => AskKind::Find,
            Self::Put { .. } => AskKind::Put,
            Self::Get { .. } => AskKind::Get,
            Self::Share { .. } => AskKind::Share,
            Self::Search { .. } => AskKind::Search,
        }
    }

    /// The same to a protocol of which only some kinds `may` be asked: what one keeps under a key another has under
    /// words. `None`: it means nothing there.
    pub(crate) fn suiting(self, may: impl Fn(AskKind) -> bool) -> Option<Self> {
        match self {
            ask if may(ask.kind()) => Some(ask),
            Self::Search { words: key } if may(AskKind::Get) => Some(Self::Get { key }),
            Self::Get { key: words } if may(AskKind::Search) => Some(Self::Search { words }),
            _ => None,
        }
    }

    /// What a node says at once of a kind that its protocol's row does not list.
    pub(crate) fn unanswered(self) -> Answer {
        match self {
            Self::Find { key } => Answer::Looked { key, owner: None, hops: 0, milliseconds: 0.0 },
            Self::Put { key, .. } => Answer::Put { key, stored: false },
            Self::Get { key } => Answer::Got { key, value: None, others: Vec::new() },
            Self::Share { name } => Answer::Shared { name, stored: false },
            Self::Search { words } => Answer::Searched { words, hits: Vec::new(), hops: 0, milliseconds: 0.0 },
        }
    }
}
