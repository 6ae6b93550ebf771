//! One node's view of the ring: successor list, predecessor, fingers, and what they say about a key.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::before::Before;
use super::message::Place;
use crate::overlay::id::Id;
use crate::overlay::structured::dht::message::{Query, Step};
use crate::overlay::structured::dht::{Dht, MAX_PEERS, Tables};
use crate::overlay::{Neighbors, Peer, Proximity};

/// A node of a Chord ring.
pub type Chord = Dht<Ring>;

/// Neighbors of one node. Never contains the node itself.
#[derive(Debug)]
pub struct Ring {
    pub(super) me: Id,
    limit: usize,
    proximity: Proximity,
    successors: Vec<Peer>,
    predecessor: Option<Peer>,
    /// With the round trip, of those that were taken for it.
    fingers: BTreeMap<u32, (Peer, Option<Duration>)>,
    next_finger: u32,
    /// Whom it has let in of late.
    pub(super) before: Before,
    /// Whether its successor has let it in, or it needs nobody to.
    pub(super) admitted: bool,
    /// Whether another has it as its successor.
    pub(super) followed: bool,
    /// Whether it has looked all its fingers up.
    pub(super) fingered: bool,
    changes: u64,
}

impl Ring {
    /// `limit`: length of the successor list.
    pub(super) fn alone(me: Id, limit: usize, proximity: Proximity) -> Self {
        let (successors, fingers) = (Vec::new(), BTreeMap::new());
        Self {
            me,
            limit,
            proximity,
            successors,
            predecessor: None,
            fingers,
            next_finger: 0,
            before: Before::default(),
            admitted: false,
            followed: false,
            fingered: false,
            changes: 0,
        }
    }

    pub(super) fn proximity(&self) -> Proximity {
        self.proximity
    }

    pub(super) fn successor(&self) -> Option<Peer> {
        self.successors.first().copied()
    }

    pub(super) fn successors(&self) -> &[Peer] {
        &self.successors
    }

    pub(super) fn predecessor(&self) -> Option<Peer> {
        self.predecessor
    }

    pub(super) fn set_predecessor(&mut self, peer: Option<Peer>) {
        self.predecessor = peer.filter(|p| p.id != self.me);
        self.changes += 1;
    }

    /// Takes `head` as successor, followed by its own successor list (Zave: the list is copied
    /// whole). The copy ends where it would pass this node.
    pub(super) fn follow(&mut self, head: Peer, tail: &[Peer]) {
        let mut list: Vec<Peer> = Vec::with_capacity(self.limit);
        for peer in std::iter::once(&head).chain(tail) {
            let farther = list.last().is_none_or(|last| self.me.to(last.id) < self.me.to(peer.id));
            if peer.id == self.me || !farther || list.len() == self.limit {
                break;
            }
            list.push(*peer);
        }
        let former = std::mem::replace(&mut self.successors, list);
        self.changes += 1;
        // Whom others have come before is a good finger: of a crowd that comes one after another each is about half
        // as far away as the one before.
        former.into_iter().for_each(|peer| self.hint(peer));
    }

    /// A node that serves as a finger if there is none.
    pub(super) fn hint(&mut self, peer: Peer) {
        let listed = self.successors.iter().any(|p| p.id == peer.id);
        if let Some(index) = self.finger_of(peer.id).filter(|_| !listed) {
            self.set_finger_if_empty(index, peer);
        }
    }

    /// Adds candidates to the successor list and keeps the nearest.
    pub(super) fn merge(&mut self, candidates: &[Peer]) {
        self.successors.extend(candidates.iter().filter(|p| p.id != self.me));
        self.successors.sort_by_key(|p| self.me.to(p.id));
        self.successors.dedup_by_key(|p| p.id);
        self.successors.truncate(self.limit);
        self.changes += 1;
    }

    /// First id of the `index`-th finger's interval.
    pub(super) fn finger_start(&self, index: u32) -> Id {
        Id(self.me.0.wrapping_add(1 << index))
    }

    /// The lowest finger that may differ from the successor.
    pub(super) fn lowest_finger(&self) -> u32 {
        self.successor().map_or(Id::BITS, |s| Id::BITS - self.me.to(s.id).leading_zeros())
    }

    /// The finger in whose interval an id lies; `None` for those that the successor serves.
    pub(super) fn finger_of(&self, id: Id) -> Option<u32> {
        let index = (Id::BITS - 1).checked_sub(self.me.to(id).leading_zeros())?;
        (index >= self.lowest_finger()).then_some(index)
    }

    /// The next finger to look up again.
    pub(super) fn next_finger(&mut self) -> Option<u32> {
        let lowest = self.lowest_finger();
        if lowest >= Id::BITS {
            return None;
        }
        self.next_finger = if self.next_finger <= lowest { Id::BITS - 1 } else { self.next_finger - 1 };
        Some(self.next_finger)
    }

