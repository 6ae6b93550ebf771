//! Whether the machine kept up, so that the numbers mean something.
//!
//! That CPUs were busy is no reason to doubt a number: what counts is whether somebody had to wait.

use std::collections::BTreeSet;

use crate::measure::model::{Exit, Fidelity};
use crate::measure::stats::thousandths;
use crate::record::{Deed, Lateness, ProcessDeed, Record, Strain, What};

/// A process that had to wait longer than this for a CPU during the play, in milliseconds, makes a run
/// invalid: it is the timeout of a request by default, so a node that waits longer looks dead to others.
/// Where somebody in the lab is less patient, as BFD is, that counts.
pub const WORST_SCHED_DELAY_MS: f64 = 300.0;
/// Nor may processes wait this long on average, for a second.
const MEAN_SCHED_DELAY_MS: f64 = 50.0;
/// Shares of a play's frames on wires that may depart later than 1 ms, and than 5 ms.
const WIRE_OVER_1_MS: f64 = 0.1;
const WIRE_OVER_5_MS: f64 = 0.01;
/// So few late frames say nothing.
const FEW: u64 = 10;
/// Share of the memory that must be left.
const MEMORY_LEFT: f64 = 0.01;
/// Share of a second in which processes may wait for memory.
const MEMORY_STALL: f64 = 0.5;

/// The share of probes that may be due and not sent before a run is invalid: who answers them is not known then.
const MOST_SKIPPED: f64 = 0.01;

pub(crate) fn of(record: &Record) -> Fidelity {
    let bound = record.facts.patience_ms.unwrap_or(f64::INFINITY).min(WORST_SCHED_DELAY_MS);
    let mut found = Fidelity { sched_delay_bound_ms: Some(bound), ..Fidelity::default() };
    let mut busy = Vec::new();
    for event in &record.events {
        match &event.what {
            // A build may use the machine to the full: what counts is the play.
            What::Fidelity(strain) if record.play.is_some_and(|p| p <= event.at) => {
                take(&mut found, strain);
                busy.extend(strain.cpu_busy);
            }
            What::Probes { probes, skipped, .. } => {
                found.probes_due += probes.len() as u64 + skipped;
                found.probes_skipped += skipped;
            }
            What::Exit { node, process, status, expected: false, .. } => found.unexpected_exits.push(Exit {
                at: record.seconds(event.at),
                node: node.clone(),
                process: process.clone(),
                status: status.clone(),
            }),
            _ => {}
        }
    }
    found.cpu_busy_mean = crate::measure::mean(busy).map(thousandths);
    let frozen = frozen(record);
    found.receive_drops.retain(|host, _| !frozen.contains(host.as_str()));
    found.reasons = reasons(&found, bound, &flooded(record));
    found.valid = found.reasons.is_empty();
    found
}

/// A full socket is what a flood means to bring about: it says nothing about the machine.
fn flooded(record: &Record) -> BTreeSet<&str> {
    let targets = record.events.iter().filter_map(|e| match &e.what {
        What::Fault { deed: Some(Deed::Flood), target, .. } => Some(target),
        _ => None,
    });
    let overlays = targets.filter_map(|name| record.facts.overlays.iter().find(|o| o.name == *name));
    overlays.flat_map(|overlay| overlay.ids.keys().map(String::as_str)).collect()
}

/// Who reads nothing because a fault stopped it, drops by right.
fn frozen(record: &Record) -> BTreeSet<&str> {
    let frozen = |deed: &Deed| matches!(deed, Deed::Process { done: ProcessDeed::Freeze, .. });
    let targets = record.events.iter().filter_map(|e| match &e.what {
        What::Fault { deed: Some(deed), target, .. } if frozen(deed) => Some(target.as_str()),
        _ => None,
    });
    targets.collect()
}

