//! The verdict on every expectation: what a metric shows in the record, held against what was expected.
//!
//! Each metric of the scenario has a reading here under the same name, in the file of its family.

mod clients;
mod distance;
mod flows;
mod overlays;
mod routing;
mod seen;

use crate::measure::Findings;
use crate::measure::model::{Outcome, Verdict};
use crate::measure::reading::{NOTHING, Reading, Seen, WindowReading};
use crate::record::Record;
use crate::scenario::{Expectation, LOCAL, Metric, Op, Value, When};
use seen::Read;

/// What every metric shows in a record; `None` if it has nothing about the subject.
fn readings() -> impl Iterator<Item = &'static (&'static str, Read)> {
    let families = [overlays::READINGS, clients::READINGS, distance::READINGS, routing::READINGS, flows::READINGS];
    families.into_iter().flatten()
}

fn observe<'a>(findings: &'a Findings<'a>, metric: &Metric) -> Option<Seen<'a>> {
    let (_, read) = readings().find(|(name, _)| *name == metric.row.name)?;
    read(findings, &metric.subject)
}

/// Judges the record's expectations, in their order.
///
/// A state `during` a window must hold at its begin and at every change in it; `at` with `within`
/// must hold at one moment of that stretch. `until` is as `during`, but begins when
/// the state is first known, and so does `never`, at no moment of which it may hold. A count is taken from the play's begin, `during` from
/// the window's begin. What is not in the record does not hold, whatever the comparison.
pub fn judge(findings: &Findings<'_>) -> Vec<Verdict> {
    findings.record.facts.expectations.iter().map(|expectation| verdict(findings, expectation)).collect()
}

fn verdict(findings: &Findings<'_>, expectation: &Expectation) -> Verdict {
    let name = expectation.name.clone();
    let (from, to) = match expectation.when {
        When::End => (None, None),
        When::At { at, within } => (Some(at), Some(at + within)),
        When::During { from, to } => (Some(from), Some(to)),
        When::Until { from, to } => (Some(from), Some(to)),
        When::Never { from, to } => (Some(from), Some(to.unwrap_or(findings.record.seconds(findings.record.end)))),
    };
    if let Some(observed) = too_short(findings.record, expectation.when) {
        return Verdict { name, from, to, verdict: Outcome::Skipped, observed };
    }
    let (holds, observed) = match (observe(findings, &expectation.metric), &expectation.value) {
        (Some(Seen::Window { read, .. }), Value::Metric(other)) => judge_pair(findings, expectation, &*read, other),
        (None, _) => (false, NOTHING.to_owned()),
        (Some(Seen::State(states)), _) => judge_state(findings.record, expectation, &states),
        (Some(Seen::Window { changes, read }), _) => judge_window(findings.record, expectation, &changes, &*read),
    };
    Verdict { name, from, to, verdict: if holds { Outcome::Pass } else { Outcome::Fail }, observed }
}

/// Why an incomplete record cannot show the expectation's whole time.
fn too_short(record: &Record, when: When) -> Option<String> {
    let needed = match when {
        When::End => f64::INFINITY,
        When::At { at, within } => at + within,
        When::During { to, .. } => to,
        When::Until { to, .. } => to,
        When::Never { to, .. } => to.unwrap_or(f64::INFINITY),
    };
    if record.complete() {
        return None;
    }
    if record.play.is_none() {
        return Some("the play never began".to_owned());
    }
    let end = record.seconds(record.end);
    (needed > end).then(|| format!("the record stops at {end:.1} s"))
}

