//! The verdict on every expectation.

use crate::measure::Findings;
use crate::measure::Record;
use crate::measure::model::{Outcome, Verdict};
use crate::measure::observe::{NOTHING, Reading, Seen, WindowReading, observe};
use crate::scenario::{Expectation, Metric, Op, Value, When};

/// Judges the record's expectations, in their order.
///
/// A state `during` a window must hold at its begin and at every change in it; `at` with `within`
/// must hold at one moment of that stretch. A count is taken from the play's begin, `during` from
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
        When::During { from, to } => (record.clock(from), record.clock(to)),
    };
    // The state at the window's begin, and every later one in it.
    let first = states.partition_point(|(at, _)| *at <= from).checked_sub(1);
    let begin = first.map(|i| (from, &states[i].1));
    let later = states[first.map_or(0, |i| i + 1)..].iter().take_while(|(at, _)| *at <= to);
    let mut moments = begin.into_iter().chain(later.map(|(at, reading)| (*at, reading)));
    let says = |(at, reading): (u64, &Reading)| format!("{} at {:.1} s", draw(reading), record.seconds(at));
    let holds = |(_, reading): &(u64, &Reading)| holds(expectation, reading);
    match expectation.when {
        When::During { .. } => {
            let Some(first) = begin else { return (false, NOTHING.to_owned()) };
            match moments.find(|moment| !holds(moment)) {
                Some(moment) => (false, says(moment)),
                None => (true, throughout(states, from, to, first.1)),
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
        When::During { from, to } => judge(read(record.clock(from), record.clock(to))),
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
        When::During { from, to } => (record.clock(from), record.clock(to)),
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
        Reading::Truth(_) | Reading::Who(_) => None,
    }
}

fn holds(expectation: &Expectation, reading: &Reading) -> bool {
    let op = expectation.op;
    let same = |equal: bool| match op {
        Op::Eq => equal,
        Op::Ne => !equal,
        Op::Lt | Op::Le | Op::Gt | Op::Ge => false,
    };
    match (reading, &expectation.value) {
        (Reading::Number(found) | Reading::Seconds(found), Value::Number(wanted)) => compare(op, *found, *wanted),
        (Reading::Share(part, whole), Value::Number(wanted)) => compare(op, *part as f64 / *whole as f64, *wanted),
        (Reading::Truth(found), Value::Yes) => same(*found),
        (Reading::Truth(found), Value::No) => same(!*found),
        (Reading::Who(None), Value::Name(_)) => same(false),
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
    }
}
