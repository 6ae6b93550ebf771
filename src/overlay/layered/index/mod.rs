//! A search overlay without links to search along: its inverted index is in another overlay, whose keys have owners.
//!
//! - `row`, `settings`: what a lab file says; `machine`: as any overlay's node
//! - `members`: whom it knows; `entry`: what an entry is; `below`: what is asked of the other overlay
//! - `sharing`: items, whose entries are placed, renewed and emptied; `placing`: the way of an entry to its slot;
//!   `searching`: what is read; `tables`: what a node keeps
//!
//! A word has slots, each a key of the overlay below: `word/0`, `word/1` and on. Whoever shares an item puts an entry
//! (until when it is good, who shares what) into a free slot of each word of its name, so that an often used word is
//! spread over many owners. A put says nothing of what was there: of two who put into one slot, the later one has it.
//! So an entry is read back, later than any put can still be under way that was made because the slot was free, and
//! whoever does not find its own moves on. Only whole words are looked up; as an entry has the whole name, the other
//! words of a search may be the first letters of a name's.
//!
//! Times are those of the hosts' one clock: milliseconds of [`Time`], which all hosts of a lab share, be it a kernel's
//! monotonic clock or virtual time. On hosts with clocks of their own, entries would expire too early or too late.

mod below;
mod entry;
mod machine;
mod members;
mod placing;
pub mod row;
mod searching;
mod settings;
mod sharing;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use rand_chacha::ChaCha8Rng;

use crate::overlay::{Did, Neighbors, Peer, Phase, Time};
use below::Below;
pub use row::ROW;
use settings::Settings;
use tables::{Entry, Items, Members, Search};

/// A node of the index.
pub(crate) struct Index {
    me: Peer,
    settings: Settings,
    rng: ChaCha8Rng,
    phase: Phase,
    members: Members,
    items: Items,
    /// By number; none has one that another has had.
    entries: BTreeMap<u64, Entry>,
    searches: BTreeMap<u64, Search>,
    /// Number of the next entry or search.
    next: u64,
    below: Below,
    /// When it leaves, though its entries may not be emptied.
    leaves_at: Option<Time>,
    shown: Neighbors,
    events: VecDeque<Did>,
    notes: VecDeque<(SocketAddr, Vec<u8>)>,
}

impl Index {
    fn new(me: Peer, settings: Settings, rng: ChaCha8Rng) -> Self {
        Self {
            me,
            settings,
            rng,
            phase: Phase::Idle,
            members: Members::default(),
            items: Items::default(),
            entries: BTreeMap::new(),
            searches: BTreeMap::new(),
            next: 0,
            below: Below::default(),
            leaves_at: None,
            shown: Neighbors::default(),
            events: VecDeque::new(),
            notes: VecDeque::new(),
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn enter(&mut self, now: Time) {
        self.reset();
        self.notes.clear();
        self.phase = Phase::Member;
        self.members.next_round = Some(now + self.settings.round);
        self.place_all(now);
        self.events.push_back(Did::Joined);
    }

    /// What it shares stays.
    fn reset(&mut self) {
        self.phase = Phase::Idle;
        self.members = Members::default();
        self.entries.clear();
        self.searches.clear();
        self.items.forget_asked();
        self.below.clear();
        self.leaves_at = None;
        self.shown = Neighbors::default();
    }

    fn leave_now(&mut self, now: Time) {
        if self.phase != Phase::Member {
            self.reset();
            self.events.push_back(Did::Left);
            return;
        }
        self.end_all(now);
        self.say_bye();
        self.empty_all();
        self.phase = Phase::Leaving;
        self.leaves_at = Some(now + self.settings.patience);
        self.leave_if_done();
    }

    fn leave_if_done(&mut self) {
        if self.phase == Phase::Leaving && self.below.is_done() {
            self.reset();
            self.events.push_back(Did::Left);
        }
    }

    fn neighbors_now(&self) -> Neighbors {
        let ids: Vec<_> = self.members.known.keys().copied().collect();
        let roles = if ids.is_empty() { BTreeMap::new() } else { [("peers".to_owned(), ids)].into() };
        Neighbors { roles, ..Neighbors::default() }
    }

    /// Says who its neighbors are, if they are others than before.
    fn settle(&mut self) {
        if self.phase == Phase::Member {
            let news = self.neighbors_now().news(&mut self.shown);
            self.events.extend(news.map(Did::Neighbors));
        }
    }
}
