//! The leaf set: the nodes next to this one on the ring, half of them on either side.
//!
//! A key belongs to the node whose id is numerically closest, the ring's way round; of two equally
//! close ones to the one with the smaller id. So two neighbors share the ids between them by the
//! middle, and a node knows what it owns if it knows its nearest leaf on either side. It is *sure* of a
//! side while that leaf sees it the same way (after MSPastry: Castro, Costa, Rowstron, DSN 2004).

use super::message::Place;
use crate::overlay::Peer;
use crate::overlay::id::Id;

/// A direction on the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Smaller,
    Larger,
}

pub(super) const SIDES: [Side; 2] = [Side::Smaller, Side::Larger];

/// Leaves of one node. Never contains the node itself.
#[derive(Debug)]
pub(super) struct Leaves {
    me: Id,
    /// Most leaves on either side.
    half: usize,
    /// By clockwise distance. Where there are fewer than twice `half`, a node is on both sides.
    all: Vec<Peer>,
    /// Whether the nearest leaf of a side has said that this node is its nearest in turn, and none
    /// nearer has been lost since.
    sure: [bool; 2],
}

/// Whom a key belongs to among several: the least.
pub(super) fn closeness(key: Id, id: Id) -> (u128, Id) {
    (key.distance(id), id)
}

/// The last id that belongs to `from` on the way clockwise from it to `to`, its neighbor.
pub(super) fn border(from: Id, to: Id) -> Id {
    let way = from.to(to);
    let tie_lost = way.is_multiple_of(2) && way > 0 && to < from;
    Id(from.0.wrapping_add(way / 2 - u128::from(tie_lost)))
}

