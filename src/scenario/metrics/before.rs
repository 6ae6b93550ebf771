//! Metrics in records from before they were rows: `{"lookups":["music",null]}`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::subject::{Subject, Target};

/// The name, and what it was about.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Before {
    Bare(String),
    About(BTreeMap<String, Words>),
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Words {
    Several(Vec<Option<Word>>),
    One(Option<Word>),
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Word {
    Text(String),
    Target(Target),
}

impl Before {
    /// As the lab file names it.
    pub(super) fn now(self) -> Option<(String, Subject)> {
        let (tag, words) = match self {
            Self::Bare(tag) => (tag, Vec::new()),
            Self::About(about) => match about.into_iter().next()? {
                (tag, Words::One(word)) => (tag, vec![word]),
                (tag, Words::Several(words)) => (tag, words),
            },
        };
        let mut words = words.into_iter();
        let (first, second) = (words.next().flatten(), words.next().flatten());
        let text = |word: Option<Word>| match word {
            Some(Word::Text(text)) => Some(text),
            _ => None,
        };
        let node = |word| text(word).map(Target::Node);
        let name = tag.replace('-', " ");
        let (of, nothing) = (text(first.clone()), Subject::default);
        Some(match (name.as_str(), second) {
            ("round trip", to) => ("rtt".to_owned(), Subject { of, to: node(to), ..nothing() }),
            ("round trip error", _) => ("rtt error".to_owned(), nothing()),
            ("stretch", group) => (format!("stretch {}", of?), Subject { of: text(group), ..nothing() }),
            ("lookups" | "lookup success" | "wrong lookups", from) => {
                (name, Subject { of, from: text(from), ..nothing() })
            }
            (_, Some(Word::Target(to))) => (name, Subject { of, to: Some(to), ..nothing() }),
            (_, group) => (name, Subject { of, group: text(group), ..nothing() }),
        })
    }
}
