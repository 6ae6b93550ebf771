//! Plays the timeline.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep_until, timeout};

use super::Shared;
use super::flows::Flows;
use super::probes::Probers;
use super::watchdog::ReceiveBuffers;
use super::workload;
use crate::record::What;
use crate::scenario::{Action, OverlayAct};

/// How long puts, audits and floods may go on after the timeline's end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plays the scenario from begin to end: probes, flows, lookups, actions at their times.
///
/// # Errors
/// An action that could not be done.
pub(super) async fn play(lab: &Shared) -> Result<()> {
    let buffers = ReceiveBuffers::open(lab).await?;
    let probers = Probers::start(lab).await?;
    lab.try_to_follow_updates();
    let flows = Flows::start(lab)?;
    let begun = Instant::now();
    lab.recorder.now(What::Play);
    lab.compare(None, &*lab.damage.lock().await);
    let lookups: Vec<_> =
        (0..lab.topology.overlays.len()).map(|overlay| tokio::spawn(workload::look_up(lab.clone(), overlay))).collect();
    let done = act_in_time(lab, begun).await;
    if done.is_ok() {
        sleep_until(begun + lab.scenario.duration).await;
        if timeout(PATIENCE, lab.background_done()).await.is_err() {
            tracing::warn!("a put, audit or flood did not end within {} s", PATIENCE.as_secs());
        }
    }
    for task in lookups {
        task.abort();
    }
    if let Some(flows) = flows {
        flows.finish().await?;
    }
    if let Some(probers) = probers {
        probers.finish().await?;
    }
    buffers.record(&lab.recorder);
    done
}

async fn act_in_time(lab: &Shared, begun: Instant) -> Result<()> {
    let mut joins = 0;
    for entry in &lab.scenario.timeline {
        let is_join = matches!(entry.action, Action::Overlay(OverlayAct::Join { .. }));
        sleep_until(begun + entry.at).await;
        // Joins come in crowds: one line for all of them.
        if !is_join || joins == 0 {
            let more = if is_join { " …" } else { "" };
            lab.progress.action(entry.at.as_secs_f64(), &format!("{}{more}", entry.action.display(&lab.topology)));
        }
        joins = if is_join { joins + 1 } else { 0 };
        lab.act(&entry.action, entry.origin, false).await?;
    }
    Ok(())
}
