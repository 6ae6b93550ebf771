//! What is asked of an overlay from outside of it: by a host that is no member, or by another overlay that has no
//! answer of its own (section 4.4 of the paper).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::overlay::id::Id;
use crate::overlay::{Answer, Ask, Hit};

/// Most overlays that one question may come to.
pub const MOST_HOPS: u8 = 8;

/// How long whoever asks waits at most for an answer from everywhere.
pub(super) const LONGEST: Duration = Duration::from_secs(20);

/// Most bytes of what one answer says, so that it fits in a datagram.
const ROOM: usize = 900;

/// A question on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inquiry {
    pub ask: Ask,
    /// The overlays that it has come to: none is asked twice.
    pub asked: Vec<String>,
    /// To so many more it may be passed on.
    pub hops: u8,
    /// So long whoever asks waits.
    pub milliseconds: u32,
}

/// What has become of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    pub found: Option<Found>,
    /// The way to who had the answer, from the first who was asked on.
    pub path: Vec<Step>,
    /// All overlays that it has come to.
    pub asked: Vec<String>,
}

/// A member that a question has come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub overlay: String,
    pub member: Id,
}

/// An answer that says something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Found {
    Owner { owner: Id, hops: u32 },
    Value { value: String, others: Vec<String> },
    Stored,
    Hits { hits: Vec<Hit>, hops: u32 },
}

impl Inquiry {
    /// The first of its kind.
    pub(super) fn new(ask: Ask, hops: u8) -> Self {
        Self { ask, asked: Vec::new(), hops, milliseconds: LONGEST.as_millis() as u32 }
    }

    pub(super) fn patience(&self) -> Duration {
        Duration::from_millis(self.milliseconds.into()).min(LONGEST)
    }

    /// Whether its lists respect the limits, and it asks for what a stranger may.
    pub(super) fn is_fair(&self) -> bool {
        self.asked.len() <= usize::from(MOST_HOPS) && self.hops <= MOST_HOPS && !matches!(self.ask, Ask::Share { .. })
    }
}

impl Found {
    /// `None`: the answer says nothing.
    pub(super) fn of(answer: Answer) -> Option<Self> {
        match answer {
            Answer::Looked { owner, hops, .. } => owner.map(|owner| Self::Owner { owner, hops }),
            Answer::Got { value, mut others, .. } => value.map(|value| {
                others.truncate(2);
                Self::Value { value, others }
            }),
            Answer::Put { stored, .. } => stored.then_some(Self::Stored),
            Answer::Searched { mut hits, hops, .. } => {
                let mut room = ROOM;
                hits.retain(|hit| {
                    let size = hit.name.len() + size_of::<Id>() + 4;
                    let fits = size <= room;
                    room -= if fits { size } else { 0 };
                    fits
                });
                (!hits.is_empty()).then_some(Self::Hits { hits, hops })
            }
            Answer::Shared { .. } => None,
        }
    }

    /// In the words of who asked. What lay under a key is a hit of that name, at `by`; of several hits the first is the
    /// value.
    fn answer(self, ask: Ask, by: Id, milliseconds: f64) -> Answer {
        match (ask, self) {
            (Ask::Find { key }, Self::Owner { owner, hops }) => {
                Answer::Looked { key, owner: Some(owner), hops, milliseconds }
            }
            (Ask::Get { key }, Self::Value { value, others }) => Answer::Got { key, value: Some(value), others },
            (Ask::Get { key }, Self::Hits { hits, .. }) => {
                Answer::Got { key, value: hits.into_iter().next().map(|hit| hit.name), others: Vec::new() }
            }
            (Ask::Put { key, .. }, Self::Stored) => Answer::Put { key, stored: true },
            (Ask::Search { words }, Self::Hits { hits, hops }) => Answer::Searched { words, hits, hops, milliseconds },
            (Ask::Search { words }, Self::Value { .. }) => {
                let hits = vec![Hit { name: words.clone(), at: by }];
                Answer::Searched { words, hits, hops: 0, milliseconds }
            }
            // It answers another question.
            (ask, _) => ask.unanswered(),
        }
    }
}

impl Reply {
    /// What whoever asked is told, after so long.
    pub(super) fn answer(self, ask: Ask, milliseconds: f64) -> Answer {
        match (self.found, self.path.last()) {
            (Some(found), Some(last)) => found.answer(ask, last.member, milliseconds),
            (Some(found), None) => found.answer(ask, Id(0), milliseconds),
            (None, _) => late(ask.unanswered(), milliseconds),
        }
    }

    /// Whether its lists respect the limits.
    pub(super) fn is_fair(&self) -> bool {
        let most = usize::from(MOST_HOPS) + 1;
        self.path.len() <= most && self.asked.len() <= most
    }
}

/// So long nobody answered.
fn late(mut answer: Answer, after: f64) -> Answer {
    if let Answer::Looked { milliseconds, .. } | Answer::Searched { milliseconds, .. } = &mut answer {
        *milliseconds = after;
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_in_the_words_of_who_asked() {
        let step = |overlay: &str, member| Step { overlay: overlay.into(), member: Id(member) };
        let reply = |found| Reply { found: Some(found), path: vec![step("music", 1), step("files", 2)], asked: vec![] };
        let value = Found::Value { value: "v".into(), others: Vec::new() };
        let Answer::Searched { hits, .. } = reply(value).answer(Ask::Search { words: "k".into() }, 1.0) else {
            panic!()
        };
        assert_eq!(hits, [Hit { name: "k".into(), at: Id(2) }]);
        let hits = Found::Hits { hits: vec![Hit { name: "red fox".into(), at: Id(7) }], hops: 3 };
        let got = reply(hits.clone()).answer(Ask::Get { key: "red".into() }, 1.0);
        assert_eq!(got, Answer::Got { key: "red".into(), value: Some("red fox".into()), others: Vec::new() });
        let looked = reply(hits).answer(Ask::Find { key: Id(3) }, 9.0);
        assert!(matches!(looked, Answer::Looked { owner: None, .. }), "hits own nothing");
    }

    #[test]
    fn what_is_found_fits_in_a_datagram() {
        let hits = (0..100).map(|n| Hit { name: format!("{n:064}"), at: Id(n) }).collect();
        let found = Found::of(Answer::Searched { words: String::new(), hits, hops: 0, milliseconds: 0.0 }).unwrap();
        let Found::Hits { hits, .. } = &found else { panic!() };
        assert!(hits.len() >= 10);
        assert!(postcard::to_stdvec(&found).unwrap().len() <= ROOM + 16);
    }
}
