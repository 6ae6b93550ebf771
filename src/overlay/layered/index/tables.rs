//! What a node of the index keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::overlay::id::Id;
use crate::overlay::{Hit, Peer, Time, Token};

/// Whom it knows, and whom it has greeted.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// With the time at which each was heard of last.
    pub(super) known: BTreeMap<Id, (SocketAddr, Time)>,
    /// Since the last round.
    pub(super) greeted: BTreeMap<Id, SocketAddr>,
    /// Some of whom it has only been told: when all whom it knows are dead, it goes to these.
    pub(super) told: BTreeMap<Id, SocketAddr>,
    /// Through whom it joins another island, and until when it waits for that.
    pub(super) merging: Option<(Id, Time)>,
    pub(super) renewing: Option<Time>,
    pub(super) next_round: Option<Time>,
}

impl Members {
    pub(super) fn peers(&self) -> Vec<Peer> {
        self.known.iter().map(|(id, (address, _))| Peer { id: *id, address: *address }).collect()
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.merging.map(|(_, due)| due).into_iter().chain(self.next_round).min()
    }
}

/// Names with their words, and commands that wait, each until a time.
#[derive(Debug, Default)]
pub(super) struct Items {
    pub(super) names: BTreeMap<String, Vec<String>>,
    pub(super) asked: Vec<(Token, String, Time)>,
}

impl Items {
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.asked.iter().map(|(.., until)| *until).min()
    }

    pub(super) fn forget_asked(&mut self) {
        self.asked.clear();
    }
}

/// An item under one of its words.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) word: String,
    /// Whether it was found in its slot.
    pub(super) confirmed: bool,
    pub(super) due: Option<Time>,
    pub(super) step: Step,
    /// Answers to questions of earlier turns come too late.
    pub(super) turn: u32,
}

/// What is to happen next.
#[derive(Debug)]
pub(super) enum Step {
    /// So many slots of a batch have yet to be heard of.
    Reading { batch: u32, since: Time, left: u32, free: Vec<u32>, own: Option<u32> },
    /// One slot is looked at once more: what a batch said of it is old.
    Looking { at: u32, since: Time },
    /// Its put is acknowledged.
    Putting(u32),
    /// It is time to read it back.
    Settling(u32),
    /// It is read back, be it for the first time or before it is renewed.
    Checking(u32),
    /// It is renewed.
    Renewing(u32),
    /// It is time to renew it.
    Held(u32),
    /// It is time to try again.
    Waiting,
}

impl Entry {
    pub(super) fn new(name: &str, word: &str) -> Self {
        let (name, word) = (name.to_owned(), word.to_owned());
        Self { name, word, confirmed: false, due: None, step: Step::Waiting, turn: 0 }
    }

    /// The slot that it has put something into.
    pub(super) fn put_at(&self) -> Option<u32> {
        match self.step {
            Step::Putting(at) | Step::Settling(at) | Step::Checking(at) | Step::Renewing(at) | Step::Held(at) => {
                Some(at)
            }
            Step::Reading { .. } | Step::Looking { .. } | Step::Waiting => None,
        }
    }

    pub(super) fn turn(&mut self, step: Step, due: Option<Time>) {
        (self.step, self.due) = (step, due);
        self.turn += 1;
    }
}

/// What is asked of a node.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) token: Token,
    pub(super) text: String,
    pub(super) asked: Vec<String>,
    pub(super) chains: Vec<Chain>,
    pub(super) hits: BTreeSet<Hit>,
    pub(super) since: Time,
    pub(super) until: Time,
    /// When there was a hit.
    pub(super) first: Option<Time>,
}

/// The slots of a word.
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) word: String,
    pub(super) batch: u32,
    /// So many of the batch have yet to be heard of.
    pub(super) left: u32,
    /// One was absent.
    pub(super) ends: bool,
    /// So many have been read.
    pub(super) read: u32,
    /// The first slot was absent, and is asked for once more: no answer looks the same.
    pub(super) again: bool,
}
