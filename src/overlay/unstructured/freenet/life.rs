//! From joining to leaving, and what lies between: who is still there, and who has moved.

use std::net::SocketAddr;

use rand::RngExt;

use super::drawing::Wish;
use super::message::Message;
use super::post::{Call, Late};
use super::{Freenet, MAX_FAILED, Why};
use crate::overlay::{Did, Neighbors, Peer, Phase, Time};

/// Rounds of silence after which a node is asked whether it is there.
const SILENT: u32 = 4;
/// In a round one in so many nodes is asked, and one more.
const ASKED: usize = 16;
/// For so many rounds a node that failed is not taken from what others tell.
const DISTRUST_ROUNDS: u32 = 6;

impl Freenet {
    pub(super) fn reset(&mut self) {
        self.phase = Phase::Idle;
        self.store.clear();
        self.table = super::Table::new(self.settings.table);
        self.walks.clear();
        self.seen.clear();
        self.parts.clear();
        self.quest = None;
        self.failed.clear();
        self.post.clear();
        (self.renewing, self.next_round) = (None, None);
        (self.shown, self.neighbors) = (self.table.version(), Neighbors::default());
    }

    /// It is part of the overlay.
    pub(super) fn enter(&mut self, now: Time) {
        self.phase = Phase::Member;
        self.next_round = Some(now + self.common.stabilize_every);
        self.events.push_back(Did::Joined);
    }

    pub(super) fn join_through(&mut self, now: Time, through: Peer) {
        self.reset();
        self.phase = Phase::Joining;
        self.join_hops = 0;
        self.seek(now, Wish::Join, through);
    }

    pub(super) fn join_failed(&mut self) {
        self.reset();
        self.events.push_back(Did::JoinFailed);
    }

    pub(super) fn merge_with(&mut self, now: Time, through: Peer) {
        let known = through.id == self.me.id || self.table.knows(through.id);
        if known || self.phase != Phase::Member || self.quest.is_some() {
            return self.events.push_back(Did::Merged { ok: false });
        }
        self.seek(now, Wish::Merge, through);
    }

    /// Those who know it without being known by it find out by themselves.
    pub(super) fn leave_now(&mut self) {
        for peer in self.table.peers().collect::<Vec<_>>() {
            self.tell(peer.address, 0, Message::Bye);
        }
        self.reset();
        self.events.push_back(Did::Left);
    }

    /// It tells all that it knows, who then know it by its new address.
    pub(super) fn move_to(&mut self, now: Time, address: SocketAddr) {
        self.me.address = address;
        if self.phase != Phase::Member {
            return;
        }
        let peers: Vec<Peer> = self.table.peers().collect();
        if peers.is_empty() {
            return self.events.push_back(Did::Renewed { by: None, milliseconds: 0.0 });
        }
        self.renewing = Some(now);
        for peer in peers {
            self.send(now, peer, Message::Ping, Why::Check);
        }
    }

    pub(super) fn round(&mut self, now: Time) {
        let every = self.common.stabilize_every;
        self.next_round = Some(now + every.mul_f64(self.rng.random_range(0.9..1.1)));
        self.seen.tick(now);
        self.failed.retain(|_, (_, until)| *until > now);
        let most = self.table.len() / ASKED + 1;
        let since = Time(now.0.saturating_sub(every * SILENT));
        for peer in self.table.silent(since).into_iter().take(most) {
            if !self.post.any(peer.id) {
                self.send(now, peer, Message::Ping, Why::Check);
            }
        }
    }

    pub(super) fn heard(&mut self, now: Time, peer: Peer) {
        self.failed.remove(&peer.id);
        if self.table.heard(now, peer) {
            self.post.readdress(peer);
        }
    }

    /// A node has said that it leaves.
    pub(super) fn departed(&mut self, now: Time, peer: Peer) {
        self.table.remove(peer.id);
        self.walks_without(now, peer.id);
    }

    pub(super) fn post_timeout(&mut self, now: Time) {
        while let Some(late) = self.post.late(now) {
            match late {
                Late::Repeat(to, bytes) => self.transmit(to, bytes),
                Late::Failed(number, call) => self.unanswered(now, number, &call),
            }
        }
    }

    fn unanswered(&mut self, now: Time, number: u64, call: &Call<Why>) {
        let peer = call.to;
        if self.failed.len() >= MAX_FAILED {
            self.failed.pop_first();
        }
        self.failed.insert(peer.id, (peer.address, now + self.common.stabilize_every * DISTRUST_ROUNDS));
        if self.table.remove(peer.id) {
            self.events.push_back(Did::Forgot(peer));
        }
        match call.why {
            Why::Walk(walk) => self.walk_failed(now, walk, number),
            Why::Insert(walk) => self.inserted(walk, false),
            Why::Stranger => self.end_quest(now, false),
            Why::Announce(walk) => self.not_announced(now, peer, walk, Some(number)),
            Why::Named(walk) => self.named(now, walk, false),
            Why::Check | Why::Reply | Why::Meet => {}
        }
    }

    /// It has got a message.
    pub(super) fn acknowledged(&mut self, now: Time, peer: Peer, why: Why) {
        if let Some(since) = self.renewing.take() {
            self.events.push_back(Did::Renewed { by: Some(peer.id), milliseconds: now.millis_since(since) });
        }
        match why {
            Why::Insert(walk) => self.inserted(walk, true),
            Why::Named(walk) => self.named(now, walk, true),
            _ => {}
        }
    }
}
