//! The node as any overlay's: commands, messages and time in, messages and events out.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Kazaa, Role};
use crate::overlay::id::Id;
use crate::overlay::{Answer, Ask, Did, Neighbors, OverlayNode, Peer, Phase, Spent, Time, Token};

impl OverlayNode for Kazaa {
    fn phase(&self) -> Phase {
        self.phase
    }

    fn begin(&mut self, now: Time) {
        self.begin_alone(now);
    }

    fn join(&mut self, now: Time, through: Peer) {
        self.join_through(now, through);
    }

    fn merge(&mut self, now: Time, through: Peer) {
        self.merge_with(now, through);
        self.settle();
    }

    fn leave(&mut self, now: Time) {
        self.leave_now(now);
        self.settle();
    }

    fn abort(&mut self) {
        self.reset();
    }

    fn renumber(&mut self, now: Time, address: SocketAddr) {
        self.move_to(now, address);
    }

    fn meet(&mut self, now: Time, peer: Peer, _round_trip: Duration) {
        self.met(now, peer);
        self.settle();
    }

    fn ask(&mut self, now: Time, token: Token, ask: Ask) {
        let outcome = match ask {
            Ask::Search { words } => return self.search(now, token, words),
            Ask::Share { name } => {
                let stored = self.library.add(&name);
                self.upload(now);
                Answer::Shared { name, stored }
            }
            other => other.unanswered(),
        };
        self.events.push_back(Did::Done { token, outcome });
    }

    fn place(&self) -> Id {
        self.me.id
    }

    /// Itself, its children, and what the supernodes that it knows have.
    fn size(&self) -> u32 {
        let of = |load: u8| 1 + usize::from(load) * self.settings.children / 100;
        let others: usize = self.known.all().map(|entry| of(entry.load)).sum();
        u32::try_from((others + usize::from(self.role == Role::Supernode) + self.children.len()).max(1))
            .unwrap_or(u32::MAX)
    }

    fn keys(&self) -> usize {
        self.library.len()
    }

    fn peers(&self) -> Vec<Peer> {
        let mut peers: Vec<Peer> = self.parent.iter().map(|parent| parent.peer).collect();
        peers.extend(self.links.values().map(|link| link.peer));
        peers.extend(self.children.values().map(|child| child.peer));
        peers.sort_unstable();
        peers.dedup_by_key(|peer| peer.id);
        peers
    }

    fn neighbors(&self) -> Neighbors {
        self.neighbors_now()
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        vec![
            ("links", self.links.len()),
            ("children", self.children.len()),
            ("supernodes", self.known.len()),
            ("items", self.library.len()),
            ("index", self.indexed()),
            ("seen", self.seen.len()),
            ("searches", self.searches.len()),
            ("relays", self.relays.len()),
            ("calls", self.calls.len()),
        ]
    }

    fn join_hops(&self) -> u32 {
        self.join_hops
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        self.counts.all()
    }

    fn spent(&self) -> Spent {
        let counts = &self.counts;
        let searches = counts.searches_sent + counts.searches_forwarded;
        Spent { messages: searches + counts.hits_sent + counts.hits_passed, heard: counts.searches_heard }
    }

    fn serves(&self) -> bool {
        self.role == Role::Supernode && !self.retiring.as_ref().is_some_and(|retiring| retiring.ready)
    }

    fn servers(&self) -> Vec<Peer> {
        let above = self.parent.iter().map(|parent| parent.peer);
        above.chain(self.links.values().map(|link| link.peer)).collect()
    }

    fn retire(&mut self, now: Time) -> bool {
        self.retire_to_leave(now)
    }

    fn handle(&mut self, now: Time, from: SocketAddr, message: &[u8]) {
        self.heed(now, from, message);
        self.settle();
    }

    fn handle_timeout(&mut self, now: Time) {
        self.calls_timeout(now);
        self.searches_timeout(now);
        self.relays_timeout(now);
        self.retire_timeout(now);
        if self.next_round.is_some_and(|next| next <= now) {
            self.round(now);
        }
        self.settle();
    }

    fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Time> {
        let searches = self.searches.values().map(|search| search.deadline).min();
        let relays = self.relays.values().map(|relay| relay.due).min();
        let retiring = self.retiring.as_ref().and_then(|retiring| retiring.next);
        [self.calls.due(), searches, relays, retiring, self.next_round].into_iter().flatten().min()
    }

    fn poll_event(&mut self) -> Option<Did> {
        self.events.pop_front()
    }
}
