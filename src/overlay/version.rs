//! One key's value, and what islands wrote without knowing of each other.
//!
//! The owner of a key orders its writes, so two writes contradict one another only when two nodes took
//! themselves for the owner: in two islands, or for a moment while a key changes hands. A write therefore says
//! which owner ordered it, and which writes of earlier owners it replaces (a version vector with an entry
//! per owner, as in Dynamo, SOSP 2007 §4.4). The greater stamp wins; a value that the winner does not
//! replace stays beside it until the next write, which has seen both.

use serde::{Deserialize, Serialize};

use super::id::Id;

/// Most values kept beside the winner; of more the latest.
pub const MAX_OTHERS: usize = 2;
/// Most owners of whom a write says what it replaces; of more the latest. What was ordered by one left out
/// counts as not replaced.
pub(super) const MAX_REPLACED: usize = 4;

/// A key's value as of one write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub key: String,
    pub value: String,
    pub stamp: Stamp,
    /// Who ordered the write.
    pub owner: Id,
    /// By earlier owner, the last version that this write replaces.
    pub replaces: Vec<(Id, u64)>,
    /// Values that lost against it unseen, latest first.
    pub others: Vec<Other>,
}

/// A value written in another island.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    pub value: String,
    pub stamp: Stamp,
    pub owner: Id,
}

/// Orders the writes of one key: the greater stamp wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    pub version: u64,
    /// The node the write came through: breaks ties between islands.
    pub writer: Id,
}

impl Item {
    /// A write that has seen all of `held`.
    pub fn replacing(held: Option<&Self>, key: String, value: String, stamp: Stamp, owner: Id) -> Self {
        let mut replaces: Vec<(Id, u64)> = Vec::new();
        if let Some(held) = held {
            replaces.push((held.owner, held.stamp.version));
            replaces.extend(held.others.iter().map(|o| (o.owner, o.stamp.version)));
            replaces.extend(&held.replaces);
        }
        replaces.retain(|(by, _)| *by != owner);
        // The last version of each owner, latest first.
        replaces.sort_unstable_by_key(|(by, version)| (*by, std::cmp::Reverse(*version)));
        replaces.dedup_by_key(|(by, _)| *by);
        replaces.sort_unstable_by_key(|(by, version)| (std::cmp::Reverse(*version), *by));
        replaces.truncate(MAX_REPLACED);
        Self { key, value, stamp, owner, replaces, others: Vec::new() }
    }

    /// Whether this write replaces that one, or is the same.
    fn replaces(&self, stamp: Stamp, owner: Id) -> bool {
        let of = |(by, version): &(Id, u64)| *by == owner && stamp.version <= *version;
        (owner == self.owner && stamp.version <= self.stamp.version) || self.replaces.iter().any(of)
    }

    /// Of two writes of one key the greater, with what neither replaces.
    #[must_use]
    pub fn merged(self, with: Self) -> Self {
        let (mut winner, loser) = if self.stamp >= with.stamp { (self, with) } else { (with, self) };
        winner.others.retain(|o| !loser.replaces(o.stamp, o.owner) || o.stamp == loser.stamp);
        let itself = Other { value: loser.value, stamp: loser.stamp, owner: loser.owner };
        let mut others = std::mem::take(&mut winner.others);
        others.extend(loser.others.into_iter().chain([itself]));
        others.retain(|o| o.value != winner.value && !winner.replaces(o.stamp, o.owner));
        others.sort_by_key(|o| std::cmp::Reverse(o.stamp));
        others.dedup_by_key(|o| o.stamp);
        others.truncate(MAX_OTHERS);
        winner.others = others;
        winner
    }

