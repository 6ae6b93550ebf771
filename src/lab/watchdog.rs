//! Watches how well the machine keeps up: a thread that asks to be woken on time and notes how late
//! it was.

use std::time::Duration;

use anyhow::{Context, Result};

use super::record::Recorder;
use crate::event::What;
use crate::kernel::now;

const PERIOD: Duration = Duration::from_millis(10);
/// Wakes per entry in the record.
const BATCH: u32 = 100;

/// Runs until the process ends.
pub(super) fn start(recorder: Recorder) -> Result<()> {
    let work = move || {
        loop {
            let mut worst = 0;
            for _ in 0..BATCH {
                let due = now() + PERIOD.as_nanos() as u64;
                // The measurement itself: what is measured is how late this returns.
                std::thread::sleep(PERIOD);
                worst = worst.max(now().saturating_sub(due));
            }
            let worst_sched_delay_ms = worst as f64 / 1e6;
            recorder.now(What::Fidelity { worst_sched_delay_ms, socket_drops: 0 });
        }
    };
    std::thread::Builder::new().name("watchdog".into()).spawn(work).context("start the watchdog").map(drop)
}
