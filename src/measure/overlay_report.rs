//! One overlay's part of the report.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::measure::Findings;
use crate::measure::flood;
use crate::measure::load::bootstrap;
use crate::measure::model::{
    Audit, Contact, IslandPoint, Joins, Keys, LookupCounts, LookupPhase, Lookups, OverlayReaction, OverlayReport,
    Rejoins,
};
use crate::measure::overlay::{Correctness, History, Lookup, stubs};
use crate::measure::stats::{mean, ms_between, p50_p99, thousandths};
use crate::measure::windows::Window;
use crate::record::{Deed, Record, What};

pub(crate) fn overlay(findings: &Findings<'_>, history: &History<'_>) -> OverlayReport {
    let (record, facts) = (findings.record, history.facts);
    let end = history.shape_at(record.end);
    let point = |(at, shape): &(u64, crate::measure::islands::Shape)| IslandPoint {
        at: record.seconds(*at),
        islands: shape.sizes.len(),
        sizes: shape.sizes.clone(),
        whole: shape.whole,
        rings_right: shape.rings_right,
    };
    let (p50_ms, p99_ms) = p50_p99(history.rejoins.iter().copied());
    OverlayReport {
        protocol: word(&facts.protocol),
        bootstrap: word(&facts.bootstrap),
        healing: word(&facts.healing),
        hosts: facts.ids.len(),
        members: end.members,
        islands_max: history.shapes.iter().map(|(_, s)| s.sizes.len()).max().unwrap_or(0),
        islands_end: end.sizes.len(),
        whole_end: end.whole,
        merge_seconds: merge(record, history, record.zero(), u64::MAX).and_then(|(_, seconds)| seconds),
        islands: history.shapes.iter().map(point).collect(),
        contacts: (0..history.contacts.len()).map(|i| contact(record, history, i)).collect(),
        rejoins: Rejoins { begun: history.rejoins_begun, done: history.rejoins.len(), p50_ms, p99_ms },
        joins: joins(history),
        lookups: lookups(findings, history),
        keys: keys(record, history),
        searches: history.searches.report(),
        floods: flood::reports(record, history),
    }
}

/// An enum's word in the lab file.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}

fn contact(record: &Record, history: &History<'_>, index: usize) -> Contact {
    let (at, host, peer, by, color) = history.contacts[index];
    Contact { at: record.seconds(at), host: host.to_owned(), peer: peer.to_owned(), by, color }
}

/// The last repair of a link in a window, and the seconds from when it was done until the ring
/// was whole (0 if it already was), unless it was not before the window's end.
pub(crate) fn merge(record: &Record, history: &History<'_>, from: u64, to: u64) -> Option<(String, Option<f64>)> {
    let (action, done) = record.events.iter().rev().find_map(|event| match &event.what {
        What::Fault { action, deed: Some(Deed::Repair), done, .. } => {
            (from..to).contains(&event.at).then(|| (action.clone(), (*done).max(event.at)))
        }
        _ => None,
    })?;
    let whole = history.whole_from(done, to);
    Some((action, whole.map(|at| ms_between(done, at) / 1e3)))
}

/// What the overlay did in a fault's window.
pub(crate) fn reaction(record: &Record, history: &History<'_>, window: &Window) -> OverlayReaction {
    let before = history.shape_at(window.begin.saturating_sub(1));
    let first = history.shapes.partition_point(|(at, _)| *at < window.begin);
    let end = history.shapes.partition_point(|(at, _)| *at < window.end).max(first);
    let shapes = &history.shapes[first..end];
    let most =
        shapes.iter().map(|(_, s)| s).fold(before, |most, s| if s.sizes.len() > most.sizes.len() { s } else { most });
    let after = shapes.last().map_or(before, |(_, s)| s);
    let ms = |at: u64| ms_between(window.begin, at);
    let first_change = shapes.iter().find(|(_, s)| s.sizes.len() != before.sizes.len());
    let unsettled = shapes.iter().rposition(|(_, s)| s.sizes.len() != after.sizes.len());
    let settled = first_change.map(|_| shapes[unsettled.map_or(0, |i| i + 1)].0);
    let whole = if before.whole { None } else { shapes.iter().find(|(_, s)| s.whole) };
    let in_window = |at: u64| (window.begin..window.end).contains(&at);
    let heard = history.contacts.iter().position(|(at, ..)| in_window(*at));
    OverlayReaction {
        islands_before: before.sizes.len(),
        islands_after: after.sizes.len(),
        islands_max: most.sizes.len(),
        sizes_at_max: most.sizes.clone(),
        first_change_ms: first_change.map(|(at, _)| ms(*at)),
        settled_ms: settled.map(ms),
        whole_ms: whole.map(|(at, _)| ms(*at)),
        first_contact: heard.map(|i| contact(record, history, i)),
    }
}

