//! Keeping the leaf set: the nearest leaves are told every round that this node is there and tell their
//! leaves in turn; what one of them has and the other lacks is asked itself.

use super::leaves::SIDES;
use super::message::{Ask, Place};
use super::{Pastry, Purpose};
use crate::overlay::{Peer, Time};

impl Pastry {
    /// One round: the nearest leaf on either side, one of the others in turn, one entry of the table in
    /// turn, and now and then a row.
    pub(super) fn keep_alive(&mut self, now: Time) {
        if self.geometry.leaves.is_empty() {
            if !self.rescuing() {
                self.renewed(now, None);
            }
            return;
        }
        self.geometry.rounds += 1;
        self.greet_nearest(now);
        let leaves: Vec<Peer> = self.geometry.leaves.iter().copied().collect();
        self.greet(now, self.in_turn(&leaves));
        if self.is_member() {
            let everybody: Vec<Peer> = self.geometry.everybody().into_iter().collect();
            let entry = self.in_turn(&everybody);
            if !self.asking(Some(entry.id), |_| true) {
                self.ping(now, entry, Purpose::Measure);
            }
            self.exchange_row(now);
        }
    }

    fn in_turn(&self, peers: &[Peer]) -> Peer {
        peers[(self.geometry.rounds % peers.len() as u64) as usize]
    }

    pub(super) fn greet_nearest(&mut self, now: Time) {
        for side in SIDES {
            if let Some(peer) = self.geometry.leaves.nearest(side) {
                self.greet(now, peer);
            }
        }
    }

    /// Those who are the nearest leaves only now are told so at once.
    pub(super) fn greet_new_nearest(&mut self, now: Time) {
        for peer in self.geometry.new_nearest() {
            self.greet(now, peer);
        }
    }

    /// Tells a node that this one is there, and asks for its leaves.
    fn greet(&mut self, now: Time, peer: Peer) {
        if !self.asking(Some(peer.id), |p| *p == Purpose::Leaf) {
            let place = self.geometry.leaves.place();
            self.ask(now, peer, Ask::Leaves(place), Purpose::Leaf);
        }
    }

    /// Nodes that may be leaves: each is taken when it has spoken itself.
    pub(super) fn consider(&mut self, now: Time, peers: &[Peer]) {
        let may = self.is_member() || self.is_joining() && self.geometry.arriving;
        for peer in peers.iter().filter(|_| may) {
            if self.geometry.leaves.would_take(peer.id) && self.trusted(now, peer) {
                self.greet(now, *peer);
            }
        }
    }

    /// A node has spoken, and told its leaves.
    pub(super) fn told(&mut self, now: Time, peer: Peer, place: &Place) {
        if self.is_leaving() {
            return;
        }
        self.geometry.insert_leaf(peer);
        let agreed = self.geometry.leaves.agree(peer.id, place);
        if agreed && place.iter().any(|p| *p == self.me) {
            self.renewed(now, Some(peer));
        }
        if self.is_joining() && self.geometry.leaves.is_sure_of_both() {
            self.arrived(now);
        }
        for missed in self.geometry.leaves.missed_by(peer.id, place) {
            self.check_missed(now, missed);
        }
        self.consider(now, &place.alternating());
        self.greet_new_nearest(now);
    }

    /// Neighbors did not answer. Failures come in groups (a cut link takes a whole stub network): all
    /// others are asked, so that they fail together rather than one after another. The farthest leaves
    /// know who takes the place of those that are gone.
    pub(super) fn lost_some(&mut self, now: Time) {
        if self.is_leaving() {
            return;
        }
        self.greet_new_nearest(now);
        for side in SIDES {
            if let Some(farthest) = self.geometry.leaves.side(side).last().copied() {
                self.greet(now, farthest);
            }
        }
        let others: Vec<Peer> = self.geometry.everybody().into_iter().collect();
        self.consider(now, &others);
        for peer in others {
            self.check(now, peer);
        }
        self.repair_table(now);
    }
}
