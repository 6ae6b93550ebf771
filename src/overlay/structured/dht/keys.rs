//! Storing and fetching keys.
//!
//! The owner orders the writes of a key and acknowledges one when all its copies are kept.

use std::collections::BTreeSet;

use super::goal::{Found, Goal, Write, Writer};
use super::{Body, Dht, Did, Geometry, MAX_TASKS, Purpose, Request, Response, ResponseOf};
use crate::overlay::id::Id;
use crate::overlay::store::{Item, MAX_KEY, MAX_VALUE, Stamp};
use crate::overlay::{Answer, Peer, Time, Token};

/// A put waits for the owner's replicas, one of which may have to fail first.
const PUT_PATIENCE: u32 = 3;

impl<G: Geometry> Dht<G> {
    pub(super) fn start_put(&mut self, now: Time, token: Token, key: String, value: String) {
        if key.len() > MAX_KEY || value.len() > MAX_VALUE {
            let outcome = Answer::Put { key, stored: false };
            return self.events.push_back(Did::Done { token, outcome });
        }
        self.start_task(now, Id::of_key(&key), Goal::Put { token, key, value }, None);
    }

    /// The nodes that should hold copies of what this node owns.
    pub(super) fn replica_holders(&self) -> Vec<Peer> {
        let mut holders = self.geometry.holders();
        holders.truncate(self.settings.replicas - 1);
        holders
    }

    pub(super) fn put_at(&mut self, now: Time, id: u64, owner: Peer) {
        let Some(Goal::Put { key, value, .. }) = self.tasks.get(&id).map(|t| t.goal.clone()) else { return };
        if owner.id == self.me.id {
            self.write(now, self.me.id, key, value, Writer::Task(id));
        } else {
            let tries = self.settings.rpc_tries * PUT_PATIENCE;
            self.call_patiently(now, owner, Request::Put { key, value }, Purpose::Put(id), tries);
        }
    }

    pub(super) fn serve_put(
        &mut self,
        now: Time,
        sender: Peer,
        rpc: u64,
        key: String,
        value: String,
    ) -> Option<ResponseOf<G>> {
        let writer = Writer::Remote { address: sender.address, rpc };
        let repeated = self.writes.values().any(|w| w.writer == writer);
        if !repeated && self.writes.len() < MAX_TASKS {
            self.write(now, sender.id, key, value, writer);
        }
        None
    }

    fn write(&mut self, now: Time, through: Id, key: String, value: String, writer: Writer) {
        let id = Id::of_key(&key);
        let clock = u64::try_from(now.0.as_micros()).unwrap_or(u64::MAX);
        let item = match self.store.get(id) {
            // A repeated request whose answer was lost: the same write.
            Some(held) if held.stamp.writer == through && held.value == value => held.clone(),
            held => {
                // The clock keeps a new owner, which may not have the old version yet, ahead of it.
                let version = held.map_or(0, |h| h.stamp.version + 1).max(clock);
                Item::replacing(held, key, value, Stamp { version, writer: through }, self.me.id)
            }
        };
        if !self.store.offer(item.clone()) {
            return self.written(now, writer, false);
        }
        let holders = self.replica_holders();
        let ids: BTreeSet<Id> = holders.iter().map(|p| p.id).collect();
        let write = self.next_task;
        self.next_task = self.next_task.wrapping_add(1);
        for peer in holders {
            self.call(now, peer, Request::Keep { items: vec![item.clone()] }, Purpose::Copy { write });
        }
        self.writes.insert(write, Write { item, asked: ids.clone(), waiting: ids, writer });
        self.written_if_copied(now, write);
    }

    pub(super) fn copied(&mut self, now: Time, write: u64, by: Id) {
        if let Some(w) = self.writes.get_mut(&write) {
            w.waiting.remove(&by);
        }
        self.written_if_copied(now, write);
    }

    /// A replica is gone: the next successor takes its copy.
    pub(super) fn copy_elsewhere(&mut self, now: Time, write: u64, gone: Id) {
        let Some(w) = self.writes.get_mut(&write) else { return };
        w.waiting.remove(&gone);
        if let Some(next) = self.geometry.holders().into_iter().find(|p| !w.asked.contains(&p.id)) {
            w.asked.insert(next.id);
            w.waiting.insert(next.id);
            let items = vec![w.item.clone()];
            self.call(now, next, Request::Keep { items }, Purpose::Copy { write });
        }
        self.written_if_copied(now, write);
    }

    fn written_if_copied(&mut self, now: Time, write: u64) {
        if self.writes.get(&write).is_some_and(|w| w.waiting.is_empty())
            && let Some(w) = self.writes.remove(&write)
        {
            self.written(now, w.writer, true);
        }
    }

    fn written(&mut self, now: Time, writer: Writer, stored: bool) {
        match writer {
            Writer::Task(task) => self.put_answered(now, task, self.me, stored),
            Writer::Remote { address, rpc } => {
                let response = if stored { Response::Done } else { Response::Refused };
                self.send(address, Body::Response { rpc, response });
            }
        }
    }

    pub(super) fn put_answered(&mut self, now: Time, id: u64, by: Peer, stored: bool) {
        if !stored {
            return self.retry(now, id, Some(by.id));
        }
        if let Some(Goal::Put { token, key, .. }) = self.tasks.remove(&id).map(|t| t.goal) {
            self.events.push_back(Did::Done { token, outcome: Answer::Put { key, stored } });
        }
    }

    pub(super) fn get_at(&mut self, now: Time, id: u64, found: Found<G::Place>) {
        let replicas = self.settings.replicas;
        let Some(Goal::Get { rest, .. }) = self.tasks.get_mut(&id).map(|t| &mut t.goal) else { return };
        rest.extend(G::keepers(&found.at, replicas).into_iter().rev());
        rest.push(found.owner);
        self.get_next(now, id);
    }

    /// Asks the next holder.
    fn get_next(&mut self, now: Time, id: u64) {
        let Some(Goal::Get { token, key, rest }) = self.tasks.get_mut(&id).map(|t| &mut t.goal) else { return };
        match rest.pop() {
            Some(peer) if peer.id == self.me.id => {
                let item = self.store.get(Id::of_key(key)).cloned();
                self.get_answered(now, id, item);
            }
            Some(peer) => {
                let request = Request::Get { key: key.clone() };
                self.call(now, peer, request, Purpose::Get(id));
            }
            None => {
                let outcome = Answer::Got { key: key.clone(), value: None, others: Vec::new() };
                let did = Did::Done { token: *token, outcome };
                self.tasks.remove(&id);
                self.events.push_back(did);
            }
        }
    }

    pub(super) fn get_answered(&mut self, now: Time, id: u64, item: Option<Item>) {
        let Some(item) = item else { return self.get_next(now, id) };
        if let Some(Goal::Get { token, key, .. }) = self.tasks.remove(&id).map(|t| t.goal) {
            let others = item.others.into_iter().map(|o| o.value).collect();
            self.events.push_back(Did::Done { token, outcome: Answer::Got { key, value: Some(item.value), others } });
        }
    }
}
