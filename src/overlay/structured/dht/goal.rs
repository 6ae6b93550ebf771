//! What a node has under way: lookups, and what they are for; writes, and who waits for them.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::overlay::id::Id;
use crate::overlay::store::Item;
use crate::overlay::{Peer, Time, Token};

#[derive(Debug)]
pub(super) struct Task<O> {
    pub(super) key: Id,
    pub(super) goal: Goal<O>,
    pub(super) started: Time,
    pub(super) attempts: u32,
    pub(super) hops: u32,
    pub(super) avoid: Vec<Id>,
    /// Where it begins, when not at this node.
    pub(super) via: Option<Peer>,
    /// Of one that looks for a place: whom it has asked, with `last` of the question, the latest last. It goes on from
    /// there when it must.
    pub(super) trail: Vec<(Peer, bool)>,
    /// The lookup is repeated then, if it has not ended.
    pub(super) due: Option<Time>,
}

impl<O> Task<O> {
    /// Whether it looks for this node's place.
    pub(super) fn finds_a_place(&self) -> bool {
        matches!(self.goal, Goal::Join | Goal::Merge)
    }
}

/// What a lookup is for.
#[derive(Clone, Debug)]
pub(super) enum Goal<O> {
    Find {
        token: Token,
    },
    /// The geometry's own.
    Own(O),
    Join,
    Merge,
    Put {
        token: Token,
        key: String,
        value: String,
    },
    /// `rest`: who is asked next when the one asked has nothing.
    Get {
        token: Token,
        key: String,
        rest: Vec<Peer>,
    },
    /// Keys this node should not have.
    Stray,
}

/// How a lookup ended well.
pub(super) struct Found<P> {
    pub(super) owner: Peer,
    pub(super) at: P,
}

/// A write whose copies are being made.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) item: Item,
    pub(super) asked: BTreeSet<Id>,
    pub(super) waiting: BTreeSet<Id>,
    pub(super) writer: Writer,
}

/// Who is told when a write is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    Task(u64),
    Remote { address: SocketAddr, rpc: u64 },
}
