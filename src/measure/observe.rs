//! What a metric shows in a record: a state over time, or a count over a window.

use std::collections::BTreeSet;

use crate::measure::Findings;
use crate::measure::catchment::{self, Probed};
use crate::measure::distance::Measured;
use crate::measure::flood;
use crate::measure::flows::Flows;
use crate::measure::islands::Shape;
use crate::measure::observe_effects as effects;
use crate::measure::observe_flows;
use crate::measure::overlay::{Answer, Audited, History, Lookup, stubs};
use crate::measure::replay::{Change, Network, Node};
use crate::measure::summary::merge;
use crate::measure::surveyed::disagreements;
use crate::record::Record;
use crate::scenario::{Metric, Target};

/// One value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    Number(f64),
    /// A share of a whole, both counted.
    Share(usize, usize),
    Seconds(f64),
    Truth(bool),
    /// A member and its stub; `None`: nobody answers.
    Who(Option<(String, Option<String>)>),
    /// The other ASes on each way to a target, several with equal-cost routes; none: no way.
    Ways(Vec<Vec<String>>),
    /// A quantity of what is not there.
    Absent,
}

/// A reading of a window, and what to say of it; `Err` says why there is none.
pub(crate) type WindowReading = Result<(Reading, String), String>;

pub(crate) enum Seen<'a> {
    /// The value from each time on.
    State(Vec<(u64, Reading)>),
    Window {
        /// When a window that begins with the play may read differently.
        changes: Vec<u64>,
        /// Reads what happened from one time on and before another.
        read: Box<dyn Fn(u64, u64) -> WindowReading + 'a>,
    },
}

/// What is observed when the record has nothing of a metric.
pub(crate) const NOTHING: &str = "nothing recorded";

pub(crate) fn nothing<T>() -> Result<T, String> {
    Err(NOTHING.to_owned())
}

/// What the record shows of a metric; `None` if it has nothing about the subject.
pub(crate) fn observe<'a>(findings: &'a Findings<'a>, metric: &Metric) -> Option<Seen<'a>> {
    let history = |name: &str| findings.overlays.iter().find(|h| h.facts.name == name && h.observed);
    let audited = |name: &str| findings.overlays.iter().find(|h| h.facts.name == name && !h.audits.is_empty());
    Some(match metric {
        Metric::Joins(overlay) => counter(history(overlay)?.joins.iter().map(|j| j.at).collect()),
        Metric::FailedJoins(overlay) => counter(history(overlay)?.failed_joins.clone()),
        Metric::Members(overlay) => state(history(overlay)?, |s| Reading::Number(s.members as f64)),
        Metric::Islands(overlay) => state(history(overlay)?, |s| Reading::Number(s.sizes.len() as f64)),
        Metric::Whole(overlay) => state(history(overlay)?, |s| Reading::Truth(s.whole)),
        Metric::Merge(overlay) => merging(findings.record, history(overlay)?),
        Metric::Lookups(overlay, stub) => {
            counter(lookups(findings, history(overlay)?, stub.as_deref()).iter().map(|l| l.sent).collect())
        }
        Metric::LookupSuccess(overlay, stub) => answers(
            lookups(findings, history(overlay)?, stub.as_deref()),
            |answer| answer == Answer::Ok,
            |ok, sent| (Reading::Share(ok, sent), format!("{} ({ok} of {sent})", percent(ok, sent))),
        ),
        Metric::WrongLookups(overlay, stub) => answers(
            lookups(findings, history(overlay)?, stub.as_deref()),
            |answer| answer == Answer::Wrong,
            |wrong, sent| (Reading::Number(wrong as f64), format!("{wrong} of {sent}")),
        ),
        Metric::MissingKeys(overlay) => audits(audited(overlay)?, |audits| {
            let missing: BTreeSet<&str> = audits.iter().flat_map(|a| a.missing).map(String::as_str).collect();
            missing.len()
        }),
        Metric::ConflictingKeys(overlay) => {
            audits(audited(overlay)?, |audits| audits.iter().map(|a| a.conflicts as usize).max().unwrap_or(0))
        }
        Metric::FoundKeys(overlay) => audits(audited(overlay)?, |audits| audits.last().map_or(0, |a| a.found as usize)),
        Metric::FloodGain(overlay) => {
            flood::gain(findings.overlays.iter().find(|h| h.facts.name == *overlay && !h.floods.is_empty())?)
        }
        Metric::Catchment(client, group) => answering(findings, client, group.as_deref())?,
        Metric::Disagreements(group) => disagreements(findings, group.as_deref()),
        Metric::MovedClients => moved(&findings.probed),
        Metric::LostProbes(client) => lost(findings, client.as_deref())?,
        Metric::Outage(client, group) => outage(findings, client, group.as_deref())?,
        Metric::Loops(group) => counter(findings.transients.begins(true, group.as_deref())),
        Metric::Blackholes(group) => counter(findings.transients.begins(false, group.as_deref())),
        Metric::Updates => counter(findings.heard.as_ref()?.times()),
        Metric::RoundTrip(a, b) => round_trip(&findings.round_trips, a, b),
        Metric::RoundTripError => round_trip_error(&findings.round_trips),
        Metric::Stretch(quantile, group) => effects::stretch(findings, *quantile, group.as_deref())?,
        Metric::BestSite(group) => effects::best_site(findings, group.as_deref())?,
        Metric::Fairness(group) => effects::fairness(findings, group.as_deref())?,
        Metric::Load(site, group) => effects::load(findings, site, group.as_deref())?,
        Metric::Flips(client) => effects::flips(findings, client.as_deref())?,
        Metric::AsPath(from, to) => on_the_way(findings.record, from, to, |ways| {
            Reading::Ways(ways.iter().map(|way| as_path(findings.record, way)).collect())
        })?,
        Metric::Hops(from, to) => on_the_way(findings.record, from, to, |ways| {
            let links = ways.iter().map(|way| way.len() - 1).max();
            links.map_or(Reading::Absent, |links| Reading::Number(links as f64))
        })?,
        Metric::Reachable(from, to) => {
            replayed(findings.record, from, |network, from| Reading::Truth(network.reachable(from, to)))?
        }
        Metric::Routes(node) => {
            replayed(findings.record, node, |network, node| Reading::Number(network.routes(node) as f64))?
        }
        Metric::BrokenFlows(client) => observe_flows::broken(flows(findings)?, client.as_deref()),
        Metric::Affinity(client) => observe_flows::affinity(flows(findings)?, client.clone()),
        Metric::FlowMembers(client) => observe_flows::members(flows(findings)?, client),
    })
}

