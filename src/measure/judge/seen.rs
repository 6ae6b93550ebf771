//! How values are seen that only happen, or only change.

use crate::measure::Findings;
use crate::measure::reading::{Reading, Seen};
use crate::scenario::Subject;

/// What reads a metric about a subject; `None` if the record has nothing about it.
pub(super) type Read = for<'a> fn(&'a Findings<'a>, &Subject) -> Option<Seen<'a>>;

/// Index range of the times from `from` on and before `to`.
pub(super) fn within(times: &[u64], from: u64, to: u64) -> std::ops::Range<usize> {
    let index = |at| times.partition_point(|t| *t < at);
    index(from)..index(to).max(index(from))
}

/// How many there were, of what happened at these times.
pub(super) fn counter<'a>(times: Vec<u64>) -> Seen<'a> {
    let changes = times.clone();
    let read = move |from, to| {
        let count = within(&times, from, to).len();
        Ok((Reading::Number(count as f64), count.to_string()))
    };
    Seen::Window { changes, read: Box::new(read) }
}

/// A value from each time on.
pub(super) fn state<'a>(mut states: Vec<(u64, Reading)>) -> Seen<'a> {
    states.dedup_by(|later, earlier| later.1 == earlier.1);
    Seen::State(states)
}
