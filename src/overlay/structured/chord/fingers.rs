//! Finding fingers. Any node of a finger's interval serves as well for the number of hops; so of all
//! that are known there the nearest is taken ("proximity neighbor selection").

use std::time::Duration;

use super::message::{Ask, Place};
use super::{Chord, Finger, Purpose};
use crate::overlay::id::Id;
use crate::overlay::{Peer, Proximity, Time};

/// Fingers looked up in each stabilization interval.
const FINGERS_A_ROUND: usize = 2;
/// Candidates of an interval that are measured: PNS(16).
const CANDIDATES: usize = 16;

impl Chord {
    /// Looks some fingers up again, from the farthest to the nearest and again.
    pub(super) fn fix_fingers(&mut self, now: Time) {
        for _ in 0..FINGERS_A_ROUND {
            if let Some(index) = self.geometry.next_finger() {
                self.fix_finger(now, index);
            }
        }
    }

    pub(super) fn fix_all_fingers(&mut self, now: Time) {
        for index in self.geometry.lowest_finger()..Id::BITS {
            self.fix_finger(now, index);
        }
    }

    fn fix_finger(&mut self, now: Time, index: u32) {
        if !self.seeking(|f| *f == Finger(index)) {
            self.seek(now, self.geometry.finger_start(index), Finger(index));
        }
    }

    /// The first node of a finger's interval is known, and those that follow it.
    pub(super) fn finger_found(&mut self, now: Time, index: u32, owner: Peer, place: &Place) {
        if self.geometry.proximity() == Proximity::None || self.geometry.finger_of(owner.id) != Some(index) {
            return self.geometry.set_finger(index, owner, None);
        }
        self.geometry.set_finger_if_empty(index, owner);
        // One that was nearer than others once is not looked up again: is it still there?
        if let Some(held) = self.geometry.finger(index).filter(|held| held.id != owner.id) {
            self.check(now, held);
        }
        let inside = |p: &&Peer| self.geometry.finger_of(p.id) == Some(index);
        let others = place.successors.iter().take_while(inside).take(CANDIDATES - 1);
        let candidates: Vec<Peer> = std::iter::once(owner).chain(others.copied()).collect();
        self.candidates(now, &candidates);
    }

    /// Nodes that may be nearer than the fingers are: each is taken if it is, as soon as its distance is known.
    pub(super) fn candidates(&mut self, now: Time, candidates: &[Peer]) {
        for peer in candidates.iter().take(CANDIDATES) {
            if peer.id == self.me.id || !self.trusted(now, peer) {
                continue;
            }
            // Asked even if its distance is known: it may be gone by now, or have another address.
            if self.round_trip(peer.id).is_none_or(|r| self.geometry.would_take(peer.id, r))
                && !self.asking(Some(peer.id), |p| *p == Purpose::Measure)
            {
                self.ping(now, *peer, Purpose::Measure);
            }
        }
    }

    /// A candidate has answered.
    pub(super) fn measured(&mut self, peer: Peer) {
        if self.is_member()
            && let Some(round_trip) = self.round_trip(peer.id)
        {
            self.geometry.offer_finger(peer, round_trip);
        }
    }

    /// A member that answered at one of the overlay's anycast addresses: it is near, and so may its
    /// fingers be.
    pub(super) fn met(&mut self, now: Time, peer: Peer, round_trip: Duration) {
        if self.geometry.proximity() == Proximity::Anycast && self.is_member() {
            self.geometry.offer_finger(peer, round_trip);
            self.ask(now, peer, Ask::Fingers, Purpose::Fingers);
        }
    }
}
