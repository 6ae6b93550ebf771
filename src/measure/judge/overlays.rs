//! What overlays show: members, islands, lookups, keys, floods.

use std::collections::BTreeSet;

use super::seen::{Read, counter, state, within};
use crate::measure::Findings;
use crate::measure::flood;
use crate::measure::islands::Shape;
use crate::measure::overlay::{Audited, Correctness, History, Lookup, stubs};
use crate::measure::overlay_report;
use crate::measure::reading::{NOTHING, Reading, Seen, nothing, percent};
use crate::measure::searches::{self, Search};
use crate::overlay::truth::Verdict;
use crate::record::Record;
use crate::scenario::Subject;

pub(super) const READINGS: &[(&str, Read)] = &[
    ("joins", |f, s| Some(counter(history(f, s)?.joins.iter().map(|j| j.at).collect()))),
    ("failed joins", |f, s| Some(counter(history(f, s)?.failed_joins.clone()))),
    ("members", |f, s| Some(shape(history(f, s)?, |shape| Reading::Number(shape.members as f64)))),
    ("islands", |f, s| Some(shape(history(f, s)?, |shape| Reading::Number(shape.sizes.len() as f64)))),
    ("whole", |f, s| Some(shape(history(f, s)?, |shape| Reading::Truth(shape.whole)))),
    ("merge", |f, s| Some(merge(f.record, history(f, s)?))),
    ("lookups", |f, s| Some(counter(lookups(f, s)?.iter().map(|l| l.sent).collect()))),
    ("lookup success", |f, s| {
        let draw = |ok, sent| (Reading::Share(ok, sent), format!("{} ({ok} of {sent})", percent(ok, sent)));
        Some(answers(lookups(f, s)?, |answer| answer == Correctness::Ok, draw))
    }),
    ("wrong lookups", |f, s| {
        let draw = |wrong, sent| (Reading::Number(wrong as f64), format!("{wrong} of {sent}"));
        Some(answers(lookups(f, s)?, |answer| answer == Correctness::Wrong, draw))
    }),
    ("missing keys", |f, s| {
        let keys = |audits: &[Audited<'_>]| {
            audits.iter().flat_map(|a| a.missing).map(String::as_str).collect::<BTreeSet<_>>().len()
        };
        Some(audits(audited(f, s)?, keys))
    }),
    ("found keys", |f, s| Some(audits(audited(f, s)?, |audits| audits.last().map_or(0, |a| a.found as usize)))),
    ("conflicting keys", |f, s| {
        let most = |audits: &[Audited<'_>]| audits.iter().map(|a| a.conflicts as usize).max().unwrap_or(0);
        Some(audits(audited(f, s)?, most))
    }),
    ("searches", |f, s| Some(counter(searches(f, s)?.iter().map(|search| search.at).collect()))),
    ("search success", |f, s| {
        let fair = |search: &&Search<'_>| !matches!(search.sought.verdict(), Verdict::Nothing | Verdict::Wrong);
        let of_something = searches(f, s)?.into_iter().filter(fair).collect();
        Some(each(of_something, Verdict::Found, |found, all| {
            (Reading::Share(found, all), format!("{} ({found} of {all})", percent(found, all)))
        }))
    }),
    ("missed searches", |f, s| {
        Some(each(searches(f, s)?, Verdict::Missed, |missed, all| {
            (Reading::Number(missed as f64), format!("{missed} of {all}"))
        }))
    }),
    ("messages per search", |f, s| Some(searches::cost(&overlay(f, s)?.searches, searches::messages))),
    ("reach", |f, s| Some(searches::cost(&overlay(f, s)?.searches, searches::heard))),
    ("flood gain", |f, s| Some(flood::gain(overlay(f, s).filter(|h| !h.floods.is_empty())?))),
];

fn overlay<'a>(findings: &'a Findings<'a>, subject: &Subject) -> Option<&'a History<'a>> {
    findings.overlays.iter().find(|h| h.facts.name == subject.name())
}

fn history<'a>(findings: &'a Findings<'a>, subject: &Subject) -> Option<&'a History<'a>> {
    overlay(findings, subject).filter(|h| h.observed)
}

