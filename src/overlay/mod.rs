//! Overlay protocols as state machines without input or output.
//!
//! A machine is told what arrived and what time it is; it hands back what to send, when to be woken
//! and what happened. A process puts sockets around it, [`sim`] a simulated network: the same code
//! runs in both.
//!
//! [`Overlay`] is what a node may expect of any protocol.

pub mod auth;
pub mod id;
pub mod owner;
pub mod sim;
pub mod store;
pub mod structured;
pub mod version;
pub mod wire;

use std::net::SocketAddr;
use std::ops::{Add, Sub};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use id::Id;
use structured::{can, chord, dht, pastry};

/// Time since an arbitrary epoch: CLOCK_MONOTONIC in a lab, virtual in the simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Duration);

/// A datagram to send. It always leaves from the node's unicast address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// On which of a node's addresses a datagram arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Unicast,
    /// An anycast group's address: 0 is the join group, 1 the rendezvous group, 2 + c the group of color c.
    Group(usize),
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
    /// Looks up who owns `key`; [`Did::Done`] with the token follows.
    fn find(&mut self, now: Time, token: u64, key: Id);
    /// As `find`, for the layer above: [`Did::Watched`] follows.
    fn watch(&mut self, now: Time, watch: u64, key: Id);
    /// Stores a value; [`Did::Done`] with the token follows.
    fn put(&mut self, now: Time, token: u64, key: String, value: String);
    /// Fetches a value; [`Did::Done`] with the token follows.
    fn get(&mut self, now: Time, token: u64, key: String);
    /// A key that this node owns now.
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

/// A node's neighbors by what they are to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbors {
    /// The nodes that follow it on the ring, nearest first: Chord's successor list, the upper half of
    /// Pastry's leaf set.
    pub successors: Vec<Id>,
    pub predecessor: Option<Id>,
    /// All others it would route through, in order of their ids.
    pub fingers: Vec<Id>,
    /// First and last id of each zone it owns (CAN).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<(Id, Id)>,
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
    Done {
        token: u64,
        outcome: Outcome,
    },
    /// A lookup asked for by [`Overlay::watch`] ended.
    Watched {
        watch: u64,
        owner: Option<Id>,
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

/// The protocols that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Chord,
    Pastry,
    Can,
}

/// A protocol and what is configured for it only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProtocolSettings {
    Chord(chord::Settings),
    Pastry(pastry::Settings),
    Can(can::Settings),
}

impl ProtocolSettings {
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Chord(_) => Protocol::Chord,
            Self::Pastry(_) => Protocol::Pastry,
            Self::Can(_) => Protocol::Can,
        }
    }

    /// A node that has been told nothing yet. `rng` decides jitter and request numbers.
    pub fn node(self, me: Peer, settings: dht::Settings, rng: ChaCha8Rng) -> Box<dyn Overlay> {
        match self {
            Self::Chord(own) => Box::new(chord::Chord::new(me, settings, own, rng)),
            Self::Pastry(own) => Box::new(pastry::Pastry::new(me, settings, own, rng)),
            Self::Can(own) => Box::new(can::Can::new(me, settings, own, rng)),
        }
    }
}

/// Who carries a lookup on: the node that asked, or each node that it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LookupMode {
    Iterative,
    Recursive,
}

impl Time {
    /// Milliseconds from `earlier` to `self`.
    pub fn millis_since(self, earlier: Self) -> f64 {
        (self - earlier).as_secs_f64() * 1e3
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0 + later)
    }
}

/// Zero when `rhs` is later.
impl Sub for Time {
    type Output = Duration;

    fn sub(self, rhs: Self) -> Duration {
        self.0.saturating_sub(rhs.0)
    }
}
