//! A walk, as each node remembers it that it has come to.

use std::collections::BTreeSet;

use super::content::Thing;
use super::message::Errand;
use crate::overlay::id::Id;
use crate::overlay::{Peer, Time, Token};

/// A walk that has come by.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    pub(super) key: Id,
    pub(super) errand: Errand,
    pub(super) up: Up,
    /// Nodes to which it may still come from here.
    pub(super) left: u16,
    pub(super) tried: BTreeSet<Id>,
    pub(super) down: Option<Down>,
    pub(super) stage: Stage,
    pub(super) due: Time,
    /// When it has come here, or whoever sent it was last told to wait.
    pub(super) told: Time,
}

/// Where it came from.
#[derive(Clone, Debug)]
pub(super) enum Up {
    Here(Asked),
    Node(Peer),
}

/// What this node was asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) token: Token,
    /// The name of the thing.
    pub(super) text: String,
    /// To be inserted.
    pub(super) thing: Option<Thing>,
}

/// Where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Down {
    pub(super) peer: Peer,
    /// The message that took it there.
    pub(super) call: u64,
    /// For which key that node is known.
    pub(super) by: Id,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Out,
    /// There is room, and the thing is to come.
    Ready,
    /// The thing is on its way from here, where it is inserted.
    Placing,
}
