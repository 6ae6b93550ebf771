//! An announcement, as the nodes remember it that draw a newcomer's key, and as the newcomer does.

use std::collections::BTreeSet;

use super::commit::{Hash, Seed};
use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};

/// An announcement that has come by.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) up: Peer,
    pub(super) newcomer: Peer,
    /// What the node before is bound by.
    pub(super) before: Hash,
    pub(super) seed: Seed,
    /// Nodes to which it may still come.
    pub(super) hops: u8,
    pub(super) tried: BTreeSet<Id>,
    pub(super) down: Option<(Peer, u64)>,
    /// Of those after this one, once they are told.
    pub(super) tail: Option<Vec<Seed>>,
    pub(super) due: Time,
}

/// This node is announced.
#[derive(Clone, Debug)]
pub(super) struct Quest {
    pub(super) walk: u64,
    pub(super) wish: Wish,
    pub(super) through: Peer,
    pub(super) seed: Seed,
    pub(super) stage: Stage,
    pub(super) due: Time,
}

/// What for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Join,
    Merge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Is it of another island at all?
    Asking,
    Announced,
    /// So many have not said that they know its key.
    Named(usize),
}
