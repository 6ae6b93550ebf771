//! Measuring: from a record to a report, and the verdict on every expectation. No network, no clock.
//!
//! - [`Record`] reads `events.jsonl`; [`report()`] measures it; [`judge`] decides its expectations.
//! - Where packets went: `replay`, the one network that the record's routes, links and hosts make.
//! - Clients: `catchment` (who answers whom, from the probes), `snapshot` (and where the kernels' routes lead, as
//!   a second witness), `surveyed` (both at one moment, for every node). Routing: `timeline` (what each fault
//!   answers for), `convergence`, `transient` (loops and black holes), `updates`. Links: `distance` (round trips
//!   against configured delays). Sites: `announced` (who is one, when), `load` (who answers how many), `stretch`
//!   (and how much farther than the nearest), `derived` (the same from configured delays).
//! - Flows: `flows` attributes what broke to faults, or to none.
//! - Overlays: `overlay` replays joins, neighbors and faults through `islands` (membership, on top
//!   of `connectivity`) and judges lookups by them; `reach` knows what the links connect at all.
//! - [`Series`] has what was observed one by one, for files and pictures.
//!
//! Quantiles are exact, by nearest rank ([`quantile`]). [`Summary`] is of several runs: [`figures`] of
//! each, and how far they spread, with intervals that assume no distribution ([`Spread`]).

mod announced;
mod catchment;
mod connectivity;
mod convergence;
mod derived;
mod distance;
mod effect;
mod fault_model;
mod fidelity;
mod figures;
mod flood;
mod flow_model;
mod flows;
mod interval;
mod islands;
mod judge;
mod live;
mod load;
mod model;
mod overlay;
mod reach;
mod reading;
mod replay;
mod runs;
mod series;
mod snapshot;
mod stats;
mod stretch;
mod summary;
mod surveyed;
mod timeline;
mod transient;
mod updates;

pub(crate) use connectivity::Connectivity;
pub use convergence::QUIET_SECONDS;
pub use effect::*;

pub use fidelity::WORST_SCHED_DELAY_MS;
pub use figures::{Figure, Unit, figures};
pub use flow_model::{FlowCounts, FlowReaction, FlowReport, ProtocolReaction};
pub use flows::FlowLife;
pub use interval::{ALPHA, Interval, Spread, quantile_interval, share_interval};
pub use judge::judge;
pub use live::Live;
pub(crate) use load::balance;
pub use model::*;
pub use runs::{Combination, Expected, FigureOfRuns, RunOf, SUMMARY_SCHEMA, Settings, Summary, SummaryVerdict};
pub use series::{Answered, Joined, LinkState, Looked, Probe, RouteChange, Series, Updated};
pub use stats::{mean, quantile};

use std::collections::BTreeMap;

use crate::record::{Record, What};
use crate::topology::NodeKind;
use announced::Sites;
use catchment::{Probed, moves};
use convergence::Routing;
use distance::{Measured, reported, round_trips};
use flows::Flows;
use overlay::History;
use reach::Reach;
use stretch::{Taken, measured};
use timeline::{Window, windows};
use transient::{Transients, transients};
use updates::Heard;

/// All that is found in a record, from which the report and the verdicts are drawn.
pub struct Findings<'a> {
    record: &'a Record,
    windows: Vec<Window>,
    probed: Vec<Probed<'a>>,
    overlays: Vec<History<'a>>,
    round_trips: Vec<Measured>,
    /// Of every group, in the lab's order.
    sites: Vec<Sites<'a>>,
    stretches: Vec<Taken<'a>>,
    transients: Transients<'a>,
    heard: Option<Heard<'a>>,
    flows: Flows<'a>,
}

impl<'a> Findings<'a> {
    /// Goes through the record.
    pub fn of(record: &'a Record) -> Self {
        let reach = Reach::of(record);
        let overlays = record.facts.overlays.iter().map(|o| History::of(record, o, &reach)).collect();
        let probed = Probed::all(record);
        let sites = Sites::all(record, &probed, &reach);
        let windows = windows(record);
        Self {
            record,
            flows: Flows::of(record, &windows),
            transients: transients(record, &probed),
            windows,
            probed,
            overlays,
            heard: Heard::of(record),
            round_trips: round_trips(record),
            sites,
            stretches: measured(record),
        }
    }
}

/// Measures a record and judges its expectations.
pub fn report(record: &Record) -> Report {
    Findings::of(record).report()
}

