//! What the metrics of load, flips and stretch show in a record.

use crate::measure::Findings;
use crate::measure::catchment::is_group;
use crate::measure::effect::Stretch;
use crate::measure::load::jain;
use crate::measure::observe::{NOTHING, Reading, Seen, WindowReading, nothing, percent};
use crate::measure::overlay::stubs;
use crate::measure::stats::thousandths;
use crate::scenario::Quantile;

/// The index of the group meant: `None` is the first that clients probe.
fn group(findings: &Findings<'_>, wanted: Option<&str>) -> Option<usize> {
    let meant = |p: &&crate::measure::catchment::Probed<'_>| wanted.is_none_or(|name| is_group(p.group, name));
    let probed = findings.probed.iter().find(meant)?;
    findings.record.facts.groups.iter().position(|g| std::ptr::eq(g, probed.group))
}

fn state<'a>(mut states: Vec<(u64, Reading)>) -> Seen<'a> {
    states.dedup_by(|later, earlier| later.1 == earlier.1);
    Seen::State(states)
}

/// While nobody is answered, no comparison holds.
const NOBODY: Reading = Reading::Who(None);

pub(crate) fn fairness<'a>(findings: &Findings<'_>, wanted: Option<&str>) -> Option<Seen<'a>> {
    let over_time = findings.load_over_time(group(findings, wanted)?);
    let fair = |sites: Vec<usize>| jain(sites).map_or(NOBODY, |fairness| Reading::Number(thousandths(fairness)));
    Some(state(over_time.into_iter().map(|(at, sites)| (at, fair(sites.into_values().collect()))).collect()))
}

pub(crate) fn load<'a>(findings: &Findings<'_>, site: &str, wanted: Option<&str>) -> Option<Seen<'a>> {
    let stub_of = stubs(findings.record);
    let is_site = |member: &str| member == site || stub_of.get(member) == Some(&site);
    let over_time = findings.load_over_time(group(findings, wanted)?);
    let states = over_time.into_iter().map(|(at, sites)| {
        let own: usize = sites.iter().filter(|(member, _)| is_site(member)).map(|(_, clients)| clients).sum();
        let all: usize = sites.values().sum();
        (at, if all == 0 { NOBODY } else { Reading::Share(own, all) })
    });
    Some(state(states.collect()))
}

pub(crate) fn flips<'a>(findings: &Findings<'_>, client: Option<&str>) -> Option<Seen<'a>> {
    let meant = |p: &&crate::measure::catchment::Probed<'_>| client.is_none_or(|client| p.client == client);
    let probed: Vec<_> = findings.probed.iter().filter(meant).collect();
    if probed.is_empty() {
        return None;
    }
    let mut times: Vec<u64> = probed.iter().flat_map(|p| p.flips()).map(|(at, ..)| at).collect();
    times.sort_unstable();
    let changes = times.clone();
    let read = move |from: u64, to: u64| {
        let count = times.iter().filter(|at| (from..to).contains(at)).count();
        Ok((Reading::Number(count as f64), count.to_string()))
    };
    Some(Seen::Window { changes, read: Box::new(read) })
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

pub(crate) fn stretch<'a>(findings: &'a Findings<'a>, of: Quantile, wanted: Option<&str>) -> Option<Seen<'a>> {
    latest(findings, wanted, move |found| {
        let (value, inflation) = match of {
            Quantile::P50 => (found.p50, found.inflation_p50_ms),
            Quantile::P90 => (found.p90, found.inflation_p90_ms),
            Quantile::P99 => (found.p99, found.inflation_p99_ms),
        };
        let (Some(value), Some(inflation)) = (value, inflation) else {
            return Err("no client has an answer".to_owned());
        };
        Ok((Reading::Number(value), format!("{value:.2}, {inflation:+.2} ms, {}", told(found))))
    })
}

pub(crate) fn best_site<'a>(findings: &'a Findings<'a>, wanted: Option<&str>) -> Option<Seen<'a>> {
    latest(findings, wanted, |found| match found.clients {
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
