//! Membership of the ring: joining, stabilization, fingers, rescue, merging, leaving.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::message::{Request, Response};
use super::ring::View;
use super::task::Goal;
use super::{Chord, Did, Phase, Purpose};
use crate::overlay::id::Id;
use crate::overlay::store::{Item, batches};
use crate::overlay::{Peer, Time};

/// Fingers looked up in each stabilization interval.
const FINGERS_A_ROUND: usize = 2;
/// Batches of a handover under way at once.
const HANDOVER_WINDOW: usize = 8;
/// A leaving node stops by then, acknowledged or not.
const LEAVE_DEADLINE: Duration = Duration::from_secs(10);

impl Chord {
    /// Begins a ring of one.
    pub fn begin(&mut self, now: Time) {
        self.reset();
        self.enter(now);
    }

    /// Joins the ring that `through` belongs to. [`Did::Joined`] or [`Did::JoinFailed`] follows.
    pub fn join(&mut self, now: Time, through: Peer) {
        self.reset();
        self.phase = Phase::Joining;
        self.deadline = Some(now + self.settings.rpc_timeout * self.settings.rpc_tries * 8);
        self.start_task(now, self.me.id, Goal::Join, Some(through));
    }

    /// Looks this node up through a member of another island and takes the neighbors found there
    /// for its own. [`Did::Merged`] follows.
    pub fn merge(&mut self, now: Time, through: Peer) {
        self.start_task(now, self.me.id, Goal::Merge, Some(through));
    }

    /// Hands the keys over, tells the neighbors, stops. [`Did::Left`] follows.
    pub fn leave(&mut self, now: Time) {
        self.phase = Phase::Leaving;
        self.deadline = Some(now + LEAVE_DEADLINE);
        self.next_stabilize = None;
        self.next_maintain = None;
        // Copies too, not only what it owns: neighbors may be leaving at the same time.
        self.handover = batches(self.store.iter().map(|(_, item)| item.clone())).into();
        self.hand_over(now);
    }

    /// Stops at once, telling nobody.
    pub fn abort(&mut self) {
        self.reset();
    }

    fn reset(&mut self) {
        self.phase = Phase::Idle;
        self.ring.clear();
        self.store.clear();
        self.calls.clear();
        self.tasks.clear();
        self.writes.clear();
        self.covers.clear();
        self.distrusted.clear();
        self.acquaintances.clear();
        self.handover.clear();
        self.renewing = None;
        self.next_stabilize = None;
        self.next_maintain = None;
        self.deadline = None;
    }

    fn enter(&mut self, now: Time) {
        self.phase = Phase::Member;
        self.deadline = None;
        self.next_stabilize.get_or_insert(now + self.settings.stabilize_every);
        self.next_maintain = Some(now + self.settings.stabilize_every);
        self.events.push_back(Did::Joined);
    }

    /// The deadline of a join or a leave has passed.
    pub(super) fn give_up(&mut self, now: Time) {
        self.deadline = None;
        match self.phase {
            Phase::Joining if self.ring.successor().is_some() => self.enter(now),
            Phase::Joining => self.join_failed(),
            Phase::Leaving => self.left(),
            Phase::Idle | Phase::Member => {}
        }
    }

    pub(super) fn join_failed(&mut self) {
        self.reset();
        self.events.push_back(Did::JoinFailed);
    }

    /// One round: read the successor's neighbors, check the predecessor, refresh some fingers.
    pub(super) fn stabilize(&mut self, now: Time) {
        self.next_stabilize = Some(now + self.jittered(self.settings.stabilize_every));
        if self.ring.successor().is_none() {
            let other = self.ring.predecessor();
            self.ring.merge(other.as_slice());
        }
        let Some(successor) = self.ring.successor() else {
            if !self.rescuing() {
                self.renewed(now);
            }
            return;
        };
        if !self.calls.any(|c| matches!(c.purpose, Purpose::Stabilize)) {
            self.call(now, successor, Request::State, Purpose::Stabilize);
        }
        if let Some(predecessor) = self.ring.predecessor() {
            self.check(now, predecessor, None);
        }
        if self.phase == Phase::Member {
            for _ in 0..FINGERS_A_ROUND {
                self.fix_next_finger(now);
            }
        }
    }

