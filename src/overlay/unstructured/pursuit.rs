//! A search of a node's own, whoever is asked: what is sought, and what has been found.

use std::collections::BTreeSet;

use crate::overlay::words::{about, words};
use crate::overlay::{Answer, Did, Hit, Time, Token};

/// Most hits of one.
pub(super) const MAX_HITS: usize = 1000;

#[derive(Clone, Debug)]
pub(super) struct Pursuit {
    token: Token,
    text: String,
    asked: Vec<String>,
    hits: BTreeSet<Hit>,
    /// Hops and milliseconds to the first.
    first: Option<(u32, f64)>,
    began: Time,
}

impl Pursuit {
    /// Begins with what the node has itself.
    pub(super) fn new(now: Time, token: Token, text: String, own: impl Iterator<Item = Hit>) -> Self {
        let (asked, hits): (_, BTreeSet<Hit>) = (words(&text).collect(), own.collect());
        let first = (!hits.is_empty()).then_some((0, 0.0));
        Self { token, text, asked, hits, first, began: now }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Its words.
    pub(super) fn asked(&self) -> &[String] {
        &self.asked
    }

    /// Takes a hit in; false: it is known, too much, or not what was asked for.
    pub(super) fn take(&mut self, now: Time, hops: u32, hit: Hit) -> bool {
        let named: Vec<String> = words(&hit.name).collect();
        let fresh = self.hits.len() < MAX_HITS && about(&self.asked, &named) && self.hits.insert(hit);
        if fresh {
            self.first.get_or_insert((hops, now.millis_since(self.began)));
        }
        fresh
    }

    pub(super) fn done(self, now: Time) -> Did {
        let (hops, milliseconds) = self.first.unwrap_or((0, now.millis_since(self.began)));
        let hits = self.hits.into_iter().collect();
        Did::Done { token: self.token, outcome: Answer::Searched { words: self.text, hits, hops, milliseconds } }
    }
}
