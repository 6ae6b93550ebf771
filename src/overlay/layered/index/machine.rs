//! The node as any overlay's: commands, messages, answers from below and time in, messages, questions and events out.

use std::net::SocketAddr;
use std::time::Duration;

use super::Index;
use super::below::Why;
use crate::overlay::id::Id;
use crate::overlay::{Answer, Ask, Did, Neighbors, OverlayNode, Peer, Phase, Spent, Time, Token};

impl Index {
    fn heard_below(&mut self, now: Time, why: Why, answer: Option<Answer>) {
        match why {
            Why::Entry { entry, turn, slot } => self.entry_answered(now, entry, turn, slot, answer),
            Why::Search { search, chain, slot } => self.search_answered(now, search, chain, slot, answer),
            Why::Leaving => self.leave_if_done(),
        }
    }
}

impl OverlayNode for Index {
    fn phase(&self) -> Phase {
        self.phase
    }

    fn begin(&mut self, now: Time) {
        self.enter(now);
    }

    fn join(&mut self, now: Time, through: Peer) {
        self.enter(now);
        self.know(now, through);
        self.greet(through);
        self.settle();
    }

    fn merge(&mut self, now: Time, through: Peer) {
        self.merge_with(now, through);
    }

    fn leave(&mut self, now: Time) {
        self.leave_now(now);
    }

    fn abort(&mut self) {
        self.reset();
    }

    fn renumber(&mut self, now: Time, address: SocketAddr) {
        self.move_to(now, address);
    }

    fn meet(&mut self, _now: Time, peer: Peer, _round_trip: Duration) {
        self.met(peer);
    }

    fn ask(&mut self, now: Time, token: Token, ask: Ask) {
        match ask {
            Ask::Share { name } => self.share(now, token, name),
            Ask::Search { words } => self.search(now, token, words),
            // Its keys are the other overlay's.
            ask @ (Ask::Find { .. } | Ask::Put { .. } | Ask::Get { .. }) => {
                self.events.push_back(Did::Done { token, outcome: ask.unanswered() });
            }
        }
    }

    fn place(&self) -> Id {
        self.me.id
    }

    /// Those whom it knows, and itself.
    fn size(&self) -> u32 {
        u32::try_from(self.members.known.len() + 1).unwrap_or(u32::MAX)
    }

    fn keys(&self) -> usize {
        self.items.len()
    }

    fn peers(&self) -> Vec<Peer> {
        self.members.peers()
    }

    fn neighbors(&self) -> Neighbors {
        self.neighbors_now()
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        vec![
            ("peers", self.members.known.len()),
            ("greeted", self.members.greeted.len()),
            ("told", self.members.told.len()),
            ("items", self.items.len()),
            ("entries", self.entries.len()),
            ("searches", self.searches.len()),
            ("questions below", self.below.len()),
        ]
    }

    fn spent(&self) -> Spent {
        Spent { messages: self.below.asked, heard: 0 }
    }

    fn poll_below(&mut self) -> Option<(u64, Ask)> {
        self.below.poll()
    }

    fn answered_below(&mut self, now: Time, number: u64, answer: Answer) {
        if let Some(why) = self.below.answered(number) {
            self.heard_below(now, why, Some(answer));
        }
    }

    fn handle(&mut self, now: Time, from: SocketAddr, message: &[u8]) {
        self.noted(now, from, message);
        self.settle();
    }

    fn handle_timeout(&mut self, now: Time) {
        while let Some(why) = self.below.overdue(now, &self.settings) {
            self.heard_below(now, why, None);
        }
        if self.leaves_at.is_some_and(|at| at <= now) {
            self.below.clear();
            self.leave_if_done();
        }
        self.members_timeout(now);
        self.entries_timeout(now);
        self.items_timeout(now);
        self.searches_timeout(now);
        self.settle();
    }

    fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.notes.pop_front()
    }

    fn poll_timeout(&self) -> Option<Time> {
        let entries = self.entries.values().filter_map(|entry| entry.due).min();
        let searches = self.searches.values().map(|search| search.until).min();
        let timers = [entries, searches, self.items.due(), self.members.due(), self.below.due(), self.leaves_at];
        timers.into_iter().flatten().min()
    }

    fn poll_event(&mut self) -> Option<Did> {
        self.events.pop_front()
    }
}
