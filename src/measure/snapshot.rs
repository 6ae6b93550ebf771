//! The catchments at the moments that matter: at the begin, around each fault, at the end.

use std::collections::BTreeMap;

use crate::measure::Findings;
use crate::measure::catchment::{Probed, is_group};
use crate::measure::model::{Catchment, Disagreement};
use crate::measure::walk::Tables;
use crate::record::GroupFacts;

/// Every probed group at every moment, by time, then in the order of the lab's groups.
pub(crate) fn catchments<'a>(findings: &Findings<'a>) -> Vec<Catchment> {
    let record = findings.record;
    let mut tables = Tables::new(record);
    let mut events = record.events.iter().peekable();
    let mut found = Vec::new();
    for (index, (at, moment)) in moments(findings).into_iter().enumerate() {
        while let Some(event) = events.next_if(|e| e.at <= at) {
            tables.apply(event.at, &event.what);
        }
        for group in &record.facts.groups {
            let of_group = || findings.probed.iter().filter(|p| std::ptr::eq(p.group, group));
            if of_group().next().is_none() {
                continue;
            }
            // At the begin, whoever answered first counts, even if it has fallen silent since.
            let member = |p: &Probed<'a>| if index == 0 { p.first(record.zero(), at + 1) } else { p.at(at) };
            let clients = of_group().map(|p| (p.client.to_owned(), member(p).map(str::to_owned))).collect();
            found.push(Catchment {
                at: record.seconds(at),
                moment: moment.clone(),
                group: address(group),
                group_name: group.name.clone(),
                disagreements: of_group().filter_map(|p| compared(&tables, p, at)).flatten().collect(),
                clients,
            });
        }
    }
    found
}

/// Where the routes of every router and gateway lead, catchment by catchment; those that end nowhere, or
/// in several places, are left out.
pub(crate) fn routed<'a>(findings: &Findings<'a>) -> Vec<BTreeMap<&'a str, &'a str>> {
    let record = findings.record;
    let mut tables = Tables::new(record);
    let mut events = record.events.iter().peekable();
    let mut found = Vec::new();
    for (at, _) in moments(findings) {
        while let Some(event) = events.next_if(|e| e.at <= at) {
            tables.apply(event.at, &event.what);
        }
        for group in &record.facts.groups {
            if findings.probed.iter().any(|p| std::ptr::eq(p.group, group)) {
                let routers = record.facts.nodes.iter().filter(|n| n.kind.is_router()).map(|n| n.name.as_str());
                let only = |node: &'a str| {
                    let ends = tables.from(node, group);
                    (ends.len() == 1).then(|| ends.first().map(|end| (node, *end)))?
                };
                found.push(routers.filter_map(only).collect());
            }
        }
    }
    found
}

fn address(group: &GroupFacts) -> String {
    group.addresses.first().map_or_else(|| group.name.clone(), ToString::to_string)
}

/// Of one group (or each), at every moment of the report's catchments: the clock, how many clients were
/// compared, and how many of them disagree.
pub(crate) fn comparisons(findings: &Findings<'_>, group: Option<&str>) -> Vec<(u64, usize, usize)> {
    let record = findings.record;
    let mut tables = Tables::new(record);
    let mut events = record.events.iter().peekable();
    let mut found = Vec::new();
    for (at, _) in moments(findings) {
        while let Some(event) = events.next_if(|e| e.at <= at) {
            tables.apply(event.at, &event.what);
        }
        let meant = findings.probed.iter().filter(|p| group.is_none_or(|group| is_group(p.group, group)));
        let all: Vec<_> = meant.filter_map(|p| compared(&tables, p, at)).collect();
        if !all.is_empty() {
            found.push((at, all.len(), all.iter().flatten().count()));
        }
    }
    found
}

/// Clock readings and names. The begin is when the last client got its first answer.
fn moments(findings: &Findings<'_>) -> Vec<(u64, String)> {
    let record = findings.record;
    let until = findings.windows.first().map_or(record.end, |w| w.begin.saturating_sub(1));
    let firsts = findings.probed.iter().filter_map(|p| p.first_answer(record.zero(), until + 1));
    let begin = firsts.max().unwrap_or(record.zero()).clamp(record.zero().min(until), until);
    let mut moments = vec![(begin, "begin".to_owned())];
    for window in &findings.windows {
        let before = window.begin.saturating_sub(1);
        if moments.last().is_none_or(|(at, _)| *at < before) {
            moments.push((before, format!("before {}", window.fault)));
        }
        let after = window.end.saturating_sub(1);
        moments.push((after, format!("after {}", window.fault)));
    }
    if moments.len() > 1 && moments.last().is_some_and(|(at, _)| at.saturating_add(1) >= record.end) {
        moments.pop();
    }
    moments.push((record.end, "end".to_owned()));
    moments
}

/// Compares the answers with the routes, if no route to the group has changed since the client's
/// latest answered probe was sent. `None`: they cannot be compared; `Some(None)`: they agree.
pub(crate) fn compared<'a>(tables: &Tables<'a>, probed: &Probed<'a>, at: u64) -> Option<Option<Disagreement>> {
    let (sent, answered_by) = probed.latest_answer(at)?;
    if sent < tables.last_change() || probed.at(at) != Some(answered_by) {
        return None;
    }
    let routed_to = tables.destinations(probed.client, probed.group);
    if routed_to.is_empty() {
        return None;
    }
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    Some((!routed_to.contains(answered_by)).then(|| Disagreement {
        client: probed.client.to_owned(),
        answered_by: answered_by.to_owned(),
        routed_to: routed_to.into_iter().map(str::to_owned).collect(),
        ways: tables.ways(probed.client, probed.group).into_iter().map(owned).collect(),
    }))
}
