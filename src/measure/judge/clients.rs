//! What clients' probes show: who answers them, what is lost, how they are spread over sites.

use std::collections::BTreeSet;

use super::seen::{Read, counter, state};
use crate::measure::Findings;
use crate::measure::catchment::{Probed, is_group, outage as longest_outage};
use crate::measure::load::evenness;
use crate::measure::overlay::stubs;
use crate::measure::reading::{Reading, Seen, nothing};
use crate::measure::stats::thousandths;
use crate::scenario::Subject;

pub(super) const READINGS: &[(&str, Read)] = &[
    ("outage", |f, s| outage(f, s)),
    ("catchment", |f, s| catchment(f, s)),
    ("moved clients", |f, _| Some(moved(&f.probed))),
    ("lost probes", |f, s| lost(f, s)),
    ("fairness", |f, s| fairness(f, s)),
    ("load", |f, s| load(f, s)),
    ("flips", |f, s| flips(f, s)),
];

/// What one client sees, or all do; `None`: nobody probes.
fn probed_by_any<'a>(findings: &'a Findings<'a>, subject: &Subject) -> Option<Vec<&'a Probed<'a>>> {
    let meant = |p: &&Probed<'_>| subject.of.as_ref().is_none_or(|client| p.client == client);
    Some(findings.probed.iter().filter(meant).collect()).filter(|probed: &Vec<_>| !probed.is_empty())
}

fn catchment<'a>(findings: &'a Findings<'a>, subject: &Subject) -> Option<Seen<'a>> {
    let stub_of = stubs(findings.record);
    let probed = probed_by(findings, subject)?;
    let who = |member: &str| (member.to_owned(), stub_of.get(member).map(|s| (*s).to_owned()));
    Some(Seen::State(probed.states.iter().map(|(at, member)| (*at, Reading::Who(member.map(who)))).collect()))
}

fn probed_by<'a>(findings: &'a Findings<'a>, subject: &Subject) -> Option<&'a Probed<'a>> {
    let wanted =
        |p: &&Probed<'_>| p.client == subject.name() && subject.group.as_ref().is_none_or(|g| is_group(p.group, g));
    findings.probed.iter().find(wanted)
}

fn outage<'a>(findings: &'a Findings<'a>, subject: &Subject) -> Option<Seen<'a>> {
    let probed = probed_by(findings, subject)?;
    let read = move |from, to| match probed.sent(from, to) {
        [] => nothing(),
        sent => {
            let seconds = longest_outage(sent, to) as f64 / 1e9;
            Ok((Reading::Seconds(seconds), format!("{seconds:.3} s")))
        }
    };
    Some(Seen::Window { changes: probed.lost.clone(), read: Box::new(read) })
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

fn lost<'a>(findings: &'a Findings<'a>, subject: &Subject) -> Option<Seen<'a>> {
    let probed = probed_by_any(findings, subject)?;
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

/// The index of the group meant: `None` is the first that clients probe.
pub(super) fn group(findings: &Findings<'_>, wanted: Option<&str>) -> Option<usize> {
    let meant = |p: &&Probed<'_>| wanted.is_none_or(|name| is_group(p.group, name));
    let probed = findings.probed.iter().find(meant)?;
    findings.record.facts.groups.iter().position(|g| std::ptr::eq(g, probed.group))
}

/// While nobody is answered, no comparison holds.
const NOBODY: Reading = Reading::Who(None);

fn fairness<'a>(findings: &'a Findings<'a>, subject: &Subject) -> Option<Seen<'a>> {
    let over_time = findings.load_over_time(group(findings, subject.of.as_deref())?);
    let fair = |sites: Vec<usize>| evenness(sites).map_or(NOBODY, |fairness| Reading::Number(thousandths(fairness)));
    Some(state(over_time.into_iter().map(|(at, sites)| (at, fair(sites.into_values().collect()))).collect()))
}

fn load<'a>(findings: &'a Findings<'a>, subject: &Subject) -> Option<Seen<'a>> {
    let (stub_of, site) = (stubs(findings.record), subject.name());
    let is_site = |member: &str| member == site || stub_of.get(member) == Some(&site);
    let over_time = findings.load_over_time(group(findings, subject.group.as_deref())?);
    let states = over_time.into_iter().map(|(at, sites)| {
        let own: usize = sites.iter().filter(|(member, _)| is_site(member)).map(|(_, clients)| clients).sum();
        let all: usize = sites.values().sum();
        (at, if all == 0 { NOBODY } else { Reading::Share(own, all) })
    });
    Some(state(states.collect()))
}

fn flips<'a>(findings: &'a Findings<'a>, subject: &Subject) -> Option<Seen<'a>> {
    let mut times: Vec<u64> =
        probed_by_any(findings, subject)?.iter().flat_map(|p| p.flips()).map(|(at, ..)| at).collect();
    times.sort_unstable();
    Some(counter(times))
}
