//! The machine as any overlay's: commands, datagrams and time in, datagrams and events out.

use std::net::SocketAddr;
use std::time::Duration;

use super::calls::Late;
use super::goal::Goal;
use super::message::{Body, Envelope};
use super::{Dht, EnvelopeOf, Geometry};
use crate::overlay::id::Id;
use crate::overlay::{Ask, Did, Neighbors, OverlayNode, Peer, Phase, Time, Token};

impl<G: Geometry> OverlayNode for Dht<G> {
    fn phase(&self) -> Phase {
        self.phase
    }

    fn begin(&mut self, now: Time) {
        self.reset();
        G::begin(self, now);
        self.enter(now);
        self.settle(now);
    }

    fn join(&mut self, now: Time, through: Peer) {
        self.join_through(now, through);
        self.settle(now);
    }

    fn merge(&mut self, now: Time, through: Peer) {
        let key = G::join_key(self);
        self.start_task(now, key, Goal::Merge, Some(through));
    }

    fn leave(&mut self, now: Time) {
        self.start_leaving(now);
    }

    fn abort(&mut self) {
        self.reset();
    }

    fn renumber(&mut self, now: Time, address: SocketAddr) {
        self.move_to(now, address);
    }

    fn meet(&mut self, now: Time, peer: Peer, round_trip: Duration) {
        if peer.id != self.me.id {
            self.peers.measured(peer.id, round_trip);
            G::meet(self, now, peer, round_trip);
            self.settle(now);
        }
    }

    fn round_trips(&self) -> Vec<(SocketAddr, Duration)> {
        let known = |peer: Peer| Some((peer.address, self.round_trip(peer.id)?));
        self.peers().into_iter().filter_map(known).collect()
    }

    fn ask(&mut self, now: Time, token: Token, ask: Ask) {
        match ask {
            Ask::Find { key } => self.start_task(now, key, Goal::Find { token }, None),
            Ask::Put { key, value } => self.start_put(now, token, key, value),
            Ask::Get { key } => {
                self.start_task(now, Id::of_key(&key), Goal::Get { token, key, rest: Vec::new() }, None);
            }
            // Keys have owners: nothing lies anywhere else.
            ask @ (Ask::Share { .. } | Ask::Search { .. }) => {
                self.events.push_back(Did::Done { token, outcome: ask.unanswered() });
            }
        }
    }

    fn place(&self) -> Id {
        self.geometry.own_key()
    }

    fn owns(&self, key: Id) -> bool {
        self.phase == Phase::Member && !self.rescuing() && self.geometry.owns(key)
    }

    fn size(&self) -> u32 {
        self.geometry.size()
    }

    fn keys(&self) -> usize {
        self.store.len()
    }

    fn conflicts(&self) -> usize {
        self.store.conflicts()
    }

    fn peers(&self) -> Vec<Peer> {
        self.geometry.peers()
    }

    fn neighbors(&self) -> Neighbors {
        self.geometry.neighbors()
    }

    fn join_hops(&self) -> u32 {
        self.join_hops
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        let own = [
            ("neighbors", self.geometry.peers().len()),
            ("keys", self.store.len()),
            ("calls", self.calls.count(|_| true)),
            ("tasks", self.tasks.len()),
            ("writes", self.writes.len()),
            ("covers", self.covers.len()),
        ];
        own.into_iter().chain(self.peers.tables()).collect()
    }

    fn handle(&mut self, now: Time, from: SocketAddr, message: &[u8]) {
        let Ok((envelope, [])) = postcard::take_from_bytes::<EnvelopeOf<G>>(message) else { return };
        let sender = Peer { id: envelope.sender, address: from };
        if self.phase == Phase::Idle || sender.id == self.me.id {
            return;
        }
        self.heard(now, sender);
        match envelope.body {
            Body::Request { rpc, request } => {
                if let Some(response) = self.serve(now, sender, rpc, request) {
                    self.send(from, Body::Response { rpc, response });
                }
            }
            Body::Response { rpc, response } => {
                if let Some(call) = self.calls.answer(now, rpc, from) {
                    self.answered(now, call, response);
                }
            }
            Body::Found { lookup, hops, at } => self.found_by_route(now, lookup, hops, sender, at),
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        while let Some(late) = self.calls.late(now) {
            match late {
                Late::Repeat(rpc, to, request) => self.send(to.address, Body::Request { rpc, request }),
                Late::Failed(call) => self.failed(now, call),
            }
        }
        self.tasks_timeout(now);
        if self.deadline.is_some_and(|d| d <= now) {
            self.give_up(now);
        }
        if self.next_round.is_some_and(|t| t <= now) {
            self.next_round = Some(now + self.jittered(self.settings.stabilize_every));
            G::round(self, now);
        }
        if self.wake.is_some_and(|t| t <= now) {
            self.wake = None;
            G::woken(self, now);
        }
        if self.next_maintain.is_some_and(|t| t <= now) {
            self.maintain(now);
        }
        self.settle(now);
    }

    fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let (to, body) = self.out.pop_front()?;
        let envelope = Envelope { sender: self.me.id, body };
        // Messages are lists and numbers: there is nothing that postcard cannot encode.
        postcard::to_extend(&envelope, Vec::with_capacity(128)).ok().map(|bytes| (to, bytes))
    }

    fn poll_timeout(&self) -> Option<Time> {
        let tasks = self.tasks.values().filter_map(|t| t.due);
        let timers = [self.next_round, self.next_maintain, self.wake, self.deadline, self.calls.next_due()];
        timers.into_iter().flatten().chain(tasks).min()
    }

    fn poll_event(&mut self) -> Option<Did> {
        self.events.pop_front()
    }
}