impl Findings<'_> {
    /// The numbers and verdicts.
    pub fn report(&self) -> Report {
        let record = self.record;
        let fidelity = fidelity::of(record);
        let expectations = judge(self);
        let refused = refused(record);
        let facts = &record.facts;
        let planned_refused = refused.iter().any(|r| facts.timeline.iter().any(|(_, action)| *action == r.action));
        Report {
            schema: REPORT_SCHEMA,
            lab: facts.lab.clone(),
            seed: facts.seed,
            file: facts.file.clone(),
            command: command(record),
            settings: facts.settings.clone(),
            verdict: verdict(record.complete() && !planned_refused, fidelity.valid, &expectations),
            anybed: facts.version.clone(),
            bird: facts.bird.clone(),
            kernel: facts.kernel.clone(),
            play_seconds: record.play.map(|_| record.seconds(record.end)),
            end: record.end_reason.clone(),
            cut: record.cut,
            phases: phases(record),
            nodes: counts(record),
            links: facts.links.len(),
            catchments: snapshot::catchments(self),
            surveys: surveyed::reports(record),
            faults: faults(self),
            transients: self.transients.reported(record, &self.windows),
            shorter_transients: self.transients.shorter.len(),
            updates: self.heard.as_ref().map(|heard| heard.within(record.zero(), record.end + 1)),
            refused,
            loads: self.loads(),
            flips: self.flips(),
            stretches: self.reported_stretches(),
            flows: flows::report(self),
            round_trips: self.round_trips.iter().map(|pair| reported(record, pair)).collect(),
            overlays: self.overlays.iter().map(|h| (h.facts.name.clone(), summary::overlay(self, h))).collect(),
            expectations,
            fidelity,
        }
    }
}

/// As it was typed; in an older record, what comes to the same.
fn command(record: &Record) -> String {
    let facts = &record.facts;
    match facts.command.as_str() {
        "" => format!("anybed run {} --seed {}", facts.file, facts.seed),
        typed => typed.to_owned(),
    }
}

fn verdict(complete: bool, valid: bool, expectations: &[Verdict]) -> RunVerdict {
    if !complete {
        RunVerdict::Incomplete
    } else if !valid {
        RunVerdict::Invalid
    } else if expectations.iter().any(|e| e.verdict != Outcome::Pass) {
        RunVerdict::Fail
    } else {
        RunVerdict::Pass
    }
}

fn phases(record: &Record) -> Vec<Phase> {
    let phase = |what: &What| match what {
        What::Phase { name, seconds, note } => {
            Some(Phase { name: name.clone(), seconds: *seconds, note: note.clone() })
        }
        _ => None,
    };
    record.events.iter().filter_map(|e| phase(&e.what)).collect()
}

fn counts(record: &Record) -> NodeCounts {
    let of = |kind: NodeKind| record.facts.nodes.iter().filter(|n| n.kind == kind).count();
    let (members, clients) = (of(NodeKind::Member), of(NodeKind::Client));
    NodeCounts {
        routers: of(NodeKind::Router),
        stubs: of(NodeKind::Gateway),
        hosts: members + clients,
        members,
        clients,
    }
}

fn refused(record: &Record) -> Vec<Refusal> {
    let refusal = |at: u64, what: &What| match what {
        What::Refused { action, reason } => {
            Some(Refusal { at: record.seconds(at), action: action.clone(), reason: reason.clone() })
        }
        _ => None,
    };
    record.events.iter().filter_map(|e| refusal(e.at, &e.what)).collect()
}

fn faults(findings: &Findings<'_>) -> Vec<FaultReport> {
    let routing = Routing::of(findings.record);
    let each = findings.windows.iter().enumerate();
    each.map(|(index, window)| FaultReport {
        flows: flows::reaction(&findings.flows, index, window),
        ..fault(findings, &routing, window)
    })
    .collect()
}

/// What was found of the window's partitions, if they were looked into before the next fault.
fn verified(record: &Record, window: &Window) -> Vec<String> {
    let in_window = record.events.iter().filter(|e| (window.begin..window.end).contains(&e.at));
    let found = in_window.filter_map(|e| match &e.what {
        What::Verified { seconds, found, .. } => Some(format!("{found}, after {seconds:.1} s")),
        _ => None,
    });
    found.collect()
}

fn fault(findings: &Findings<'_>, routing: &Routing<'_>, window: &Window) -> FaultReport {
    let (begin, end, record) = (window.begin, window.end, findings.record);
    let reaction = routing.reaction(window);
    let clients: Vec<ClientReport> = findings.probed.iter().filter_map(|p| p.reaction(begin, end)).collect();
    let overlays: BTreeMap<_, _> = findings
        .overlays
        .iter()
        .filter(|h| h.observed)
        .map(|h| (h.facts.name.clone(), summary::reaction(record, h, window)))
        .collect();
    FaultReport {
        at: record.seconds(begin),
        fault: window.fault.clone(),
        live: window.live,
        until: record.seconds(end),
        took_ms: stats::ms_between(begin, window.done),
        detect_ms: reaction.noticed.as_ref().map(|n| n.ms),
        noticed: reaction.noticed,
        first_fib_change_ms: reaction.first_ms,
        last_fib_change_ms: reaction.last_ms,
        fib_changes: reaction.changes,
        fib_nodes: reaction.cascade.len(),
        cascade: reaction.cascade,
        loops: findings.transients.count(begin, end, true),
        blackholes: findings.transients.count(begin, end, false),
        updates: findings.heard.as_ref().map(|heard| heard.within(begin, end)),
        first_reply_ms: clients.iter().filter_map(|c| c.first_reply_ms).max_by(f64::total_cmp),
        last_lost_ms: clients.iter().filter_map(|c| c.last_lost_ms).max_by(f64::total_cmp),
        lost: clients.iter().map(|c| c.lost).sum(),
        probes: findings.probed.iter().map(|p| p.sent(begin, end).len()).sum(),
        verified: verified(record, window),
        moved: moves(&clients),
        loads: findings.load_changes(window),
        clients,
        flows: None,
        overlays,
    }
}
