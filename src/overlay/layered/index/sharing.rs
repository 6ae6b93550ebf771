//! What a node shares: items, an entry for each word of a name, and who waits until all of them are placed.

use super::Index;
use super::below::Why;
use super::entry::{indexed, slot};
use super::tables::Entry;
use crate::overlay::{Answer, Ask, Did, Time, Token};

/// Most items that a node shares.
pub(super) const MAX_ITEMS: usize = 4096;
/// Most commands that wait.
const MAX_ASKED: usize = 4096;

impl Index {
    pub(super) fn share(&mut self, now: Time, token: Token, name: String) {
        let words = indexed(&name);
        let is_new = !self.items.names.contains_key(&name);
        let room = self.items.asked.len() < MAX_ASKED && (!is_new || self.items.len() < MAX_ITEMS);
        if words.is_empty() || !room {
            let outcome = Answer::Shared { name, stored: false };
            self.events.push_back(Did::Done { token, outcome });
            return;
        }
        if is_new {
            self.items.names.insert(name.clone(), words.clone());
            if self.is_member() {
                self.place_item(now, &name, &words);
            }
        }
        self.items.asked.push((token, name, now + self.settings.lease));
        self.tell_placed();
    }

    pub(super) fn place_all(&mut self, now: Time) {
        for (name, words) in self.items.names.clone() {
            self.place_item(now, &name, &words);
        }
    }

    fn place_item(&mut self, now: Time, name: &str, words: &[String]) {
        for word in words {
            let number = self.number();
            self.entries.insert(number, Entry::new(name, word));
            self.read_batch(now, number, 0);
        }
    }

    /// Tells whoever waits for items all of whose entries have been found in their slots.
    pub(super) fn tell_placed(&mut self) {
        if !self.is_member() {
            return;
        }
        for (token, name, until) in std::mem::take(&mut self.items.asked) {
            if self.entries.values().any(|entry| entry.name == name && !entry.confirmed) {
                self.items.asked.push((token, name, until));
            } else {
                self.events.push_back(Did::Done { token, outcome: Answer::Shared { name, stored: true } });
            }
        }
    }

    pub(super) fn items_timeout(&mut self, now: Time) {
        for (token, name, until) in std::mem::take(&mut self.items.asked) {
            if until <= now {
                self.events.push_back(Did::Done { token, outcome: Answer::Shared { name, stored: false } });
            } else {
                self.items.asked.push((token, name, until));
            }
        }
    }

    /// Ends all that is under way; searches with what they have.
    pub(super) fn end_all(&mut self, now: Time) {
        for (token, name, _) in std::mem::take(&mut self.items.asked) {
            self.events.push_back(Did::Done { token, outcome: Answer::Shared { name, stored: false } });
        }
        for number in self.searches.keys().copied().collect::<Vec<_>>() {
            self.end_search(now, number);
        }
    }

    /// Empties the slots that it has put something into.
    pub(super) fn empty_all(&mut self) {
        self.below.clear();
        for entry in std::mem::take(&mut self.entries).into_values() {
            if let Some(number) = entry.put_at() {
                let key = slot(&entry.word, number);
                self.below.ask(Why::Leaving, Ask::Put { key, value: String::new() });
            }
        }
    }
}
