//! Keeping the copies of keys right as neighbors come and go.
//!
//! An owner compares digests of its range with its replicas and exchanges only what differs; so a
//! node that has just become owner also fetches what it lacks. A node gives keys that no owner
//! compares with it to their owner, and then drops them.

use super::goal::Goal;
use super::message::{Held, MAX_STAMPS};
use super::{CallOf, Dht, Geometry, Phase, Purpose, Request, RequestOf, Response, ResponseOf};
use crate::overlay::id::Id;
use crate::overlay::store::{Digest, Item, batches};
use crate::overlay::{Peer, Time};

/// Stabilization intervals between two comparisons.
const MAINTAIN_ROUNDS: u32 = 2;
/// An owner that has not compared for this many stabilization intervals no longer does.
const COVER_ROUNDS: u32 = 4 * MAINTAIN_ROUNDS;
/// Most owners whose comparisons a node remembers.
const MAX_COVERS: usize = 64;
/// Comparisons, and batches sent, under way at once; the rest waits for the next round.
const WINDOW: usize = 32;

impl<G: Geometry> Dht<G> {
    /// One round of comparisons.
    pub(super) fn maintain(&mut self, now: Time) {
        self.next_maintain = Some(now + self.jittered(self.settings.stabilize_every * MAINTAIN_ROUNDS));
        let ranges = self.geometry.ranges();
        if self.phase != Phase::Member || ranges.is_empty() {
            return;
        }
        for peer in self.replica_holders() {
            let comparing = |c: &CallOf<G>| c.to.id == peer.id && matches!(c.purpose, Purpose::Compare { .. });
            if !self.calls.any(comparing) {
                for (from, to) in &ranges {
                    self.compare(now, peer, *from, *to, true);
                }
            }
        }
        let fresh = self.settings.stabilize_every * COVER_ROUNDS;
        self.covers.retain(|_, (_, at)| now - *at <= fresh);
        let seeking = self.tasks.values().any(|t| matches!(t.goal, Goal::Stray));
        if !seeking && let Some(stray) = self.first_stray() {
            self.start_task(now, stray, Goal::Stray, None);
        }
    }

    fn compare(&mut self, now: Time, peer: Peer, from: Id, to: Id, whole: bool) {
        let digest = self.store.digest(from, to);
        self.call(now, peer, Request::Compare { from, to, digest, whole }, Purpose::Compare { from, to });
    }

    /// The owner of (from, to] has compared it with this node's.
    pub(super) fn cover(&mut self, now: Time, owner: Id, from: Id, to: Id) {
        self.covers.insert((owner, from), (to, now));
        if self.covers.len() > MAX_COVERS {
            let stalest = self.covers.iter().min_by_key(|(_, (_, at))| *at).map(|(range, _)| *range);
            stalest.and_then(|range| self.covers.remove(&range));
        }
    }

    pub(super) fn serve_compare(&self, from: Id, to: Id, theirs: Digest) -> ResponseOf<G> {
        let ours = self.store.digest(from, to);
        if ours == theirs {
            return Response::Same;
        }
        let listed = ours.count as usize <= MAX_STAMPS;
        let held = |(id, item): (Id, &Item)| (id, item.stamp, item.mark());
        let stamps = listed.then(|| self.store.range(from, to).map(held).collect());
        Response::Differs { stamps }
    }

    /// A replica holds something else in (from, to].
    pub(super) fn differs(&mut self, now: Time, peer: Peer, from: Id, to: Id, stamps: Option<Vec<Held>>) {
        let Some(stamps) = stamps else {
            let length = from.to(to).wrapping_sub(1);
            let middle = Id(from.0.wrapping_add(length / 2 + 1));
            if self.calls.count(|c| matches!(c.purpose, Purpose::Compare { .. })) < WINDOW && middle != to {
                self.compare(now, peer, from, middle, false);
                self.compare(now, peer, middle, to, false);
            }
            return;
        };
        let theirs = |id: Id| stamps.iter().find(|(i, ..)| *i == id).map(|(_, stamp, mark)| (*stamp, *mark));
        // Of one stamp with different values beside it, each side may have what the other lacks.
        let is_newer = |item: &Item, (stamp, mark)| item.stamp > stamp || (item.stamp == stamp && item.mark() != mark);
        let newer_here = |(id, item): &(Id, &Item)| theirs(*id).is_none_or(|theirs| is_newer(item, theirs));
        let newer_here = self.store.range(from, to).filter(newer_here);
        let pushes = batches(newer_here.map(|(_, item)| item.clone()));
        let newer_there = |(id, stamp, mark): &&Held| {
            let held = self.store.get(*id).map(|held| (held.stamp, held.mark()));
            held.is_none_or(|(held, own)| held < *stamp || (held == *stamp && own != *mark))
        };
        let pulls: Vec<Id> = stamps.iter().filter(newer_there).map(|(id, ..)| *id).collect();
        for items in pushes.into_iter().take(WINDOW) {
            self.call(now, peer, Request::Keep { items }, Purpose::Push);
        }
        // As many as fit in one answer even if each is as long as can be.
        for ids in pulls.chunks(3) {
            self.call(now, peer, Request::Pull { ids: ids.to_vec() }, Purpose::Pull);
        }
    }

    pub(super) fn serve_pull(&self, ids: &[Id]) -> ResponseOf<G> {
        let items = ids.iter().filter_map(|id| self.store.get(*id).cloned());
        Response::Items { items: batches(items).into_iter().next().unwrap_or_default() }
    }

    pub(super) fn pulled(&mut self, items: Vec<Item>) {
        for item in items {
            self.store.offer(item);
        }
    }

    fn is_stray(&self, id: Id) -> bool {
        !self.geometry.owns(id) && !self.covers.iter().any(|((_, from), (to, _))| id.in_open_closed(*from, *to))
    }

    fn first_stray(&self) -> Option<Id> {
        self.store.iter().map(|(id, _)| id).find(|id| self.is_stray(*id))
    }

    /// The owner of a stray is known: gives it all the strays it owns.
    pub(in crate::overlay) fn return_strays(&mut self, now: Time, owner: Peer, range: (Id, Id)) {
        if owner.id == self.me.id {
            return;
        }
        let strays = self.store.range(range.0, range.1).filter(|(id, _)| self.is_stray(*id));
        let strays = batches(strays.map(|(_, item)| item.clone()));
        for items in strays.into_iter().take(WINDOW) {
            self.call(now, owner, Request::Keep { items }, Purpose::Return { owner, range });
        }
    }

    /// The owner has its keys back: this node keeps them only as a replica.
    pub(super) fn returned(
        &mut self,
        now: Time,
        owner: Peer,
        (from, to): (Id, Id),
        replicas: &[Id],
        sent: &RequestOf<G>,
    ) {
        if replicas.contains(&self.me.id) {
            self.cover(now, owner.id, from, to);
        } else if let Request::Keep { items } = sent {
            for item in items.iter().filter(|i| self.is_stray(i.id())).collect::<Vec<_>>() {
                self.store.discard(item.id(), item.stamp);
            }
        }
        let seeking = self.tasks.values().any(|t| matches!(t.goal, Goal::Stray));
        let returning = self.calls.any(|c| matches!(c.purpose, Purpose::Return { .. }));
        if !seeking
            && !returning
            && let Some(stray) = self.first_stray()
        {
            self.start_task(now, stray, Goal::Stray, None);
        }
    }
}
