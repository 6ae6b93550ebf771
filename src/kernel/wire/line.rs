//! One direction of a wire as a machine without clock or sockets: which frames pass, when, and how
//! they look then.
//!
//! A frame goes through three stations:
//!
//! 1. Its **fate** is drawn when it arrives: whether it is sent twice, lost or corrupted, and how
//!    long it will fly. In this order and with these meanings it is that of the kernel's `netem`
//!    (`net/sched/sch_netem.c`); in particular a duplicate may be lost by itself. The fate of the
//!    n-th frame follows from the seed and the settings alone, not from times.
//! 2. With a rate, it **waits** for its turn: a queue, first in, first out, with a limit, in front of
//!    a token bucket. Turns are exact times: a driver that comes late does not slow the line down.
//! 3. It **flies** for its delay. Only here may frames overtake one another.
//!
//! Memory is bounded: with a rate by the queue and by what the rate sends during the longest delay,
//! without one by [`MOST_FLYING`].

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::bucket::Bucket;
use crate::physics::{Egress, Impairment, Queue, Share};

/// Bytes in flight on a line without a rate, [`OVERHEAD`] included: 5 ms at 50 Gbit/s, or 250 000
/// of the smallest frames.
pub const MOST_FLYING: usize = 32 << 20;
/// Bytes that a frame in flight takes besides its own.
pub const OVERHEAD: usize = 64;

/// What has become of the frames of one direction.
///
/// `frames_in + duplicated` is `frames_out`, all that were dropped (`blackholed`, `lost`,
/// `queue_drops`, `overflows`, `flushed`) and `held`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub frames_in: u64,
    pub bytes_in: u64,
    pub frames_out: u64,
    pub bytes_out: u64,
    pub blackholed: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub corrupted: u64,
    /// Sent ahead by `reorder`.
    pub reordered: u64,
    /// Found the queue full.
    pub queue_drops: u64,
    /// Found [`MOST_FLYING`] bytes in flight.
    pub overflows: u64,
    pub flushed: u64,
    /// Of `frames_out`: the other end was down and did not take them.
    pub refused: u64,
    /// Waiting and in flight now.
    pub held: u64,
}

/// One direction of a wire. Times are nanoseconds and do not go back.
#[derive(Debug)]
pub struct Line {
    egress: Egress,
    /// Nothing happens to frames: they need not be kept.
    clear: bool,
    rng: ChaCha8Rng,
    bucket: Option<Bucket>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// The shortest delay that any waiting frame may have drawn.
    least_delay: u64,
    flying: BinaryHeap<Reverse<Flying>>,
    flying_bytes: usize,
    /// Counts the frames that took off: of those due at the same time, the first goes first.
    takeoffs: u64,
    counters: Counters,
}

#[derive(Debug)]
struct Waiting {
    frame: Box<[u8]>,
    delay: u64,
}

/// Ordered by `due` and `number`, which no two have in common.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flying {
    due: u64,
    number: u64,
    frame: Box<[u8]>,
}

impl Line {
    /// A line that has carried nothing yet.
    pub fn new(egress: Egress, seed: u64, now: u64) -> Self {
        let mut line = Self {
            egress: Egress::default(),
            clear: true,
            rng: ChaCha8Rng::seed_from_u64(seed),
            bucket: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            least_delay: 0,
            flying: BinaryHeap::new(),
            flying_bytes: 0,
            takeoffs: 0,
            counters: Counters::default(),
        };
        line.change(now, egress);
        line
    }

    /// Other settings from now on. Frames in flight land when they would have; frames that wait
    /// keep their place, and have their turns at the new rate.
    pub fn change(&mut self, now: u64, egress: Egress) {
        self.release(now);
        let rate = egress.impairment.rate;
        if rate != self.egress.impairment.rate {
            self.bucket = rate.map(|rate| Bucket::new(rate, Impairment::bucket(rate), now));
        }
        self.egress = egress;
        self.clear = egress.is_none();
        let least = least_delay(&egress.impairment);
        self.least_delay = if self.waiting.is_empty() { least } else { least.min(self.least_delay) };
        self.release(now);
    }

    /// Whether a frame of this length passes untouched at this very moment, and so need not be
    /// kept. If so, it is counted, and the caller sends it.
    pub fn passes(&mut self, length: usize) -> bool {
        let passes = self.clear && self.flying.is_empty();
        if passes {
            self.counters.arrived(length);
            self.counters.departed(length);
        }
        passes
    }

    /// A frame arrives.
    pub fn arrive(&mut self, now: u64, frame: &[u8]) {
        self.release(now);
        self.counters.arrived(frame.len());
        if self.egress.blackhole {
            self.counters.blackholed += 1;
            return;
        }
        let Impairment { duplicate, .. } = self.egress.impairment;
        let twice = self.happens(duplicate);
        let lost = self.is_lost();
        if twice {
            self.counters.duplicated += 1;
            // With a frame that is both, netem lets the original through and makes no copy.
            if lost || !self.is_lost() {
                self.admit(now, frame);
            }
        }
        if !lost {
            self.admit(now, frame);
        }
    }

    /// When [`Self::depart`] is worth asking again: no frame departs earlier.
    pub fn next_departure(&self) -> Option<u64> {
        let landing = self.flying.peek().map(|Reverse(first)| first.due);
        let takeoff = self.next_turn().map(|turn| turn + self.least_delay);
        landing.into_iter().chain(takeoff).min()
    }