    fn check(&mut self, now: Time, peer: Peer, instead: Option<Peer>) {
        let asked = |c: &super::Call<Purpose>| {
            c.to.id == peer.id && matches!(c.purpose, Purpose::Check { instead: i } if i == instead)
        };
        if !self.calls.any(asked) {
            self.call(now, peer, Request::Ping, Purpose::Check { instead });
        }
    }

    /// The successor, or a candidate for it, has told its neighbors: it is alive.
    pub(super) fn adopt(&mut self, now: Time, peer: Peer, predecessor: Option<Peer>, list: &[Peer]) {
        let current = self.ring.successor().map(|s| s.id);
        let better = current.is_none_or(|s| peer.id == s || peer.id.in_open(self.me.id, s));
        if !better || self.phase == Phase::Leaving {
            return;
        }
        let trusted: Vec<Peer> = list.iter().filter(|p| self.trusted(now, p)).copied().collect();
        self.ring.follow(peer, &trusted);
        if self.phase == Phase::Joining {
            self.next_stabilize.get_or_insert(now + self.settings.stabilize_every / 4);
        }
        let predecessor = predecessor.filter(|p| self.trusted(now, p));
        let between = predecessor.filter(|p| p.id.in_open(self.me.id, peer.id));
        if self.ring.predecessor().is_none() && between.is_none() {
            // Until it notifies, the successor's predecessor is the best guess: a node without a
            // predecessor owns nothing and cannot answer.
            self.ring.set_predecessor(predecessor);
        }
        match between {
            Some(candidate) => self.call(now, candidate, Request::State, Purpose::Adopt),
            None => self.call(now, peer, Request::Notify, Purpose::Notify),
        }
    }

    /// A node says it may be the predecessor (Zave's rectify).
    pub(super) fn rectify(&mut self, now: Time, candidate: Peer) {
        if self.ring.successor().is_none() {
            self.ring.merge(&[candidate]);
            self.next_stabilize = Some(now);
        }
        match self.ring.predecessor() {
            Some(p) if p.id == candidate.id => {}
            Some(p) if !candidate.id.in_open(p.id, self.me.id) => self.check(now, p, Some(candidate)),
            _ => self.ring.set_predecessor(Some(candidate)),
        }
    }

    /// The successor has answered a notification.
    pub(super) fn noticed(&mut self, now: Time, its_predecessor: Option<Peer>) {
        if its_predecessor.is_none_or(|p| p.id != self.me.id) {
            return;
        }
        if self.phase == Phase::Joining {
            self.phase = Phase::Member;
            self.deadline = None;
            self.next_maintain = self.next_stabilize;
            self.events.push_back(Did::Joined);
        }
        self.renewed(now);
    }

    /// This node has another address from now on, as after a change of its DHCP lease. It keeps its
    /// neighbors and its keys, and tells everybody it has heard of. [`Did::Renewed`] follows.
    pub fn renumber(&mut self, now: Time, address: SocketAddr) {
        self.me.address = address;
        if self.phase != Phase::Member {
            return;
        }
        self.renewing = Some(now);
        self.next_stabilize = Some(now);
        for peer in self.everybody() {
            self.call(now, peer, Request::Ping, Purpose::Check { instead: None });
        }
        if let Some(successor) = self.ring.successor() {
            self.call(now, successor, Request::Notify, Purpose::Notify);
        }
    }

    fn renewed(&mut self, now: Time) {
        if let Some(since) = self.renewing.take() {
            let by = self.ring.successor().map(|s| s.id);
            self.events.push_back(Did::Renewed { by, milliseconds: now.millis_since(since) });
            // Its neighbors are told again, as after a join.
            self.seen = View::default();
        }
    }

    /// Looks up the next finger that is beyond the successor list.
    fn fix_next_finger(&mut self, now: Time) {
        let lowest = self.ring.lowest_finger();
        if lowest >= Id::BITS {
            return;
        }
        self.next_finger = if self.next_finger <= lowest { Id::BITS - 1 } else { self.next_finger - 1 };
        self.fix_finger(now, self.next_finger);
    }

    fn fix_finger(&mut self, now: Time, index: u32) {
        let under_way = self.tasks.values().any(|t| matches!(t.goal, Goal::Finger(i) if i == index));
        if !under_way {
            self.start_task(now, self.ring.finger_start(index), Goal::Finger(index), None);
        }
    }

