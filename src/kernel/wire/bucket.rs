//! A token bucket that says when each frame's turn is, in exact time: rounding does not add up.

/// In a second. At 100 Gbit/s the smallest frame takes five nanoseconds: too coarse a unit to sum up.
const PICOSECONDS: u128 = 1_000_000_000_000;

/// Bytes that may pass at once, refilled at a rate.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Bits per second.
    rate: u64,
    /// Bytes.
    size: u64,
    /// When it will be full again, in picoseconds.
    full: u128,
    /// When the last frame had its turn; frames go one after the other.
    last: u64,
}

impl Bucket {
    /// Full at `now`. All times are nanoseconds.
    pub(super) fn new(rate: u64, size: u32, now: u64) -> Self {
        Self { rate, size: size.into(), full: u128::from(now) * 1000, last: now }
    }

    /// The moment, `from` at the earliest, from which on a frame of so many bytes may pass.
    pub(super) fn turn(&self, from: u64, length: usize) -> u64 {
        // A frame larger than the bucket passes when it is full.
        let slack = self.time(self.size.saturating_sub(length as u64));
        let enough = self.full.saturating_sub(slack).div_ceil(1000) as u64;
        enough.max(self.last).max(from)
    }

    /// Takes a frame's bytes out, at its turn.
    pub(super) fn take(&mut self, turn: u64, length: usize) {
        self.last = turn;
        self.full = self.full.max(u128::from(turn) * 1000) + self.time(length as u64);
    }

    /// Picoseconds that so many bytes take.
    fn time(&self, bytes: u64) -> u128 {
        u128::from(bytes) * 8 * PICOSECONDS / u128::from(self.rate.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_passes_at_once_and_the_rest_at_the_rate() {
        // 1000 bytes a millisecond.
        let mut bucket = Bucket::new(8_000_000, 3000, 5_000_000);
        let mut turns = Vec::new();
        for _ in 0..6 {
            let turn = bucket.turn(5_000_000, 1000);
            bucket.take(turn, 1000);
            turns.push(turn / 1_000_000);
        }
        assert_eq!(turns, [5, 5, 5, 6, 7, 8]);
        // Idle long enough, it is full again and no more than that.
        let turns: Vec<u64> = (0..4)
            .map(|_| {
                let turn = bucket.turn(1_000_000_000, 1000);
                bucket.take(turn, 1000);
                turn / 1_000_000
            })
            .collect();
        assert_eq!(turns, [1000, 1000, 1000, 1001]);
    }

    #[test]
    fn a_frame_larger_than_the_bucket_passes_when_it_is_full() {
        let mut bucket = Bucket::new(8_000_000, 1000, 0);
        bucket.take(bucket.turn(0, 9000), 9000);
        assert_eq!(bucket.turn(0, 9000), 9_000_000);
    }

    #[test]
    fn small_frames_at_a_large_rate_are_not_rounded() {
        let mut bucket = Bucket::new(100_000_000_000, 3028, 0);
        for _ in 0..1_000_000 {
            let turn = bucket.turn(0, 64);
            bucket.take(turn, 64);
        }
        // 64 bytes in 5.12 ns each, less the full bucket.
        assert_eq!(bucket.turn(0, 64), 5_120_000 - (3028 - 64) * 8 / 100);
    }
}
