//! Flows: which connections clients had to whom, what broke them, and how long until there was another.
//!
//! A break belongs to the fault in whose window the flow fell silent. A request on its way when a
//! fault began may be that fault's victim, so a flow that fell silent less than two of its round trips
//! before counts as silenced by it. What breaks after routing has been quiet for [`QUIET_SECONDS`], or
//! before any fault, breaks without one.

use std::collections::{BTreeMap, BTreeSet};

use crate::measure::convergence::{QUIET_SECONDS, Routing};
use crate::measure::flow_model::{FlowCounts, FlowReaction, FlowReport, ProtocolReaction};
use crate::measure::stats::{ms_between, quantile};
use crate::measure::windows::Window;
use crate::record::{BreakReason, FlowChange, FlowDid, Record, What};
use crate::topology::{NodeKind, Transport};

/// Least time before a fault in which what was sent may be its victim.
const IN_FLIGHT: u64 = 20_000_000;

/// One connection of a flow.
#[derive(Clone, Debug)]
pub(crate) struct Connection<'a> {
    pub(crate) client: &'a str,
    pub(crate) group: &'a str,
    pub(crate) flow: u32,
    pub(crate) protocol: Transport,
    pub(crate) member: &'a str,
    /// First answer.
    pub(crate) begun: u64,
    pub(crate) broken: Option<Broken<'a>>,
}

/// How a connection ended.
#[derive(Clone, Debug)]
pub(crate) struct Broken<'a> {
    /// When the client noticed.
    pub(crate) at: u64,
    pub(crate) since: u64,
    pub(crate) why: BreakReason,
    pub(crate) by: Option<&'a str>,
    round_trip: u64,
    /// The flow's next connection: its first answer, and from whom.
    pub(crate) recovered: Option<(u64, &'a str)>,
}

/// A flow's connection, for files of numbers and for pictures. Times are seconds of play.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowLife<'a> {
    pub at: f64,
    pub client: &'a str,
    pub group: &'a str,
    pub flow: u32,
    pub protocol: Transport,
    pub member: &'a str,
    /// `None`: open at the record's end, like all that follow.
    pub broken_at: Option<f64>,
    pub why: Option<BreakReason>,
    /// Who said that it does not know it.
    pub by: Option<&'a str>,
    /// When the oldest request without an answer was sent.
    pub silent_from: Option<f64>,
    /// The fault that the break is attributed to: an index into those of the report.
    pub fault: Option<usize>,
    pub reestablished_at: Option<f64>,
    pub next_member: Option<&'a str>,
}

/// All flows of a record.
pub(crate) struct Flows<'a> {
    /// By the time they began.
    pub(crate) connections: Vec<Connection<'a>>,
    /// What each connection's break is attributed to: an index into the windows, or `None`: to no fault.
    causes: Vec<Option<usize>>,
    requests: u64,
    answered: u64,
}

impl<'a> Flows<'a> {
    pub(crate) fn of(record: &'a Record, windows: &[Window]) -> Self {
        let (mut requests, mut answered) = (0, 0);
        let mut changes: BTreeMap<(&str, &str, u32), Vec<&FlowChange>> = BTreeMap::new();
        for event in &record.events {
            let What::Flows { client, group, changes: new, requests: sent, answered: back } = &event.what else {
                continue;
            };
            requests += sent;
            answered += back;
            for change in new {
                changes.entry((client, group, change.flow)).or_default().push(change);
            }
        }
        let mut connections: Vec<Connection<'_>> = Vec::new();
        for ((client, group, _), mut changes) in changes {
            changes.sort_by_key(|c| c.at);
            connections.extend(lives(client, group, &changes));
        }
        connections.sort_by_key(|c| c.begun);
        let routing = Routing::of(record);
        let quiet: Vec<u64> = windows.iter().map(|window| settled(&routing, window)).collect();
        let causes = connections.iter().map(|c| cause(c.broken.as_ref()?, windows, &quiet)).collect();
        Self { connections, causes, requests, answered }
    }

