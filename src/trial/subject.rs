//! The link on trial, and the frames that are sent over it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::frames::{Arrival, Frames, data};
use super::pair::Pair;
use crate::kernel::namespace::Stepper;
use crate::kernel::now;
use crate::physics::{Backend, Egress, Impairment, Share};

/// Seeds of the two directions.
pub(super) const SEEDS: [u64; 2] = [5, 6];

/// Frames sent before the link is waited for: a TAP loses more than a thousand that nobody fetches.
pub(super) const BURST: usize = 32;

/// Longer than anything takes here, in an emulated machine too.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The number of the frame behind all others.
pub(super) const LAST: u32 = u32::MAX;

/// How long frames of ordinary size are, in bytes.
pub(super) const LENGTH: usize = 1000;

/// Length of frames of which many are sent.
pub(super) const SHORT: usize = 100;

/// A link on trial. Frames go from end 0 to end 1.
pub(super) struct Trial {
    pub(super) pair: Pair,
    pub(super) frames: Frames,
    /// Frames that end 0 has sent.
    pub(super) sent: u64,
    /// The longest delay of any frame under way.
    pub(super) longest: Duration,
}

impl Trial {
    pub(super) async fn begin(stepper: &Stepper, backend: Backend) -> Result<Self> {
        let pair = Pair::create(stepper, backend, SEEDS).await?;
        let frames = Frames::open(&pair).await?;
        Ok(Self { pair, frames, sent: 0, longest: Duration::ZERO })
    }

    pub(super) async fn set(&mut self, egress: Egress) -> Result<()> {
        self.longest = self.longest.max(egress.impairment.delay + egress.impairment.jitter);
        self.pair.set(0, egress).await
    }

    pub(super) async fn impair(&mut self, impairment: Impairment) -> Result<()> {
        self.set(Egress { impairment, blackhole: false }).await
    }

    /// Sends frames of these numbers as fast as the link takes them in; nanoseconds that it took.
    pub(super) async fn send(&mut self, numbers: std::ops::Range<u32>, length: usize) -> Result<u64> {
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
    pub(super) async fn settle(&self) -> Result<()> {
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
    pub(super) fn receive(&self, count: usize) -> Result<Vec<Arrival>> {
        let mut arrived = Vec::new();
        while arrived.len() < count
            && let Some(arrival) = self.frames.arrival(PATIENCE)?
        {
            arrived.push(arrival);
        }
        Ok(arrived)
    }

    /// Everything that is still under way; then the link does nothing again.
    pub(super) async fn rest(&mut self) -> Result<Vec<Arrival>> {
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

pub(super) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(super) fn delayed(milliseconds: u64) -> Impairment {
    Impairment { delay: ms(milliseconds), ..Impairment::default() }
}

pub(super) fn percent(percent: u32) -> Share {
    Share(percent * 10_000)
}

/// Numbers of these frames, in their order.
pub(super) fn numbers(arrived: &[Arrival]) -> Vec<u32> {
    arrived.iter().filter_map(Arrival::number).collect()
}

/// Values in ascending order.
pub(super) fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The share of neighbors of which the later was sent first.
pub(super) fn overtaken(arrived: &[Arrival]) -> f64 {
    let numbers = numbers(arrived);
    let pairs = numbers.len().saturating_sub(1).max(1);
    numbers.windows(2).filter(|pair| pair[0] > pair[1]).count() as f64 / pairs as f64
}
