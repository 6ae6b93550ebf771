//! Requests, and probes of inserts, on their way out: to whoever is known for the nearest key, and to the next if that
//! one cannot take it or has nobody left.

use std::collections::BTreeSet;

use rand::RngExt;

use super::course::{Down, Stage, Up, Walk};
use super::message::{Errand, Message};
use super::{Freenet, Why};
use crate::overlay::id::Id;
use crate::overlay::{Peer, Phase, Time};

/// Most at once; others are sent elsewhere.
pub(super) const MAX_WALKS: usize = 512;
/// Most nodes that one node tries for a walk.
const MAX_TRIED: usize = 32;
/// In so many timeouts of a message whoever waits is told once to wait longer.
const WAIT_EVERY: u32 = 4;

impl Freenet {
    /// A walk comes by.
    pub(super) fn walked(
        &mut self,
        now: Time,
        (from, call): (Peer, u64),
        number: u64,
        (errand, key): (Errand, Id),
        hops: u16,
    ) {
        match self.seen.get(&number) {
            // The acknowledgment has been lost.
            Some(address) if *address == from.address => return self.tell(from.address, call, Message::Ack),
            Some(_) => return self.elsewhere(from, number),
            None if self.phase != Phase::Member || self.walks.len() >= MAX_WALKS => {
                return self.elsewhere(from, number);
            }
            None => {}
        }
        self.seen.add(now, number, from.address);
        match errand {
            Errand::Request => self.counts.requests += 1,
            Errand::Insert => self.counts.probes += 1,
        }
        if let Some(thing) = self.store.get(key).cloned() {
            self.counts.found += 1;
            let message = Message::Found { walk: number, source: self.me, thing };
            self.send(now, from, message, Why::Reply);
            return;
        }
        self.tell(from.address, call, Message::Ack);
        let most = if errand == Errand::Insert { self.settings.insert_hops } else { self.settings.hops };
        let left = match hops.min(most) {
            0 | 1 => u16::from(!self.rng.random_bool(self.settings.last_hop)),
            hops => hops - 1,
        };
        self.begin_walk(now, number, errand, key, Up::Node(from), left);
    }

    fn elsewhere(&mut self, from: Peer, number: u64) {
        self.counts.elsewhere += 1;
        self.tell(from.address, 0, Message::Elsewhere { walk: number });
    }

    pub(super) fn begin_walk(&mut self, now: Time, number: u64, errand: Errand, key: Id, up: Up, left: u16) {
        let (tried, down, stage) = (BTreeSet::new(), None, Stage::Out);
        self.walks.insert(number, Walk { key, errand, up, left, tried, down, stage, due: now, told: now });
        if left == 0 {
            self.counts.spent += 1;
            return self.spent(now, number);
        }
        self.forward(now, number);
    }

    /// On to the next node; there is none: back.
    pub(super) fn forward(&mut self, now: Time, number: u64) {
        let Some(walk) = self.walks.get(&number) else { return };
        let up = if let Up::Node(peer) = &walk.up { peer.id } else { self.me.id };
        let fresh = |peer: &Peer| peer.id != up && !walk.tried.contains(&peer.id);
        let next = self.table.nearest(walk.key).find(|(_, peer)| fresh(peer)).filter(|_| walk.tried.len() < MAX_TRIED);
        let (errand, key, hops) = (walk.errand, walk.key, walk.left);
        let Some((by, peer)) = next else { return self.exhausted(now, number) };
        let call = self.send(now, peer, Message::Walk { walk: number, errand, key, hops }, Why::Walk(number));
        self.counts.forwarded += 1;
        let due = now + self.patience(hops);
        if let Some(walk) = self.walks.get_mut(&number) {
            walk.tried.insert(peer.id);
            walk.down = Some(Down { peer, call, by });
            walk.due = due;
        }
    }

    /// Nobody is left to try.
    fn exhausted(&mut self, now: Time, number: u64) {
        let Some(walk) = self.walks.get_mut(&number) else { return };
        walk.down = None;
        match (walk.errand, &walk.up) {
            (Errand::Insert, _) => self.room(now, number),
            (Errand::Request, Up::Here(_)) => self.fetched(number, None),
            (Errand::Request, Up::Node(up)) => {
                let (up, hops) = (*up, walk.left);
                self.walks.remove(&number);
                self.send(now, up, Message::Back { walk: number, hops }, Why::Reply);
            }
        }
    }

    /// It has come to as many nodes as it may.
    pub(super) fn spent(&mut self, now: Time, number: u64) {
        let Some(walk) = self.walks.get(&number) else { return };
        match (walk.errand, &walk.up) {
            (Errand::Insert, _) => self.room(now, number),
            (Errand::Request, Up::Here(_)) => self.fetched(number, None),
            (Errand::Request, Up::Node(up)) => {
                let up = *up;
                self.walks.remove(&number);
                self.send(now, up, Message::NotFound { walk: number }, Why::Reply);
            }
        }
    }

    /// The node that has it has lost it, and nobody knows how far it came: with half of its hops to the next.
    pub(super) fn astray(&mut self, now: Time, number: u64) {
        let Some(walk) = self.walks.get_mut(&number) else { return };
        walk.left /= 2;
        if let Some(down) = walk.down.take() {
            self.post.end(down.call);
        }
        if walk.left == 0 {
            return self.spent(now, number);
        }
        self.another(now, number);
    }

    /// To the next node, and whoever waits is told so.
    pub(super) fn another(&mut self, now: Time, number: u64) {
        self.wait(now, number);
        self.forward(now, number);
    }

    /// Says so seldom: it goes all the way back, and whoever waits has patience.
    pub(super) fn wait(&mut self, now: Time, number: u64) {
        let pause = self.common.rpc_timeout * WAIT_EVERY;
        let Some(walk) = self.walks.get_mut(&number).filter(|walk| now - walk.told >= pause) else { return };
        walk.told = now;
        if let Up::Node(up) = &walk.up {
            let to = up.address;
            self.tell(to, 0, Message::Wait { walk: number });
        }
    }

    /// The message that took a walk on was not acknowledged.
    pub(super) fn walk_failed(&mut self, now: Time, number: u64, call: u64) {
        let Some(walk) = self.walks.get_mut(&number) else { return };
        if walk.down.is_some_and(|down| down.call == call) {
            walk.down = None;
            self.another(now, number);
        }
    }

    /// A node has left.
    pub(super) fn walks_without(&mut self, now: Time, id: Id) {
        let there = |walk: &Walk| walk.stage == Stage::Out && walk.down.is_some_and(|down| down.peer.id == id);
        let of: Vec<u64> = self.walks.iter().filter(|(_, walk)| there(walk)).map(|(number, _)| *number).collect();
        of.into_iter().for_each(|number| self.astray(now, number));
    }

    pub(super) fn walks_timeout(&mut self, now: Time) {
        let due: Vec<u64> = self.walks.iter().filter(|(_, walk)| walk.due <= now).map(|(number, _)| *number).collect();
        for number in due {
            match self.walks.get(&number).map(|walk| walk.stage) {
                Some(Stage::Out) => self.astray(now, number),
                Some(Stage::Ready) => drop(self.walks.remove(&number)),
                Some(Stage::Placing) => self.inserted(number, false),
                None => {}
            }
        }
    }
}