fn judge_state(record: &Record, expectation: &Expectation, states: &[(u64, Reading)]) -> (bool, String) {
    let (from, to) = match expectation.when {
        When::End => (record.end, record.end),
        When::At { at, within } => (record.clock(at), record.clock(at + within)),
        When::During { .. } | When::Until { .. } | When::Never { .. } => stretch(record, expectation.when),
    };
    // The state at the window's begin, and every later one in it.
    let first = states.partition_point(|(at, _)| *at <= from).checked_sub(1);
    let begin = first.map(|i| (from, &states[i].1));
    let later = states[first.map_or(0, |i| i + 1)..].iter().take_while(|(at, _)| *at <= to);
    let moments = begin.into_iter().chain(later.map(|(at, reading)| (*at, reading)));
    let says = |(at, reading): (u64, &Reading)| format!("{} at {:.1} s", draw(reading), record.seconds(at));
    let holds = |(_, reading): &(u64, &Reading)| holds(expectation, reading);
    match expectation.when {
        When::During { .. } if begin.is_none() => (false, NOTHING.to_owned()),
        When::During { .. } | When::Until { .. } | When::Never { .. } => {
            let seen: Vec<_> = moments.collect();
            let never = matches!(expectation.when, When::Never { .. });
            match (seen.first(), seen.iter().find(|moment| holds(moment) == never)) {
                (None, _) => (false, NOTHING.to_owned()),
                (_, Some(moment)) => (false, says(*moment)),
                (Some((since, first)), None) => (true, throughout(states, *since, to, first)),
            }
        }
        When::At { .. } | When::End => {
            let seen: Vec<_> = moments.collect();
            let found = seen.iter().find(|moment| holds(moment));
            match found.or(seen.last()) {
                None => (false, NOTHING.to_owned()),
                Some(moment) if expectation.when == When::End => {
                    (found.is_some(), format!("{}{}", draw(moment.1), since(record, states, first)))
                }
                // A value that stays wrong is told at the window's end, when it had its last chance.
                Some(moment) => (found.is_some(), says((if found.is_some() { moment.0 } else { to }, moment.1))),
            }
        }
    }
}

/// The window of `during`, `never` or `until`; to the end, its last event is in it.
fn stretch(record: &Record, when: When) -> (u64, u64) {
    match when {
        When::During { from, to } | When::Until { from, to } | When::Never { from, to: Some(to) } => {
            (record.clock(from), record.clock(to))
        }
        When::Never { from, to: None } => (record.clock(from), record.end + 1),
        When::At { .. } | When::End => (record.zero(), record.end + 1),
    }
}

fn since(record: &Record, states: &[(u64, Reading)], index: Option<usize>) -> String {
    match index.map(|i| record.seconds(states[i].0)) {
        Some(at) if at > 0.0 => format!(" since {at:.1} s"),
        _ => String::new(),
    }
}

fn throughout(states: &[(u64, Reading)], from: u64, to: u64, first: &Reading) -> String {
    let changed = states.iter().any(|(at, _)| (from + 1..=to).contains(at));
    if changed { "throughout".to_owned() } else { format!("{} throughout", draw(first)) }
}

fn judge_window(
    record: &Record,
    expectation: &Expectation,
    changes: &[u64],
    read: &dyn Fn(u64, u64) -> WindowReading,
) -> (bool, String) {
    let judge = |reading: WindowReading| match reading {
        Ok((reading, text)) => (holds(expectation, &reading), text),
        Err(text) => (false, text),
    };
    match expectation.when {
        When::End => judge(read(record.zero(), record.end + 1)),
        When::During { .. } | When::Until { .. } | When::Never { .. } => {
            let (from, to) = stretch(record, expectation.when);
            judge(read(from, to))
        }
        When::At { at, within } => {
            let (from, to) = (record.clock(at), record.clock(at + within));
            let within = changes.iter().copied().filter(|t| (from + 1..=to).contains(t));
            let mut last = (false, NOTHING.to_owned());
            for moment in std::iter::once(from).chain(within) {
                last = judge(read(record.zero(), moment + 1));
                if last.0 {
                    return (true, format!("{} at {:.1} s", last.1, record.seconds(moment)));
                }
            }
            last
        }
    }
}

/// Compares two metrics over the same window; `at` counts from the play's begin.
fn judge_pair(
    findings: &Findings<'_>,
    expectation: &Expectation,
    read: &dyn Fn(u64, u64) -> WindowReading,
    other: &Metric,
) -> (bool, String) {
    let record = findings.record;
    let (from, to) = match expectation.when {
        When::End => (record.zero(), record.end + 1),
        When::During { .. } | When::Until { .. } | When::Never { .. } => stretch(record, expectation.when),
        When::At { at, .. } => (record.zero(), record.clock(at) + 1),
    };
    let Some(Seen::Window { read: read_other, .. }) = observe(findings, other) else {
        return (false, NOTHING.to_owned());
    };
    match (read(from, to), read_other(from, to)) {
        (Ok((reading, text)), Ok((against, text_against))) => {
            let holds = number(&reading).zip(number(&against)).is_some_and(|(a, b)| compare(expectation.op, a, b));
            (holds, format!("{text} against {text_against}"))
        }
        (Err(text), _) | (_, Err(text)) => (false, text),
    }
}

