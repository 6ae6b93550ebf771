//! Whom a node has let in of late: each was its predecessor until the next came between.
//!
//! While a crowd joins, the owner of a part of the ring is asked about ids that are its no more. By this list it names
//! the first node behind each at once, where its predecessor alone would lead there one node after another. Of N nodes
//! that come in any order about ln N come nearer than all before them.

use crate::overlay::Peer;
use crate::overlay::id::Id;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: u128) -> Peer {
        Peer { id: Id(id), address: ([10, 0, 0, 1], id as u16).into() }
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
