//! What comes back from a walk, and what is kept on the way.

use rand::RngExt;

use super::content::Thing;
use super::course::{Stage, Up, Walk};
use super::message::{Errand, Message};
use super::{Freenet, Why};
use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};

impl Freenet {
    /// The walk that this node has sent to that one, which has taken it as it seems.
    fn taken(&mut self, from: Peer, number: u64) -> Option<&mut Walk> {
        let walk = self.walks.get_mut(&number)?;
        let down = walk.down.filter(|down| down.peer == from && walk.stage == Stage::Out)?;
        self.post.end(down.call);
        Some(walk)
    }

    pub(super) fn told_elsewhere(&mut self, now: Time, from: Peer, number: u64) {
        if self.taken(from, number).is_some() {
            self.forward(now, number);
        }
    }

    pub(super) fn told_to_wait(&mut self, now: Time, from: Peer, number: u64) {
        let Some(left) = self.taken(from, number).map(|walk| walk.left) else { return };
        let due = now + self.patience(left);
        if let Some(walk) = self.walks.get_mut(&number) {
            walk.due = due;
        }
        self.wait(now, number);
    }

    pub(super) fn told_back(&mut self, now: Time, from: Peer, number: u64, hops: u16) {
        let Some(walk) = self.taken(from, number) else { return };
        walk.left = walk.left.min(hops);
        if walk.left == 0 {
            return self.spent(now, number);
        }
        self.counts.backtracked += 1;
        self.another(now, number);
    }

    pub(super) fn told_not_found(&mut self, now: Time, from: Peer, number: u64) {
        if self.taken(from, number).is_some() {
            self.spent(now, number);
        }
    }

    /// A thing, which is kept and passed on if it is what its key stands for.
    pub(super) fn told_found(&mut self, now: Time, from: Peer, number: u64, source: Peer, thing: Thing) {
        let Some(walk) = self.taken(from, number) else { return };
        let (key, by) = (walk.key, walk.down.map(|down| down.by));
        if !thing.is(key) {
            self.counts.forged += 1;
            self.table.remove(from.id);
            return self.astray(now, number);
        }
        if let Some(by) = by {
            self.table.used(by);
        }
        let source = self.keep(now, key, &thing, source);
        match self.walks.get(&number).map(|walk| (&walk.up, walk.errand)) {
            Some((Up::Node(up), _)) => {
                let up = *up;
                self.walks.remove(&number);
                self.counts.returned += 1;
                self.send(now, up, Message::Found { walk: number, source, thing }, Why::Reply);
            }
            Some((Up::Here(_), Errand::Request)) => self.fetched(number, Some(thing.value)),
            Some((Up::Here(asked), Errand::Insert)) => {
                let same = asked.thing.as_ref().is_some_and(|own| own.value == thing.value);
                self.inserted(number, same);
            }
            None => {}
        }
    }

    pub(super) fn told_room(&mut self, now: Time, from: Peer, number: u64) {
        if self.taken(from, number).is_some_and(|walk| walk.errand == Errand::Insert) {
            self.room(now, number);
        }
    }

    /// There is nothing of a key that is to be inserted: the thing may come, or is here.
    pub(super) fn room(&mut self, now: Time, number: u64) {
        let due = now + self.patience(self.settings.insert_hops);
        let Some(walk) = self.walks.get_mut(&number) else { return };
        (walk.stage, walk.due) = (Stage::Ready, due);
        let (key, down) = (walk.key, walk.down);
        match &walk.up {
            Up::Node(up) => {
                let up = *up;
                self.send(now, up, Message::Room { walk: number }, Why::Reply);
            }
            Up::Here(asked) => {
                walk.stage = Stage::Placing;
                let Some(thing) = asked.thing.clone() else { return };
                self.keep(now, key, &thing, self.me);
                let Some(down) = down else { return self.inserted(number, true) };
                let message = Message::Insert { walk: number, source: self.me, thing };
                self.send(now, down.peer, message, Why::Insert(number));
            }
        }
    }

    /// The thing of an insert.
    pub(super) fn told_insert(&mut self, now: Time, from: Peer, number: u64, source: Peer, thing: Thing) {
        let waits = |walk: &&Walk| {
            walk.stage == Stage::Ready
                && matches!(&walk.up, Up::Node(up) if up.id == from.id && up.address == from.address)
        };
        let Some((key, down)) = self.walks.get(&number).filter(waits).map(|walk| (walk.key, walk.down)) else { return };
        self.walks.remove(&number);
        if !thing.is(key) {
            self.counts.forged += 1;
            return;
        }
        let source = self.keep(now, key, &thing, source);
        if let Some(down) = down {
            self.send(now, down.peer, Message::Insert { walk: number, source, thing }, Why::Reply);
        }
    }

    /// Keeps a thing that is what its key stands for, and where it is said to be from; what to say of that to others.
    pub(super) fn keep(&mut self, now: Time, key: Id, thing: &Thing, source: Peer) -> Peer {
        if !self.store.has(key) {
            self.counts.stored += 1;
            self.store.put(key, thing.clone());
        }
        self.learn(now, key, source);
        if source.id != self.me.id && self.rng.random_bool(self.settings.reset) {
            self.counts.reset += 1;
            return self.me;
        }
        source
    }
}
