//! One link alone on trial: what it does to frames, property by property, over either backend.
//!
//! - [`pair`]: two namespaces and the link; `frames`: what crosses it
//! - `chances`, `times`, `queues`: the properties, each from a setting to a reading
//! - [`judge`]: whether a reading is what was asked for, and whether two backends are the same

mod chances;
mod frames;
pub mod judge;
pub mod pair;
mod queues;
mod times;

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::kernel::namespace::Stepper;
use crate::kernel::now;
use crate::physics::{Backend, Egress, Impairment, Share};
use frames::{Arrival, Frames, data};
use judge::{Reading, Row};
use pair::Pair;

/// Seeds of the two directions.
const SEEDS: [u64; 2] = [5, 6];
/// Frames sent before the link is waited for: a TAP loses more than a thousand that nobody fetches.
const BURST: usize = 32;
/// Longer than anything takes here, in an emulated machine too.
const PATIENCE: Duration = Duration::from_secs(10);
/// The number of the frame behind all others.
const LAST: u32 = u32::MAX;
/// How long frames of ordinary size are, in bytes.
const LENGTH: usize = 1000;

/// Puts links of these backends through the same course, one after the other. `emulated`: in a
/// machine that is emulated times mean nothing, so only order and ratio are judged.
///
/// # Errors
/// If a link cannot be made, or set.
pub async fn run(stepper: &Stepper, backends: &[Backend], emulated: bool) -> Result<Vec<Row>> {
    let mut found = Vec::new();
    for backend in backends {
        let readings = course(stepper, *backend).await;
        found.push((*backend, readings.with_context(|| format!("measure a link of {}", judge::name(*backend)))?));
    }
    Ok(judge::rows(&found, emulated))
}

async fn course(stepper: &Stepper, backend: Backend) -> Result<Vec<Reading>> {
    let mut trial = Trial::begin(stepper, backend).await?;
    let mut readings = Vec::new();
    times::measure(&mut trial, &mut readings).await?;
    chances::measure(&mut trial, &mut readings).await?;
    queues::measure(&mut trial, &mut readings).await?;
    Ok(readings)
}

/// A link on trial. Frames go from end 0 to end 1.
struct Trial {
    pair: Pair,
    frames: Frames,
    /// Frames that end 0 has sent.
    sent: u64,
    /// The longest delay of any frame under way.
    longest: Duration,
}

impl Trial {
    async fn begin(stepper: &Stepper, backend: Backend) -> Result<Self> {
        let pair = Pair::create(stepper, backend, SEEDS).await?;
        let frames = Frames::open(&pair).await?;
        Ok(Self { pair, frames, sent: 0, longest: Duration::ZERO })
    }

    async fn set(&mut self, egress: Egress) -> Result<()> {
        self.longest = self.longest.max(egress.impairment.delay + egress.impairment.jitter);
        self.pair.set(0, egress).await
    }

    async fn impair(&mut self, impairment: Impairment) -> Result<()> {
        self.set(Egress { impairment, blackhole: false }).await
    }

    /// Sends frames of these numbers as fast as the link takes them in; nanoseconds that it took.
    async fn send(&mut self, numbers: std::ops::Range<u32>, length: usize) -> Result<u64> {
        let begun = now();
        for (count, number) in numbers.enumerate() {
            self.frames.send_stamped(data(number, length))?;
            self.sent += 1;
            if count % BURST == BURST - 1 {
                self.settle().await?;
            }
        }
        self.settle().await?;
        Ok(now() - begun)
    }

    /// Waits until the link has taken in all frames that were sent. A discipline does so at once.
    async fn settle(&self) -> Result<()> {
        let Some(wire) = self.pair.wire() else { return Ok(()) };
        let begun = now();
        loop {
            let [counters, _] = wire.counters().await?;
            if counters.frames_in >= self.sent {
                return Ok(());
            }
            let waited = Duration::from_nanos(now() - begun);
            ensure!(waited < PATIENCE, "of {} frames, {} have entered the wire", self.sent, counters.frames_in);
        }
    }

    /// The next `count` frames that arrive, or fewer if no more do.
    fn receive(&self, count: usize) -> Result<Vec<Arrival>> {
        let mut arrived = Vec::new();
        while arrived.len() < count
            && let Some(arrival) = self.frames.arrival(PATIENCE)?
        {
            arrived.push(arrival);
        }
        Ok(arrived)
    }

    /// Everything that is still under way; then the link does nothing again.
    async fn rest(&mut self) -> Result<Vec<Arrival>> {
        // Later than all that fly. A rate that goes lets pass what waits.
        let delay = self.longest + Duration::from_millis(1);
        self.impair(Impairment { delay, ..Impairment::default() }).await?;
        self.frames.send(&data(LAST, SHORT))?;
        self.sent += 1;
        let mut arrived = Vec::new();
        loop {
            let arrival = self.frames.arrival(PATIENCE)?.context("the last frame has not arrived")?;
            if arrival.number() == Some(LAST) {
                break;
            }
            arrived.push(arrival);
        }
        self.pair.clear().await?;
        self.longest = Duration::ZERO;
        Ok(arrived)
    }
}

/// Length of frames of which many are sent.
const SHORT: usize = 100;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn delayed(milliseconds: u64) -> Impairment {
    Impairment { delay: ms(milliseconds), ..Impairment::default() }
}

fn percent(percent: u32) -> Share {
    Share(percent * 10_000)
}

/// Numbers of these frames, in their order.
fn numbers(arrived: &[Arrival]) -> Vec<u32> {
    arrived.iter().filter_map(Arrival::number).collect()
}

/// Values in ascending order.
fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The share of neighbors of which the later was sent first.
fn overtaken(arrived: &[Arrival]) -> f64 {
    let numbers = numbers(arrived);
    let pairs = numbers.len().saturating_sub(1).max(1);
    numbers.windows(2).filter(|pair| pair[0] > pair[1]).count() as f64 / pairs as f64
}
