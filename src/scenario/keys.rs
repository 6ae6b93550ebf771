//! The keys that a play has stored, and the value each should have.

use std::collections::BTreeMap;

use super::items::Items;

/// A key and a value to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) number: u32,
    pub(crate) key: String,
    pub(crate) value: String,
}

/// Keys in the order in which they were first put.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    next: u32,
    /// `overwrite` actions so far: each writes other values.
    rounds: u32,
    /// By number: key and the value acknowledged last.
    stored: BTreeMap<u32, (String, String)>,
    /// What is searched for, in an overlay without owners of keys.
    pub(crate) items: Items,
}

impl Keys {
    /// So many keys that there have not been.
    pub(crate) fn fresh(&mut self, count: u32) -> Vec<Write> {
        let first = self.next;
        self.next += count;
        let write = |number| {
            let key = format!("key-{number}");
            Write { number, value: format!("value of {key}"), key }
        };
        (first..first + count).map(write).collect()
    }

    /// Other values for the first keys that are stored: so many, or as many as there are.
    pub(crate) fn again(&mut self, count: u32) -> Vec<Write> {
        self.rounds += 1;
        let value = |key: &str| format!("value {} of {key}", self.rounds);
        let first = self.stored.iter().take(count as usize);
        first.map(|(number, (key, _))| Write { number: *number, key: key.clone(), value: value(key) }).collect()
    }

    pub(crate) fn acknowledged(&mut self, Write { number, key, value }: Write) {
        self.stored.insert(number, (key, value));
    }

    /// What should be found.
    pub(crate) fn stored(&self) -> Vec<Write> {
        let write = |(number, (key, value)): (&u32, &(String, String))| Write {
            number: *number,
            key: key.clone(),
            value: value.clone(),
        };
        self.stored.iter().map(write).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_acknowledged_last_is_the_one_to_find() {
        let mut keys = Keys::default();
        let lost = keys.fresh(3).remove(1);
        assert_eq!(lost.key, "key-1");
        let [a, b] = &keys.fresh(2)[..] else { panic!("two were asked for") };
        assert_eq!((&a.key[..], &b.key[..]), ("key-3", "key-4"), "a number is not used again");
        keys.acknowledged(a.clone());
        keys.acknowledged(b.clone());
        let one = keys.again(1);
        assert_eq!(one.len(), 1);
        let other = keys.again(9);
        assert_eq!(other.len(), 2);
        assert_ne!(one[0].value, other[0].value);
        keys.acknowledged(one[0].clone());
        assert_eq!(keys.stored(), [one[0].clone(), b.clone()]);
    }
}
