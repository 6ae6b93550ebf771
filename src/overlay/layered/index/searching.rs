//! Searches: the slots of each word are read, batch by batch, until one has a slot that is absent.

use std::collections::BTreeSet;

use super::Index;
use super::below::Why;
use super::entry::{BATCH, MAX_SLOTS, MAX_WORD, holding, slot};
use super::tables::{Chain, Search};
use crate::overlay::words::{about, words};
use crate::overlay::{Answer, Ask, Did, Hit, Time, Token};

/// Most searches that a node has under way.
pub(super) const MAX_SEARCHES: usize = 64;
/// Most words of a search that are looked up; what is found has the others as well.
const MAX_WORDS: usize = 16;
/// Most hits of a search.
pub(super) const MAX_HITS: usize = 4096;

impl Index {
    pub(super) fn search(&mut self, now: Time, token: Token, text: String) {
        let asked: Vec<String> = words(&text).collect();
        let known: BTreeSet<&String> = asked.iter().filter(|word| word.len() <= MAX_WORD).take(MAX_WORDS).collect();
        let chains: Vec<Chain> = known.into_iter().map(|w| Chain { word: w.clone(), ..Chain::default() }).collect();
        if chains.is_empty() || self.searches.len() >= MAX_SEARCHES || !self.is_member() {
            let outcome = Ask::Search { words: text }.unanswered();
            self.events.push_back(Did::Done { token, outcome });
            return;
        }
        let number = self.number();
        let (until, count) = (now + self.settings.wait, chains.len());
        let search = Search { token, text, asked, chains, hits: BTreeSet::new(), since: now, until, first: None };
        self.searches.insert(number, search);
        (0..count).for_each(|chain| self.read_next(number, chain));
    }

    /// Reads the next batch of a word's slots.
    fn read_next(&mut self, number: u64, at: usize) {
        let Some(chain) = self.searches.get_mut(&number).and_then(|search| search.chains.get_mut(at)) else { return };
        chain.left = BATCH;
        for slot_at in chain.batch * BATCH..(chain.batch + 1) * BATCH {
            let why = Why::Search { search: number, chain: at, slot: slot_at };
            self.below.ask(why, Ask::Get { key: slot(&chain.word, slot_at) });
        }
    }

    pub(super) fn search_answered(&mut self, now: Time, number: u64, at: usize, slot_at: u32, answer: Option<Answer>) {
        let Some(search) = self.searches.get_mut(&number) else { return };
        let Some(chain) = search.chains.get_mut(at) else { return };
        chain.read += 1;
        if let Some(Answer::Got { value: Some(value), others, .. }) = answer {
            for value in others.iter().chain([&value]) {
                let hit = holding(now, self.settings.lease, value);
                let hit = hit.filter(|hit| about(&search.asked, &words(&hit.name).collect::<Vec<_>>()));
                if let Some(hit) = hit.filter(|_| search.hits.len() < MAX_HITS) {
                    search.hits.insert(hit);
                    search.first.get_or_insert(now);
                }
            }
        } else if slot_at == 0 && !chain.again {
            chain.again = true;
            let why = Why::Search { search: number, chain: at, slot: 0 };
            self.below.ask(why, Ask::Get { key: slot(&chain.word, 0) });
            return;
        } else {
            chain.ends = true;
        }
        chain.left -= 1;
        if chain.left > 0 {
            return;
        }
        chain.batch += 1;
        chain.ends |= chain.batch * BATCH >= MAX_SLOTS;
        if !chain.ends {
            self.read_next(number, at);
        } else if search.chains.iter().all(|chain| chain.ends && chain.left == 0) {
            self.end_search(now, number);
        }
    }

    /// Answers with what has been found.
    pub(super) fn end_search(&mut self, now: Time, number: u64) {
        let Some(search) = self.searches.remove(&number) else { return };
        // What has expired meanwhile was good when it was read.
        let hits: Vec<Hit> = search.hits.into_iter().collect();
        let longest = search.chains.iter().map(|chain| chain.read).max().unwrap_or(0);
        let milliseconds = search.first.unwrap_or(now).millis_since(search.since);
        let hops = if hits.is_empty() { 0 } else { longest };
        let outcome = Answer::Searched { words: search.text, hits, hops, milliseconds };
        self.events.push_back(Did::Done { token: search.token, outcome });
    }

    pub(super) fn searches_timeout(&mut self, now: Time) {
        let due = self.searches.iter().filter(|(_, search)| search.until <= now);
        for number in due.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.end_search(now, number);
        }
    }
}
