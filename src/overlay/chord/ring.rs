//! One node's view of the ring: successor list, predecessor, fingers, and what they say about a key.

use std::collections::{BTreeMap, BTreeSet};

use super::message::{Owner, Query, Step};
use crate::overlay::Peer;
use crate::overlay::id::Id;

/// Neighbors of one node. Never contains the node itself.
#[derive(Debug)]
pub(super) struct Ring {
    me: Id,
    limit: usize,
    successors: Vec<Peer>,
    predecessor: Option<Peer>,
    fingers: BTreeMap<u32, Peer>,
}

/// Ids of all neighbors, to notice changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    pub(super) successors: Vec<Id>,
    pub(super) predecessor: Option<Id>,
    pub(super) fingers: Vec<Id>,
}

impl Ring {
    /// `limit`: length of the successor list.
    pub(super) fn new(me: Id, limit: usize) -> Self {
        Self { me, limit, successors: Vec::new(), predecessor: None, fingers: BTreeMap::new() }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.me, self.limit);
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
        self.successors = list;
    }

    /// Adds candidates to the successor list and keeps the nearest.
    pub(super) fn merge(&mut self, candidates: &[Peer]) {
        self.successors.extend(candidates.iter().filter(|p| p.id != self.me));
        self.successors.sort_by_key(|p| self.me.to(p.id));
        self.successors.dedup_by_key(|p| p.id);
        self.successors.truncate(self.limit);
    }

    /// Removes a node at this address everywhere; whether it was there.
    pub(super) fn remove(&mut self, peer: Peer) -> bool {
        let before = self.successors.len() + self.fingers.len();
        self.successors.retain(|p| *p != peer);
        self.fingers.retain(|_, p| *p != peer);
        let was_predecessor = self.predecessor.take_if(|p| *p == peer).is_some();
        was_predecessor || before != self.successors.len() + self.fingers.len()
    }

    /// A neighbor has spoken from this address: it is known by no other.
    pub(super) fn readdress(&mut self, peer: Peer) -> bool {
        let all = self.successors.iter_mut().chain(self.fingers.values_mut()).chain(&mut self.predecessor);
        all.filter(|p| p.id == peer.id && **p != peer).map(|p| *p = peer).count() > 0
    }

    /// Whether the node is a neighbor, at whatever address.
    pub(super) fn knows(&self, id: Id) -> bool {
        self.successors.iter().chain(self.fingers.values()).chain(&self.predecessor).any(|p| p.id == id)
    }

    /// First id of the `index`-th finger's interval.
    pub(super) fn finger_start(&self, index: u32) -> Id {
        Id(self.me.0.wrapping_add(1 << index))
    }

    /// The lowest finger that may differ from the successor.
    pub(super) fn lowest_finger(&self) -> u32 {
        self.successor().map_or(Id::BITS, |s| Id::BITS - self.me.to(s.id).leading_zeros())
    }

    pub(super) fn set_finger(&mut self, index: u32, peer: Peer) {
        let lowest = self.lowest_finger();
        self.fingers.retain(|i, _| *i >= lowest);
        if peer.id == self.me {
            self.fingers.remove(&index);
        } else {
            self.fingers.insert(index, peer);
        }
    }

    /// All neighbors, each once, in id order.
    pub(super) fn peers(&self) -> BTreeSet<Peer> {
        self.successors.iter().chain(self.fingers.values()).chain(&self.predecessor).copied().collect()
    }

    pub(super) fn view(&self) -> View {
        let fingers: BTreeSet<Id> = self.fingers.values().map(|p| p.id).collect();
        View {
            successors: self.successors.iter().map(|p| p.id).collect(),
            predecessor: self.predecessor.map(|p| p.id),
            fingers: fingers.into_iter().collect(),
        }
    }

    /// Whether the key lies between the predecessor and this node. A node alone owns everything.
    pub(super) fn owns(&self, key: Id) -> bool {
        match self.predecessor {
            Some(p) => key.in_open_closed(p.id, self.me),
            None => self.successors.is_empty(),
        }
    }

    pub(super) fn as_owner(&self) -> Owner {
        Owner { predecessor: self.predecessor, successors: self.successors.clone() }
    }

    /// Where a lookup goes from here.
    pub(super) fn step(&self, query: &Query) -> Step {
        let usable = |p: &&Peer| !query.avoid.contains(&p.id);
        let key = query.key;
        let predecessor = self.predecessor.as_ref().filter(usable);
        let Some(successor) = self.successors.iter().find(usable) else {
            return if self.successors.is_empty() { Step::Here(self.as_owner()) } else { Step::Lost };
        };
        match predecessor {
            _ if key == self.me => return Step::Here(self.as_owner()),
            // A predecessor that asks where it would be: it begins anew, before it was missed.
            None if self.predecessor.is_some_and(|p| p.id == key) => return Step::Here(self.as_owner()),
            Some(p) if key.in_open_closed(p.id, self.me) => return Step::Here(self.as_owner()),
            // The previous hop overlooked the predecessor: it is nearer to the key.
            Some(p) if query.last => return Step::Next { peer: *p, last: true },
            // Nobody has notified this node yet since its predecessor failed: it could be wrong.
            None if query.last => return Step::Lost,
            _ => {}
        }
        if key.in_open_closed(self.me, successor.id) {
            return Step::Next { peer: *successor, last: true };
        }
        let preceding = self.successors.iter().chain(self.fingers.values()).filter(usable);
        let preceding = preceding.filter(|p| p.id.in_open(self.me, key)).max_by_key(|p| self.me.to(p.id));
        Step::Next { peer: *preceding.unwrap_or(successor), last: false }
    }

    /// Estimated number of nodes in the ring: exact when the list closes it, else from the density
    /// of the successor list.
    pub(super) fn size(&self) -> u32 {
        match self.successors.last() {
            Some(last) if self.successors.len() == self.limit => {
                let share = self.me.to(last.id) as f64 / 2f64.powi(Id::BITS as i32);
                (self.limit as f64 / share).min(1e9).round() as u32
            }
            _ => self.successors.len() as u32 + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: u128) -> Peer {
        Peer { id: Id(id), address: ([10, 0, 0, 1], id as u16).into() }
    }

    fn ids(ring: &Ring) -> Vec<u128> {
        ring.successors().iter().map(|p| p.id.0).collect()
    }

    #[test]
    fn a_copied_list_ends_before_this_node() {
        let mut ring = Ring::new(Id(50), 4);
        ring.follow(peer(60), &[peer(70), peer(10), peer(50), peer(60)]);
        assert_eq!(ids(&ring), [60, 70, 10]);
        ring.follow(peer(60), &[peer(10), peer(55)]);
        assert_eq!(ids(&ring), [60, 10], "a list that passes this node is cut there");
    }

    #[test]
    fn candidates_are_sorted_by_distance() {
        let mut ring = Ring::new(Id(50), 3);
        ring.merge(&[peer(10), peer(50), peer(70), peer(60), peer(70), peer(20)]);
        assert_eq!(ids(&ring), [60, 70, 10]);
    }

    #[test]
    fn the_owner_is_the_first_node_at_or_after_the_key() {
        let mut ring = Ring::new(Id(50), 3);
        let ask = |ring: &Ring, key, last, avoid: &[u128]| {
            ring.step(&Query { key: Id(key), last, avoid: avoid.iter().map(|i| Id(*i)).collect() })
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
        let mut ring = Ring::new(Id(50), 4);
        assert_eq!(ring.size(), 1);
        ring.merge(&[peer(60), peer(70)]);
        assert_eq!(ring.size(), 3);
        let quarter = 1u128 << 122;
        ring.clear();
        ring.merge(&(1..=4).map(|n| peer(50 + n * quarter)).collect::<Vec<_>>());
        assert_eq!(ring.size(), 64);
    }
}
