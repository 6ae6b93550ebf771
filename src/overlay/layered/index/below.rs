//! What is asked of the overlay below, and what waits for the answers.

use std::collections::{BTreeMap, VecDeque};

use super::settings::Settings;
use crate::overlay::{Ask, Time};

/// Most questions that wait for answers at once: owners of keys refuse what is too much.
const MAX_WAITING: usize = 128;

/// Why something is asked: of which entry or search, of which of its turns, at which place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Entry { entry: u64, turn: u32, slot: u32 },
    Search { search: u64, chain: usize, slot: u32 },
    Leaving,
}

/// Searches come before what entries want.
#[derive(Debug, Default)]
pub(super) struct Below {
    next: u64,
    first: VecDeque<(Why, Ask)>,
    then: VecDeque<(Why, Ask)>,
    waiting: BTreeMap<u64, (Why, Option<Time>)>,
    /// Questions so far.
    pub(super) asked: u64,
}

impl Below {
    pub(super) fn ask(&mut self, why: Why, ask: Ask) {
        let queue = if matches!(why, Why::Search { .. }) { &mut self.first } else { &mut self.then };
        queue.push_back((why, ask));
    }

    /// Before all else: its answer is good for a moment only.
    pub(super) fn ask_next(&mut self, why: Why, ask: Ask) {
        self.first.push_front((why, ask));
    }

    /// The next question.
    pub(super) fn poll(&mut self) -> Option<(u64, Ask)> {
        if self.waiting.len() >= MAX_WAITING {
            return None;
        }
        let (why, ask) = self.first.pop_front().or_else(|| self.then.pop_front())?;
        self.next += 1;
        self.asked += 1;
        self.waiting.insert(self.next, (why, None));
        Some((self.next, ask))
    }

    pub(super) fn answered(&mut self, number: u64) -> Option<Why> {
        self.waiting.remove(&number).map(|(why, _)| why)
    }

    /// One whose answer does not come. Time counts from when this was first called after it was asked.
    pub(super) fn overdue(&mut self, now: Time, settings: &Settings) -> Option<Why> {
        for (_, due) in self.waiting.values_mut() {
            due.get_or_insert(now + settings.patience);
        }
        let number = *self.waiting.iter().find(|(_, (_, due))| due.is_some_and(|due| due <= now))?.0;
        self.answered(number)
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.waiting.values().filter_map(|(_, due)| *due).min()
    }

    /// Forgets all questions; numbers go on.
    pub(super) fn clear(&mut self) {
        self.first.clear();
        self.then.clear();
        self.waiting.clear();
    }

    /// Whether nothing is asked.
    pub(super) fn is_done(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.first.len() + self.then.len() + self.waiting.len()
    }
}
