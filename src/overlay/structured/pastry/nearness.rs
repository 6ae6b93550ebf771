//! Finding nodes for the routing table and the neighborhood set, and nearer ones for those it has.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::RngExt;

use super::message::Ask;
use super::table::Slot;
use super::{Pastry, Purpose};
use crate::overlay::id::Id;
use crate::overlay::structured::dht::MAX_PEERS;
use crate::overlay::{Peer, Proximity, Time};

/// Rounds between two exchanges of a row.
const ROW_ROUNDS: u64 = 4;

impl Pastry {
    /// Nodes that may belong into the table or the neighborhood set: they are asked how far away they are,
    /// and taken when they answer.
    pub(super) fn candidates(&mut self, now: Time, candidates: &[Peer]) {
        let mut asked: BTreeSet<Id> = self.asked(|p| *p == Purpose::Measure).collect();
        let slot = |dht: &Self, id| dht.geometry.table().slot(id);
        let mut slots: BTreeSet<Slot> = asked.iter().filter_map(|id| slot(self, *id)).collect();
        // The first that answers is taken, so one at a time is asked: a joiner hears of dozens for each slot.
        let first_is_best = self.geometry.proximity() == Proximity::None;
        for peer in candidates.iter().take(MAX_PEERS) {
            let Some(slot) = slot(self, peer.id).filter(|s| !first_is_best || !slots.contains(s)) else { continue };
            // Asked even if its distance is known: it may be gone by now.
            let round_trip = self.round_trip(peer.id);
            if self.trusted(now, peer) && self.geometry.would_take(peer.id, round_trip) && asked.insert(peer.id) {
                slots.insert(slot);
                self.ping(now, *peer, Purpose::Measure);
            }
        }
    }

    /// A node has answered.
    pub(super) fn measured(&mut self, now: Time, peer: Peer) {
        let round_trip = self.round_trip(peer.id);
        self.geometry.offer(peer, round_trip);
        self.consider(now, &[peer]);
    }

    /// A member that answered at one of the overlay's anycast addresses: it is near, and so may be those
    /// in its rows.
    pub(super) fn met(&mut self, now: Time, peer: Peer, round_trip: Duration) {
        if self.geometry.proximity() == Proximity::Anycast && self.is_member() {
            self.geometry.offer(peer, Some(round_trip));
            for row in 0..=self.shared_with(peer) {
                self.ask(now, peer, Ask::Row { row, arrived: false }, Purpose::Nodes);
            }
        }
    }

    /// Up to which row its table is of use here.
    pub(super) fn shared_with(&self, peer: Peer) -> u8 {
        self.geometry.table().shared(self.me.id, peer.id)
    }

    /// Once in some rounds: asks a random node of a random row for its own such row.
    pub(super) fn exchange_row(&mut self, now: Time) {
        let rows = self.geometry.table().rows();
        if !self.geometry.rounds.is_multiple_of(ROW_ROUNDS) || rows.is_empty() {
            return;
        }
        let row = rows[self.rng.random_range(0..rows.len())];
        let peers = self.geometry.table().row(row);
        let peer = peers[self.rng.random_range(0..peers.len())];
        if !self.asking(Some(peer.id), |p| *p == Purpose::Nodes) {
            self.ask(now, peer, Ask::Row { row, arrived: true }, Purpose::Nodes);
        }
    }

    /// Looks for replacements of the table's nodes that have failed.
    pub(super) fn repair_table(&mut self, now: Time) {
        for slot in self.geometry.take_holes() {
            self.repair_from(now, slot, slot.0, None);
        }
    }

    /// Whoever was asked has nobody for the slot: the next of its row is asked, or one of the next row.
    pub(super) fn repair_beyond(&mut self, now: Time, slot: Slot, asked: Peer) {
        if self.geometry.table().is_empty_at(slot) {
            self.repair_from(now, slot, self.shared_with(asked), Some(asked));
        }
    }

    fn repair_from(&mut self, now: Time, slot: Slot, row: u8, after: Option<Peer>) {
        let table = self.geometry.table();
        let same = table.row(row).into_iter().find(|p| after.is_none_or(|a| table.slot(a.id) < table.slot(p.id)));
        let next = || table.rows().into_iter().find(|r| *r > row).and_then(|r| table.row(r).first().copied());
        if let Some(peer) = same.or_else(next) {
            let (row, column) = slot;
            self.ask(now, peer, Ask::Row { row, arrived: false }, Purpose::Repair { row, column });
        }
    }
}