    /// Every connection, by the time it began.
    pub(crate) fn series(&self, record: &Record) -> Vec<FlowLife<'a>> {
        let life = |(c, fault): (&Connection<'a>, Option<usize>)| {
            let broken = c.broken.as_ref();
            let seconds = |at: u64| record.seconds(at);
            FlowLife {
                at: seconds(c.begun),
                client: c.client,
                group: c.group,
                flow: c.flow,
                protocol: c.protocol,
                member: c.member,
                broken_at: broken.map(|b| seconds(b.at)),
                why: broken.map(|b| b.why),
                by: broken.and_then(|b| b.by),
                silent_from: broken.map(|b| seconds(b.since)),
                fault,
                reestablished_at: broken.and_then(|b| Some(seconds(b.recovered?.0))),
                next_member: broken.and_then(|b| Some(b.recovered?.1)),
            }
        };
        self.each().map(life).collect()
    }

    /// Connections with what their break, if any, is attributed to.
    fn each(&self) -> impl Iterator<Item = (&Connection<'a>, Option<usize>)> {
        self.connections.iter().zip(self.causes.iter().copied())
    }

    /// The flows' connections that a window is about: those there when it began, or else the first one
    /// in it, a connection for each flow.
    pub(crate) fn cohort(&self, client: Option<&str>, from: u64, to: u64) -> Vec<&Connection<'a>> {
        let mut first: BTreeMap<(&str, &str, u32), &Connection<'_>> = BTreeMap::new();
        let meant = |c: &&Connection<'_>| client.is_none_or(|client| c.client == client);
        for c in self.connections.iter().filter(meant) {
            if c.begun < to && c.broken.as_ref().is_none_or(|b| b.at >= from) {
                first.entry((c.client, c.group, c.flow)).or_insert(c);
            }
        }
        first.into_values().collect()
    }
}

/// The connections of one flow.
fn lives<'a>(client: &'a str, group: &'a str, changes: &[&'a FlowChange]) -> Vec<Connection<'a>> {
    let mut lives: Vec<Connection<'_>> = Vec::new();
    for change in changes {
        match &change.did {
            FlowDid::Begun { member, .. } | FlowDid::Recovered { member, .. } => {
                if let Some(broken) = lives.last_mut().and_then(|c| c.broken.as_mut()) {
                    broken.recovered = Some((change.at, member));
                }
                let (flow, protocol, begun) = (change.flow, change.protocol, change.at);
                lives.push(Connection { client, group, flow, protocol, member, begun, broken: None });
            }
            FlowDid::Broken { why, since, by, round_trip, .. } => {
                let (at, since, why, round_trip) = (change.at, *since, *why, *round_trip);
                if let Some(last) = lives.last_mut() {
                    last.broken = Some(Broken { at, since, why, by: by.as_deref(), round_trip, recovered: None });
                }
            }
        }
    }
    lives
}

/// Until when what breaks is the window's fault's.
fn settled(routing: &Routing<'_>, window: &Window) -> u64 {
    let last = routing.reaction(window).last_ms.map_or(0, |ms| (ms * 1e6) as u64);
    window.done.max(window.begin + last) + QUIET_SECONDS * 1_000_000_000
}

fn cause(broken: &Broken<'_>, windows: &[Window], settled: &[u64]) -> Option<usize> {
    let reach = broken.since + (2 * broken.round_trip).max(IN_FLIGHT);
    let last = windows.iter().rposition(|w| w.begin <= reach && w.begin <= broken.at)?;
    (broken.since <= settled[last]).then_some(last)
}

/// Milliseconds without an answer of those that were opened again.
fn gaps<'b>(broken: impl Iterator<Item = &'b Broken<'b>>) -> Vec<f64> {
    let mut gaps: Vec<f64> = broken.filter_map(|b| Some(ms_between(b.since, b.recovered?.0))).collect();
    gaps.sort_by(f64::total_cmp);
    gaps
}