fn take(found: &mut Fidelity, strain: &Strain) {
    let most = |old: &mut Option<f64>, new: Option<f64>| {
        let both = old.iter().copied().chain(new.map(thousandths));
        *old = both.max_by(f64::total_cmp);
    };
    // A line about something else has no wakes.
    if strain.worst_sched_delay_ms > 0.0 {
        most(&mut found.worst_sched_delay_ms, Some(strain.worst_sched_delay_ms));
    }
    most(&mut found.mean_sched_delay_ms, strain.mean_sched_delay_ms);
    most(&mut found.cpu_busy_most, strain.cpu_busy);
    most(&mut found.cpu_stolen_most, strain.cpu_stolen);
    most(&mut found.memory_stall_most, strain.memory_stall);
    let left = found.memory_left_least.iter().copied().chain(strain.memory_left.map(thousandths));
    found.memory_left_least = left.min_by(f64::total_cmp);
    found.socket_drops += strain.socket_drops;
    found.backlog_drops += strain.backlog_drops;
    for (host, drops) in &strain.receive_drops {
        *found.receive_drops.entry(host.clone()).or_default() += drops;
    }
    if let Some(Lateness { frames, p99_ms, worst_ms, over_1_ms, over_5_ms, .. }) = strain.wires {
        let wires = found.wires.get_or_insert_default();
        wires.frames += frames;
        wires.worst_p99_ms = wires.worst_p99_ms.max(p99_ms);
        wires.worst_ms = wires.worst_ms.max(worst_ms);
        wires.over_1_ms += over_1_ms;
        wires.over_5_ms += over_5_ms;
    }
}

/// Every bound that was passed.
fn reasons(found: &Fidelity, bound: f64, flooded: &BTreeSet<&str>) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut unless = |holds: bool, reason: String| {
        if !holds {
            reasons.push(reason);
        }
    };
    let worst = found.worst_sched_delay_ms.unwrap_or(0.0);
    unless(worst <= bound, format!("a process waited {worst:.0} ms for a CPU, more than {bound} ms"));
    let mean = found.mean_sched_delay_ms.unwrap_or(0.0);
    let bound = MEAN_SCHED_DELAY_MS;
    unless(
        mean <= bound,
        format!("processes waited {mean:.0} ms for a CPU on average for a second, more than {bound} ms"),
    );
    let dropped = found.socket_drops;
    unless(dropped == 0, format!("{dropped} sockets for notifications of routes ran over: changes are missing"));
    let dropped = found.backlog_drops;
    unless(dropped == 0, format!("the CPUs' backlogs had no room for {dropped} packets"));
    for (host, dropped) in found.receive_drops.iter().filter(|(host, _)| !flooded.contains(host.as_str())) {
        unless(false, format!("{host} did not fetch its datagrams in time: {dropped} found its socket full"));
    }
    let (skipped, due) = (found.probes_skipped, found.probes_due);
    unless(
        skipped as f64 <= MOST_SKIPPED * due as f64,
        format!("{skipped} of {due} probes could not be sent in time: fewer clients, or a longer `every`"),
    );
    let left = found.memory_left_least.unwrap_or(1.0);
    unless(
        left >= MEMORY_LEFT,
        format!("{:.1} % of the memory was left, less than {} %", left * 1e2, MEMORY_LEFT * 1e2),
    );
    let stall = found.memory_stall_most.unwrap_or(0.0);
    unless(stall <= MEMORY_STALL, format!("processes waited for memory for {:.0} % of a second", stall * 1e2));
    if let Some(wires) = &found.wires {
        let late = |over: u64, bound: f64, milliseconds: u32| {
            let share = over as f64 / wires.frames.max(1) as f64;
            let percent = share * 1e2;
            (
                share <= bound || over < FEW,
                format!(
                    "{percent:.1} % of the wires' frames departed more than {milliseconds} ms late, more than {} %",
                    bound * 1e2
                ),
            )
        };
        for (holds, reason) in [late(wires.over_1_ms, WIRE_OVER_1_MS, 1), late(wires.over_5_ms, WIRE_OVER_5_MS, 5)] {
            unless(holds, reason);
        }
    }
    for exit in &found.unexpected_exits {
        unless(false, format!("{} of {} ended by itself: {}", exit.process, exit.node, exit.status));
    }
    reasons
}
