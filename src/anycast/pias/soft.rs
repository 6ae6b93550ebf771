//! A table of soft state: what nobody uses is forgotten after a while, and of too many entries the idlest.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::machine::Time;

#[derive(Debug)]
pub(super) struct Soft<K, V> {
    most: usize,
    idle: Duration,
    entries: BTreeMap<K, (Time, V)>,
    order: BTreeSet<(Time, K)>,
}

impl<K: Copy + Ord, V: Copy> Soft<K, V> {
    pub(super) fn new(most: usize, idle: Duration) -> Self {
        Self { most, idle, entries: BTreeMap::new(), order: BTreeSet::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is there, and when it was used last.
    pub(super) fn peek(&self, key: &K) -> Option<(Time, V)> {
        self.entries.get(key).copied()
    }

    /// What is there; it is in use.
    pub(super) fn get(&mut self, now: Time, key: &K) -> Option<V> {
        let (used, value) = self.entries.get_mut(key)?;
        self.order.remove(&(*used, *key));
        *used = now;
        self.order.insert((now, *key));
        Some(*value)
    }

    /// What had to go for it.
    pub(super) fn insert(&mut self, now: Time, key: K, value: V) -> Option<(K, V)> {
        let before = self.remove(&key).map(|value| (key, value));
        let idlest = self.order.first().copied().filter(|_| self.entries.len() >= self.most);
        let gone = before.or_else(|| idlest.and_then(|(_, idlest)| Some((idlest, self.remove(&idlest)?))));
        self.entries.insert(key, (now, value));
        self.order.insert((now, key));
        gone
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let (used, value) = self.entries.remove(key)?;
        self.order.remove(&(used, *key));
        Some(value)
    }

    /// Takes what has been idle for too long.
    pub(super) fn expire(&mut self, now: Time) -> Vec<(K, V)> {
        let old = self.order.iter().take_while(|(used, _)| now - *used > self.idle).map(|(_, key)| *key);
        let old: Vec<_> = old.collect();
        old.into_iter().filter_map(|key| Some((key, self.remove(&key)?))).collect()
    }

    /// Takes what this holds for.
    pub(super) fn take(&mut self, gone: impl Fn(&K, &V) -> bool) -> Vec<(K, V)> {
        let keys: Vec<_> = self.entries.iter().filter(|(key, (_, value))| gone(key, value)).map(|(k, _)| *k).collect();
        keys.into_iter().filter_map(|key| Some((key, self.remove(&key)?))).collect()
    }

    /// Bytes of an entry, in both orders.
    pub(super) const fn entry() -> usize {
        2 * (size_of::<K>() + size_of::<Time>()) + size_of::<V>()
    }
}
