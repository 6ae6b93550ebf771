//! What Chord nodes say to one another.

use serde::{Deserialize, Serialize};

use crate::overlay::Peer;
use crate::overlay::id::Id;
use crate::overlay::store::{Digest, Item, Stamp};

/// Most peers in one list of a message.
pub const MAX_PEERS: usize = 16;
/// Most ids in an `avoid` list.
pub(super) const MAX_AVOID: usize = 8;
/// Most stamps in one answer to [`Request::Compare`].
pub(super) const MAX_STAMPS: usize = 24;

/// A message and who sent it; the sender's address is the datagram's source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    pub sender: Id,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Body {
    Request {
        rpc: u64,
        request: Request,
    },
    Response {
        rpc: u64,
        response: Response,
    },
    /// The owner answers the origin of a recursive lookup.
    Found {
        lookup: u64,
        hops: u32,
        at: Owner,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    Ping,
    /// Stabilization: predecessor and successor list in one reading, as Zave's proof requires.
    State,
    /// "I may be your predecessor" (Zave's rectify). Answered like `State`.
    Notify,
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
    /// "I leave; these were my neighbors."
    Leaving {
        predecessor: Option<Peer>,
        successors: Vec<Peer>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Response {
    /// `Ping`, `Route`, `Put` and `Leaving` have been taken.
    Done,
    /// Not here: the node is leaving or full.
    Refused,
    State {
        predecessor: Option<Peer>,
        successors: Vec<Peer>,
    },
    Step(Step),
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
        stamps: Option<Vec<(Id, Stamp)>>,
    },
    Items {
        items: Vec<Item>,
    },
}

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
pub enum Step {
    /// The answering node owns the key.
    Here(Owner),
    /// Ask this one. `last`: it should be the owner.
    Next { peer: Peer, last: bool },
    /// The answering node has lost its neighbors on that side: ask again when it has found new ones.
    Lost,
}

/// An owner's neighborhood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Owner {
    pub predecessor: Option<Peer>,
    pub successors: Vec<Peer>,
}