    /// The next frame that is due by now, and by how many nanoseconds it is late.
    pub fn depart(&mut self, now: u64) -> Option<(Box<[u8]>, u64)> {
        self.release(now);
        let Reverse(first) = self.flying.peek()?;
        if first.due > now {
            return None;
        }
        let Reverse(Flying { due, frame, .. }) = self.flying.pop()?;
        self.flying_bytes -= frame.len() + OVERHEAD;
        self.counters.departed(frame.len());
        Some((frame, now - due))
    }

    /// Drops all frames that wait or fly.
    pub fn flush(&mut self) {
        self.counters.flushed += self.held();
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.least_delay = least_delay(&self.egress.impairment);
        self.flying.clear();
        self.flying_bytes = 0;
    }

    /// The last frame has departed, and the other end did not take it.
    pub fn refused(&mut self) {
        self.counters.refused += 1;
    }

    pub fn counters(&self) -> Counters {
        Counters { held: self.held(), ..self.counters }
    }

    fn held(&self) -> u64 {
        (self.waiting.len() + self.flying.len()) as u64
    }

    fn happens(&mut self, share: Share) -> bool {
        share > Share(0) && self.rng.random_range(0..Share::ALL.0) < share.0
    }

    fn is_lost(&mut self) -> bool {
        let Impairment { loss, .. } = self.egress.impairment;
        let lost = self.happens(loss);
        self.counters.lost += u64::from(lost);
        lost
    }

    /// A frame that is not lost, or its duplicate. What is random is drawn even if the frame then
    /// finds no room, so that later fates do not depend on that.
    fn admit(&mut self, now: u64, frame: &[u8]) {
        let flip = self.draw_flip(frame.len());
        let delay = self.draw_delay();
        let turn = self.bucket.as_ref().map_or(now, |bucket| bucket.turn(now, frame.len()));
        if turn > now || !self.waiting.is_empty() {
            if !self.has_room(frame.len()) {
                self.counters.queue_drops += 1;
                return;
            }
            self.waiting_bytes += frame.len();
            let frame = self.copy(frame, flip);
            self.waiting.push_back(Waiting { frame, delay });
        } else if self.bucket.is_none() && self.flying_bytes + frame.len() + OVERHEAD > MOST_FLYING {
            self.counters.overflows += 1;
        } else {
            let frame = self.copy(frame, flip);
            self.take_off(now, frame, delay);
        }
    }

    /// Which bit is flipped: its byte, and a mask.
    fn draw_flip(&mut self, length: usize) -> Option<(usize, u8)> {
        let Impairment { corrupt, .. } = self.egress.impairment;
        (self.happens(corrupt) && length > 0)
            .then(|| (self.rng.random_range(0..length), 1 << self.rng.random_range(0..8)))
    }

    /// How long a frame flies: not at all when `reorder` sends it ahead.
    fn draw_delay(&mut self) -> u64 {
        let Impairment { delay, jitter, reorder, .. } = self.egress.impairment;
        if self.happens(reorder) {
            self.counters.reordered += 1;
            return 0;
        }
        let (delay, jitter) = (delay.as_nanos() as u64, jitter.as_nanos() as u64);
        let least = delay.saturating_sub(jitter);
        if jitter == 0 { delay } else { self.rng.random_range(least..=delay + jitter) }
    }

    fn copy(&mut self, frame: &[u8], flip: Option<(usize, u8)>) -> Box<[u8]> {
        let mut frame: Box<[u8]> = frame.into();
        if let Some((byte, mask)) = flip {
            self.counters.corrupted += 1;
            frame[byte] ^= mask;
        }
        frame
    }

    fn has_room(&self, length: usize) -> bool {
        match self.egress.impairment.queue_or_default() {
            Queue::Packets(most) => self.waiting.len() < most as usize,
            Queue::Bytes(most) => self.waiting_bytes + length <= most as usize,
        }
    }

    fn next_turn(&self) -> Option<u64> {
        let first = self.waiting.front()?;
        Some(self.bucket.as_ref().map_or(0, |bucket| bucket.turn(0, first.frame.len())))
    }

    /// Lets all frames take off whose turn has come, each at its own time.
    fn release(&mut self, now: u64) {
        while let Some(turn) = self.next_turn()
            && turn <= now
            && let Some(Waiting { frame, delay }) = self.waiting.pop_front()
        {
            self.waiting_bytes -= frame.len();
            // The rate has just been lifted when there is no bucket.
            let turn = if self.bucket.is_some() { turn } else { now };
            self.take_off(turn, frame, delay);
            if self.waiting.is_empty() {
                self.least_delay = least_delay(&self.egress.impairment);
            }
        }
    }

    fn take_off(&mut self, turn: u64, frame: Box<[u8]>, delay: u64) {
        if let Some(bucket) = &mut self.bucket {
            bucket.take(turn, frame.len());
        }
        self.flying_bytes += frame.len() + OVERHEAD;
        self.takeoffs += 1;
        self.flying.push(Reverse(Flying { due: turn + delay, number: self.takeoffs, frame }));
    }
}

/// The shortest delay that a frame may draw, in nanoseconds.
fn least_delay(impairment: &Impairment) -> u64 {
    let Impairment { delay, jitter, reorder, .. } = *impairment;
    if reorder > Share(0) { 0 } else { delay.saturating_sub(jitter).as_nanos() as u64 }
}

impl Counters {
    fn arrived(&mut self, length: usize) {
        self.frames_in += 1;
        self.bytes_in += length as u64;
    }

    fn departed(&mut self, length: usize) {
        self.frames_out += 1;
        self.bytes_out += length as u64;
    }
}
