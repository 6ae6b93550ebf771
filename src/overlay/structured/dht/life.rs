//! From joining to leaving, and what lies between: merging, moving, being lost.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::goal::Goal;
use super::{Dht, Did, Geometry, Neighbors, Phase, Purpose, Request, Response, ResponseOf};
use crate::overlay::store::{Item, batches};
use crate::overlay::{Peer, Time};

/// Batches of a handover under way at once.
const HANDOVER_WINDOW: usize = 8;
/// A leaving node stops by then, acknowledged or not.
const LEAVE_DEADLINE: Duration = Duration::from_secs(10);
/// A peer that failed is not taken from others' lists for this many stabilization intervals: they
/// need that long to notice too.
const DISTRUST_ROUNDS: u32 = 6;

impl<G: Geometry> Dht<G> {
    pub(super) fn join_through(&mut self, now: Time, through: Peer) {
        self.reset();
        self.phase = Phase::Joining;
        self.deadline = Some(now + self.settings.rpc_timeout * self.settings.rpc_tries * 8);
        let key = G::join_key(self);
        self.start_task(now, key, Goal::Join, Some(through));
    }

    pub(super) fn reset(&mut self) {
        self.phase = Phase::Idle;
        self.geometry = G::new(self.me, &self.own_settings, &self.settings);
        self.seen = (self.geometry.version(), Neighbors::default());
        self.store.clear();
        self.calls.clear();
        self.tasks.clear();
        self.writes.clear();
        self.covers.clear();
        self.peers.clear();
        self.handover.clear();
        self.renewing = None;
        self.next_round = None;
        self.next_maintain = None;
        self.wake = None;
        self.deadline = None;
    }

    /// It is part of the overlay.
    pub(super) fn enter(&mut self, now: Time) {
        self.join_hops = self.calls.depth();
        self.phase = Phase::Member;
        self.deadline = None;
        self.next_round.get_or_insert(now + self.settings.stabilize_every);
        self.next_maintain = self.next_round;
        self.events.push_back(Did::Joined);
    }

    /// The geometry has brought a join to its end.
    pub(in crate::overlay) fn joined(&mut self, now: Time) {
        if self.phase == Phase::Joining {
            self.enter(now);
        }
    }

    /// The geometry has taken its place in another island.
    pub(in crate::overlay) fn merged(&mut self, now: Time) {
        self.round_by(now + self.settings.stabilize_every / 4);
        self.events.push_back(Did::Merged { ok: true });
    }

    pub(in crate::overlay) fn not_merged(&mut self) {
        self.events.push_back(Did::Merged { ok: false });
    }

    /// The deadline of a join or a leave has passed.
    pub(super) fn give_up(&mut self, now: Time) {
        self.deadline = None;
        match self.phase {
            Phase::Joining if self.geometry.answers_while_joining() => self.enter(now),
            Phase::Joining => self.join_failed(),
            Phase::Leaving => self.left(),
            Phase::Idle | Phase::Member => {}
        }
    }

    pub(in crate::overlay) fn join_failed(&mut self) {
        self.reset();
        self.events.push_back(Did::JoinFailed);
    }

    pub(super) fn start_leaving(&mut self, now: Time) {
        self.phase = Phase::Leaving;
        self.deadline = Some(now + LEAVE_DEADLINE);
        self.next_round = None;
        self.next_maintain = None;
        self.wake = None;
        // Copies too, not only what it owns: neighbors may be leaving at the same time.
        self.handover = batches(self.store.iter().map(|(_, item)| item.clone())).into();
        self.hand_over(now);
    }

    /// Sends more of what must be handed over; says goodbye when all is acknowledged.
    pub(super) fn hand_over(&mut self, now: Time) {
        if self.phase != Phase::Leaving {
            return;
        }
        let Some(heir) = self.geometry.heir() else { return self.left() };
        let mut under_way = self.calls.count(|c| matches!(c.purpose, Purpose::HandOver));
        while under_way < HANDOVER_WINDOW
            && let Some(items) = self.handover.pop_front()
        {
            self.call(now, heir, Request::Keep { items }, Purpose::HandOver);
            under_way += 1;
        }
        if under_way == 0 && !self.calls.any(|c| matches!(c.purpose, Purpose::Leaving)) {
            for (peer, goodbye) in self.geometry.goodbyes() {
                self.call(now, peer, Request::Own(goodbye), Purpose::Leaving);
            }
            self.left_if_told();
        }
    }

