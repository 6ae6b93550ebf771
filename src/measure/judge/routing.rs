//! What routing shows: the ways of packets, what is wrong with them, and what BGP says meanwhile.

use std::collections::BTreeSet;

use super::clients::group;
use super::seen::{Read, counter, state};
use crate::measure::Findings;
use crate::measure::predicted::differences;
use crate::measure::reading::{Reading, Seen};
use crate::measure::replay::{Change, Network, Node};
use crate::measure::surveyed::disagreements;
use crate::measure::transient::Transient;
use crate::record::survey::MOST_WAYS;
use crate::record::{Deed, Record, What};
use crate::scenario::Subject;

pub(super) const READINGS: &[(&str, Read)] = &[
    ("reachable", |f, s| {
        let to = s.to.as_ref()?;
        replayed(f.record, s, |network, from| Reading::Truth(network.reachable(from, to)))
    }),
    ("hops", |f, s| {
        on_the_way(f.record, s, |ways| {
            let links = ways.iter().map(|way| way.len() - 1).max();
            links.map_or(Reading::Absent, |links| Reading::Number(links as f64))
        })
    }),
    ("as path", |f, s| {
        let record = f.record;
        on_the_way(record, s, |ways| Reading::Ways(ways.iter().map(|way| as_path(record, way)).collect()))
    }),
    ("routes", |f, s| replayed(f.record, s, |network, node| Reading::Number(network.routes(node) as f64))),
    ("loops", |f, s| Some(counter(f.transients.begins(true, s.of.as_deref())))),
    ("blackholes", |f, s| Some(counter(f.transients.begins(false, s.of.as_deref())))),
    ("longest blackhole", |f, s| Some(longest_blackhole(f, s.of.as_deref()))),
    ("hijacked share", |f, s| hijacked(f, s.of.as_deref())),
    ("updates", |f, _| Some(counter(f.heard.as_ref()?.times()))),
    ("mispredicted routes", |f, _| Some(counter(differences(f.record)))),
    ("disagreements", |f, s| Some(disagreements(f, s.of.as_deref()))),
];

/// Of the clients of a group, those with a way of packets to its address that ends in a stub that has ever hijacked a
/// group: at a host that answers, or nowhere.
fn hijacked<'a>(findings: &'a Findings<'a>, wanted: Option<&str>) -> Option<Seen<'a>> {
    let record = findings.record;
    let facts = &record.facts.groups[group(findings, wanted)?];
    let address = *facts.addresses.first()?;
    let rogues: BTreeSet<&str> = record.events.iter().filter_map(|event| rogue(&event.what)).collect();
    let mut network = Network::new(&record.facts);
    let clients = findings.probed.iter().filter(|p| std::ptr::eq(p.group, facts));
    let gateways: Vec<Node> = clients.filter_map(|p| network.gateway(network.node(p.client)?)).collect();
    let is_rogue = |node: Node| record.facts.nodes[node].stub.as_deref().is_some_and(|stub| rogues.contains(stub));
    let mut states = Vec::new();
    for event in &record.events {
        if matches!(network.apply(&event.what), Change::Nothing | Change::Host { .. }) {
            continue;
        }
        let taken = |gateway: &&Node| {
            let ways = network.straight_to_host(**gateway, address, MOST_WAYS);
            ways.iter().any(|way| way.last().is_some_and(|last| is_rogue(*last) && (last != *gateway || way.len() > 1)))
        };
        states.push((event.at, Reading::Share(gateways.iter().filter(taken).count(), gateways.len())));
    }
    Some(state(states))
}

fn rogue(what: &What) -> Option<&str> {
    match what {
        What::Fault { target, deed: Some(Deed::Hijack), .. } => Some(target),
        _ => None,
    }
}

/// Of black holes only that part counts that lies in the window, so a longer window never shows less.
fn longest_blackhole<'a>(findings: &'a Findings<'a>, group: Option<&str>) -> Seen<'a> {
    let record = findings.record;
    let holes: Vec<_> = findings.transients.blackholes(group).collect();
    let mut changes: Vec<u64> = holes.iter().flat_map(|hole| [hole.from, hole.to.unwrap_or(record.end)]).collect();
    changes.sort_unstable();
    let read = move |from: u64, to: u64| {
        let part = |hole: &Transient<'_>| hole.to.unwrap_or(to).min(to).saturating_sub(hole.from.max(from));
        let longest = holes.iter().rev().max_by_key(|hole| part(hole)).filter(|hole| part(hole) > 0);
        let text = longest.map_or("none".to_owned(), |hole| {
            let begun = record.seconds(hole.from);
            format!("{:.3} s: {} ({}) from {begun:.1} s", part(hole) as f64 / 1e9, hole.nodes.join(", "), hole.group)
        });
        Ok((Reading::Seconds(longest.map_or(0.0, |hole| part(hole) as f64 / 1e9)), text))
    };
    Seen::Window { changes, read: Box::new(read) }
}

/// What the routes and links are like whenever they change; `None` if the lab has no such node.
fn replayed<'a>(
    record: &'a Record,
    subject: &Subject,
    reading: impl Fn(&Network<'a>, Node) -> Reading,
) -> Option<Seen<'a>> {
    let mut network = Network::new(&record.facts);
    let node = network.node(subject.name())?;
    let mut states: Vec<(u64, Reading)> = Vec::new();
    for event in &record.events {
        if !matches!(network.apply(&event.what), Change::Nothing | Change::Host { .. }) {
            let now = reading(&network, node);
            if states.last().is_none_or(|(_, before)| *before != now) {
                states.push((event.at, now));
            }
        }
    }
    (!states.is_empty()).then_some(Seen::State(states))
}

fn on_the_way<'a>(
    record: &'a Record,
    subject: &Subject,
    reading: impl Fn(&[Vec<&'a str>]) -> Reading,
) -> Option<Seen<'a>> {
    let to = subject.to.as_ref()?;
    replayed(record, subject, |network, from| {
        let names = |way: Vec<Node>| way.into_iter().map(|node| network.name(node)).collect();
        let mut ways: Vec<Vec<&str>> = network.to(from, to).into_iter().map(names).collect();
        ways.sort_unstable();
        reading(&ways)
    })
}

/// The ASes on a way as BGP would have them: without the first node's own, each once.
fn as_path(record: &Record, way: &[&str]) -> Vec<String> {
    let as_of = |node: &&str| record.facts.nodes.iter().find(|n| n.name == **node).map(|n| n.as_name.as_str());
    let mut ases: Vec<&str> = way.iter().filter_map(as_of).collect();
    ases.dedup();
    ases.into_iter().skip(1).map(str::to_owned).collect()
}