    /// One neighbor failed, and failures come in groups (a cut link takes a whole stub network):
    /// asks all the others, so that they fail together rather than one after another.
    pub(super) fn suspect_neighbors(&mut self, now: Time) {
        for peer in self.ring.peers() {
            if !self.calls.any(|c| c.to.id == peer.id) {
                self.check(now, peer, None);
            }
        }
    }

    /// No successor is left: asks everyone heard of.
    pub(super) fn rescue(&mut self, now: Time) {
        for peer in self.everybody() {
            if !self.calls.any(|c| c.to.id == peer.id && matches!(c.purpose, Purpose::Rescue)) {
                self.call(now, peer, Request::Ping, Purpose::Rescue);
            }
        }
    }

    /// All neighbors and acquaintances.
    fn everybody(&self) -> BTreeSet<Peer> {
        let known = self.acquaintances.iter().map(|(id, (address, _))| Peer { id: *id, address: *address });
        self.ring.peers().into_iter().chain(known).collect()
    }

    pub(super) fn rescuing(&self) -> bool {
        self.ring.successor().is_none() && self.calls.any(|c| matches!(c.purpose, Purpose::Rescue))
    }

    /// A node in another island has told who this node's neighbors would be there.
    pub(super) fn merge_with(&mut self, now: Time, owner: Peer, predecessor: Option<Peer>, list: &[Peer]) {
        let mut candidates = vec![owner];
        candidates.extend(list.iter().filter(|p| self.trusted(now, p)));
        self.ring.merge(&candidates);
        self.call(now, owner, Request::Notify, Purpose::Notify);
        if let Some(old) = self.ring.successor().filter(|s| s.id != owner.id) {
            self.call(now, old, Request::Notify, Purpose::Notify);
        }
        // It lies just before this node: should it be the predecessor, it will learn so from `owner`.
        if let Some(p) = predecessor.filter(|p| p.id != self.me.id) {
            self.check(now, p, None);
        }
        for index in self.ring.lowest_finger()..Id::BITS {
            self.fix_finger(now, index);
        }
        self.next_stabilize = Some(now + self.settings.stabilize_every / 4);
        self.events.push_back(Did::Merged { ok: true });
    }

    /// Sends more of what must be handed over; says goodbye when all is acknowledged.
    pub(super) fn hand_over(&mut self, now: Time) {
        if self.phase != Phase::Leaving {
            return;
        }
        let Some(heir) = self.ring.successor() else { return self.left() };
        let mut under_way = self.calls.count(|c| matches!(c.purpose, Purpose::HandOver));
        while under_way < HANDOVER_WINDOW
            && let Some(items) = self.handover.pop_front()
        {
            self.call(now, heir, Request::Keep { items }, Purpose::HandOver);
            under_way += 1;
        }
        if under_way == 0 && !self.calls.any(|c| matches!(c.purpose, Purpose::Leaving)) {
            let predecessor = self.ring.predecessor();
            let successors = self.ring.successors().to_vec();
            for peer in self.ring.peers() {
                let goodbye = Request::Leaving { predecessor, successors: successors.clone() };
                self.call(now, peer, goodbye, Purpose::Leaving);
            }
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

    /// A neighbor leaves and has told who its neighbors were.
    pub(super) fn departed(&mut self, now: Time, peer: Peer, predecessor: Option<Peer>, successors: &[Peer]) {
        let was_successor = self.ring.successor().is_some_and(|s| s.id == peer.id);
        let was_predecessor = self.ring.predecessor().is_some_and(|p| p.id == peer.id);
        self.forget(now, peer);
        if was_successor {
            let trusted: Vec<Peer> = successors.iter().filter(|p| self.trusted(now, p)).copied().collect();
            self.ring.merge(&trusted);
            self.next_stabilize = Some(now);
        }
        if was_predecessor {
            self.ring.set_predecessor(predecessor.filter(|p| self.trusted(now, p)));
        }
        for call in self.calls.take_to(peer) {
            if !matches!(call.purpose, Purpose::Leaving) {
                self.abandoned(now, call.to, call.request, call.purpose);
            }
        }
        self.left_if_told();
    }

    /// Keeps copies for another node.
    pub(super) fn serve_keep(&mut self, items: Vec<Item>) -> Response {
        let refused = items.into_iter().filter_map(|item| (!self.store.offer(item)).then_some(())).count();
        if refused > 0 {
            return Response::Refused;
        }
        Response::Kept { replicas: self.replica_holders().iter().map(|p| p.id).collect() }
    }
}
