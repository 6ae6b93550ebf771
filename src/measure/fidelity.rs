//! Whether the machine kept up, so that the numbers mean something.

use crate::event::What;
use crate::measure::Record;
use crate::measure::model::{Exit, Fidelity};

/// A process that had to wait longer than this for a CPU during the play, in milliseconds, makes a run
/// invalid: it is the timeout of a request by default, so a node that waits longer looks dead to others.
pub const WORST_SCHED_DELAY_MS: f64 = 300.0;

pub(crate) fn of(record: &Record) -> Fidelity {
    let mut found = Fidelity::default();
    for event in &record.events {
        match &event.what {
            // A build may use the machine to the full: what counts is the play.
            What::Fidelity { worst_sched_delay_ms, socket_drops } if record.play.is_some_and(|p| p <= event.at) => {
                let worst = found.worst_sched_delay_ms.unwrap_or(0.0).max(*worst_sched_delay_ms);
                found.worst_sched_delay_ms = Some(worst);
                found.socket_drops = found.socket_drops.max(*socket_drops);
            }
            What::Exit { node, process, status, expected: false } => found.unexpected_exits.push(Exit {
                at: record.seconds(event.at),
                node: node.clone(),
                process: process.clone(),
                status: status.clone(),
            }),
            _ => {}
        }
    }
    if let Some(worst) = found.worst_sched_delay_ms.filter(|worst| *worst > WORST_SCHED_DELAY_MS) {
        found.reasons.push(format!("a process waited {worst:.0} ms for a CPU, more than {WORST_SCHED_DELAY_MS} ms"));
    }
    for exit in &found.unexpected_exits {
        found.reasons.push(format!("{} of {} ended by itself: {}", exit.process, exit.node, exit.status));
    }
    found.valid = found.reasons.is_empty();
    found
}
