//! One node's state, as the paper calls it: leaf set, routing table and neighborhood set, and what they
//! say about a key.

use std::collections::BTreeSet;
use std::time::Duration;

use super::leaves::{Leaves, SIDES, Side, border, closeness};
use super::message::Place;
use super::neighborhood::Neighborhood;
use super::settings::{Settings, digit_bits, leaf_half};
use super::table::{Slot, Table};
use crate::overlay::id::Id;
use crate::overlay::structured::dht::message::{Query, Step};
use crate::overlay::structured::dht::{Dht, Tables};
use crate::overlay::{Neighbors, Peer, Proximity};

/// A node of a Pastry overlay.
pub type Pastry = Dht<State>;

/// Neighbors of one node. Never contains the node itself.
#[derive(Debug)]
pub struct State {
    me: Id,
    pub(super) leaves: Leaves,
    table: Table,
    neighborhood: Neighborhood,
    proximity: Proximity,
    changes: u64,
    /// Counts rounds of maintenance.
    pub(super) rounds: u64,
    /// A joiner knows where it belongs: from now on it may have leaves.
    pub(super) arriving: bool,
    /// The nearest leaves that have been told so.
    pub(super) told: [Option<Peer>; 2],
}

impl State {
    pub(super) fn empty(me: Id, settings: &Settings) -> Self {
        // Whom it hears of first is not near: without measuring there is no neighborhood.
        let near = if settings.proximity == Proximity::None { 0 } else { settings.neighborhood };
        Self {
            me,
            leaves: Leaves::none(me, leaf_half(settings)),
            table: Table::empty(me, digit_bits(settings), settings.proximity),
            neighborhood: Neighborhood::empty(near),
            proximity: settings.proximity,
            changes: 0,
            rounds: 0,
            arriving: false,
            told: [None; 2],
        }
    }

    pub(super) fn proximity(&self) -> Proximity {
        self.proximity
    }

    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    pub(super) fn neighborhood(&self) -> &Neighborhood {
        &self.neighborhood
    }

    pub(super) fn take_holes(&mut self) -> BTreeSet<Slot> {
        self.table.take_holes()
    }

    /// Takes a node that is there as leaf, if it belongs there.
    pub(super) fn insert_leaf(&mut self, peer: Peer) {
        self.changes += u64::from(self.leaves.insert(peer));
    }

    /// A node is there, and this far away (`None`: not known): takes it into the table and the neighborhood
    /// set, if it belongs there.
    pub(super) fn offer(&mut self, peer: Peer, round_trip: Option<Duration>) {
        let entered = self.table.offer(peer, round_trip);
        let near = round_trip.is_some_and(|r| self.neighborhood.offer(peer, r));
        self.changes += u64::from(entered || near);
    }

    /// Whether a node at this distance (`None`: not known yet) may belong into table or neighborhood set.
    pub(super) fn would_take(&self, id: Id, round_trip: Option<Duration>) -> bool {
        self.table.would_take(id, round_trip) || self.neighborhood.would_take(id, round_trip)
    }

    fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.leaves.iter().chain(self.others())
    }

    /// All but the leaves; some are leaves as well.
    fn others(&self) -> impl Iterator<Item = &Peer> {
        self.table.iter().chain(self.neighborhood.iter())
    }

    /// All neighbors, each once, in id order.
    pub(super) fn everybody(&self) -> BTreeSet<Peer> {
        self.iter().copied().collect()
    }

    /// Nodes that may be nearer leaves of another node's than these leaves are.
    pub(super) fn near(&self, id: Id) -> Vec<Peer> {
        let others = || self.others().filter(|p| p.id != id && self.leaves.get(p.id).is_none());
        let larger = others().min_by_key(|p| id.to(p.id));
        let mut near: Vec<Peer> = larger.into_iter().chain(others().min_by_key(|p| p.id.to(id))).copied().collect();
        near.dedup();
        near
    }

    /// Whether there is room in the leaf set because there are no more nodes.
    fn knows_all(&self) -> bool {
        self.leaves.len() < self.leaves.limit() && self.others().all(|p| self.leaves.get(p.id).is_some())
    }

    /// Where a lookup goes from here: to itself only if the nearest leaf on the key's side agrees.
    pub(super) fn toward(&self, query: &Query) -> Step<Place> {
        let key = query.key;
        if self.leaves.is_empty() || key == self.me {
            return Step::Here(self.leaves.place());
        }
        let usable = |p: &&Peer| !query.avoid.contains(&p.id);
        let closest = self.leaves.iter().filter(usable).min_by_key(|p| closeness(key, p.id));
        let mine = closeness(key, self.me);
        if closest.is_none_or(|p| mine < closeness(key, p.id)) {
            return self.own_if_sure(query);
        }
        match closest {
            Some(peer) if self.leaves.span(key) || self.knows_all() => Step::Next { peer: *peer, last: true },
            _ => self.farther(query).or(closest.copied()).map_or(Step::Lost, |peer| Step::Next { peer, last: false }),
        }
    }

    /// None of the leaves that the asker can use is closer to the key.
    fn own_if_sure(&self, query: &Query) -> Step<Place> {
        let side = self.leaves.side_of(query.key);
        let nearest = self.leaves.nearest(side).filter(|p| query.avoid.contains(&p.id));
        // Who asks where it would be only wants to know whom to tell: what is right it finds out from them.
        let arrives = query.avoid.contains(&query.key);
        // One that the asker has missed may have had others behind it that this node does not know.
        if arrives || nearest.is_none() && self.leaves.is_sure(side) {
            Step::Here(self.leaves.place())
        } else {
            Step::Lost
        }
    }

    /// The next hop to a key beyond the leaves: who shares one more digit with it, or else (the paper's
    /// rare case) the closest of those that share as many.
    fn farther(&self, query: &Query) -> Option<Peer> {
        let (key, usable) = (query.key, |p: &&Peer| !query.avoid.contains(&p.id));
        if let Some(peer) = self.table.toward(key).filter(|p| usable(&p)) {
            return Some(peer);
        }
        let (shared, mine) = (self.table.shared(self.me, key), closeness(key, self.me));
        let as_good = |p: &&Peer| self.table.shared(p.id, key) >= shared && closeness(key, p.id) < mine;
        self.iter().filter(usable).filter(as_good).min_by_key(|p| closeness(key, p.id)).copied()
    }

    /// The nearest leaves, where they have changed since this was asked last.
    pub(super) fn new_nearest(&mut self) -> Vec<Peer> {
        let nearest = SIDES.map(|side| self.leaves.nearest(side));
        let before = std::mem::replace(&mut self.told, nearest);
        let mut new: Vec<Peer> =
            nearest.into_iter().zip(before).filter(|(n, b)| n != b).filter_map(|(n, _)| n).collect();
        new.dedup();
        new
    }
}

impl Tables for State {
    type Place = Place;

    fn version(&self) -> u64 {
        self.changes
    }

    fn neighbors(&self) -> Neighbors {
        let others: BTreeSet<Id> = self.others().map(|p| p.id).collect();
        Neighbors {
            successors: self.leaves.side(Side::Larger).iter().map(|p| p.id).collect(),
            predecessor: self.leaves.nearest(Side::Smaller).map(|p| p.id),
            fingers: others.into_iter().collect(),
            ..Neighbors::default()
        }
    }

    fn peers(&self) -> Vec<Peer> {
        self.everybody().into_iter().collect()
    }

    fn knows(&self, id: Id) -> bool {
        self.leaves.get(id).or_else(|| self.table.get(id)).or_else(|| self.neighborhood.get(id)).is_some()
    }

    fn remove(&mut self, peer: Peer) -> bool {
        self.changes += 1;
        let (leaf, entry) = (self.leaves.remove(peer), self.table.remove(peer));
        self.neighborhood.remove(peer) || leaf || entry
    }

    fn readdress(&mut self, peer: Peer) -> bool {
        let all = [self.leaves.get_mut(peer.id), self.table.get_mut(peer.id), self.neighborhood.get_mut(peer.id)];
        all.into_iter().flatten().filter(|p| **p != peer).map(|p| *p = peer).count() > 0
    }