/// What a fault did to the flows; `None`: there were none when it began, and it broke none.
pub(crate) fn reaction(flows: &Flows<'_>, index: usize, window: &Window) -> Option<FlowReaction> {
    let begin = window.begin;
    let mine = |cause: Option<usize>| cause == Some(index);
    let before: Vec<(&Connection<'_>, bool)> = flows
        .each()
        .filter(|(c, cause)| c.begun <= begin && c.broken.as_ref().is_none_or(|b| mine(*cause) || b.since >= begin))
        .map(|(c, cause)| (c, mine(cause) && c.broken.is_some()))
        .collect();
    let hit: Vec<&Connection<'_>> = before.iter().filter(|(_, broken)| *broken).map(|(c, _)| *c).collect();
    let again = flows.each().filter(|(c, cause)| c.begun > begin && mine(*cause)).count();
    if before.is_empty() && again == 0 {
        return None;
    }
    let affected: BTreeSet<&str> = hit.iter().map(|c| c.client).collect();
    let gaps = gaps(hit.iter().filter_map(|c| c.broken.as_ref()));
    let mut reaction = FlowReaction {
        alive: before.len(),
        broken: hit.len(),
        broken_again: again,
        clients: affected.len(),
        of_their_flows: before.iter().filter(|(c, _)| affected.contains(c.client)).count(),
        reestablished: gaps.len(),
        p50_ms: quantile(&gaps, 0.5),
        max_ms: gaps.last().copied(),
        ..FlowReaction::default()
    };
    for (connection, broken) in &before {
        reaction.members.entry(connection.member.to_owned()).or_default().count(*broken);
    }
    for broken in hit.iter().filter_map(|c| c.broken.as_ref()) {
        *reaction.reasons.entry(broken.why.name().to_owned()).or_default() += 1;
    }
    for transport in Transport::ALL {
        let own = |c: &&Connection<'_>| c.protocol == transport;
        let alive = before.iter().map(|(c, _)| *c).filter(own).count();
        let broken: Vec<&Broken<'_>> = hit.iter().copied().filter(own).filter_map(|c| c.broken.as_ref()).collect();
        let gaps = self::gaps(broken.iter().copied());
        if alive > 0 {
            let (p50_ms, max_ms) = (quantile(&gaps, 0.5), gaps.last().copied());
            let counts = ProtocolReaction { alive, broken: broken.len(), p50_ms, max_ms };
            reaction.protocols.insert(transport.name().to_owned(), counts);
        }
    }
    Some(reaction)
}

/// The whole run; `None`: it had no flows.
pub(crate) fn report(record: &Record, flows: &Flows<'_>) -> Option<FlowReport> {
    let facts = record.facts.flows.as_ref()?;
    let clients = record.facts.nodes.iter().filter(|n| n.kind == NodeKind::Client).count();
    let broken = || flows.each().filter_map(|(c, cause)| Some((c.broken.as_ref()?, cause)));
    let gaps = gaps(broken().map(|(b, _)| b));
    let mut reasons = BTreeMap::new();
    for (b, _) in broken() {
        *reasons.entry(b.why.name().to_owned()).or_default() += 1;
    }
    let protocols = facts.protocols.iter().map(|transport| {
        let mut counts = FlowCounts::default();
        let own = flows.connections.iter().filter(|c| c.protocol == *transport);
        own.for_each(|c| counts.count(c.broken.is_some()));
        (transport.name().to_owned(), counts)
    });
    let routers = record.facts.nodes.iter();
    Some(FlowReport {
        flows: clients * facts.groups.len() * facts.protocols.len() * facts.per_client,
        alive_end: flows.connections.iter().filter(|c| c.broken.is_none()).count(),
        connections: flows.connections.len(),
        broken: broken().count(),
        without_fault: broken().filter(|(_, cause)| cause.is_none()).count(),
        reestablished: gaps.len(),
        p50_ms: quantile(&gaps, 0.5),
        max_ms: gaps.last().copied(),
        reasons,
        protocols: protocols.collect(),
        requests: flows.requests,
        answered: flows.answered,
        multipath: routers.filter_map(|n| Some((n.name.clone(), n.multipath?.name().to_owned()))).collect(),
    })
}