/// A share as people write it: all and nothing are told apart from almost.
pub(crate) fn percent(part: usize, whole: usize) -> String {
    if part == whole {
        return "100 %".to_owned();
    }
    let share = (100.0 * part as f64 / whole as f64 * 10.0).floor() / 10.0;
    format!("{share} %")
}

/// The record's flows, if it has any.
fn flows<'a>(findings: &'a Findings<'a>) -> Option<&'a Flows<'a>> {
    Some(&findings.flows).filter(|flows| !flows.connections.is_empty())
}

fn state<'a>(history: &History<'_>, reading: impl Fn(&Shape) -> Reading) -> Seen<'a> {
    let mut states: Vec<(u64, Reading)> = history.shapes.iter().map(|(at, shape)| (*at, reading(shape))).collect();
    states.dedup_by(|later, earlier| later.1 == earlier.1);
    Seen::State(states)
}

/// Index range of the times from `from` on and before `to`.
fn within(times: &[u64], from: u64, to: u64) -> std::ops::Range<usize> {
    let index = |at| times.partition_point(|t| *t < at);
    index(from)..index(to).max(index(from))
}

fn counter<'a>(times: Vec<u64>) -> Seen<'a> {
    let changes = times.clone();
    let read = move |from, to| {
        let count = within(&times, from, to).len();
        Ok((Reading::Number(count as f64), count.to_string()))
    };
    Seen::Window { changes, read: Box::new(read) }
}

/// Lookups by the time they were sent, of one stub's nodes if one is named.
fn lookups<'a>(findings: &Findings<'_>, history: &'a History<'a>, stub: Option<&str>) -> Vec<&'a Lookup<'a>> {
    let stub_of = stubs(findings.record);
    let asked = |l: &&Lookup<'_>| stub.is_none() || stub_of.get(l.asker).copied() == stub;
    history.lookups.iter().filter(asked).collect()
}

fn answers<'a>(
    lookups: Vec<&'a Lookup<'a>>,
    counts: impl Fn(Answer) -> bool,
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