    pub(super) fn left_if_told(&mut self) {
        if self.phase == Phase::Leaving && !self.calls.any(|c| matches!(c.purpose, Purpose::Leaving)) {
            self.left();
        }
    }

    fn left(&mut self) {
        self.reset();
        self.events.push_back(Did::Left);
    }

    /// A neighbor has said goodbye: it is forgotten without having failed.
    pub(in crate::overlay) fn departed(&mut self, now: Time, peer: Peer) {
        self.forget(now, peer);
        let mut answered = false;
        for call in self.calls.take_to(peer) {
            if matches!(call.purpose, Purpose::Leaving) {
                answered = true;
            } else {
                self.abandoned(now, call.to, call.request, call.purpose);
            }
        }
        // Two that leave at once need not answer each other; but what is to be handed over comes first.
        if answered {
            self.left_if_told();
        }
    }

    /// Keeps copies for another node.
    pub(super) fn serve_keep(&mut self, items: Vec<Item>) -> ResponseOf<G> {
        let refused = items.into_iter().filter_map(|item| (!self.store.offer(item)).then_some(())).count();
        if refused > 0 {
            return Response::Refused;
        }
        Response::Kept { replicas: self.replica_holders().iter().map(|p| p.id).collect() }
    }

    /// It keeps its neighbors and its keys, and tells everybody it has heard of.
    pub(super) fn move_to(&mut self, now: Time, address: SocketAddr) {
        self.me.address = address;
        self.geometry.renumber(self.me);
        if self.phase != Phase::Member {
            return;
        }
        self.renewing = Some(now);
        self.next_round = Some(now);
        for peer in self.everybody() {
            self.call(now, peer, Request::Ping, Purpose::Check);
        }
        G::renumbered(self, now);
    }

    /// A neighbor (`None`: there is none) knows its new address.
    pub(in crate::overlay) fn renewed(&mut self, now: Time, by: Option<Peer>) {
        if let Some(since) = self.renewing.take() {
            self.events.push_back(Did::Renewed { by: by.map(|p| p.id), milliseconds: now.millis_since(since) });
            // Its neighbors are told again, as after a join.
            self.events.push_back(Did::Neighbors(self.geometry.neighbors()));
        }
    }

    /// No neighbor is left: asks everyone heard of.
    pub(in crate::overlay) fn rescue(&mut self, now: Time) {
        for peer in self.everybody() {
            if !self.calls.any(|c| c.to.id == peer.id && matches!(c.purpose, Purpose::Rescue)) {
                self.call(now, peer, Request::Ping, Purpose::Rescue);
            }
        }
    }

    pub(in crate::overlay) fn rescuing(&self) -> bool {
        self.geometry.isolated() && self.calls.any(|c| matches!(c.purpose, Purpose::Rescue))
    }

    /// All neighbors and acquaintances.
    pub(in crate::overlay) fn everybody(&self) -> BTreeSet<Peer> {
        self.geometry.peers().into_iter().chain(self.peers.acquaintances()).collect()
    }

    /// Removes a node from every table; whether it was a neighbor. One that is known at another address
    /// too remains there.
    pub(super) fn forget(&mut self, now: Time, peer: Peer) -> bool {
        self.peers.distrust(now, peer, now + self.settings.stabilize_every * DISTRUST_ROUNDS);
        let was_neighbor = self.geometry.remove(peer);
        if self.geometry.knows(peer.id) {
            return false;
        }
        self.covers.retain(|(owner, _), _| *owner != peer.id);
        if was_neighbor && self.phase == Phase::Member && self.geometry.isolated() {
            self.rescue(now);
        }
        was_neighbor
    }

    /// Whether it has not failed to answer of late.
    pub(in crate::overlay) fn trusted(&self, now: Time, peer: &Peer) -> bool {
        self.peers.trusted(now, peer)
    }

    pub(super) fn heard(&mut self, now: Time, peer: Peer) {
        if self.geometry.readdress(peer) | self.peers.heard(now, peer) {
            // It has been renumbered. The address heard last is right.
            self.calls.readdress(peer);
            self.tasks.values_mut().for_each(|task| task.avoid.retain(|id| *id != peer.id));
        }
    }

    /// The shortest round trip to a peer so far, if it has ever answered.
    pub(in crate::overlay) fn round_trip(&self, id: crate::overlay::id::Id) -> Option<Duration> {
        self.peers.round_trip(id)
    }
}
