//! Flaps begun by `anybed fault`. Those of the timeline have been spread out into single faults.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::begun::Flap;
use crate::lab::Lab;
use crate::scenario::acts::schedule;
use crate::scenario::{Action, Origin, SeriesAct};

/// Numbers of live flaps begin here; the timeline's, far below.
const FIRST: u32 = 1 << 31;

impl Lab {
    pub(super) async fn begin_or_end(self: &Arc<Self>, act: &SeriesAct<Action>) -> Result<()> {
        match act {
            SeriesAct::Flap { fault, every, times } => self.flap(fault, *every, *times),
            SeriesAct::Stop(fault) => self.stop_flap(fault).await,
        }
    }

    fn flap(self: &Arc<Self>, fault: &Action, every: Duration, times: u32) -> Result<()> {
        let (stop, stopped) = watch::channel(false);
        let number = {
            let mut flaps = self.flaps.lock().expect("no holder of the flaps panics");
            let flapping = flaps.iter().any(|flap| flap.fault == *fault && !flap.stop.is_closed());
            ensure!(!flapping, "`{}` flaps already", fault.display(&self.topology));
            flaps.push(Flap { fault: fault.clone(), stop });
            FIRST + flaps.len() as u32
        };
        let mut rng = ChaCha8Rng::seed_from_u64(self.topology.seed);
        rng.set_stream(u64::from(number));
        let times = schedule(every, times, || rng.random_range(0.0..1.0));
        let (lab, fault) = (self.clone(), fault.clone());
        tokio::spawn(async move { lab.keep_flapping(&fault, number, &times, stopped).await });
        Ok(())
    }

    async fn keep_flapping(
        self: Arc<Self>,
        fault: &Action,
        number: u32,
        times: &[Duration],
        mut stopped: watch::Receiver<bool>,
    ) {
        let Some(undo) = fault.undo() else { return };
        let begun = Instant::now();
        let mut broken = false;
        for at in times {
            tokio::select! {
                () = sleep_until(begun + *at) => {}
                _ = stopped.wait_for(|stop| *stop) => break,
            }
            let action = if broken { &undo } else { fault };
            let done = self.act(action, Origin::Flap(number), true).await;
            // What cannot be done now (what is to be crashed is dead, what is to be thawed was crashed) may
            // be in the next period.
            if let Err(error) = &done {
                tracing::warn!("{error:#}");
            }
            broken = !broken && done.is_ok();
        }
        if broken && let Err(error) = self.act(&undo, Origin::Flap(number), true).await {
            tracing::warn!("{error:#}");
        }
    }

    /// Ends a flap and waits until what it had done is undone.
    async fn stop_flap(&self, fault: &Action) -> Result<()> {
        let stop = {
            let flaps = self.flaps.lock().expect("no holder of the flaps panics");
            let flap = flaps.iter().find(|flap| flap.fault == *fault && !flap.stop.is_closed());
            flap.map(|flap| flap.stop.clone())
        };
        let Some(stop) = stop else {
            anyhow::bail!("`{}` does not flap", fault.display(&self.topology));
        };
        stop.send_replace(true);
        stop.closed().await;
        Ok(())
    }
}
