//! Islands: one link between supernodes makes two one.

use super::calls::{Reason, Why};
use super::kept::{For, Merging};
use super::message::{Listed, Message, State};
use super::{Kazaa, NEAR_ROUNDS, Role};
use crate::overlay::id::Id;
use crate::overlay::{Did, Peer, Phase, Time};
use std::time::Duration;

/// Nodes that are asked, one after another, when each is an ordinary one and names its supernode.
const TRIES: u8 = 3;
/// How much nearer another supernode must be: what the other's way takes of the own one's, and beyond measurement.
const NEARER: f64 = 0.75;
const NOISE: Duration = Duration::from_millis(1);

impl Kazaa {
    /// Whether it is of this island, as far as this node knows.
    fn is_near(&self, now: Time, id: Id) -> bool {
        let age = self.common.stabilize_every * NEAR_ROUNDS;
        let known = self.known.get(id).is_some_and(|entry| now - entry.heard < age);
        let above = self.parent.as_ref().is_some_and(|parent| parent.peer.id == id);
        id == self.me.id || known || above || self.links.contains_key(&id) || self.children.contains_key(&id)
    }

    pub(super) fn merge_with(&mut self, now: Time, through: Peer) {
        let begun = self.phase == Phase::Member
            && !self.is_near(now, through.id)
            && self.begin_merge(now, through, Reason::Merge);
        if !begun {
            self.events.push_back(Did::Merged { ok: false });
        }
    }

    /// Whether the end will be told.
    fn begin_merge(&mut self, now: Time, through: Peer, reason: Reason) -> bool {
        if self.role == Role::Ordinary {
            self.tell_of(now, through);
            return false;
        }
        let begun = self.merging.is_none() && self.retiring.is_none() && self.link(now, through.address, reason);
        if begun {
            self.merging = Some(Merging { left: TRIES });
        }
        begun
    }

    /// An ordinary node tells its supernode of a node.
    fn tell_of(&mut self, now: Time, stranger: Peer) {
        if let Some(peer) = self.parent.as_ref().map(|parent| parent.peer) {
            self.call(now, peer.address, Some(peer.id), Message::Stranger(stranger), Why::There);
        }
    }

    /// A child has met a node.
    pub(super) fn told_of(&mut self, now: Time, child: Id, stranger: Peer) {
        if self.is_supernode() && self.children.contains_key(&child) && !self.is_near(now, stranger.id) {
            self.begin_merge(now, stranger, Reason::Bridge);
        }
    }

    /// A link has been refused; `others` only if there was an answer.
    pub(super) fn refused_link(&mut self, now: Time, reason: Reason, others: Option<&[Listed]>) {
        if !matches!(reason, Reason::Merge | Reason::Bridge) {
            return;
        }
        if let Some(merging) = &mut self.merging {
            merging.left = merging.left.saturating_sub(1);
            let left = merging.left;
            let next = others.unwrap_or_default().first().filter(|_| left > 0).map(|listed| listed.peer);
            if next.is_some_and(|next| !self.is_near(now, next.id) && self.link(now, next.address, reason)) {
                return;
            }
        }
        self.merged(reason, false);
    }

    pub(super) fn merged(&mut self, reason: Reason, ok: bool) {
        if matches!(reason, Reason::Merge | Reason::Bridge) {
            self.merging = None;
        }
        if reason == Reason::Merge {
            self.events.push_back(Did::Merged { ok });
        }
    }

    /// A node that may be worth knowing better.
    pub(super) fn met(&mut self, now: Time, peer: Peer) {
        if peer.id == self.me.id || self.phase != Phase::Member {
            return;
        }
        if self.role == Role::Ordinary && self.parent.is_none() {
            return self.seek(now, For::Again, vec![peer.address]);
        }
        let asked = self.calls.any(|call| call.to == peer.address && call.why == Why::Met);
        if !asked {
            self.call(now, peer.address, Some(peer.id), Message::Who(()), Why::Met);
        }
    }

    /// One that was met has said how it stands.
    pub(super) fn known_better(&mut self, now: Time, peer: Peer, state: &State, round_trip: Option<Duration>) {
        if !state.serves {
            return;
        }
        let near = self.is_near(now, peer.id);
        self.known.heard(peer, state.load, now);
        if self.role == Role::Supernode {
            return self.grow(now);
        }
        if !near {
            // It is of another island, for all that this node knows.
            self.tell_of(now, peer);
        }
        let Some(parent) = &self.parent else { return };
        let nearer = match (round_trip, parent.round_trip) {
            (Some(there), Some(here)) => there + NOISE < here.mul_f64(NEARER),
            _ => false,
        };
        if nearer && state.load < 100 && parent.peer.id != peer.id && parent.former.is_none() && self.quest.is_none() {
            self.seek(now, For::Move, vec![peer.address]);
        }
    }
}
