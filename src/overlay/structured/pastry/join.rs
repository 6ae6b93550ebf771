//! Arriving, merging with another island, leaving.

use super::message::{Ask, Place};
use super::{Pastry, Purpose};
use crate::overlay::{Peer, Proximity, Time};

impl Pastry {
    /// The lookup of a join has come past this node: its rows are of use, up to the one in which the two
    /// differ. The first is near, and so is its neighborhood.
    pub(super) fn passed_by(&mut self, now: Time, peer: Peer) {
        if peer.id == self.me.id {
            return;
        }
        let first = self.geometry.neighborhood().is_empty() && !self.asking(None, |p| *p == Purpose::Nodes);
        let last = self.shared_with(peer);
        for row in if first { 0 } else { last }..=last {
            self.ask(now, peer, Ask::Row { row, arrived: false }, Purpose::Nodes);
        }
        if first {
            self.ask(now, peer, Ask::Neighborhood, Purpose::Nodes);
        }
    }

    /// The node that has this node's place so far is known, and its leaves, which are this node's: tells
    /// them.
    pub(super) fn arrive(&mut self, now: Time, owner: Peer, place: &Place) {
        self.geometry.arriving = true;
        self.passed_by(now, owner);
        self.consider(now, &[owner]);
        self.consider(now, &place.alternating());
        self.round_by(now + self.settings.stabilize_every / 4);
    }

    /// The nearest leaves have taken this node in: asks everybody it knows for nearer nodes (the paper's
    /// second stage), and so tells them that it is there.
    pub(super) fn arrived(&mut self, now: Time) {
        self.joined(now);
        for peer in self.geometry.everybody() {
            let row = self.shared_with(peer);
            self.ask(now, peer, Ask::Row { row, arrived: true }, Purpose::Nodes);
            if self.geometry.proximity() != Proximity::None {
                self.ask(now, peer, Ask::Neighborhood, Purpose::Nodes);
            }
        }
    }

    /// A node in another island has told who this node's leaves would be there.
    pub(super) fn merge_with(&mut self, now: Time, owner: Peer, place: &Place) {
        self.passed_by(now, owner);
        self.consider(now, &[owner]);
        self.consider(now, &place.alternating());
        self.merged(now);
    }

    /// A neighbor leaves and has told who its leaves were.
    pub(super) fn left_by(&mut self, now: Time, peer: Peer, place: &Place) {
        let was_leaf = self.geometry.leaves.get(peer.id).is_some();
        self.departed(now, peer);
        if self.is_leaving() {
            return;
        }
        if was_leaf {
            self.consider(now, &place.alternating());
            self.greet_new_nearest(now);
        }
        self.repair_table(now);
    }
}
