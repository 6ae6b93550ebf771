//! The sites of each group over time: members that announce it, and that links connect with one of its clients.

use std::collections::{BTreeMap, BTreeSet};

use crate::measure::catchment::Probed;
use crate::measure::reach::Reach;
use crate::record::{NodeDid, ProcessKind, Record, What};

/// The sites of one group.
pub(crate) struct Sites<'a> {
    /// Who is a site from when on; only changes. Empty before the first announcement.
    steps: Vec<(u64, BTreeSet<&'a str>)>,
}

impl<'a> Sites<'a> {
    /// Of every group of the lab, in its order.
    pub(crate) fn all(record: &'a Record, probed: &[Probed<'a>], reach: &Reach) -> Vec<Self> {
        let mut announced = announcements(record);
        let groups = record.facts.groups.iter();
        groups
            .map(|group| {
                let clients: Vec<&Probed<'a>> = probed.iter().filter(|p| std::ptr::eq(p.group, group)).collect();
                let steps = announced.remove(group.name.as_str()).unwrap_or_else(|| ever_answering(&clients));
                Self { steps: connected(&steps, &clients, reach) }
            })
            .collect()
    }

    /// Those at this moment.
    pub(crate) fn at(&self, at: u64) -> impl Iterator<Item = &'a str> {
        let known = self.steps.partition_point(|(from, _)| *from <= at);
        known.checked_sub(1).into_iter().flat_map(|last| self.steps[last].1.iter().copied())
    }

    /// Those that ever were between these moments.
    pub(crate) fn between(&self, from: u64, to: u64) -> BTreeSet<&'a str> {
        let later = self.steps.iter().filter(|(at, _)| (from..to).contains(at)).flat_map(|(_, sites)| sites);
        self.at(from).chain(later.copied()).collect()
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = u64> {
        self.steps.iter().map(|(at, _)| *at)
    }
}

type Steps<'a> = Vec<(u64, BTreeSet<&'a str>)>;

/// Who announces each group, as the nodes and the ends of BIRDs tell it. A killed node does not withdraw,
/// unless its host has a health gate.
fn announcements(record: &Record) -> BTreeMap<&str, Steps<'_>> {
    let mut now: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut found: BTreeMap<&str, Steps<'_>> = BTreeMap::new();
    let mut step = |at, group, members: &BTreeSet<_>| found.entry(group).or_default().push((at, members.clone()));
    for event in &record.events {
        match &event.what {
            What::Node { node, did: NodeDid::Announced { group }, .. } => {
                let members = now.entry(group).or_default();
                if members.insert(node) {
                    step(event.at, group.as_str(), members);
                }
            }
            What::Node { node, did: NodeDid::Withdrew { group }, .. } => {
                let members = now.entry(group).or_default();
                if members.remove(node.as_str()) {
                    step(event.at, group.as_str(), members);
                }
            }
            What::Exit { node, kind: Some(ProcessKind::Routing), .. } => {
                for (group, members) in &mut now {
                    if members.remove(node.as_str()) {
                        step(event.at, group, members);
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// In a record that says nothing of announcements.
fn ever_answering<'a>(clients: &[&Probed<'a>]) -> Steps<'a> {
    vec![(0, clients.iter().flat_map(|p| p.states.iter().filter_map(|(_, member)| *member)).collect())]
}

/// Without those that no link connects with a client.
fn connected<'a>(announced: &Steps<'a>, clients: &[&Probed<'a>], reach: &Reach) -> Steps<'a> {
    let mut changes: Vec<u64> = announced.iter().map(|(at, _)| *at).chain(reach.changes()).collect();
    changes.sort_unstable();
    changes.dedup();
    let mut steps: Steps<'a> = Vec::new();
    for at in changes {
        let known = announced.partition_point(|(from, _)| *from <= at);
        let Some((_, members)) = known.checked_sub(1).map(|last| &announced[last]) else { continue };
        let reached = |member: &&&str| {
            clients.is_empty() || reach.undivided(at) || clients.iter().any(|c| reach.connected(at, c.client, member))
        };
        let sites: BTreeSet<&str> = members.iter().filter(reached).copied().collect();
        if steps.last().is_none_or(|(_, last)| *last != sites) {
            steps.push((at, sites));
        }
    }
    steps
}
