//! Beginning, joining, leaving, moving.

use std::net::SocketAddr;

use super::calls::{Calls, Why};
use super::kept::For;
use super::message::Message;
use super::{Kazaa, Role};
use crate::overlay::{Did, Neighbors, Peer, Phase, Time};
use rand::RngExt;

impl Kazaa {
    pub(super) fn reset(&mut self) {
        (self.phase, self.role) = (Phase::Idle, Role::Ordinary);
        (self.parent, self.quest, self.orphan, self.retiring, self.promoted) = (None, None, None, None, None);
        self.links.clear();
        self.children.clear();
        self.known.clear();
        self.seen.clear();
        self.searches.clear();
        self.relays.clear();
        self.calls = Calls::new(self.rng.random(), self.common.rpc_timeout, self.common.rpc_tries);
        (self.merging, self.renewing, self.next_round) = (None, None, None);
        self.shown = Neighbors::default();
    }

    /// It is part of the overlay.
    pub(super) fn enter(&mut self, now: Time) {
        self.phase = Phase::Member;
        self.since = (now, now);
        self.next_round = Some(now + self.common.stabilize_every.mul_f64(self.rng.random_range(0.5..1.0)));
        self.next_refresh = now + self.settings.refresh.mul_f64(self.rng.random_range(0.5..1.0));
        self.events.push_back(Did::Joined);
    }

    pub(super) fn begin_alone(&mut self, now: Time) {
        self.reset();
        self.role = Role::Supernode;
        self.enter(now);
    }

    pub(super) fn join_through(&mut self, now: Time, through: Peer) {
        self.reset();
        self.phase = Phase::Joining;
        self.join_hops = 0;
        self.seek(now, For::Join, vec![through.address]);
    }

    pub(super) fn leave_now(&mut self, now: Time) {
        match self.phase {
            Phase::Member => {
                if self.retire_to_leave(now) {
                    // What is done when it has ended.
                    self.retiring.iter_mut().for_each(|retiring| retiring.leaves = true);
                } else {
                    self.say_good_bye(now);
                }
            }
            Phase::Leaving => {}
            Phase::Idle | Phase::Joining => self.gone(),
        }
    }

    /// Nobody relies on it any more.
    pub(super) fn say_good_bye(&mut self, now: Time) {
        self.phase = Phase::Leaving;
        self.calls.end(|_| true);
        (self.quest, self.retiring, self.next_round) = (None, None, None);
        for peer in self.links.values().map(|link| link.peer).collect::<Vec<_>>() {
            self.call(now, peer.address, Some(peer.id), Message::Bye(()), Why::Farewell);
        }
        for peer in self.children.values().map(|child| child.peer).collect::<Vec<_>>() {
            self.call(now, peer.address, Some(peer.id), Message::Bye(()), Why::Farewell);
        }
        if let Some(peer) = self.parent.as_ref().map(|parent| parent.peer) {
            self.call(now, peer.address, Some(peer.id), Message::Unshare(()), Why::Farewell);
        }
        self.farewell();
    }

    /// Goes when everybody has heard of it.
    pub(super) fn farewell(&mut self) {
        if self.phase == Phase::Leaving && !self.calls.any(|call| call.why == Why::Farewell) {
            self.gone();
        }
    }

    fn gone(&mut self) {
        self.reset();
        self.events.push_back(Did::Left);
    }

    /// All neighbors are told, by a ping from the new address.
    pub(super) fn move_to(&mut self, now: Time, address: SocketAddr) {
        self.me.address = address;
        if self.phase != Phase::Member {
            return;
        }
        let mut peers: Vec<Peer> = self.parent.iter().map(|parent| parent.peer).collect();
        peers.extend(self.links.values().map(|link| link.peer));
        peers.extend(self.children.values().map(|child| child.peer));
        if peers.is_empty() {
            return self.events.push_back(Did::Renewed { by: None, milliseconds: 0.0 });
        }
        self.renewing = Some(now);
        self.calls.end(|call| call.why == Why::There);
        for peer in peers {
            self.ping(now, peer, Why::There);
        }
    }
}