fn number(reading: &Reading) -> Option<f64> {
    match reading {
        Reading::Number(number) | Reading::Seconds(number) => Some(*number),
        Reading::Share(part, whole) => Some(*part as f64 / *whole as f64),
        Reading::Truth(_) | Reading::Who(_) | Reading::Ways(_) | Reading::Absent => None,
    }
}

fn holds(expectation: &Expectation, reading: &Reading) -> bool {
    let op = expectation.op;
    let same = |equal: bool| match op {
        Op::Eq => equal,
        Op::Ne => !equal,
        Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Contains | Op::Lacks => false,
    };
    match (reading, &expectation.value) {
        (Reading::Number(found) | Reading::Seconds(found), Value::Number(wanted)) => compare(op, *found, *wanted),
        (Reading::Share(part, whole), Value::Number(wanted)) => compare(op, *part as f64 / *whole as f64, *wanted),
        (Reading::Truth(found), Value::Yes) => same(*found),
        (Reading::Truth(found), Value::No) => same(!*found),
        (Reading::Who(None), Value::Name(_)) => same(false),
        (Reading::Ways(ways), Value::Path(wanted)) => leads(op, ways, wanted),
        (Reading::Absent, _) => matches!(op, Op::Ne),
        (Reading::Who(Some((member, stub))), Value::Name(wanted)) => {
            same(member == wanted || stub.as_ref() == Some(wanted))
        }
        _ => false,
    }
}

fn compare(op: Op, found: f64, wanted: f64) -> bool {
    match op {
        Op::Eq => found == wanted,
        Op::Ne => found != wanted,
        Op::Lt => found < wanted,
        Op::Le => found <= wanted,
        Op::Gt => found > wanted,
        Op::Ge => found >= wanted,
        Op::Contains | Op::Lacks => false,
    }
}

/// Whether every way is the wanted one, or some way has the wanted AS on it.
fn leads(op: Op, ways: &[Vec<String>], wanted: &[String]) -> bool {
    let is_it = !ways.is_empty() && ways.iter().all(|way| way == wanted);
    let has_it = ways.iter().any(|way| wanted.iter().all(|one| way.contains(one)));
    match op {
        Op::Eq => is_it,
        Op::Ne => !is_it,
        Op::Contains => has_it,
        Op::Lacks => !has_it,
        Op::Lt | Op::Le | Op::Gt | Op::Ge => false,
    }
}

fn draw(reading: &Reading) -> String {
    match reading {
        Reading::Number(number) => number.to_string(),
        Reading::Share(part, whole) => format!("{part} of {whole}"),
        Reading::Seconds(seconds) => format!("{seconds} s"),
        Reading::Truth(true) => "yes".to_owned(),
        Reading::Truth(false) => "no".to_owned(),
        Reading::Who(None) => "nobody".to_owned(),
        Reading::Who(Some((member, _))) => member.clone(),
        Reading::Absent => "no way".to_owned(),
        Reading::Ways(ways) if ways.is_empty() => "no way".to_owned(),
        Reading::Ways(ways) => {
            let way = |way: &Vec<String>| if way.is_empty() { LOCAL.to_owned() } else { way.join(" ") };
            ways.iter().map(way).collect::<Vec<_>>().join(" or ")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::scenario::metrics::rows;

    #[test]
    fn every_metric_has_one_reading_and_every_reading_a_metric() {
        let names: Vec<&str> = super::readings().map(|(name, _)| *name).collect();
        let read: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(read.len(), names.len(), "one of each name: {names:?}");
        assert_eq!(read, rows().map(|row| row.name).collect());
        assert_eq!(rows().count(), names.len(), "one row of each name");
    }
}
