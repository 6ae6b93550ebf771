//! The catchments at the moments that matter: at the begin, around each fault, at the end.

use std::collections::{BTreeMap, BTreeSet};

use crate::measure::Findings;
use crate::measure::catchment::{Probed, is_group};
use crate::measure::model::{Catchment, Disagreement};
use crate::measure::replay::{Node, Replay};
use crate::record::GroupFacts;
use crate::record::survey::MOST_WAYS;

/// Every probed group at every moment, by time, then in the order of the lab's groups.
pub(crate) fn catchments<'a>(findings: &Findings<'a>) -> Vec<Catchment> {
    let record = findings.record;
    let mut replay = Replay::new(record);
    let mut found = Vec::new();
    for (index, (at, moment)) in moments(findings).into_iter().enumerate() {
        replay.until(at);
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
                disagreements: of_group().filter_map(|p| compared(&replay, p, at)).flatten().collect(),
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
    let mut replay = Replay::new(record);
    let mut found = Vec::new();
    for (at, _) in moments(findings) {
        replay.until(at);
        let network = replay.network();
        for group in &record.facts.groups {
            if findings.probed.iter().any(|p| std::ptr::eq(p.group, group)) {
                let only = |node: Node| {
                    let ends = network.ends(node, *group.addresses.first()?);
                    (ends.len() == 1).then(|| ends.first().map(|end| (network.name(node), network.name(*end))))?
                };
                found.push((0..network.size()).filter(|node| !network.is_host(*node)).filter_map(only).collect());
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
    let mut replay = Replay::new(record);
    let mut found = Vec::new();
    for (at, _) in moments(findings) {
        replay.until(at);
        let meant = findings.probed.iter().filter(|p| group.is_none_or(|group| is_group(p.group, group)));
        let all: Vec<_> = meant.filter_map(|p| compared(&replay, p, at)).collect();
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

/// Compares the answers with the other witness, where the kernels' routes lead from the client's gateway, if
/// none to a group has changed since the client's latest answered probe was sent. `None`: they cannot be
/// compared (where servers pass on what comes, routes end at those), or it is not known where the routes lead;
/// `Some(None)`: they agree.
fn compared<'a>(replay: &Replay<'a>, probed: &Probed<'a>, at: u64) -> Option<Option<Disagreement>> {
    let (sent, answered_by) = probed.latest_answer(at)?;
    if probed.group.by_servers || sent < replay.changed() || probed.at(at) != Some(answered_by) {
        return None;
    }
    let network = replay.network();
    let gateway = network.gateway(network.node(probed.client)?)?;
    let address = *probed.group.addresses.first()?;
    let routed_to: BTreeSet<&str> = network.ends(gateway, address).into_iter().map(|end| network.name(end)).collect();
    if routed_to.is_empty() {
        return None;
    }
    let ways = || network.straight_to_host(gateway, address, MOST_WAYS).into_iter();
    let names = |nodes: Vec<Node>| nodes.into_iter().map(|node| network.name(node).to_owned()).collect();
    Some((!routed_to.contains(answered_by)).then(|| Disagreement {
        client: probed.client.to_owned(),
        answered_by: answered_by.to_owned(),
        routed_to: routed_to.iter().map(|name| (*name).to_owned()).collect(),
        ways: ways().map(names).collect(),
    }))
}