impl Leaves {
    pub(super) fn none(me: Id, half: usize) -> Self {
        Self { me, half, all: Vec::new(), sure: [false; 2] }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Peer> {
        self.all.iter()
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Peer> {
        self.all.iter_mut().find(|p| p.id == id)
    }

    /// How many at most.
    pub(super) fn limit(&self) -> usize {
        self.half * 2
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, id: Id) -> Option<Peer> {
        self.all.iter().find(|p| p.id == id).copied()
    }

    /// The leaves of one side, nearest first.
    pub(super) fn side(&self, side: Side) -> Vec<Peer> {
        match side {
            Side::Larger => self.all.iter().take(self.half).copied().collect(),
            Side::Smaller => self.all.iter().rev().take(self.half).copied().collect(),
        }
    }

    pub(super) fn nearest(&self, side: Side) -> Option<Peer> {
        match side {
            Side::Larger => self.all.first().copied(),
            Side::Smaller => self.all.last().copied(),
        }
    }

    pub(super) fn is_sure(&self, side: Side) -> bool {
        self.sure[side as usize]
    }

    pub(super) fn is_sure_of_both(&self) -> bool {
        self.sure == [true; 2]
    }

    /// Whether the node would be a leaf.
    pub(super) fn would_take(&self, id: Id) -> bool {
        if id == self.me || self.get(id).is_some() {
            return false;
        }
        let nearer = |side, last: Peer| self.way(side, id) < self.way(side, last.id);
        self.all.len() < self.limit()
            || nearer(Side::Larger, self.all[self.half - 1])
            || nearer(Side::Smaller, self.all[self.half])
    }

    /// Takes the node if it belongs there; whether that has changed anything.
    pub(super) fn insert(&mut self, peer: Peer) -> bool {
        if !self.would_take(peer.id) {
            return false;
        }
        let at = self.all.partition_point(|p| self.me.to(p.id) < self.me.to(peer.id));
        self.change(|all, half| {
            all.insert(at, peer);
            if all.len() > 2 * half {
                all.remove(half);
            }
        });
        true
    }

    /// Removes the node at this address; whether it was there.
    pub(super) fn remove(&mut self, peer: Peer) -> bool {
        let before = self.all.len();
        self.change(|all, _| all.retain(|p| *p != peer));
        before != self.all.len()
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<Peer>, usize)) {
        let before = SIDES.map(|side| self.nearest(side));
        change(&mut self.all, self.half);
        for side in SIDES {
            // One that is nearer only takes away from what this node owns.
            let way = |peer: Option<Peer>| peer.map(|p| self.way(side, p.id));
            let nearer = match (way(before[side as usize]), way(self.nearest(side))) {
                (Some(before), Some(now)) => now <= before,
                _ => false,
            };
            self.sure[side as usize] &= nearer;
        }
    }

    /// A node has told its own leaves: sure now of the sides where it is the nearest and says that this
    /// node is its nearest. Whether it is so on some side.
    pub(super) fn agree(&mut self, peer: Id, place: &Place) -> bool {
        let mut agreed = false;
        for (side, theirs) in [(Side::Smaller, &place.larger), (Side::Larger, &place.smaller)] {
            let mutual = theirs.first().is_some_and(|p| p.id == self.me);
            if mutual && self.nearest(side).is_some_and(|p| p.id == peer) {
                self.sure[side as usize] = true;
                agreed = true;
            }
        }
        agreed
    }

    /// How far away an id is in this direction.
    fn way(&self, side: Side, id: Id) -> u128 {
        match side {
            Side::Larger => self.me.to(id),
            Side::Smaller => id.to(self.me),
        }
    }

    /// On which side of this node a key lies that is closer to it than to others.
    pub(super) fn side_of(&self, key: Id) -> Side {
        if self.me.to(key) <= key.to(self.me) { Side::Larger } else { Side::Smaller }
    }

    /// What belongs to this node, as (from, to]; `None` if it has no leaves.
    pub(super) fn range(&self) -> Option<(Id, Id)> {
        let (smaller, larger) = (self.nearest(Side::Smaller)?, self.nearest(Side::Larger)?);
        Some((border(smaller.id, self.me), border(self.me, larger.id)))
    }

    /// Whether the key lies between the farthest leaves of a full set.
    pub(super) fn span(&self, key: Id) -> bool {
        let ends = (self.side(Side::Smaller).last().copied(), self.side(Side::Larger).last().copied());
        match ends {
            (Some(from), Some(to)) if self.all.len() == self.limit() => {
                key == from.id || key.in_open_closed(from.id, to.id)
            }
            _ => false,
        }
    }

    /// The nearest leaf of the nearer side first, then the nearest of the other, and so on: whoever
    /// takes over a part when this node fails is among the first two.
    pub(super) fn alternating(&self) -> Vec<Peer> {
        let mut sides = SIDES.map(|side| self.side(side));
        sides.sort_by_key(|side| side.first().map(|p| closeness(self.me, p.id)));
        Place { smaller: sides[0].clone(), larger: sides[1].clone() }.alternating()
    }

    pub(super) fn place(&self) -> Place {
        Place { smaller: self.side(Side::Smaller), larger: self.side(Side::Larger) }
    }

    /// Leaves that lie within what the other node's leaves should be, and are not among them: it does
    /// not know them yet, or they are gone.
    pub(super) fn missed_by(&self, peer: Id, place: &Place) -> Vec<Peer> {
        let (Some(from), Some(to)) = (place.smaller.last(), place.larger.last()) else { return Vec::new() };
        let known = |id: Id| id == peer || place.iter().any(|p| p.id == id);
        let whole = place.overlaps();
        let inside = |id: Id| whole || id.in_open(from.id, peer) || id.in_open(peer, to.id);
        self.all.iter().filter(|p| !known(p.id) && inside(p.id)).copied().collect()
    }

    /// Estimated number of nodes on the whole ring, this one included, from how close the leaves lie.
    pub(super) fn density(&self) -> f64 {
        let within = |side| {
            let ways = self.side(side).into_iter().map(move |p| self.way(side, p.id));
            let near: Vec<u128> = ways.take_while(|way| *way <= u128::MAX / 2).collect();
            (near.len(), near.last().copied().unwrap_or(0))
        };
        let [(a, far_a), (b, far_b)] = SIDES.map(within);
        let share = (far_a as f64 + far_b as f64) / 2f64.powi(Id::BITS as i32);
        if share > 0.0 { (a + b) as f64 / share } else { self.all.len() as f64 + 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: u128) -> Peer {
        Peer { id: Id(id), address: ([10, 0, 0, 1], 4000).into() }
    }

    fn ids(peers: &[Peer]) -> Vec<u128> {
        peers.iter().map(|p| p.id.0).collect()
    }

    #[test]
    fn neighbors_share_the_way_between_them_by_closeness() {
        let ids = [10, 15, 21, u128::MAX - 8];
        for (from, to) in ids.iter().flat_map(|a| ids.iter().map(move |b| (Id(*a), Id(*b)))).filter(|(a, b)| a != b) {
            let last = border(from, to);
            let nearer = |key: Id| closeness(key, from) < closeness(key, to);
            assert!(nearer(last) && !nearer(Id(last.0.wrapping_add(1))), "{from} {to}: {last}");
        }
    }

    #[test]
    fn the_nearest_of_either_side_are_kept() {
        let mut leaves = Leaves::none(Id(100), 2);
        for id in [130, 110, 10, 90, 120, 95, 500] {
            leaves.insert(peer(id));
        }
        assert_eq!(ids(&leaves.side(Side::Larger)), [110, 120]);
        assert_eq!(ids(&leaves.side(Side::Smaller)), [95, 90]);
        assert_eq!(ids(&leaves.alternating()), [95, 110, 90, 120]);
        assert!(leaves.would_take(Id(105)) && !leaves.would_take(Id(121)) && !leaves.would_take(Id(100)));
        assert!(leaves.span(Id(90)) && leaves.span(Id(120)) && !leaves.span(Id(89)));
    }

    #[test]
    fn of_few_nodes_each_is_on_both_sides() {
        let mut leaves = Leaves::none(Id(100), 2);
        leaves.insert(peer(130));
        assert_eq!((leaves.nearest(Side::Smaller), leaves.nearest(Side::Larger)), (Some(peer(130)), Some(peer(130))));
        assert!(leaves.place().overlaps());
        leaves.insert(peer(90));
        assert_eq!(ids(&leaves.side(Side::Larger)), [130, 90]);
    }

    #[test]
    fn it_is_sure_until_the_nearest_is_lost() {
        let mut leaves = Leaves::none(Id(100), 2);
        let place = |larger: u128| Place { smaller: Vec::new(), larger: vec![peer(larger)] };
        for id in [80, 90, 120, 130] {
            leaves.insert(peer(id));
        }
        assert!(!leaves.agree(Id(90), &place(95)), "it has another between them");
        assert!(!leaves.agree(Id(80), &place(100)), "it is not the nearest");
        assert!(leaves.agree(Id(90), &place(100)) && leaves.is_sure(Side::Smaller) && !leaves.is_sure(Side::Larger));
        leaves.insert(peer(95));
        assert!(leaves.is_sure(Side::Smaller), "one that is nearer takes only away");
        leaves.remove(peer(95));
        assert!(!leaves.is_sure(Side::Smaller), "there may be others where it was");
    }
}
