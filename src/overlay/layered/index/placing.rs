//! The way of an entry to a slot of its word: read, put, read back when nobody else can have put there, renewed.

use rand::RngExt;
use rand::seq::IndexedRandom;

use super::Index;
use super::below::Why;
use super::entry::{BATCH, MAX_SLOTS, holding, slot, value};
use super::tables::Step;
use crate::overlay::{Answer, Ask, Hit, Phase, Time};

/// Puts that are under way for no longer than this many times what is fresh are waited for.
const SETTLED: u32 = 3;

impl Index {
    pub(super) fn is_member(&self) -> bool {
        self.phase == Phase::Member
    }

    /// Looks for a free slot, from this batch on.
    pub(super) fn read_batch(&mut self, now: Time, number: u64, batch: u32) {
        let Some(entry) = self.entries.get_mut(&number) else { return };
        let first = batch * BATCH;
        if first >= MAX_SLOTS {
            entry.turn(Step::Waiting, Some(now + self.settings.lease));
            return;
        }
        entry.turn(Step::Reading { batch, since: now, left: BATCH, free: Vec::new(), own: None }, None);
        for at in first..first + BATCH {
            let why = Why::Entry { entry: number, turn: entry.turn, slot: at };
            self.below.ask(why, Ask::Get { key: slot(&entry.word, at) });
        }
    }

    /// A batch of a busy overlay takes longer than what it says is good for; one slot seldom does.
    fn look(&mut self, now: Time, number: u64, at: u32) {
        let Some(entry) = self.entries.get_mut(&number) else { return };
        entry.turn(Step::Looking { at, since: now }, None);
        let why = Why::Entry { entry: number, turn: entry.turn, slot: at };
        self.below.ask_next(why, Ask::Get { key: slot(&entry.word, at) });
    }

    fn ask_at(&mut self, number: u64, step: fn(u32) -> Step, at: u32, put: Option<Time>) {
        let Some(entry) = self.entries.get_mut(&number) else { return };
        entry.turn(step(at), None);
        let key = slot(&entry.word, at);
        let ask = match put {
            Some(until) => Ask::Put { key, value: value(until, self.me.id, &entry.name) },
            None => Ask::Get { key },
        };
        self.below.ask(Why::Entry { entry: number, turn: entry.turn, slot: at }, ask);
    }

    /// None: no answer came.
    pub(super) fn entry_answered(&mut self, now: Time, number: u64, turn: u32, at: u32, answer: Option<Answer>) {
        let lease = self.settings.lease;
        let Some(entry) = self.entries.get_mut(&number).filter(|entry| entry.turn == turn) else { return };
        let own = |hit: &Hit| hit.at == self.me.id && hit.name == entry.name;
        let (held, answered) = match &answer {
            Some(Answer::Got { value, others, .. }) => {
                let held = value.iter().chain(others).find_map(|value| holding(now, lease, value));
                // Of several values the next put leaves none: only the first has the slot.
                let first = value.as_ref().and_then(|value| holding(now, lease, value));
                (first.or(held), true)
            }
            answer => (None, answer.is_some()),
        };
        match &mut entry.step {
            Step::Reading { batch, since, left, free, own: found } => {
                *left -= 1;
                match &held {
                    Some(hit) if own(hit) => *found = Some(at),
                    None if answered => free.push(at),
                    _ => {}
                }
                if *left > 0 {
                    return;
                }
                let (batch, stale) = (*batch, now - *since > self.settings.fresh);
                let choice = found.or_else(|| free.choose(&mut self.rng).copied());
                match choice {
                    Some(at) if stale => self.look(now, number, at),
                    Some(at) => self.ask_at(number, Step::Putting, at, Some(now + lease)),
                    None => self.read_batch(now, number, batch + 1),
                }
            }
            Step::Looking { at, since } => {
                let (at, stale) = (*at, now - *since > self.settings.fresh);
                match &held {
                    Some(hit) if !own(hit) => self.read_batch(now, number, at / BATCH),
                    _ if stale || !answered => self.look(now, number, at),
                    _ => self.ask_at(number, Step::Putting, at, Some(now + lease)),
                }
            }
            // Whether it is there is seen when it is read back.
            Step::Putting(at) => {
                let at = *at;
                entry.turn(Step::Settling(at), Some(now + self.settings.fresh * SETTLED));
            }
            Step::Checking(at) if held.as_ref().is_some_and(own) => {
                let at = *at;
                if entry.confirmed {
                    self.ask_at(number, Step::Renewing, at, Some(now + lease));
                } else {
                    entry.confirmed = true;
                    self.hold(now, number, at);
                    self.tell_placed();
                }
            }
            Step::Checking(_) => {
                entry.confirmed = false;
                self.read_batch(now, number, 0);
            }
            Step::Renewing(at) => {
                let at = *at;
                self.hold(now, number, at);
            }
            Step::Settling(_) | Step::Held(_) | Step::Waiting => {}
        }
    }

    /// A third of a lease, or a little less: not all at once.
    fn hold(&mut self, now: Time, number: u64, at: u32) {
        let third = self.settings.lease / 3;
        let next = now + third.mul_f64(self.rng.random_range(0.8..1.0));
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.turn(Step::Held(at), Some(next));
        }
    }

    pub(super) fn entries_timeout(&mut self, now: Time) {
        let due = self.entries.iter().filter(|(_, entry)| entry.due.is_some_and(|due| due <= now));
        for number in due.map(|(number, _)| *number).collect::<Vec<_>>() {
            match self.entries.get(&number).map(|entry| (&entry.step, entry.put_at())) {
                Some((Step::Waiting, _)) => self.read_batch(now, number, 0),
                Some((_, Some(at))) => self.ask_at(number, Step::Checking, at, None),
                _ => {}
            }
        }
    }
}
