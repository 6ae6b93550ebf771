//! Catchments: who answers each client, from the probes.
//!
//! A client's catchment at a moment is the member that answered the latest probe sent by then. One
//! or two lost probes are packet loss and change nothing; three in a row are an outage, and from
//! the first of them on nobody answers.

use std::collections::BTreeMap;

use crate::measure::model::{ClientReport, Move};
use crate::measure::stats::ms_between;
use crate::record::{GroupFacts, ProbeResult, Record, What};

/// Probes lost in a row that make an outage.
const OUTAGE: usize = 3;

/// All probes of one client to one group.
pub(crate) struct Probed<'a> {
    pub(crate) client: &'a str,
    pub(crate) group: &'a GroupFacts,
    /// By the time they were sent.
    probes: Vec<&'a ProbeResult>,
    /// Who answers probes sent from then on; only changes, empty before the first answer.
    pub(crate) states: Vec<(u64, Option<&'a str>)>,
    /// When the probes were sent that were lost.
    pub(crate) lost: Vec<u64>,
}

impl<'a> Probed<'a> {
    /// Probes by client and group. Those to a group that the lab does not have are left out.
    pub(crate) fn all(record: &'a Record) -> Vec<Self> {
        let mut found: BTreeMap<(usize, &str), Vec<&ProbeResult>> = BTreeMap::new();
        for event in &record.events {
            let What::Probes { client, group, probes, .. } = &event.what else { continue };
            if let Some(index) = group_index(&record.facts.groups, group) {
                found.entry((index, client)).or_default().extend(probes);
            }
        }
        found.into_iter().map(|((g, client), probes)| Self::new(client, &record.facts.groups[g], probes)).collect()
    }

    fn new(client: &'a str, group: &'a GroupFacts, mut probes: Vec<&'a ProbeResult>) -> Self {
        probes.sort_by_key(|p| (p.sent, p.seq));
        let lost = probes.iter().filter(|p| p.rtt.is_none()).map(|p| p.sent).collect();
        let (mut states, mut current) = (Vec::new(), None);
        let (mut in_a_row, mut first_lost) = (0, 0);
        for probe in &probes {
            if probe.rtt.is_none() {
                in_a_row += 1;
                if in_a_row == 1 {
                    first_lost = probe.sent;
                }
                if in_a_row == OUTAGE && current.is_some() {
                    current = None;
                    states.push((first_lost, None));
                }
            } else if let Some(member) = probe.member.as_deref() {
                in_a_row = 0;
                if current != Some(member) {
                    current = Some(member);
                    states.push((probe.sent, current));
                }
            }
        }
        Self { client, group, probes, states, lost }
    }

    /// Who answers probes sent at this moment.
    pub(crate) fn at(&self, at: u64) -> Option<&'a str> {
        let known = self.states.partition_point(|(from, _)| *from <= at);
        known.checked_sub(1).and_then(|last| self.states[last].1)
    }

    /// Who answers at `from`, else who answered first before `until`.
    pub(crate) fn first(&self, from: u64, until: u64) -> Option<&'a str> {
        self.first_answer(from, until).and_then(|at| self.at(at))
    }

    /// `from` if somebody answers then, else when the first probe before `until` was sent that was answered.
    pub(crate) fn first_answer(&self, from: u64, until: u64) -> Option<u64> {
        if self.at(from).is_some() {
            return Some(from);
        }
        let answered = |state: &&(u64, Option<&str>)| (from..until).contains(&state.0) && state.1.is_some();
        self.states.iter().find(answered).map(|(at, _)| *at)
    }

    /// The latest probe sent by then that was answered, and by whom.
    pub(crate) fn latest_answer(&self, at: u64) -> Option<(u64, &'a str)> {
        let sent = self.probes.partition_point(|p| p.sent <= at);
        self.probes[..sent].iter().rev().find_map(|p| Some((p.sent, p.member.as_deref()?)))
    }

    /// Probes sent from `from` on and before `to`.
    pub(crate) fn sent(&self, from: u64, to: u64) -> &[&'a ProbeResult] {
        let index = |at| self.probes.partition_point(|p| p.sent < at);
        &self.probes[index(from)..index(to).max(index(from))]
    }

    /// Number of lost probes among those sent from `from` on and before `to`.
    pub(crate) fn lost(&self, from: u64, to: u64) -> usize {
        let index = |at| self.lost.partition_point(|sent| *sent < at);
        index(to).saturating_sub(index(from))
    }

    /// When, from `from` on and before `to`, another member first answered than the one before.
    pub(crate) fn first_move(&self, from: u64, to: u64) -> Option<u64> {
        let start = self.states.partition_point(|(at, _)| *at < from);
        let mut member = self.states[..start].iter().rev().find_map(|(_, member)| *member);
        for (at, next) in self.states[start..].iter().take_while(|(at, _)| *at < to) {
            if next.is_some() && member.is_some() && *next != member {
                return Some(*at);
            }
            member = next.or(member);
        }
        None
    }

    /// What a fault did to this client: `None` if it neither moved nor lost a probe.
    pub(crate) fn reaction(&self, begin: u64, end: u64) -> Option<ClientReport> {
        let (from, to) = (self.at(begin.saturating_sub(1)), self.at(end.saturating_sub(1)));
        let lost = self.lost(begin, end);
        if from == to && lost == 0 {
            return None;
        }
        let sent = self.sent(begin, end);
        let after_loss = if from == to { sent.iter().position(|p| p.rtt.is_none()).unwrap_or(0) } else { 0 };
        let answer = sent[after_loss..].iter().find(|p| p.rtt.is_some() && to.is_some() && p.member.as_deref() == to);
        let first_reply_ms = answer.map(|p| ms_between(begin, p.sent + p.rtt.unwrap_or(0)));
        let owned = |member: Option<&str>| member.map(str::to_owned);
        Some(ClientReport {
            client: self.client.to_owned(),
            group: self.group.name.clone(),
            from: owned(from),
            to: owned(to),
            lost,
            outage_ms: ms_between(0, outage(sent, end)),
            last_lost_ms: sent.iter().rfind(|p| p.rtt.is_none()).map(|p| ms_between(begin, p.sent)),
            first_reply_ms,
        })
    }
}

/// Nanoseconds of the longest run of lost probes among these, from the first one's sending to that of
/// the next that was answered, or to `end`.
pub(crate) fn outage(sent: &[&ProbeResult], end: u64) -> u64 {
    let (mut longest, mut begun) = (0, None);
    for probe in sent {
        match (probe.rtt, begun) {
            (None, None) => begun = Some(probe.sent),
            (Some(_), Some(from)) => {
                longest = longest.max(probe.sent - from);
                begun = None;
            }
            _ => {}
        }
    }
    longest.max(begun.map_or(0, |from| end.saturating_sub(from)))
}

/// The moves among the affected clients of a fault.
pub(crate) fn moves(clients: &[ClientReport]) -> Vec<Move> {
    let moved = clients.iter().filter(|c| c.from != c.to);
    moved
        .map(|c| Move { client: c.client.clone(), group: c.group.clone(), from: c.from.clone(), to: c.to.clone() })
        .collect()
}

/// The group of this name, or with this address.
pub(crate) fn group_index(groups: &[GroupFacts], wanted: &str) -> Option<usize> {
    groups.iter().position(|g| is_group(g, wanted))
}

/// Whether this is the group's name or one of its addresses.
pub(crate) fn is_group(group: &GroupFacts, wanted: &str) -> bool {
    group.name == wanted || wanted.parse().is_ok_and(|address| group.addresses.contains(&address))
}
