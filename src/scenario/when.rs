//! When an expectation is judged: `at`, `within`, `during`, `until`, and which of them exclude one another.

use std::time::Duration;

use toml::Spanned;

use super::expectation::When;
use super::metrics::{Metric, Shape};
use crate::topology::diagnose::Problems;
use crate::topology::file::ExpectEntry;

/// Reads the times of an expectation; `None` if they contradict one another, which has been reported.
pub(super) fn read(entry: &ExpectEntry, metric: &Metric, problems: &mut Problems) -> Option<When> {
    within(entry, metric, problems);
    if entry.never && !metric.is_state() {
        let found =
            problems.error("never-of-a-counter", entry.that.span(), "`never` watches a state, and this metric counts");
        found.label("counted over the whole play").help("write `that` with the opposite comparison".to_owned());
        return None;
    }
    match (&entry.at, &entry.during, &entry.until) {
        (_, Some(during), Some(until)) => {
            let found = problems.error("during-and-until", until.span(), "`during` and `until` exclude one another");
            found.label("an end").also(during.span(), "a window, with an end of its own");
            None
        }
        (Some(at), Some(during), None) => {
            let found = problems.error("at-and-during", during.span(), "`at` and `during` exclude one another");
            found.label("a window").also(at.span(), "a moment");
            None
        }
        (None, Some(during), None) => {
            refuse_merge(metric, during.span(), problems);
            let (from, to) = (during.get_ref().0.as_secs_f64(), during.get_ref().1.as_secs_f64());
            Some(if entry.never { When::Never { from, to: Some(to) } } else { When::During { from, to } })
        }
        (at, None, Some(until)) => before(entry, at.as_ref(), until, metric, problems),
        (Some(at), None, None) if entry.never => {
            let found = problems.error("never-at", at.span(), "`never` is about a window, and `at` alone is a moment");
            found.label("from here to when?").help("add `until`, or write `during`".to_owned());
            None
        }
        (Some(at), None, None) => {
            Some(When::At { at: seconds(at), within: entry.within.as_ref().map_or(0.0, seconds) })
        }
        (None, None, None) if entry.never => Some(When::Never { from: 0.0, to: None }),
        (None, None, None) => Some(When::End),
    }
}

fn seconds(time: &Spanned<Duration>) -> f64 {
    time.get_ref().as_secs_f64()
}

fn within(entry: &ExpectEntry, metric: &Metric, problems: &mut Problems) {
    let Some(within) = &entry.within else { return };
    if entry.at.is_none() {
        let found = problems.error("within-without-at", within.span(), "`within` without `at`");
        found.label("within this long after what?").help("add `at`".to_owned());
    } else if let Some(until) = &entry.until {
        let found = problems.error("within-and-until", within.span(), "`within` and `until` exclude one another");
        found.label("holds at some moment").also(until.span(), "holds at every moment");
    } else if !metric.is_state() {
        let message = "`within` waits for a state, and this metric counts";
        let found = problems.error("within-of-a-counter", within.span(), message);
        found.label("has no meaning here").help("counters take `at` (counted up to then) or `during`".to_owned());
    }
}

/// From the play's begin, or from `at`, until then.
fn before(
    entry: &ExpectEntry,
    at: Option<&Spanned<Duration>>,
    until: &Spanned<Duration>,
    metric: &Metric,
    problems: &mut Problems,
) -> Option<When> {
    refuse_merge(metric, until.span(), problems);
    let (from, to) = (at.map_or(0.0, seconds), seconds(until));
    if from >= to {
        let found = problems.error("empty-window", until.span(), "`until` is not after the begin");
        found.label("nothing lies before it");
        if let Some(at) = at {
            found.also(at.span(), "from here on");
        }
        return None;
    }
    Some(if entry.never { When::Never { from, to: Some(to) } } else { When::Until { from, to } })
}

fn refuse_merge(metric: &Metric, span: std::ops::Range<usize>, problems: &mut Problems) {
    if metric.row.shape == Shape::SinceRepair {
        let message = format!("`{}` is measured from the last repair of a link, not in a window", metric.row.name);
        problems.error("merge-during", span, message).label("has no meaning here");
    }
}
