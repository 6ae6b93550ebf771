//! The node as any overlay's: commands, datagrams and time in, datagrams and events out.

use std::net::SocketAddr;
use std::time::Duration;

use super::message::Message;
use super::{Freenet, Why};
use crate::overlay::id::Id;
use crate::overlay::{Ask, Did, Neighbors, OverlayNode, Peer, Phase, Spent, Time, Token};

impl OverlayNode for Freenet {
    fn phase(&self) -> Phase {
        self.phase
    }

    fn begin(&mut self, now: Time) {
        self.reset();
        self.enter(now);
    }

    fn join(&mut self, now: Time, through: Peer) {
        self.join_through(now, through);
    }

    fn merge(&mut self, now: Time, through: Peer) {
        self.merge_with(now, through);
    }

    fn leave(&mut self, _now: Time) {
        self.leave_now();
    }

    fn abort(&mut self) {
        self.reset();
    }

    fn renumber(&mut self, now: Time, address: SocketAddr) {
        self.move_to(now, address);
    }

    fn meet(&mut self, now: Time, peer: Peer, _round_trip: Duration) {
        let new = peer.id != self.me.id && !self.table.knows(peer.id) && !self.table.is_full();
        if new && self.phase == Phase::Member && !self.post.any(peer.id) {
            self.send(now, peer, Message::Hello, Why::Meet);
        }
    }

    fn ask(&mut self, now: Time, token: Token, ask: Ask) {
        match ask {
            Ask::Put { key, value } => self.put(now, token, key, value),
            Ask::Get { key } => self.get(now, token, key),
            // Nobody owns a key, and nothing has words.
            ask @ (Ask::Find { .. } | Ask::Share { .. } | Ask::Search { .. }) => {
                self.events.push_back(Did::Done { token, outcome: ask.unanswered() });
            }
        }
    }

    fn place(&self) -> Id {
        self.me.id
    }

    /// Those that it knows, and itself.
    fn size(&self) -> u32 {
        u32::try_from(self.table.len() + 1).unwrap_or(u32::MAX)
    }

    fn keys(&self) -> usize {
        self.store.len()
    }

    fn peers(&self) -> Vec<Peer> {
        self.table.peers().collect()
    }

    fn neighbors(&self) -> Neighbors {
        self.neighbors_now()
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        vec![
            ("nodes", self.table.len()),
            ("entries", self.table.entries()),
            ("things", self.store.len()),
            ("walks", self.walks.len()),
            ("walks seen", self.seen.len()),
            ("announcements", self.parts.len()),
            ("failed", self.failed.len()),
            ("calls", self.post.len()),
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
        Spent { messages: counts.forwarded + counts.elsewhere + counts.returned, heard: counts.requests }
    }

    fn handle(&mut self, now: Time, from: SocketAddr, message: &[u8]) {
        self.heed(now, from, message);
        self.settle();
    }

    fn handle_timeout(&mut self, now: Time) {
        self.post_timeout(now);
        self.walks_timeout(now);
        self.announcements_timeout(now);
        if self.next_round.is_some_and(|next| next <= now) {
            self.round(now);
        }
        self.settle();
    }

    fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Time> {
        let walks = self.walks.values().map(|walk| walk.due).min();
        let parts = self.parts.values().map(|part| part.due).min();
        let quest = self.quest.as_ref().map(|quest| quest.due);
        [self.post.next_due(), walks, parts, quest, self.next_round].into_iter().flatten().min()
    }

    fn poll_event(&mut self) -> Option<Did> {
        self.events.pop_front()
    }
}
