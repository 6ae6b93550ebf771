//! What a node keeps: its neighbors, each with what is known of it, and what is under way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use super::message::State;
use crate::overlay::unstructured::library::Item;
use crate::overlay::unstructured::pursuit::Pursuit;
use crate::overlay::{Peer, Time};

/// Its supernode.
#[derive(Clone, Debug)]
pub(super) struct Parent {
    pub(super) peer: Peer,
    pub(super) load: u8,
    pub(super) heard: Time,
    pub(super) round_trip: Option<Duration>,
    /// Items that have been sent to it, and that it is known to have.
    pub(super) sent: usize,
    pub(super) known: usize,
    pub(super) flying: usize,
    /// Who was its supernode before, until this one knows everything.
    pub(super) former: Option<Peer>,
    /// Who would take this one's place.
    pub(super) heirs: Vec<Peer>,
}

/// A supernode that this one is linked to.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) peer: Peer,
    pub(super) load: u8,
    pub(super) since: Time,
    pub(super) heard: Time,
    /// Whom the other is linked to.
    pub(super) peers: Vec<Peer>,
}

impl Link {
    pub(super) fn says(&mut self, now: Time, state: &State) {
        (self.load, self.heard) = (state.load, now);
        self.peers = state.links.iter().take(state.own.into()).map(|listed| listed.peer).collect();
    }
}

/// An ordinary node whose supernode this one is.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) peer: Peer,
    pub(super) capacity: u32,
    /// When it became a member, as it says.
    pub(super) up: Time,
    pub(super) heard: Time,
    pub(super) items: BTreeMap<u32, Item>,
}

/// What a supernode is sought for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    Join,
    /// Its supernode is gone.
    Again,
    /// Another one is nearer.
    Move,
    /// Its own has told it to go.
    Sent,
    /// To be a supernode no more.
    Demotion,
}

/// A supernode is being sought.
#[derive(Clone, Debug)]
pub(super) struct Quest {
    pub(super) what: For,
    pub(super) tries: VecDeque<SocketAddr>,
    pub(super) tried: BTreeSet<SocketAddr>,
    /// Those that said that they are full.
    pub(super) full: Vec<SocketAddr>,
    pub(super) must: bool,
    pub(super) left: usize,
}

/// It has no supernode.
#[derive(Clone, Debug)]
pub(super) struct Orphan {
    /// It becomes a supernode then.
    pub(super) until: Time,
    pub(super) heirs: Vec<Peer>,
}

/// A link to another island is being sought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merging {
    pub(super) left: u8,
}

/// It is about to be no supernode any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retiring {
    /// Or only to be an ordinary node.
    pub(super) to_leave: bool,
    /// It goes when it is ready.
    pub(super) leaves: bool,
    /// Nobody relies on it any more.
    pub(super) ready: bool,
    pub(super) deadline: Time,
    pub(super) next: Option<Time>,
}

/// A search of its own.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) pursuit: Pursuit,
    pub(super) deadline: Time,
}

/// A search that this supernode sees to.
#[derive(Clone, Debug)]
pub(super) struct Relay {
    /// Whose it is; `None`: its own.
    pub(super) child: Option<Peer>,
    pub(super) hits: usize,
    /// It ends then, if nothing is found before.
    pub(super) due: Time,
}
