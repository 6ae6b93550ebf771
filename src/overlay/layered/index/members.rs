//! Whom a member knows: a few others, so that the members are one graph.

use std::net::SocketAddr;

use rand::seq::{IndexedRandom, SliceRandom};
use serde::{Deserialize, Serialize};

use super::Index;
use crate::overlay::id::Id;
use crate::overlay::wire::read;
use crate::overlay::{Did, MAX_PEERS, Peer, Phase, Time};

/// Others that a member looks for at once.
const WANTED: usize = 4;
/// Others up to which it looks for one more in each round: of few links, all may lead to a clique.
const ENOUGH: usize = 8;
/// Known others with whom it takes no more that come to it: what is left is for those whom it is to go to itself.
const TAKEN: usize = 12;
/// Rounds without a word after which one is forgotten.
const SILENT: u32 = 4;

/// What members say to one another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Note {
    Hello(Id),
    /// An answer: whether it knows the asker from now on, and some whom it knows.
    Here {
        id: Id,
        taken: bool,
        others: Vec<Peer>,
    },
    Bye(Id),
}

impl Index {
    fn note(&mut self, to: SocketAddr, note: &Note) {
        // There is nothing in it that cannot be encoded.
        if let Ok(bytes) = postcard::to_stdvec(note) {
            self.notes.push_back((to, bytes));
        }
    }

    pub(super) fn know(&mut self, now: Time, peer: Peer) {
        let known = &mut self.members.known;
        if peer.id != self.me.id && (known.len() < MAX_PEERS || known.contains_key(&peer.id)) {
            known.insert(peer.id, (peer.address, now));
        }
    }

    pub(super) fn greet(&mut self, peer: Peer) {
        let room = self.members.greeted.len() < 2 * MAX_PEERS;
        if peer.id != self.me.id && room && self.members.greeted.insert(peer.id, peer.address).is_none() {
            self.note(peer.address, &Note::Hello(self.me.id));
        }
    }

    /// One that may be worth knowing.
    pub(super) fn met(&mut self, peer: Peer) {
        if self.phase == Phase::Member && self.members.known.len() < WANTED {
            self.greet(peer);
        }
    }

    pub(super) fn merge_with(&mut self, now: Time, through: Peer) {
        let known = &self.members.known;
        let strange = through.id != self.me.id && !known.contains_key(&through.id) && known.len() < MAX_PEERS;
        if self.phase == Phase::Member && self.members.merging.is_none() && strange {
            self.members.merging = Some((through.id, now + self.settings.patience));
            self.members.greeted.remove(&through.id);
            self.greet(through);
        } else {
            self.events.push_back(Did::Merged { ok: false });
        }
    }

    pub(super) fn move_to(&mut self, now: Time, address: SocketAddr) {
        self.me.address = address;
        if self.phase != Phase::Member {
            return;
        }
        if self.members.known.is_empty() {
            self.events.push_back(Did::Renewed { by: None, milliseconds: 0.0 });
        } else {
            self.members.renewing = Some(now);
            self.members.greeted.clear();
            self.members.peers().into_iter().for_each(|peer| self.greet(peer));
        }
    }

    pub(super) fn say_bye(&mut self) {
        for peer in self.members.peers() {
            self.note(peer.address, &Note::Bye(self.me.id));
        }
    }

    pub(super) fn noted(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        let Ok(note) = read::<Note>(bytes) else { return };
        if self.phase != Phase::Member {
            return;
        }
        match note {
            Note::Hello(id) if id != self.me.id => {
                if self.members.known.len() < TAKEN || self.members.known.contains_key(&id) {
                    self.know(now, Peer { id, address: from });
                }
                let taken = self.members.known.contains_key(&id);
                let others = self.members.peers().into_iter().filter(|peer| peer.id != id).collect();
                self.note(from, &Note::Here { id: self.me.id, taken, others });
            }
            Note::Here { id, taken, others } if self.members.greeted.get(&id) == Some(&from) => {
                self.answered_hello(now, Peer { id, address: from }, taken, &others);
            }
            Note::Bye(id) if self.members.known.get(&id).is_some_and(|(address, _)| *address == from) => {
                self.members.known.remove(&id);
            }
            Note::Hello(_) | Note::Here { .. } | Note::Bye(_) => {}
        }
    }

    fn answered_hello(&mut self, now: Time, peer: Peer, taken: bool, others: &[Peer]) {
        let merges = self.members.merging.is_some_and(|(id, _)| id == peer.id);
        // One that does not take it is better than none.
        if taken || merges || self.members.known.is_empty() || self.members.known.contains_key(&peer.id) {
            self.know(now, peer);
        }
        if merges {
            self.members.merging = None;
            let ok = self.members.known.contains_key(&peer.id);
            self.events.push_back(Did::Merged { ok });
        }
        if let Some(since) = self.members.renewing.take() {
            self.events.push_back(Did::Renewed { by: Some(peer.id), milliseconds: now.millis_since(since) });
        }
        let known = &self.members.known;
        let strange = |other: &&Peer| other.id != self.me.id && !known.contains_key(&other.id);
        let mut strangers: Vec<Peer> = others.iter().take(MAX_PEERS).filter(strange).copied().collect();
        // Not the same for all who ask: the first few would be full.
        strangers.shuffle(&mut self.rng);
        let told = &mut self.members.told;
        told.extend(strangers.iter().map(|other| (other.id, other.address)));
        while told.len() > MAX_PEERS {
            let ids: Vec<Id> = told.keys().copied().collect();
            if let Some(id) = ids.choose(&mut self.rng) {
                told.remove(id);
            }
        }
        let missing = WANTED.saturating_sub(self.members.known.len());
        strangers.into_iter().take(missing).for_each(|other| self.greet(other));
    }

    /// Goes to some of whom it has been told.
    fn seek(&mut self) {
        let known = &self.members.known;
        self.members.told.retain(|id, _| !known.contains_key(id));
        let missing = WANTED.saturating_sub(known.len()).max(usize::from(known.len() < ENOUGH));
        let mut told: Vec<Peer> = self.members.told.iter().map(|(id, at)| Peer { id: *id, address: *at }).collect();
        told.shuffle(&mut self.rng);
        for peer in told.into_iter().take(missing) {
            self.members.told.remove(&peer.id);
            self.greet(peer);
        }
    }

    pub(super) fn members_timeout(&mut self, now: Time) {
        if self.members.merging.take_if(|(_, due)| *due <= now).is_some() {
            self.events.push_back(Did::Merged { ok: false });
        }
        if self.members.next_round.is_none_or(|next| now < next) {
            return;
        }
        self.members.next_round = Some(now + self.settings.round);
        let silence = self.settings.round * SILENT + self.settings.fresh;
        for peer in self.members.peers() {
            if self.members.known.get(&peer.id).is_some_and(|(_, heard)| now - *heard > silence) {
                self.members.known.remove(&peer.id);
                if self.members.known.is_empty() && self.members.told.is_empty() {
                    // It may be back.
                    self.members.told.insert(peer.id, peer.address);
                }
                self.events.push_back(Did::Forgot(peer));
            }
        }
        let greeted = std::mem::take(&mut self.members.greeted);
        let merging = self.members.merging.and_then(|(id, _)| Some(Peer { id, address: *greeted.get(&id)? }));
        merging.into_iter().chain(self.members.peers()).for_each(|peer| self.greet(peer));
        self.seek();
    }
}
