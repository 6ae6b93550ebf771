//! Whom a node has let in of late: each was its predecessor until the next came between.
//!
//! While a crowd joins, the owner of a part of the ring is asked about ids that are its no more. By this list it names
//! the first node behind each at once, where its predecessor alone would lead there one node after another. Of N nodes
//! that come in any order about ln N come nearer than all before them.

use super::message::Place;
use super::ring::Ring;
use crate::overlay::Peer;
use crate::overlay::id::Id;
use crate::overlay::structured::dht::Tables;

/// Most nodes in the list.
const MOST: usize = 64;
/// In so many rounds successor lists and fingers have caught up.
const ROUNDS: u32 = 6;

#[derive(Debug, Default)]
pub(super) struct Before(Vec<LetIn>);

#[derive(Debug)]
struct LetIn {
    peer: Peer,
    /// Who was the predecessor before.
    former: Option<Peer>,
    rounds: u32,
}

impl Before {
    /// A node has been let in.
    pub(super) fn add(&mut self, peer: Peer, former: Option<Peer>) {
        self.0.retain(|l| l.peer.id != peer.id);
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push(LetIn { peer, former, rounds: 0 });
    }

    /// Who was the predecessor before this one.
    pub(super) fn former(&self, id: Id) -> Option<Peer> {
        self.0.iter().find(|l| l.peer.id == id).and_then(|l| l.former)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.0.iter().map(|l| &l.peer)
    }

    /// A stabilization interval has passed.
    pub(super) fn round(&mut self) {
        self.0.iter_mut().for_each(|l| l.rounds += 1);
        self.0.retain(|l| l.rounds < ROUNDS);
    }

    /// The node at this address is gone.
    pub(super) fn remove(&mut self, peer: Peer) {
        self.0.retain(|l| l.peer != peer);
        self.0.iter_mut().for_each(|l| l.former = l.former.filter(|former| *former != peer));
    }

    pub(super) fn readdress(&mut self, peer: Peer) {
        let all = self.0.iter_mut().flat_map(|l| std::iter::once(&mut l.peer).chain(&mut l.former));
        all.filter(|p| p.id == peer.id).for_each(|p| *p = peer);
    }
}

impl Ring {
    /// Of all known nodes the first at or behind a key that lies before this one.
    pub(super) fn behind(&self, key: Id, avoid: &[Id]) -> Option<Peer> {
        let known = self.before.iter().copied().chain(self.everybody());
        let nearer = known.filter(|p| key.to(p.id) < key.to(self.me) && !avoid.contains(&p.id));
        nearer.min_by_key(|p| key.to(p.id))
    }

    /// What a node that wants to be let in is told: the nearest that it overlooked instead of the predecessor.
    pub(super) fn place_for(&self, asker: Id) -> Place {
        Place { predecessor: self.behind(asker, &[asker]).or(self.predecessor()), ..self.place() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::Proximity;

    fn peer(id: u128) -> Peer {
        Peer { id: Id(id), address: ([10, 0, 0, 1], id as u16).into() }
    }

    #[test]
    fn the_owner_names_the_first_node_behind_an_id_at_once() {
        let mut ring = Ring::alone(Id(100), 4, Proximity::None);
        ring.merge(&[peer(200)]);
        for (id, former) in [(20, 0), (60, 20), (90, 60)] {
            ring.before.add(peer(id), Some(peer(former)));
            ring.set_predecessor(Some(peer(id)));
        }
        assert_eq!(ring.behind(Id(10), &[]), Some(peer(20)));
        assert_eq!(ring.behind(Id(20), &[Id(20)]), Some(peer(60)), "one that comes back does not find itself");
        assert_eq!(ring.place_for(Id(61)).predecessor, Some(peer(90)));
        assert_eq!(ring.behind(Id(95), &[]), None);
        assert_eq!(ring.before.former(Id(60)), Some(peer(20)));
        ring.before.remove(peer(20));
        assert_eq!((ring.behind(Id(10), &[]), ring.before.former(Id(60))), (Some(peer(60)), None));
    }

    #[test]
    fn the_list_is_short_and_forgets() {
        let mut before = Before::default();
        (0..2 * MOST as u128).for_each(|id| before.add(peer(id), None));
        assert_eq!(before.iter().count(), MOST);
        (0..ROUNDS).for_each(|_| before.round());
        assert_eq!(before.iter().count(), 0);
    }
}
