//! The servent as any overlay's node: commands, streams and time in, streams and events out.

use std::net::SocketAddr;
use std::time::Duration;

use super::Gnutella;
use super::message::v4;
use super::settings::Role;
use crate::machine::{Stream, StreamId};
use crate::overlay::id::Id;
use crate::overlay::{Answer, Ask, Did, Neighbors, OverlayNode, Peer, Phase, Proximity, Spent, Time, Token};

impl OverlayNode for Gnutella {
    fn phase(&self) -> Phase {
        self.phase
    }

    fn begin(&mut self, now: Time) {
        self.begin_alone(now);
    }

    fn join(&mut self, now: Time, through: Peer) {
        self.join_through(now, through);
        self.settle();
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

    fn meet(&mut self, now: Time, peer: Peer, round_trip: Duration) {
        if let Some(at) = v4(peer.address).filter(|_| peer.id != self.me.id && self.phase == Phase::Member) {
            let at = std::net::SocketAddrV4::new(*at.ip(), self.settings.port);
            self.hosts.heard(now, at);
            if self.settings.proximity == Proximity::Anycast {
                self.hosts.measured(at, round_trip);
            }
            self.grow(now);
        }
    }

    fn ask(&mut self, now: Time, token: Token, ask: Ask) {
        let outcome = match ask {
            Ask::Search { words } => return self.search(now, token, words),
            Ask::Share { name } => {
                let stored = self.library.add(&name);
                self.shares_more();
                self.tell_words();
                Answer::Shared { name, stored }
            }
            // Nobody owns a key.
            ask @ (Ask::Find { .. } | Ask::Put { .. } | Ask::Get { .. }) => ask.unanswered(),
        };
        self.events.push_back(Did::Done { token, outcome });
    }

    fn place(&self) -> Id {
        self.me.id
    }

    fn size(&self) -> u32 {
        let now = self.next_round.unwrap_or_default();
        let leaves = self.count(|link| link.role == Role::Leaf);
        u32::try_from((self.near(now) + 1) * (leaves + 1)).unwrap_or(u32::MAX)
    }

    fn keys(&self) -> usize {
        self.library.len()
    }

    fn peers(&self) -> Vec<Peer> {
        let known = self.links.values().filter(|link| link.is_up());
        let mut peers: Vec<Peer> =
            known.filter_map(|link| Some(Peer { id: link.id?, address: self.beside(link.ip()) })).collect();
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
            ("hosts", self.hosts.len()),
            ("pongs", self.pongs.len()),
            ("items", self.library.len()),
            ("queries", self.queries.len()),
            ("pings", self.pings.len()),
            ("servents", self.servents.len()),
            ("searches", self.searches.len()),
            ("dynamic queries", self.dynamics.len()),
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
        let queries = counts.queries_sent + counts.queries_forwarded;
        Spent { messages: queries + counts.hits_sent + counts.hits_forwarded, heard: counts.queries_heard }
    }

    fn stream(&mut self, now: Time, id: StreamId, part: Stream<&[u8]>) {
        self.streamed(now, id, part);
        self.settle();
    }

    fn poll_stream(&mut self) -> Option<(StreamId, Stream<Vec<u8>>)> {
        self.parts.pop_front()
    }

    fn handle(&mut self, now: Time, from: SocketAddr, message: &[u8]) {
        self.noted(now, from, message);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.handshakes_timeout(now);
        if self.quest.as_ref().is_some_and(|quest| quest.deadline <= now) {
            self.end_quest(false);
        }
        self.dynamics_timeout(now);
        self.searches_timeout(now);
        if self.next_round.is_some_and(|next| next <= now) {
            self.round(now);
        }
        self.settle();
    }

    fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.notes.pop_front()
    }

    fn poll_timeout(&self) -> Option<Time> {
        let searches = self.searches.iter().filter(|(guid, _)| !self.dynamics.contains_key(*guid));
        let searches = searches.map(|(_, search)| search.due()).min();
        let dynamics = self.dynamics.values().map(|dynamic| dynamic.next).min();
        let quest = self.quest.as_ref().map(|quest| quest.deadline);
        let timers = [searches, dynamics, quest, self.next_round, self.next_handshake_due()];
        timers.into_iter().flatten().min()
    }

    fn poll_event(&mut self) -> Option<Did> {
        self.events.pop_front()
    }
}