fn joins(history: &History<'_>) -> Joins {
    let (p50_ms, p99_ms) = p50_p99(history.joins.iter().map(|j| j.milliseconds));
    let first_member = history.joins.iter().map(|j| j.at).min();
    let mut served_by = BTreeMap::new();
    for host in history.joins.iter().filter_map(|j| j.served_by) {
        *served_by.entry(host.to_owned()).or_default() += 1;
    }
    Joins {
        ok: history.joins.len(),
        failed: history.failed_joins.len(),
        p50_ms,
        p99_ms,
        founded: history.joins.iter().filter(|j| j.served_by.is_none()).count(),
        with_members: flood::joiners(history, |at| first_member.is_some_and(|first| at >= first)),
        retries: history.joins.iter().map(|j| u64::from(j.attempts.saturating_sub(1))).sum(),
        redirected: history.joins.iter().filter(|j| j.redirected > 0).count(),
        served_by,
        balance: bootstrap(history, &history.joined()),
    }
}

fn lookups(findings: &Findings<'_>, history: &History<'_>) -> Lookups {
    let stub_of = stubs(findings.record);
    let mut by_stub: BTreeMap<&str, Vec<&Lookup<'_>>> = BTreeMap::new();
    for lookup in &history.lookups {
        if let Some(stub) = stub_of.get(lookup.asker) {
            by_stub.entry(stub).or_default().push(lookup);
        }
    }
    Lookups {
        total: count(history.lookups.iter()),
        phases: lookup_phases(findings, history),
        stubs: by_stub.into_iter().map(|(stub, lookups)| (stub.to_owned(), count(lookups.into_iter()))).collect(),
    }
}

/// Before the first fault, and from each fault to the next; stretches without a lookup are left out.
fn lookup_phases(findings: &Findings<'_>, history: &History<'_>) -> Vec<LookupPhase> {
    let record = findings.record;
    let mut begins = vec![(record.zero(), None)];
    begins.extend(findings.windows.iter().map(|w| (w.begin, Some(w.fault.clone()))));
    let ends: Vec<u64> = begins.iter().skip(1).map(|(at, _)| *at).chain([record.end]).collect();
    let phase = |((from, after), to): ((u64, Option<String>), u64)| {
        let index = |at| history.lookups.partition_point(|l| l.sent < at);
        let counts = count(history.lookups[index(from)..index(to).max(index(from))].iter());
        (counts.sent > 0).then(|| LookupPhase { from: record.seconds(from), to: record.seconds(to), after, counts })
    };
    begins.into_iter().zip(ends).filter_map(phase).collect()
}

fn count<'a, 'b: 'a>(lookups: impl Iterator<Item = &'a Lookup<'b>> + Clone) -> LookupCounts {
    let number = |answer: Correctness| lookups.clone().filter(|l| l.answer == answer).count();
    let answered = lookups.clone().filter(|l| l.answer != Correctness::Failed);
    let (p50_ms, p99_ms) = p50_p99(answered.clone().map(|l| l.milliseconds));
    LookupCounts {
        sent: lookups.clone().count(),
        ok: number(Correctness::Ok),
        failed: number(Correctness::Failed),
        wrong: number(Correctness::Wrong),
        hops_mean: mean(answered.map(|l| f64::from(l.hops))).map(thousandths),
        p50_ms,
        p99_ms,
    }
}

fn keys(record: &Record, history: &History<'_>) -> Keys {
    let audit = |a: &crate::measure::overlay::Audited<'_>| Audit {
        at: record.seconds(a.at),
        found: a.found,
        missing: a.missing.to_vec(),
        conflicts: a.conflicts,
    };
    Keys {
        stored: history.stored,
        overwritten: history.overwritten,
        failed: history.not_stored,
        audits: history.audits.iter().map(audit).collect(),
    }
}