    pub(super) fn set_finger(&mut self, index: u32, peer: Peer, round_trip: Option<Duration>) {
        let lowest = self.lowest_finger();
        self.fingers.retain(|i, _| *i >= lowest);
        if peer.id == self.me {
            self.fingers.remove(&index);
        } else {
            self.fingers.insert(index, (peer, round_trip));
        }
        self.changes += 1;
    }

    pub(super) fn finger(&self, index: u32) -> Option<Peer> {
        self.fingers.get(&index).map(|(peer, _)| *peer)
    }

    /// Takes the node if there is no finger for the interval, or one outside it.
    pub(super) fn set_finger_if_empty(&mut self, index: u32, peer: Peer) {
        let inside = self.fingers.get(&index).is_some_and(|(p, _)| self.finger_of(p.id) == Some(index));
        if !inside {
            self.set_finger(index, peer, None);
        }
    }

    /// Whether a node at this distance is nearer than the finger of its interval.
    pub(super) fn would_take(&self, id: Id, round_trip: Duration) -> bool {
        let Some(index) = self.finger_of(id) else { return false };
        match self.fingers.get(&index) {
            Some((held, _)) if self.finger_of(held.id) != Some(index) => true,
            Some((held, taken_for)) => held.id != id && taken_for.is_none_or(|held| round_trip < held),
            None => true,
        }
    }

    /// A node that answered after so long: takes it if it is nearer than the finger of its interval.
    pub(super) fn offer_finger(&mut self, peer: Peer, round_trip: Duration) {
        if let Some(index) = self.finger_of(peer.id) {
            let held = self.fingers.get(&index).is_some_and(|(p, _)| p.id == peer.id);
            if held || self.would_take(peer.id, round_trip) {
                self.set_finger(index, peer, Some(round_trip));
            }
        }
    }

    /// Distinct fingers, as many as a message holds.
    pub(super) fn some_fingers(&self) -> Vec<Peer> {
        let fingers: BTreeSet<Peer> = self.fingers.values().map(|(p, _)| *p).collect();
        fingers.into_iter().take(MAX_PEERS).collect()
    }

    /// All neighbors, each once, in id order.
    pub(super) fn everybody(&self) -> BTreeSet<Peer> {
        self.successors.iter().chain(self.fingers.values().map(|(p, _)| p)).chain(&self.predecessor).copied().collect()
    }

    /// Where a lookup goes from here.
    pub(super) fn toward(&self, query: &Query) -> Step<Place> {
        let usable = |p: &&Peer| !query.avoid.contains(&p.id);
        let key = query.key;
        let predecessor = self.predecessor.as_ref().filter(usable);
        let Some(successor) = self.successors.iter().find(usable) else {
            return if self.successors.is_empty() { Step::Here(self.place()) } else { Step::Lost };
        };
        match predecessor {
            _ if key == self.me => return Step::Here(self.place()),
            // A predecessor that asks where it would be: it begins anew, before it was missed.
            None if self.predecessor.is_some_and(|p| p.id == key) => return Step::Here(self.place()),
            Some(p) if key.in_open_closed(p.id, self.me) => return Step::Here(self.place()),
            // The previous hop overlooked the predecessor: it, or one before it, is nearer to the key.
            Some(p) if query.last => {
                return Step::Next { peer: self.behind(key, &query.avoid).unwrap_or(*p), last: true };
            }
            // Nobody has notified this node yet since its predecessor failed: it could be wrong.
            None if query.last => {
                return self.behind(key, &query.avoid).map_or(Step::Lost, |peer| Step::Next { peer, last: true });
            }
            _ => {}
        }
        if key.in_open_closed(self.me, successor.id) {
            return Step::Next { peer: *successor, last: true };
        }
        let fingers = self.fingers.values().map(|(p, _)| p);
        let preceding = self.successors.iter().chain(fingers).filter(usable);
        let preceding = preceding.filter(|p| p.id.in_open(self.me, key)).max_by_key(|p| self.me.to(p.id));
        Step::Next { peer: *preceding.unwrap_or(successor), last: false }
    }
}

impl Tables for Ring {
    type Place = Place;

    fn version(&self) -> u64 {
        self.changes
    }

    fn neighbors(&self) -> Neighbors {
        let fingers: BTreeSet<Id> = self.fingers.values().map(|(p, _)| p.id).collect();
        Neighbors {
            successors: self.successors.iter().map(|p| p.id).collect(),
            predecessor: self.predecessor.map(|p| p.id),
            fingers: fingers.into_iter().collect(),
            ..Neighbors::default()
        }
    }

    fn peers(&self) -> Vec<Peer> {
        self.everybody().into_iter().collect()
    }

    fn knows(&self, id: Id) -> bool {
        self.successors.iter().chain(self.fingers.values().map(|(p, _)| p)).chain(&self.predecessor).any(|p| p.id == id)
    }

    fn remove(&mut self, peer: Peer) -> bool {
        let before = self.successors.len() + self.fingers.len();
        self.successors.retain(|p| *p != peer);
        self.fingers.retain(|_, (p, _)| *p != peer);
        self.before.remove(peer);
        self.changes += 1;
        let was_predecessor = self.predecessor.take_if(|p| *p == peer).is_some();
        was_predecessor || before != self.successors.len() + self.fingers.len()
    }

