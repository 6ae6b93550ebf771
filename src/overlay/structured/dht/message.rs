//! What nodes of any structured overlay say to one another.

use serde::{Deserialize, Serialize};

use crate::overlay::Peer;
use crate::overlay::id::Id;
use crate::overlay::store::{Digest, Item, Stamp};

/// Most peers in one list of a message.
pub use crate::overlay::MAX_PEERS;
/// Most ids in an `avoid` list.
pub const MAX_AVOID: usize = 8;
/// Most stamps in one answer to [`Request::Compare`].
pub(super) const MAX_STAMPS: usize = 24;

/// A message and who sent it; the sender's address is the datagram's source. `A`: what only this
/// geometry asks; `T`: what it answers; `P`: how an owner describes its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope<A, T, P> {
    pub sender: Id,
    pub body: Body<A, T, P>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Body<A, T, P> {
    Request {
        rpc: u64,
        request: Request<A>,
    },
    Response {
        rpc: u64,
        response: Response<T, P>,
    },
    /// The owner answers the origin of a recursive lookup.
    Found {
        lookup: u64,
        hops: u32,
        at: P,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request<A> {
    Ping,
    /// One step of an iterative lookup.
    Step(Query),
    /// A recursive lookup to answer or pass on.
    Route(Route),
    Put {
        key: String,
        value: String,
    },
    Get {
        key: String,
    },
    /// Copies to keep.
    Keep {
        items: Vec<Item>,
    },
    /// The owner of (from, to] asks a replica for differences.
    Compare {
        from: Id,
        to: Id,
        digest: Digest,
        whole: bool,
    },
    Pull {
        ids: Vec<Id>,
    },
    /// What only this geometry asks.
    Own(A),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Response<T, P> {
    /// It has been taken.
    Done,
    /// Not here: the node is leaving or full.
    Refused,
    Step(Step<P>),
    Value {
        item: Option<Item>,
    },
    /// Copies are kept; these nodes should have them besides the answering one.
    Kept {
        replicas: Vec<Id>,
    },
    Same,
    /// `None`: too many to list, ask for smaller ranges.
    Differs {
        stamps: Option<Vec<Held>>,
    },
    Items {
        items: Vec<Item>,
    },
    /// What only this geometry answers.
    Own(T),
}

/// What a replica has of a key: its stamp, and the mark of what lies beside it ([`Item::mark`]).
pub type Held = (Id, Stamp, u32);

/// What a lookup asks of one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query {
    pub key: Id,
    /// The previous hop took this node for the owner.
    pub last: bool,
    /// Nodes that did not answer the asker.
    pub avoid: Vec<Id>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    pub origin: Peer,
    pub lookup: u64,
    pub hops: u32,
    pub query: Query,
}

/// A node's answer to a [`Query`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Step<P> {
    /// The answering node owns the key.
    Here(P),
    /// Ask this one. `last`: it should be the owner.
    Next { peer: Peer, last: bool },
    /// The answering node has lost its neighbors on that side: ask again when it has found new ones.
    Lost,
}