    /// Tells different sets of other values apart, unless by accident; 0 without any.
    pub fn mark(&self) -> u32 {
        let fold = |stamp: Stamp| {
            let folded = stamp.writer.0 ^ (u128::from(stamp.version) << 40) ^ u128::from(stamp.version);
            let half = (folded ^ (folded >> 64)) as u64;
            ((half ^ (half >> 32)) as u32).wrapping_mul(0x9e37_79b1) | 1
        };
        self.others.iter().fold(0, |mark: u32, other| mark.rotate_left(5) ^ fold(other.stamp))
    }

    /// Upper bound of its encoded length: strings, their lengths, stamps and ids.
    pub(super) fn encoded(&self) -> usize {
        const STAMP: usize = 10 + 16;
        const LENGTH: usize = 2;
        let others = self.others.iter().map(|o| LENGTH + o.value.len() + STAMP + 16).sum::<usize>();
        let own = 2 * LENGTH + self.key.len() + self.value.len() + STAMP + 16;
        own + LENGTH + self.replaces.len() * STAMP + LENGTH + others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(held: Option<&Item>, value: &str, version: u64, owner: u128) -> Item {
        let stamp = Stamp { version, writer: Id(7) };
        Item::replacing(held, "k".into(), value.into(), stamp, Id(owner))
    }

    fn others(item: &Item) -> Vec<&str> {
        item.others.iter().map(|o| o.value.as_str()).collect()
    }

    #[test]
    fn what_was_replaced_is_gone_whoever_ordered_it() {
        let first = write(None, "a", 1, 10);
        let second = write(Some(&first), "b", 2, 10);
        let third = write(Some(&second), "c", 3, 20);
        for (older, newer) in [(&first, &second), (&first, &third), (&second, &third)] {
            for merged in [older.clone().merged(newer.clone()), newer.clone().merged(older.clone())] {
                assert_eq!(merged, *newer);
            }
        }
    }

    #[test]
    fn two_islands_values_stay_until_a_write_has_seen_both() {
        let common = write(None, "a", 1, 10);
        let here = write(Some(&common), "b", 2, 10);
        let there = write(Some(&common), "c", 3, 20);
        let both = here.clone().merged(there.clone());
        assert_eq!(both, there.clone().merged(here.clone()));
        assert_eq!((both.value.as_str(), others(&both)), ("c", vec!["b"]));
        assert_eq!(both.clone().merged(common), both, "what both replaced does not come back");
        assert_eq!(both.clone().merged(here.clone()), both);
        assert_ne!(both.mark(), there.mark());
        let settled = write(Some(&both), "d", 4, 30);
        for late in [here, there, both] {
            assert_eq!(late.merged(settled.clone()), settled);
        }
    }

    #[test]
    fn the_same_value_is_no_conflict_and_of_many_the_latest_stay() {
        let same = write(None, "a", 1, 10).merged(write(None, "a", 2, 20));
        assert_eq!(others(&same), Vec::<&str>::new());
        let islands = ["b", "c", "d", "e"].iter().zip(2..).map(|(value, n)| write(None, value, n, n.into()));
        let merged = islands.reduce(Item::merged).unwrap();
        assert_eq!((merged.value.as_str(), others(&merged)), ("e", vec!["d", "c"]));
    }

    #[test]
    fn the_longest_item_fits_in_a_datagram() {
        let value = |letter: &str| letter.repeat(super::super::store::MAX_VALUE);
        let key = "k".repeat(super::super::store::MAX_KEY);
        let other = |n| Other { value: value("o"), stamp: Stamp { version: u64::MAX, writer: Id(n) }, owner: Id(n) };
        let item = Item {
            key,
            value: value("v"),
            stamp: Stamp { version: u64::MAX, writer: Id(u128::MAX) },
            owner: Id(1),
            replaces: vec![(Id(2), u64::MAX); MAX_REPLACED],
            others: (0..MAX_OTHERS as u128).map(other).collect(),
        };
        let length = postcard::to_stdvec(&item).unwrap().len();
        assert!(length <= item.encoded() && item.encoded() <= 1120, "{length} of {}", item.encoded());
    }
}