fn audited<'a>(findings: &'a Findings<'a>, subject: &Subject) -> Option<&'a History<'a>> {
    overlay(findings, subject).filter(|h| !h.audits.is_empty())
}

fn shape<'a>(history: &History<'_>, reading: impl Fn(&Shape) -> Reading) -> Seen<'a> {
    state(history.shapes.iter().map(|(at, shape)| (*at, reading(shape))).collect())
}

/// Lookups by the time they were sent, of one stub's nodes if one is named.
fn lookups<'a>(findings: &'a Findings<'a>, subject: &Subject) -> Option<Vec<&'a Lookup<'a>>> {
    let (stub_of, stub) = (stubs(findings.record), subject.from.as_deref());
    let asked = |l: &&Lookup<'_>| stub.is_none() || stub_of.get(l.asker).copied() == stub;
    Some(history(findings, subject)?.lookups.iter().filter(asked).collect())
}

/// Searches by the time they ended, of one stub's nodes if one is named.
fn searches<'a>(findings: &'a Findings<'a>, subject: &Subject) -> Option<Vec<&'a Search<'a>>> {
    let (stub_of, stub) = (stubs(findings.record), subject.from.as_deref());
    let asked = |s: &&Search<'_>| stub.is_none() || stub_of.get(s.asker).copied() == stub;
    Some(history(findings, subject)?.searches.all.iter().filter(asked).collect())
}

/// How many of them ended so.
fn each<'a>(
    searches: Vec<&'a Search<'a>>,
    so: Verdict,
    draw: impl Fn(usize, usize) -> (Reading, String) + 'a,
) -> Seen<'a> {
    let times: Vec<u64> = searches.iter().map(|s| s.at).collect();
    let hits: Vec<u64> = searches.iter().filter(|s| s.sought.verdict() == so).map(|s| s.at).collect();
    let changes = times.clone();
    let read = move |from, to| match within(&times, from, to).len() {
        0 => nothing(),
        all => Ok(draw(within(&hits, from, to).len(), all)),
    };
    Seen::Window { changes, read: Box::new(read) }
}

fn answers<'a>(
    lookups: Vec<&'a Lookup<'a>>,
    counts: impl Fn(Correctness) -> bool,
    draw: impl Fn(usize, usize) -> (Reading, String) + 'a,
) -> Seen<'a> {
    let times: Vec<u64> = lookups.iter().map(|l| l.sent).collect();
    let hits: Vec<u64> = lookups.iter().filter(|l| counts(l.answer)).map(|l| l.sent).collect();
    let changes = times.clone();
    let read = move |from, to| match within(&times, from, to).len() {
        0 => nothing(),
        sent => Ok(draw(within(&hits, from, to).len(), sent)),
    };
    Seen::Window { changes, read: Box::new(read) }
}

fn audits<'a>(history: &'a History<'a>, number: impl Fn(&[Audited<'a>]) -> usize + 'a) -> Seen<'a> {
    let times: Vec<u64> = history.audits.iter().map(|a| a.at).collect();
    let changes = times.clone();
    let read = move |from, to| match &history.audits[within(&times, from, to)] {
        [] => nothing(),
        audits @ [.., last] => {
            let number = number(audits);
            let total = last.found as usize + last.missing.len();
            Ok((Reading::Number(number as f64), format!("{number} of {total}")))
        }
    };
    Seen::Window { changes, read: Box::new(read) }
}

fn merge<'a>(record: &'a Record, history: &'a History<'a>) -> Seen<'a> {
    let changes = history.shapes.iter().map(|(at, _)| *at).collect();
    let read = move |from, to| match overlay_report::merge(record, history, from, to) {
        None => Err(format!("{NOTHING}: no link was repaired")),
        Some((action, None)) => Err(format!("not whole after {action}")),
        Some((action, Some(seconds))) => {
            Ok((Reading::Seconds(seconds), format!("{} s after {action}", (seconds * 1e3).round() / 1e3)))
        }
    };
    Seen::Window { changes, read: Box::new(read) }
}
