//! What round trips show: between nodes, and of clients to sites.

use super::clients::group;
use super::seen::Read;
use crate::measure::Findings;
use crate::measure::catchment::is_group;
use crate::measure::distance::Measured;
use crate::measure::effect::Stretch;
use crate::measure::reading::{NOTHING, Reading, Seen, WindowReading, nothing, percent};
use crate::scenario::{Subject, Target};

pub(super) const READINGS: &[(&str, Read)] = &[
    ("rtt", |f, s| Some(round_trip(&f.round_trips, s.name(), s.to.as_ref()))),
    ("rtt error", |f, _| Some(round_trip_error(&f.round_trips))),
    ("stretch p50", |f, s| stretch(f, s, |found| (found.p50, found.inflation_p50_ms))),
    ("stretch p90", |f, s| stretch(f, s, |found| (found.p90, found.inflation_p90_ms))),
    ("stretch p99", |f, s| stretch(f, s, |found| (found.p99, found.inflation_p99_ms))),
    ("best site", |f, s| best_site(f, s)),
];

fn round_trip<'a>(round_trips: &'a [Measured], a: &str, b: Option<&Target>) -> Seen<'a> {
    let b = match b {
        Some(Target::Node(b)) => b.clone(),
        Some(Target::Group(_)) | None => String::new(),
    };
    let a = a.to_owned();
    let meant = move |r: &Measured| (r.from == a && r.to == b) || (r.from == b && r.to == a);
    let read = move |from, to| {
        let mut found = round_trips.iter().filter(|r| (from..to).contains(&r.at) && meant(r));
        match found.next_back().map(|r| r.rtt) {
            None => nothing(),
            Some(None) => Err("no answer".to_owned()),
            Some(Some(nanoseconds)) => {
                let seconds = nanoseconds as f64 / 1e9;
                Ok((Reading::Seconds(seconds), format!("{:.3} ms", seconds * 1e3)))
            }
        }
    };
    Seen::Window { changes: round_trips.iter().map(|r| r.at).collect(), read: Box::new(read) }
}

fn round_trip_error<'a>(round_trips: &'a [Measured]) -> Seen<'a> {
    let read = move |from, to| {
        let found: Vec<_> = round_trips.iter().filter(|r| (from..to).contains(&r.at)).collect();
        if let Some(silent) = found.iter().find(|r| r.error.is_none()) {
            return Err(format!("{} does not answer {}", silent.to, silent.from));
        }
        let worst = found.iter().max_by(|a, b| f64::total_cmp(&a.error.unwrap_or(0.0), &b.error.unwrap_or(0.0)));
        let Some(worst) = worst else { return nothing() };
        let (error, pairs) = (worst.error.unwrap_or(0.0), found.len());
        let (from, to) = (&worst.from, &worst.to);
        Ok((Reading::Number(error), format!("{:.2} % at most, {from} to {to}, of {pairs} pairs", error * 100.0)))
    };
    Seen::Window { changes: round_trips.iter().map(|r| r.at).collect(), read: Box::new(read) }
}

/// The latest `stretch` of a group in a window.
fn latest<'a>(
    findings: &'a Findings<'a>,
    wanted: Option<&str>,
    read: impl Fn(&Stretch) -> WindowReading + 'a,
) -> Option<Seen<'a>> {
    let groups = &findings.record.facts.groups;
    let name = match wanted {
        Some(wanted) => groups.iter().find(|g| is_group(g, wanted))?.name.as_str(),
        None => groups[group(findings, None)?].name.as_str(),
    };
    let taken: Vec<_> = findings.stretches.iter().filter(|taken| taken.group == name).collect();
    let changes = taken.iter().map(|taken| taken.at).collect();
    let read = move |from, to| match taken.iter().rev().find(|taken| (from..to).contains(&taken.at)) {
        None => nothing(),
        Some(taken) => read(&taken.reported(findings)),
    };
    Some(Seen::Window { changes, read: Box::new(read) })
}

/// A quantile of the clients' stretch, and of their inflation.
fn stretch<'a>(
    findings: &'a Findings<'a>,
    subject: &Subject,
    quantile: fn(&Stretch) -> (Option<f64>, Option<f64>),
) -> Option<Seen<'a>> {
    latest(findings, subject.of.as_deref(), move |found| {
        let (value, inflation) = quantile(found);
        let (Some(value), Some(inflation)) = (value, inflation) else {
            return Err("no client has an answer".to_owned());
        };
        Ok((Reading::Number(value), format!("{value:.2}, {inflation:+.2} ms, {}", told(found))))
    })
}

fn best_site<'a>(findings: &'a Findings<'a>, subject: &Subject) -> Option<Seen<'a>> {
    latest(findings, subject.of.as_deref(), |found| match found.clients {
        0 => Err(NOTHING.to_owned()),
        clients => {
            let share = percent(found.at_best, clients);
            Ok((Reading::Share(found.at_best, clients), format!("{share} ({} of {clients})", found.at_best)))
        }
    })
}

fn told(found: &Stretch) -> String {
    match found.unanswered {
        0 => format!("of {} clients", found.clients),
        silent => format!("of {} clients, {silent} without an answer", found.clients),
    }
}
