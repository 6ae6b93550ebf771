//! Things by key, of which those go first that were not used for longest.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use crate::overlay::id::Id;

/// So many at most.
#[derive(Clone, Debug)]
pub(super) struct Lru<V> {
    most: usize,
    uses: u64,
    things: BTreeMap<Id, (V, u64)>,
    /// Least recently used first.
    order: BTreeMap<u64, Id>,
}

impl<V> Lru<V> {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), uses: 0, things: BTreeMap::new(), order: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.things.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.most
    }

    pub(super) fn has(&self, key: Id) -> bool {
        self.things.contains_key(&key)
    }

    /// It counts as used.
    pub(super) fn get(&mut self, key: Id) -> Option<&V> {
        self.touch(key);
        self.things.get(&key).map(|(thing, _)| thing)
    }

    pub(super) fn touch(&mut self, key: Id) {
        if let Some((_, used)) = self.things.get_mut(&key) {
            self.uses += 1;
            self.order.remove(used);
            *used = self.uses;
            self.order.insert(self.uses, key);
        }
    }

    /// Holds this from now on, as used; what had to go, of the same key or the least recently used.
    pub(super) fn put(&mut self, key: Id, thing: V) -> Option<V> {
        let replaced = self.remove(key);
        let gone = replaced.or_else(|| {
            let oldest = self.is_full().then(|| self.order.first_key_value().map(|(_, key)| *key)).flatten();
            oldest.and_then(|key| self.remove(key))
        });
        self.uses += 1;
        self.things.insert(key, (thing, self.uses));
        self.order.insert(self.uses, key);
        gone
    }

    fn remove(&mut self, key: Id) -> Option<V> {
        let (thing, used) = self.things.remove(&key)?;
        self.order.remove(&used);
        Some(thing)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.things.retain(|_, (thing, used)| {
            let keeps = keep(thing);
            if !keeps {
                self.order.remove(used);
            }
            keeps
        });
    }

    pub(super) fn clear(&mut self) {
        self.things.clear();
        self.order.clear();
    }

    /// All of them, the nearest key first, on the circle of ids; of two equally near the one that follows.
    pub(super) fn nearest(&self, key: Id) -> impl Iterator<Item = (Id, &V)> {
        let up = self.things.range(key..).chain(self.things.range(..key));
        let down = self.things.range(..key).rev().chain(self.things.range((Excluded(key), Unbounded)).rev());
        let down = down.chain(self.things.get_key_value(&key));
        let (mut up, mut down) = (up.peekable(), down.peekable());
        (0..self.len()).filter_map(move |_| {
            let far = |next: Option<&(&Id, &(V, u64))>| next.map(|(at, _)| at.distance(key));
            let next = if far(up.peek()) <= far(down.peek()) { up.next() } else { down.next() };
            next.map(|(key, (thing, _))| (*key, thing))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut lru = Lru::new(3);
        for key in 1..=3 {
            assert_eq!(lru.put(Id(key), key), None);
        }
        assert_eq!(lru.get(Id(1)), Some(&1));
        assert_eq!(lru.get(Id(9)), None);
        assert_eq!(lru.put(Id(4), 4), Some(2), "1 was used since");
        lru.touch(Id(3));
        assert_eq!((lru.put(Id(5), 5), lru.put(Id(6), 6)), (Some(1), Some(4)));
        assert_eq!((lru.put(Id(5), 55), lru.len()), (Some(5), 3));
        lru.retain(|thing| *thing != 3);
        assert!(lru.len() == 2 && !lru.has(Id(3)) && lru.put(Id(7), 7).is_none());
    }

    proptest! {
        /// Against a list that is searched from end to end.
        #[test]
        fn it_is_a_list_in_order_of_use(most in 1usize..6, uses in prop::collection::vec((0u128..10, any::<bool>()), 1..80)) {
            let (mut lru, mut list) = (Lru::new(most), Vec::<u128>::new());
            for (key, put) in uses {
                let held = list.iter().position(|k| *k == key);
                prop_assert_eq!(lru.has(Id(key)), held.is_some());
                if !put {
                    prop_assert_eq!(lru.get(Id(key)).is_some(), held.is_some());
                } else {
                    if held.is_none() && list.len() == most {
                        list.remove(0);
                    }
                    lru.put(Id(key), ());
                }
                if put || held.is_some() {
                    list.retain(|k| *k != key);
                    list.push(key);
                }
                prop_assert_eq!(lru.order.values().map(|id| id.0).collect::<Vec<_>>(), list.clone());
                prop_assert_eq!(lru.things.len(), list.len());
            }
        }

        #[test]
        fn nearest_is_in_order_of_distance(keys in prop::collection::btree_set(any::<u128>(), 0..20), from: u128) {
            let mut lru = Lru::new(100);
            keys.iter().for_each(|key| {
                lru.put(Id(*key), *key);
            });
            let near: Vec<u128> = lru.nearest(Id(from)).map(|(_, key)| *key).collect();
            let mut sorted = near.clone();
            sorted.sort_by_key(|key| Id(*key).distance(Id(from)));
            let far = |keys: &[u128]| keys.iter().map(|key| Id(*key).distance(Id(from))).collect::<Vec<_>>();
            prop_assert_eq!(far(&near), far(&sorted));
            prop_assert_eq!(near.into_iter().collect::<std::collections::BTreeSet<_>>(), keys);
        }
    }
}
