//! What clients' flows show: which broke, and who serves them.

use std::collections::BTreeMap;

use super::seen::Read;
use crate::measure::Findings;
use crate::measure::flows::Flows;
use crate::measure::reading::{Reading, Seen, nothing, percent};

pub(super) const READINGS: &[(&str, Read)] = &[
    ("broken flows", |f, s| Some(broken(flows(f)?, s.of.as_deref()))),
    ("affinity", |f, s| Some(affinity(flows(f)?, s.of.clone()))),
    ("flow members", |f, s| Some(members(flows(f)?, s.name()))),
];

/// The record's flows, if it has any.
fn flows<'a>(findings: &'a Findings<'a>) -> Option<&'a Flows<'a>> {
    Some(&findings.flows).filter(|flows| !flows.connections.is_empty())
}

/// Flows of all clients, or of one, that broke.
fn broken<'a>(flows: &'a Flows<'a>, client: Option<&str>) -> Seen<'a> {
    let meant = flows.connections.iter().filter(|c| client.is_none_or(|client| c.client == client));
    let mut times: Vec<u64> = meant.filter_map(|c| Some(c.broken.as_ref()?.at)).collect();
    times.sort_unstable();
    let (changes, client) = (times.clone(), client.map(str::to_owned));
    let read = move |from, to| {
        let of = flows.cohort(client.as_deref(), from, to).len();
        if of == 0 {
            return nothing();
        }
        let index = |at| times.partition_point(|t| *t < at);
        let broken = index(to).saturating_sub(index(from));
        Ok((Reading::Number(broken as f64), format!("{broken}, of {of} flows")))
    };
    Seen::Window { changes, read: Box::new(read) }
}

/// The share of flows that survived.
fn affinity<'a>(flows: &'a Flows<'a>, client: Option<String>) -> Seen<'a> {
    let mut changes: Vec<u64> = flows.connections.iter().filter_map(|c| Some(c.broken.as_ref()?.at)).collect();
    changes.sort_unstable();
    let read = move |from, to| {
        let cohort = flows.cohort(client.as_deref(), from, to);
        let all = cohort.len();
        if all == 0 {
            return nothing();
        }
        let survived = cohort.iter().filter(|c| c.broken.as_ref().is_none_or(|b| b.at >= to)).count();
        Ok((Reading::Share(survived, all), format!("{} ({survived} of {all})", percent(survived, all))))
    };
    Seen::Window { changes, read: Box::new(read) }
}

/// How many members serve a client's flows, from each time on. A broken flow is served by nobody.
fn members<'a>(flows: &'a Flows<'a>, client: &str) -> Seen<'a> {
    let mut changes: Vec<(u64, &str, bool)> = Vec::new();
    for connection in flows.connections.iter().filter(|c| c.client == client) {
        changes.push((connection.begun, connection.member, true));
        changes.extend(connection.broken.as_ref().map(|b| (b.at, connection.member, false)));
    }
    changes.sort_by_key(|(at, ..)| *at);
    let (mut serving, mut states): (BTreeMap<&str, usize>, Vec<(u64, Reading)>) = Default::default();
    for (at, member, begins) in changes {
        let count = serving.entry(member).or_default();
        *count = if begins { *count + 1 } else { count.saturating_sub(1) };
        let reading = Reading::Number(serving.values().filter(|n| **n > 0).count() as f64);
        if states.last().is_none_or(|(_, last)| *last != reading) {
            states.push((at, reading));
        }
    }
    Seen::State(states)
}
