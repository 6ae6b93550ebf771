//! The user-space link: two TAP interfaces, and a thread of this process that carries frames between
//! them as [`Egress`] says. For kernels without `netem`, and for losses and delays that a seed
//! repeats.
//!
//! The ends are TAP interfaces, though TUN would save the Ethernet header, so that all that is set
//! up on a link is the same as on a [veth](super::link): name, index, MAC, permanent neighbors,
//! link-local address, frame length. Two things differ. Setting one end down does not take the
//! other's carrier away; and frames that the program does not fetch in time are lost, at most a
//! thousand wait (the interface's `txqueuelen`).
//!
//! Measured by `scripts/bench-wire`, two cores, release build, an idle machine: with 5 ms each way a round
//! trip takes 10.18 ms (p50) and 10.6 ms (p99); frames depart 0 µs late (p50) and 50 µs (p99). A thread
//! that is never idle carries 370 000 to 420 000 frames a second. 10 MB in flight take 11 MiB. A link is
//! created in 0.35 ms.
//!
//! - [`mod@line`]: one direction as a pure machine, which decides what becomes of each frame
//! - `forward`: the threads that carry frames; `vigil`: when they are awake; `tap`: the ends

mod bucket;
mod forward;
pub mod line;
mod tap;
mod vigil;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use tokio::sync::oneshot;

use super::namespace::Stepper;
use crate::physics::Egress;
use forward::{Link, Mailbox, Order};
pub use line::Counters;
use line::Line;
pub use tap::End;
use tap::Tap;

/// Threads at most. A frame costs one a few microseconds, most of them in the kernel.
const THREADS: usize = 4;
/// Wires that one thread carries before there is another: a packet that goes from wire to wire on one
/// thread finds it awake.
const WIRES: usize = 64;

/// A wire to be created. What has an index of 0 concerns frames that end 0 sends.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub ends: [End; 2],
    pub lines: [Egress; 2],
    pub seeds: [u64; 2],
}

/// The threads that carry frames. They end with the last clone and the last [`Wire`].
#[derive(Clone, Debug)]
pub struct Wires {
    threads: Arc<[Mailbox]>,
    /// Wires created so far; they take turns with the threads.
    created: Arc<AtomicUsize>,
}

/// A wire. Dropped, it carries nothing any more; its interfaces stay, without carrier, until their
/// namespaces go.
#[derive(Debug)]
pub struct Wire {
    thread: Mailbox,
    /// Its place on the thread.
    slot: usize,
}

impl Wires {
    /// Starts the threads for so many wires: one per core, four at most.
    pub fn start(wires: usize) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = wires.div_ceil(WIRES).clamp(1, cores.min(THREADS));
        let threads = (0..count).map(forward::start).collect::<Result<_>>()?;
        Ok(Self { threads, created: Arc::default() })
    }

    /// Creates both ends in their namespaces, down, and carries frames between them from now on.
    ///
    /// # Errors
    /// If `/dev/net/tun` cannot be opened, or the kernel refuses a name or an index.
    pub async fn create(&self, stepper: &Stepper, wanted: Wanted) -> Result<Wire> {
        let mut wires = self.create_all(stepper, vec![wanted]).await?;
        wires.pop().context("one wire was asked for")
    }

    /// Creates many wires in one visit of the stepper.
    ///
    /// # Errors
    /// As [`Self::create`]. What has been created until then is as if dropped.
    pub async fn create_all(&self, stepper: &Stepper, wanted: Vec<Wanted>) -> Result<Vec<Wire>> {
        let wires = self.clone();
        let create = move |one: Wanted| {
            let taps = [Tap::create(&one.ends[0])?, Tap::create(&one.ends[1])?];
            wires.adopt(taps, one.lines, one.seeds)
        };
        stepper.run(move || wanted.into_iter().map(create).collect()).await
    }

    /// By how many microseconds the frames of all wires departed late since the last such question. Those that
    /// passed at once are not in it.
    pub fn lateness(&self) -> Histogram<u32> {
        let mut all = forward::no_lateness();
        for thread in self.threads.iter() {
            // Both resize themselves.
            let _ = all.add(thread.take_lateness());
        }
        all
    }

    fn adopt(&self, taps: [Tap; 2], [a, b]: [Egress; 2], seeds: [u64; 2]) -> Result<Wire> {
        let now = super::now();
        let lines = [Line::new(a, seeds[0], now), Line::new(b, seeds[1], now)];
        let number = self.created.fetch_add(1, Ordering::Relaxed);
        let wire =
            Wire { thread: self.threads[number % self.threads.len()].clone(), slot: number / self.threads.len() };
        wire.thread.send(Order::Adopt(wire.slot, Box::new(Link::new(taps, lines))))?;
        Ok(wire)
    }
}

impl Wire {
    /// What becomes of the frames that end `side` (0 or 1) sends from now on. Those in flight land
    /// as they would have.
    pub fn set(&self, side: usize, egress: Egress) -> Result<()> {
        self.thread.send(Order::Set { slot: self.slot, side, egress })
    }

    /// Drops all frames under way, in both directions.
    pub fn flush(&self) -> Result<()> {
        self.thread.send(Order::Flush(self.slot))
    }

    /// What has become of the frames of each direction. Everything set before has taken effect then.
    pub async fn counters(&self) -> Result<[Counters; 2]> {
        let (answer, wait) = oneshot::channel();
        self.thread.send(Order::Count(self.slot, answer))?;
        wait.await.context("the wire is gone")
    }
}

impl Wire {
    /// By how many microseconds the frames of all wires on its thread departed late since the last such
    /// question. Those that passed at once are not in it.
    pub fn lateness(&self) -> Histogram<u32> {
        self.thread.take_lateness()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // If the thread has ended, so has the wire.
        let _ = self.thread.send(Order::Remove(self.slot));
    }
}
