//! Membership of the ring: joining, stabilization, leaving.

use super::message::{Ask, Place};
use super::{Chord, Purpose};
use crate::overlay::{Peer, Time};

impl Chord {
    /// One round: read the successor's neighbors, check the predecessor, refresh some fingers.
    pub(super) fn stabilize(&mut self, now: Time) {
        if self.geometry.successor().is_none() {
            let other = self.geometry.predecessor();
            self.geometry.merge(other.as_slice());
        }
        let Some(successor) = self.geometry.successor() else {
            if !self.rescuing() {
                self.renewed(now, None);
            }
            return;
        };
        if !self.asking(None, |p| *p == Purpose::Stabilize) {
            self.ask(now, successor, Ask::State, Purpose::Stabilize);
        }
        if let Some(predecessor) = self.geometry.predecessor() {
            self.check_instead(now, predecessor, None);
        }
        if self.is_member() {
            self.fix_fingers(now);
        }
    }

    fn check_instead(&mut self, now: Time, peer: Peer, instead: Option<Peer>) {
        // One candidate at a time: whoever else notifies does so again.
        let same = |p: &Purpose| matches!(p, Purpose::Check { instead: i } if i.is_some() == instead.is_some());
        if !self.asking(Some(peer.id), same) {
            self.ping(now, peer, Purpose::Check { instead });
        }
    }

    /// The successor, or a candidate for it, has told its neighbors: it is alive.
    pub(super) fn adopt(&mut self, now: Time, peer: Peer, place: &Place) {
        let me = self.me.id;
        let current = self.geometry.successor().map(|s| s.id);
        let better = current.is_none_or(|s| peer.id == s || peer.id.in_open(me, s));
        if !better || self.is_leaving() {
            return;
        }
        let trusted: Vec<Peer> = place.successors.iter().filter(|p| self.trusted(now, p)).copied().collect();
        self.geometry.follow(peer, &trusted);
        if self.is_joining() {
            self.round_by(now + self.settings.stabilize_every / 4);
        }
        let predecessor = place.predecessor.filter(|p| self.trusted(now, p));
        let between = predecessor.filter(|p| p.id.in_open(me, peer.id));
        if self.geometry.predecessor().is_none() && between.is_none() {
            // Until it notifies, the successor's predecessor is the best guess: a node without a
            // predecessor owns nothing and cannot answer.
            self.geometry.set_predecessor(predecessor);
        }
        match between {
            Some(candidate) => self.ask(now, candidate, Ask::State, Purpose::Adopt),
            None => self.ask(now, peer, Ask::Notify, Purpose::Notify),
        }
    }

    /// A node says it may be the predecessor (Zave's rectify).
    pub(super) fn rectify(&mut self, now: Time, candidate: Peer) {
        if self.geometry.successor().is_none() {
            self.geometry.merge(&[candidate]);
            self.round_by(now);
        }
        match self.geometry.predecessor() {
            Some(p) if p.id == candidate.id => {}
            Some(p) if !candidate.id.in_open(p.id, self.me.id) => self.check_instead(now, p, Some(candidate)),
            _ => self.geometry.set_predecessor(Some(candidate)),
        }
    }

    /// The successor has answered a notification.
    pub(super) fn noticed(&mut self, now: Time, successor: Peer, its_predecessor: Option<Peer>) {
        if its_predecessor.is_none_or(|p| p.id != self.me.id) {
            return;
        }
        self.joined(now);
        self.renewed(now, Some(successor));
    }

    /// A neighbor leaves and has told who its neighbors were.
    pub(super) fn left_by(&mut self, now: Time, peer: Peer, place: &Place) {
        let was_successor = self.geometry.successor().is_some_and(|s| s.id == peer.id);
        let was_predecessor = self.geometry.predecessor().is_some_and(|p| p.id == peer.id);
        self.departed(now, peer);
        if was_successor {
            let trusted: Vec<Peer> = place.successors.iter().filter(|p| self.trusted(now, p)).copied().collect();
            self.geometry.merge(&trusted);
            self.round_by(now);
        }
        if was_predecessor {
            self.geometry.set_predecessor(place.predecessor.filter(|p| self.trusted(now, p)));
        }
    }
}
