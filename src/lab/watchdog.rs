//! Watches how well the machine keeps up: a thread that asks to be woken on time and notes how late
//! it was, how late the wires were, and what the kernel counted meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use super::Lab;
use super::recorder::Recorder;
use crate::kernel::now;
use crate::kernel::pressure::{Counters, ReceiveErrors, available_memory};
use crate::kernel::wire::Wires;
use crate::record::{Lateness, Strain, What};
use crate::topology::NodeKind;

const PERIOD: Duration = Duration::from_millis(10);
/// Wakes per entry in the record.
const BATCH: u32 = 100;

pub(super) struct Watchdog {
    wires: Arc<OnceLock<Wires>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watchdog {
    pub(super) fn start(recorder: Recorder) -> Result<Self> {
        let (wires, stop) = <(Arc<OnceLock<Wires>>, Arc<AtomicBool>)>::default();
        let (watched, stopped) = (wires.clone(), stop.clone());
        let work = move || {
            let mut before = (now(), Counters::read().ok());
            while !stopped.load(Ordering::Relaxed) {
                let (worst, mean) = doze(&stopped);
                let after = (now(), Counters::read().ok());
                let mut strain = compare(before, after);
                strain.worst_sched_delay_ms = worst as f64 / 1e6;
                strain.mean_sched_delay_ms = Some(mean as f64 / 1e6);
                strain.memory_left = available_memory();
                strain.wires = watched.get().map(|wires| lateness(&wires.lateness()));
                recorder.now(What::Fidelity(Box::new(strain)));
                before = after;
            }
        };
        let thread = std::thread::Builder::new().name("watchdog".into()).spawn(work).context("start the watchdog")?;
        Ok(Self { wires, stop, thread })
    }

    /// Watches these wires, too.
    pub(super) fn watch(&self, wires: Wires) {
        // A lab has one set of wires.
        let _ = self.wires.set(wires);
    }

    /// Records what is left.
    pub(super) fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.join().is_err() {
            tracing::error!("the watchdog panicked");
        }
    }
}

/// Asks to be woken many times, and returns by how many nanoseconds that was late: at most, and on average.
fn doze(stopped: &AtomicBool) -> (u64, u64) {
    let (mut worst, mut sum, mut wakes) = (0, 0, 0);
    while wakes < u64::from(BATCH) && !stopped.load(Ordering::Relaxed) {
        let due = now() + PERIOD.as_nanos() as u64;
        // The measurement itself: what is measured is how late this returns.
        std::thread::sleep(PERIOD);
        let late = now().saturating_sub(due);
        worst = worst.max(late);
        sum += late;
        wakes += 1;
    }
    (worst, sum / wakes.max(1))
}

/// What happened between two readings of the counters.
fn compare((from, before): (u64, Option<Counters>), (to, after): (u64, Option<Counters>)) -> Strain {
    let Some((before, after)) = before.zip(after) else { return Strain::default() };
    let ticks = after.ticks.saturating_sub(before.ticks) as f64;
    let share = |before: u64, after: u64| (ticks > 0.0).then(|| after.saturating_sub(before) as f64 / ticks);
    let stall = before.memory_stall.zip(after.memory_stall);
    let microseconds = (to - from).max(1) as f64 / 1e3;
    Strain {
        cpu_busy: share(before.busy, after.busy),
        cpu_stolen: share(before.steal, after.steal),
        backlog_drops: after.backlog_drops.saturating_sub(before.backlog_drops),
        memory_stall: stall.map(|(before, after)| after.saturating_sub(before) as f64 / microseconds),
        ..Strain::default()
    }
}

fn lateness(late: &Histogram<u32>) -> Lateness {
    let milliseconds = |q| late.value_at_quantile(q) as f64 / 1e3;
    Lateness {
        frames: late.len(),
        p50_ms: milliseconds(0.5),
        p99_ms: milliseconds(0.99),
        worst_ms: late.max() as f64 / 1e3,
        over_1_ms: late.len() - late.count_between(0, 1000),
        over_5_ms: late.len() - late.count_between(0, 5000),
    }
}

/// The hosts' counters of datagrams that found no room. They are read twice a play, not all the time:
/// one namespace costs some 50 µs.
pub(super) struct ReceiveBuffers {
    hosts: Vec<(String, ReceiveErrors, u64)>,
}

impl ReceiveBuffers {
    /// Counts from now on.
    pub(super) async fn open(lab: &Lab) -> Result<Self> {
        let mut hosts = Vec::new();
        for host in lab.topology.of_kind(|kind| matches!(kind, NodeKind::Member | NodeKind::Client)) {
            let open = || {
                let errors = ReceiveErrors::open()?;
                let count = errors.count().context("read a namespace's counters")?;
                Ok((errors, count))
            };
            let (errors, before) = lab.network.stepper().within(lab.network.namespace(host), open).await?;
            hosts.push((lab.topology.node(host).name.clone(), errors, before));
        }
        Ok(Self { hosts })
    }

    /// Records what has been dropped since, if anything.
    pub(super) fn record(&self, recorder: &Recorder) {
        let dropped = |(name, errors, before): &(String, ReceiveErrors, u64)| {
            let dropped = errors.count().ok()?.saturating_sub(*before);
            (dropped > 0).then(|| (name.clone(), dropped))
        };
        let receive_drops: BTreeMap<_, _> = self.hosts.iter().filter_map(dropped).collect();
        if !receive_drops.is_empty() {
            recorder.now(What::Fidelity(Box::new(Strain { receive_drops, ..Strain::default() })));
        }
    }
}