fn merging<'a>(record: &'a Record, history: &'a History<'a>) -> Seen<'a> {
    let changes = history.shapes.iter().map(|(at, _)| *at).collect();
    let read = move |from, to| match merge(record, history, from, to) {
        None => Err(format!("{NOTHING}: no link was repaired")),
        Some((action, None)) => Err(format!("not whole after {action}")),
        Some((action, Some(seconds))) => {
            Ok((Reading::Seconds(seconds), format!("{} s after {action}", (seconds * 1e3).round() / 1e3)))
        }
    };
    Seen::Window { changes, read: Box::new(read) }
}

fn answering<'a>(findings: &'a Findings<'a>, client: &str, group: Option<&str>) -> Option<Seen<'a>> {
    let stub_of = stubs(findings.record);
    let probed = probed_by(findings, client, group)?;
    let who = |member: &str| (member.to_owned(), stub_of.get(member).map(|s| (*s).to_owned()));
    Some(Seen::State(probed.states.iter().map(|(at, member)| (*at, Reading::Who(member.map(who)))).collect()))
}

fn probed_by<'a>(findings: &'a Findings<'a>, client: &str, group: Option<&str>) -> Option<&'a Probed<'a>> {
    let wanted = |p: &&Probed<'_>| p.client == client && group.is_none_or(|g| catchment::is_group(p.group, g));
    findings.probed.iter().find(wanted)
}

fn outage<'a>(findings: &'a Findings<'a>, client: &str, group: Option<&str>) -> Option<Seen<'a>> {
    let probed = probed_by(findings, client, group)?;
    let read = move |from, to| match probed.sent(from, to) {
        [] => nothing(),
        sent => {
            let seconds = catchment::outage(sent, to) as f64 / 1e9;
            Ok((Reading::Seconds(seconds), format!("{seconds:.3} s")))
        }
    };
    Some(Seen::Window { changes: probed.lost.clone(), read: Box::new(read) })
}

fn round_trip<'a>(round_trips: &'a [Measured], a: &str, b: &str) -> Seen<'a> {
    let (a, b) = (a.to_owned(), b.to_owned());
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

fn moved<'a>(probed: &'a [Probed<'a>]) -> Seen<'a> {
    let mut changes: Vec<u64> = probed.iter().flat_map(|p| p.states.iter().map(|(at, _)| *at)).collect();
    changes.sort_unstable();
    let read = move |from, to| {
        let probing: BTreeSet<&str> =
            probed.iter().filter(|p| !p.sent(from, to).is_empty()).map(|p| p.client).collect();
        if probing.is_empty() {
            return nothing();
        }
        let moved: BTreeSet<&str> =
            probed.iter().filter(|p| p.first_move(from, to).is_some()).map(|p| p.client).collect();
        Ok((Reading::Number(moved.len() as f64), format!("{} of {}", moved.len(), probing.len())))
    };
    Seen::Window { changes, read: Box::new(read) }
}

fn lost<'a>(findings: &'a Findings<'a>, client: Option<&str>) -> Option<Seen<'a>> {
    let probed: Vec<&Probed<'_>> =
        findings.probed.iter().filter(|p| client.is_none_or(|client| p.client == client)).collect();
    if probed.is_empty() {
        return None;
    }
    let mut changes: Vec<u64> = probed.iter().flat_map(|p| p.lost.iter().copied()).collect();
    changes.sort_unstable();
    let read = move |from, to| match probed.iter().map(|p| p.sent(from, to).len()).sum::<usize>() {
        0 => nothing(),
        sent => {
            let lost: usize = probed.iter().map(|p| p.lost(from, to)).sum();
            Ok((Reading::Number(lost as f64), format!("{lost} of {sent}")))
        }
    };
    Some(Seen::Window { changes, read: Box::new(read) })
}

/// What the routes and links are like whenever they change; `None` if the lab has no such node.
fn replayed<'a>(record: &'a Record, node: &str, reading: impl Fn(&Network<'a>, Node) -> Reading) -> Option<Seen<'a>> {
    let mut network = Network::new(&record.facts);
    let node = network.node(node)?;
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
    from: &str,
    to: &Target,
    reading: impl Fn(&[Vec<&'a str>]) -> Reading,
) -> Option<Seen<'a>> {
    replayed(record, from, |network, from| {
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