    fn readdress(&mut self, peer: Peer) -> bool {
        self.before.readdress(peer);
        let fingers = self.fingers.values_mut().map(|(p, _)| p);
        let all = self.successors.iter_mut().chain(fingers).chain(&mut self.predecessor);
        all.filter(|p| p.id == peer.id && **p != peer).map(|p| *p = peer).count() > 0
    }

    fn isolated(&self) -> bool {
        self.successor().is_none()
    }

    /// Estimated number of nodes in the ring: exact when the list closes it, else from the density
    /// of the successor list.
    fn size(&self) -> u32 {
        match self.successors.last() {
            Some(last) if self.successors.len() == self.limit => {
                let share = self.me.to(last.id) as f64 / 2f64.powi(Id::BITS as i32);
                (self.limit as f64 / share).min(1e9).round() as u32
            }
            _ => self.successors.len() as u32 + 1,
        }
    }

    fn own_key(&self) -> Id {
        self.me
    }

    /// Whether the key lies between the predecessor and this node. A node alone owns everything.
    fn owns(&self, key: Id) -> bool {
        match self.predecessor {
            Some(p) => key.in_open_closed(p.id, self.me),
            None => self.successors.is_empty(),
        }
    }

    fn ranges(&self) -> Vec<(Id, Id)> {
        self.predecessor().map(|p| (p.id, self.me)).into_iter().collect()
    }

    fn holders(&self) -> Vec<Peer> {
        self.successors().to_vec()
    }

    fn heir(&self) -> Option<Peer> {
        self.successor()
    }

    fn place(&self) -> Place {
        Place { predecessor: self.predecessor(), successors: self.successors().to_vec() }
    }

    fn keepers(place: &Place, replicas: usize) -> Vec<Peer> {
        // The predecessor last: it may have taken the key before this owner came between them.
        place.successors.iter().take(replicas).chain(&place.predecessor).copied().collect()
    }

    fn range_at(owner: Id, place: &Place, _: Id) -> (Id, Id) {
        (place.predecessor.map_or(owner, |p| p.id), owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: u128) -> Peer {
        Peer { id: Id(id), address: ([10, 0, 0, 1], id as u16).into() }
    }

    fn with_limit(limit: usize) -> Ring {
        Ring::alone(Id(50), limit, Proximity::None)
    }

    fn ids(ring: &Ring) -> Vec<u128> {
        ring.successors().iter().map(|p| p.id.0).collect()
    }

    #[test]
    fn a_copied_list_ends_before_this_node() {
        let mut ring = with_limit(4);
        ring.follow(peer(60), &[peer(70), peer(10), peer(50), peer(60)]);
        assert_eq!(ids(&ring), [60, 70, 10]);
        ring.follow(peer(60), &[peer(10), peer(55)]);
        assert_eq!(ids(&ring), [60, 10], "a list that passes this node is cut there");
    }

    #[test]
    fn candidates_are_sorted_by_distance() {
        let mut ring = with_limit(3);
        ring.merge(&[peer(10), peer(50), peer(70), peer(60), peer(70), peer(20)]);
        assert_eq!(ids(&ring), [60, 70, 10]);
    }

    #[test]
    fn the_owner_is_the_first_node_at_or_after_the_key() {
        let mut ring = with_limit(3);
        let ask = |ring: &Ring, key, last, avoid: &[u128]| {
            ring.toward(&Query { key: Id(key), last, avoid: avoid.iter().map(|i| Id(*i)).collect() })
        };
        assert!(matches!(ask(&ring, 7, false, &[]), Step::Here(_)), "alone");
        ring.merge(&[peer(60), peer(70)]);
        ring.set_predecessor(Some(peer(40)));
        assert!(matches!(ask(&ring, 50, false, &[]), Step::Here(_)));
        assert!(matches!(ask(&ring, 41, false, &[]), Step::Here(_)));
        assert_eq!(ask(&ring, 60, false, &[]), Step::Next { peer: peer(60), last: true });
        assert_eq!(ask(&ring, 60, false, &[60]), Step::Next { peer: peer(70), last: true });
        assert_eq!(ask(&ring, 80, false, &[]), Step::Next { peer: peer(70), last: false });
        assert_eq!(ask(&ring, 39, true, &[]), Step::Next { peer: peer(40), last: true });
        assert_eq!(ask(&ring, 39, true, &[40]), Step::Lost);
        assert!(matches!(ask(&ring, 40, true, &[40]), Step::Here(_)), "the predecessor joins again");
    }

    #[test]
    fn a_closed_ring_is_counted_exactly() {
        let mut ring = with_limit(4);
        assert_eq!(ring.size(), 1);
        ring.merge(&[peer(60), peer(70)]);
        assert_eq!(ring.size(), 3);
        let quarter = 1u128 << 122;
        let mut ring = with_limit(4);
        ring.merge(&(1..=4).map(|n| peer(50 + n * quarter)).collect::<Vec<_>>());
        assert_eq!(ring.size(), 64);
    }
}
