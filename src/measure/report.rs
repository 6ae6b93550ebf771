//! From what was found to the report.

use std::collections::{BTreeMap, BTreeSet};

use crate::measure::catchment::moves;
use crate::measure::convergence::Routing;
use crate::measure::distance::reported;
use crate::measure::model::*;
use crate::measure::windows::Window;
use crate::measure::{Findings, fidelity, flows, judge, overlay_report, predicted, snapshot, stats, surveyed};
use crate::record::{Record, What};
use crate::topology::NodeKind;

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
            predictions: predicted::reports(record),
            faults: faults(self),
            transients: self.transients.reported(record, &self.windows),
            shorter_transients: self.transients.shorter.len(),
            updates: self.heard.as_ref().map(|heard| heard.within(record.zero(), record.end + 1)),
            refused,
            loads: self.loads(),
            flips: self.flips(),
            stretches: self.reported_stretches(),
            flows: flows::report(record, &self.flows),
            round_trips: self.round_trips.iter().map(|pair| reported(record, pair)).collect(),
            overlays: self.overlays.iter().map(|h| (h.facts.name.clone(), overlay_report::overlay(self, h))).collect(),
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
    let stubs: BTreeSet<&str> = record.facts.nodes.iter().filter_map(|node| node.stub.as_deref()).collect();
    NodeCounts { routers: of(NodeKind::Router), stubs: stubs.len(), hosts: members + clients, members, clients }
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
        .map(|h| (h.facts.name.clone(), overlay_report::reaction(record, h, window)))
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
