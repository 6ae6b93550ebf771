//! Joining: the owner of a node's id lets it in, hands over what lies before it, and tells its former predecessor at
//! once. So a node that joins is between its neighbors after a few round trips, not after a round, and of a crowd each
//! finds its place by as many questions as there are halvings of the gap.
//!
//! The owner decides alone, one after another: what it has given away it does not own any more, and the new node knows
//! from the owner where its own part begins. The former predecessor asks the new node before it follows it (Zave).

use super::message::{Ask, Place, Tell};
use super::ring::Ring;
use super::{Chord, Purpose};
use crate::overlay::id::Id;
use crate::overlay::structured::dht::Tables;
use crate::overlay::{Peer, Time};

impl Chord {
    /// Whether it is joining and has not been let in.
    pub(super) fn is_outside(&self) -> bool {
        self.is_joining() && !self.geometry.admitted
    }

    /// The owner of this node's id is known.
    pub(super) fn place_found(&mut self, now: Time, owner: Peer, place: &Place) {
        if self.geometry.successor().is_none() {
            let trusted: Vec<Peer> = place.successors.iter().filter(|p| self.trusted(now, p)).copied().collect();
            self.geometry.follow(owner, &trusted);
        }
        self.round_by(now + self.settings.stabilize_every / 4);
        self.ask_in(now, owner);
    }

    pub(super) fn ask_in(&mut self, now: Time, peer: Peer) {
        if !self.asking(Some(peer.id), |p| *p == Purpose::Join) {
            self.ask(now, peer, Ask::Join, Purpose::Join);
        }
    }

    /// A node wants to be this one's predecessor, and to own what lies before it.
    pub(super) fn let_in(&mut self, now: Time, asker: Peer) -> Tell {
        if self.is_outside() {
            return Tell::State(self.geometry.place());
        }
        let alone = self.geometry.successor().is_none();
        let current = self.geometry.predecessor();
        match current {
            Some(p) if p.id == asker.id => {}
            Some(p) if !asker.id.in_open(p.id, self.me.id) => {
                // Should that one be gone, the asker is the predecessor.
                self.check_instead(now, p, Some(asker));
                return Tell::State(self.geometry.place_for(asker.id));
            }
            _ => {
                let former = if alone { Some(self.me) } else { current };
                self.geometry.set_predecessor(Some(asker));
                self.geometry.before.add(asker, former);
                if alone {
                    self.geometry.merge(&[asker]);
                    self.ask(now, asker, Ask::Notify, Purpose::Notify);
                }
                if let Some(p) = current {
                    self.ask(now, p, Ask::Nearer(asker), Purpose::Nearer);
                }
            }
        }
        Tell::Admitted { former: self.geometry.before.former(asker.id), place: self.geometry.place() }
    }

    /// Another node lies nearer, or this one's id is not the answering node's to give.
    pub(super) fn not_let_in(&mut self, now: Time, by: Peer, place: &Place) {
        let between = place.predecessor.filter(|p| p.id.in_open(self.me.id, by.id) && self.trusted(now, p));
        if let Some(peer) = between.filter(|_| self.is_outside()) {
            self.ask_in(now, peer);
        }
    }

    /// It is in: it owns what lies between `former` and itself.
    pub(super) fn admitted(&mut self, now: Time, by: Peer, former: Option<Peer>, place: &Place) {
        if !self.is_joining() {
            return;
        }
        let current = self.geometry.successor();
        if current.is_none_or(|s| s.id == by.id || by.id.in_open(self.me.id, s.id)) {
            let trusted: Vec<Peer> = place.successors.iter().filter(|p| self.trusted(now, p)).copied().collect();
            self.geometry.follow(by, &trusted);
        }
        self.geometry.admitted = true;
        if self.geometry.predecessor().is_none() {
            self.geometry.set_predecessor(former);
        }
        self.ask(now, by, Ask::Fingers, Purpose::Hints);
        self.joined_if_followed(now);
    }

    /// A node has this one as its successor, and has said so. If that is the predecessor, it is part of the ring.
    pub(super) fn followed(&mut self, now: Time, by: Peer) {
        if self.geometry.predecessor().is_some_and(|p| p.id == by.id) {
            self.geometry.followed = true;
            self.joined_if_followed(now);
        }
    }

    fn joined_if_followed(&mut self, now: Time) {
        if self.is_joining() && self.geometry.admitted && self.geometry.followed {
            self.joined(now);
            // It looks its fingers up, and whether its neighbors are still the same.
            let soon = self.jittered(self.settings.stabilize_every / 2);
            self.round_by(now + soon);
        }
    }

    /// A node may be the successor: it is asked before it becomes that.
    pub(super) fn nearer(&mut self, now: Time, peer: Peer) {
        let nearer = self.geometry.successor().is_none_or(|s| peer.id.in_open(self.me.id, s.id));
        let asked = self.asking(Some(peer.id), |p| *p == Purpose::Adopt);
        if nearer && !asked && peer.id != self.me.id && self.trusted(now, &peer) && !self.is_outside() {
            self.ask(now, peer, Ask::State, Purpose::Adopt);
        }
    }

    /// The successor's fingers serve this node too, until it has found its own.
    pub(super) fn hinted(&mut self, now: Time, fingers: &[Peer]) {
        for peer in fingers.iter().filter(|p| p.id != self.me.id) {
            if self.trusted(now, peer) {
                self.geometry.hint(*peer);
            }
        }
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
}
