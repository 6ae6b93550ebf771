//! The list of supernodes: who they are, how much they have to do, when they said so.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::message::{Listed, MAX_LISTED};
use crate::overlay::id::Id;
use crate::overlay::unstructured::seen::Seen;
use crate::overlay::{Peer, Time};

/// Most of them, as published.
pub(super) const MAX_KNOWN: usize = 200;

/// A supernode, and how it stood when it last said so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) peer: Peer,
    pub(super) load: u8,
    pub(super) heard: Time,
}

#[derive(Clone, Debug)]
pub(super) struct Known {
    by: BTreeMap<Id, Entry>,
    /// Who did not answer, and when: what is older is not believed.
    failed: Seen<Id, Time>,
}

impl Known {
    pub(super) fn new(age: Duration) -> Self {
        Self { by: BTreeMap::new(), failed: Seen::new(2 * MAX_KNOWN, age) }
    }

    /// It was a supernode at that time.
    pub(super) fn heard(&mut self, peer: Peer, load: u8, when: Time) {
        let stale = self.by.get(&peer.id).is_some_and(|entry| entry.heard >= when);
        if stale || self.failed.get(&peer.id).is_some_and(|failed| *failed >= when) {
            return;
        }
        if self.by.len() >= MAX_KNOWN && !self.by.contains_key(&peer.id) {
            let oldest = self.by.values().min_by_key(|entry| entry.heard).map(|entry| (entry.heard, entry.peer.id));
            match oldest.filter(|(heard, _)| *heard < when) {
                Some((_, id)) => self.by.remove(&id),
                None => return,
            };
        }
        self.by.insert(peer.id, Entry { peer, load, heard: when });
    }

    pub(super) fn told(&mut self, now: Time, me: Id, listed: &[Listed]) {
        for Listed { peer, load, age } in listed.iter().take(MAX_LISTED).filter(|listed| listed.peer.id != me) {
            let age = Duration::from_millis(u64::from(*age));
            self.heard(*peer, *load, Time(now.0.saturating_sub(age)));
        }
    }

    /// It is no supernode, or not there.
    pub(super) fn gone(&mut self, now: Time, id: Id) {
        self.by.remove(&id);
        self.failed.add(now, id, now);
    }

    /// Forgets what is older than that.
    pub(super) fn tick(&mut self, now: Time, age: Duration) {
        self.failed.tick(now);
        self.by.retain(|_, entry| now - entry.heard < age);
    }

    pub(super) fn get(&self, id: Id) -> Option<&Entry> {
        self.by.get(&id)
    }

    /// Those with most room first; equals in the order of their ids.
    pub(super) fn by_room(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.by.values().copied().collect();
        entries.sort_by_key(|entry| (entry.load, entry.peer.id));
        entries
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.by.values()
    }

    pub(super) fn pick(&self, rng: &mut ChaCha8Rng, of: impl Fn(&Entry) -> bool) -> Option<Peer> {
        let fit: Vec<Peer> = self.by.values().filter(|entry| of(entry)).map(|entry| entry.peer).collect();
        (!fit.is_empty()).then(|| fit[rng.random_range(0..fit.len())])
    }

    pub(super) fn len(&self) -> usize {
        self.by.len()
    }

    pub(super) fn clear(&mut self) {
        self.by.clear();
        self.failed.clear();
    }
}

impl Entry {
    pub(super) fn listed(&self, now: Time) -> Listed {
        let age = u32::try_from((now - self.heard).as_millis()).unwrap_or(u32::MAX);
        Listed { peer: self.peer, load: self.load, age }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_word_counts_and_the_dead_stay_dead() {
        let at = |seconds| Time(Duration::from_secs(seconds));
        let peer = |n: u32| Peer { id: Id(n.into()), address: ([10, 0, 0, 1], n as u16).into() };
        let mut known = Known::new(Duration::from_secs(60));
        known.heard(peer(1), 10, at(5));
        known.heard(peer(1), 90, at(4));
        assert_eq!(known.get(Id(1)).unwrap().load, 10);
        known.gone(at(6), Id(1));
        known.heard(peer(1), 10, at(6));
        assert!(known.get(Id(1)).is_none(), "hearsay of before");
        known.heard(peer(1), 10, at(7));
        assert!(known.get(Id(1)).is_some(), "it is back");
        (0..1000).for_each(|n| known.heard(peer(n), 0, at(8 + u64::from(n))));
        assert!(known.len() == MAX_KNOWN && known.get(Id(999)).is_some() && known.get(Id(1)).is_none());
        known.tick(at(1007), Duration::from_secs(10));
        assert_eq!(known.len(), 10);
    }
}
