//! Which messages have come by, and whence: answers go back there. Of a table that is full, or old, half is forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use crate::overlay::Time;

/// What was seen lately. An entry lasts for at least `age` after it was added last, unless more than half of `most`
/// come in that time, and for less than twice that.
#[derive(Clone, Debug)]
pub(super) struct Seen<K, V> {
    most: usize,
    age: Duration,
    new: HashMap<K, V>,
    old: HashMap<K, V>,
    turned: Time,
}

impl<K: Eq + Hash, V> Seen<K, V> {
    pub(super) fn new(most: usize, age: Duration) -> Self {
        Self { most, age, new: HashMap::new(), old: HashMap::new(), turned: Time::default() }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.new.get(key).or_else(|| self.old.get(key))
    }

    pub(super) fn add(&mut self, now: Time, key: K, value: V) {
        self.tick(now);
        if self.new.len() >= self.most / 2 {
            self.turn(now);
        }
        self.new.insert(key, value);
    }

    /// Forgets what is too old.
    pub(super) fn tick(&mut self, now: Time) {
        if now - self.turned >= self.age {
            self.turn(now);
        }
    }

    fn turn(&mut self, now: Time) {
        self.old = std::mem::take(&mut self.new);
        self.turned = now;
    }

    pub(super) fn len(&self) -> usize {
        self.new.len() + self.old.len()
    }

    pub(super) fn clear(&mut self) {
        self.new.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_what_is_old_and_never_holds_more() {
        let second = |s| Time(Duration::from_secs(s));
        let mut seen = Seen::new(100, Duration::from_secs(10));
        seen.add(second(20), 0, 'a');
        seen.tick(second(25));
        assert_eq!(seen.get(&0), Some(&'a'));
        seen.tick(second(31));
        assert_eq!(seen.get(&0), Some(&'a'), "in the older half");
        seen.tick(second(42));
        assert_eq!(seen.get(&0), None);
        for n in 0..10_000 {
            seen.add(second(43), n, 'b');
            assert!(seen.len() <= 100 && seen.get(&n).is_some());
            assert!(n < 49 || seen.get(&(n - 49)).is_some(), "the latest half is there");
        }
    }
}