    fn isolated(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Estimated number of nodes: exact while all of them are leaves.
    fn size(&self) -> u32 {
        if self.knows_all() {
            return self.leaves.len() as u32 + 1;
        }
        self.leaves.density().clamp(1.0, 1e9).round() as u32
    }

    fn own_key(&self) -> Id {
        self.me
    }

    /// Whether the key is closer to this node than to its leaves.
    fn owns(&self, key: Id) -> bool {
        let mine = closeness(key, self.me);
        self.leaves.iter().all(|p| mine < closeness(key, p.id))
    }

    fn ranges(&self) -> Vec<(Id, Id)> {
        self.leaves.range().filter(|_| self.leaves.is_sure_of_both()).into_iter().collect()
    }

    fn holders(&self) -> Vec<Peer> {
        self.leaves.alternating()
    }

    fn heir(&self) -> Option<Peer> {
        self.leaves.alternating().first().copied()
    }

    fn place(&self) -> Place {
        self.leaves.place()
    }

    fn keepers(place: &Place, replicas: usize) -> Vec<Peer> {
        // As many on either side: they may all have been on one before the owner came between them.
        place.alternating().into_iter().take(2 * replicas).collect()
    }

    fn range_at(owner: Id, place: &Place, _: Id) -> (Id, Id) {
        match (place.smaller.first(), place.larger.first()) {
            (Some(smaller), Some(larger)) => (border(smaller.id, owner), border(owner, larger.id)),
            _ => (owner, owner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGIT: u128 = 1 << 124;

    fn peer(id: u128) -> Peer {
        Peer { id: Id(id), address: ([10, 0, 0, 1], 4000).into() }
    }

    fn ask(state: &State, key: u128, avoid: &[u128]) -> Step<Place> {
        state.toward(&Query { key: Id(key), last: false, avoid: avoid.iter().map(|i| Id(*i)).collect() })
    }

    fn next(step: Step<Place>) -> Option<(u128, bool)> {
        match step {
            Step::Next { peer, last } => Some((peer.id.0, last)),
            _ => None,
        }
    }

    /// Node 5·16^31 with leaves close to it and entries further away; sure of its larger side.
    fn state() -> State {
        let settings = Settings { leaf_set: 4, ..Settings::default() };
        let mut state = State::empty(Id(5 * DIGIT), &settings);
        for leaf in [5 * DIGIT - 20, 5 * DIGIT - 10, 5 * DIGIT + 10, 5 * DIGIT + 20] {
            state.insert_leaf(peer(leaf));
        }
        for (entry, ms) in [(7 * DIGIT, 9), (9 * DIGIT, 1), (9 * DIGIT + 1, 5)] {
            state.offer(peer(entry), Some(Duration::from_millis(ms)));
        }
        let place = Place { smaller: vec![peer(5 * DIGIT)], larger: Vec::new() };
        assert!(state.leaves.agree(Id(5 * DIGIT + 10), &place));
        state
    }

    #[test]
    fn it_answers_only_on_the_side_it_is_sure_of() {
        let state = state();
        assert!(matches!(ask(&state, 5 * DIGIT, &[]), Step::Here(_)));
        assert!(matches!(ask(&state, 5 * DIGIT + 5, &[]), Step::Here(_)), "of two equally close the smaller");
        assert_eq!(ask(&state, 5 * DIGIT - 4, &[]), Step::Lost);
        assert_eq!(ask(&state, 5 * DIGIT + 12, &[5 * DIGIT + 10, 5 * DIGIT + 20]), Step::Lost, "it does not know more");
        let anew = 5 * DIGIT + 10;
        assert!(matches!(ask(&state, anew, &[anew]), Step::Here(_)), "a leaf that joins again");
    }

    #[test]
    fn leaves_then_one_more_digit_then_whoever_is_closer() {
        let state = state();
        assert_eq!(next(ask(&state, 5 * DIGIT + 14, &[])), Some((5 * DIGIT + 10, true)));
        assert_eq!(next(ask(&state, 5 * DIGIT + 14, &[5 * DIGIT + 10])), Some((5 * DIGIT + 20, true)));
        assert_eq!(next(ask(&state, 9 * DIGIT + 7, &[])), Some((9 * DIGIT, false)), "the nearer of two by round trip");
        assert_eq!(next(ask(&state, 9 * DIGIT + 7, &[9 * DIGIT])), Some((9 * DIGIT + 1, false)), "the neighborhood's");
        assert_eq!(next(ask(&state, 8 * DIGIT, &[])), Some((7 * DIGIT, false)), "the rare case");
    }

    #[test]
    fn all_nodes_are_counted_while_they_are_leaves() {
        let mut state = State::empty(Id(0), &Settings::default());
        assert_eq!(state.size(), 1);
        (1..=15).for_each(|n| state.insert_leaf(peer(n * DIGIT)));
        assert_eq!(state.size(), 16);
        let mut state = State::empty(Id(0), &Settings::default());
        (1..=8).for_each(|n| state.insert_leaf(peer(n * DIGIT / 8)));
        (1..=8).for_each(|n| state.insert_leaf(peer(0u128.wrapping_sub(n * DIGIT / 8))));
        assert_eq!(state.size(), 128);
    }
}
