//! The keys a node holds, and digests of ranges of them.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};

use serde::{Deserialize, Serialize};

use super::id::Id;
pub use super::version::{Item, Stamp};
use super::version::{MAX_OTHERS, MAX_REPLACED};

/// Longest key, in bytes.
pub const MAX_KEY: usize = 64;
/// Longest value, in bytes.
pub const MAX_VALUE: usize = 256;
/// Most keys one node holds.
pub const MAX_KEYS: usize = 65_536;

/// What two nodes compare first: equal digests mean equal ranges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    pub count: u32,
    pub sum: u64,
}

/// Keys by their place on the ring.
#[derive(Debug, Default)]
pub struct Store {
    items: BTreeMap<Id, Item>,
}

impl Item {
    /// Where it is kept.
    pub fn id(&self) -> Id {
        Id::of_key(&self.key)
    }

    /// Whether it respects the limits on lengths and numbers.
    pub fn fits(&self) -> bool {
        let values = self.others.iter().map(|o| &o.value).chain([&self.value]);
        let counts = self.others.len() <= MAX_OTHERS && self.replaces.len() <= MAX_REPLACED;
        counts && self.key.len() <= MAX_KEY && values.into_iter().all(|value| value.len() <= MAX_VALUE)
    }
}

impl Store {
    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn get(&self, id: Id) -> Option<&Item> {
        self.items.get(&id)
    }

    /// Takes the item, or what it adds to a newer write of its key. False when it is too long or the store
    /// is full.
    pub fn offer(&mut self, item: Item) -> bool {
        if !item.fits() {
            return false;
        }
        let id = item.id();
        let item = match self.items.remove(&id) {
            Some(held) => held.merged(item),
            None if self.items.len() < MAX_KEYS => item,
            None => return false,
        };
        self.items.insert(id, item);
        true
    }

    /// Keys with several values.
    pub fn conflicts(&self) -> usize {
        self.items.values().filter(|item| !item.others.is_empty()).count()
    }

    /// Drops the key if it still has this stamp.
    pub fn discard(&mut self, id: Id, stamp: Stamp) {
        if self.items.get(&id).is_some_and(|i| i.stamp == stamp) {
            self.items.remove(&id);
        }
    }

    pub fn clear(&mut self) {
        self.items.clear();
    }

    pub fn iter(&self) -> impl Iterator<Item = (Id, &Item)> {
        self.items.iter().map(|(id, item)| (*id, item))
    }

    /// The items in the ring interval (from, to], in ring order; `(a, a]` is all of them.
    pub fn range(&self, from: Id, to: Id) -> impl Iterator<Item = (Id, &Item)> {
        let (first, second) = if from < to {
            ((Excluded(from), Included(to)), None)
        } else {
            ((Excluded(from), Unbounded), Some((Unbounded, Included(to))))
        };
        let wrapped = second.into_iter().flat_map(|bounds| self.items.range(bounds));
        self.items.range(first).chain(wrapped).map(|(id, item)| (*id, item))
    }

    /// Digest of (from, to].
    pub fn digest(&self, from: Id, to: Id) -> Digest {
        let mut digest = Digest::default();
        for (id, item) in self.range(from, to) {
            digest.count += 1;
            digest.sum = digest.sum.wrapping_add(mix(id, item.stamp).rotate_left(item.mark()));
        }
        digest
    }
}

/// One item's share of a digest: not cryptographic, only unlikely to cancel out.
fn mix(id: Id, stamp: Stamp) -> u64 {
    let folded = id.0 ^ stamp.writer.0.rotate_left(41) ^ (u128::from(stamp.version) << 23);
    let mut x = (folded ^ (folded >> 64)) as u64;
    // SplitMix64's finalizer.
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Splits items into batches that each fit in one datagram.
pub fn batches(items: impl IntoIterator<Item = Item>) -> Vec<Vec<Item>> {
    const ROOM: usize = 1000;
    let mut batches: Vec<Vec<Item>> = Vec::new();
    let mut left = 0;
    for item in items {
        let size = item.encoded();
        match batches.last_mut() {
            Some(batch) if size <= left => {
                batch.push(item);
                left -= size;
            }
            _ => {
                batches.push(vec![item]);
                left = ROOM.saturating_sub(size);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &str, version: u64) -> Item {
        let stamp = Stamp { version, writer: Id(7) };
        Item::replacing(None, key.into(), format!("{key}@{version}"), stamp, Id(9))
    }

    #[test]
    fn the_last_writer_wins_in_any_order() {
        let mut store = Store::default();
        assert!(store.offer(item("a", 2)));
        assert!(store.offer(item("a", 1)));
        assert_eq!(store.get(Id::of_key("a")).unwrap().value, "a@2");
        let tie = Item { stamp: Stamp { version: 2, writer: Id(8) }, ..item("a", 2) };
        store.offer(tie.clone());
        store.offer(item("a", 2));
        assert_eq!(store.get(Id::of_key("a")), Some(&tie), "ordered by one owner, so no conflict");
        store.offer(Item { owner: Id(10), value: "elsewhere".into(), ..item("a", 1) });
        assert_eq!((store.len(), store.conflicts()), (1, 1));
    }

    #[test]
    fn ranges_wrap_and_digests_tell_stamps_apart() {
        let mut store = Store::default();
        for n in 0..50 {
            store.offer(item(&format!("k{n}"), 1));
        }
        let (a, b) = (Id(1 << 126), Id(3 << 126));
        assert_eq!(store.range(a, b).count() + store.range(b, a).count(), 50);
        assert_eq!(store.range(a, a).count(), 50);
        assert!(store.range(b, a).all(|(id, _)| id.in_open_closed(b, a)));
        let before = store.digest(a, a);
        store.offer(item("k3", 2));
        assert_ne!(before, store.digest(a, a));
    }

    #[test]
    fn batches_fit_in_a_datagram() {
        let long = |n: usize| Item { key: format!("{n:064}"), value: "v".repeat(MAX_VALUE), ..item("", u64::MAX) };
        let batches = batches((0..10).map(long));
        assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 10);
        assert!(batches.iter().all(|b| postcard::to_stdvec(b).unwrap().len() < 1050));
    }
}
