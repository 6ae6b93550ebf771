//! How long an answer is waited for.
//!
//! Where answers take longer than the configured timeout, every node looks dead, and what is done about
//! dead nodes makes answers take longer still. So the timeout follows what answers take, as TCP's does
//! (RFC 6298) and as a DHT's should (Rhea et al., "Handling Churn in a DHT", USENIX 2004, §4.2). One
//! estimate serves all peers: what is seldom foreseen, a busy machine or a full queue, is near the asker
//! more often than near one of the asked.

use std::time::Duration;

/// The timeout grows to so many times the configured one at most.
const MAX_FACTOR: u32 = 16;

#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    least: Duration,
    smoothed: Duration,
    deviation: Duration,
}

impl Patience {
    /// `least`: the configured timeout, in force while answers are quicker.
    pub(super) fn new(least: Duration) -> Self {
        Self { least, smoothed: Duration::ZERO, deviation: Duration::ZERO }
    }

    pub(super) fn timeout(&self) -> Duration {
        (self.smoothed + self.deviation * 4).clamp(self.least, self.least * MAX_FACTOR)
    }

    /// An answer took so long, or less: which of several requests it answers is not known, and to be too
    /// patient is the lesser mistake.
    pub(super) fn answered(&mut self, after: Duration) {
        let after = after.min(self.least * MAX_FACTOR);
        self.deviation = (self.deviation * 3 + self.smoothed.abs_diff(after)) / 4;
        self.smoothed = (self.smoothed * 7 + after) / 8;
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_millis(300);

    fn after(round_trips: impl IntoIterator<Item = u64>) -> Duration {
        let mut patience = Patience::new(LEAST);
        round_trips.into_iter().for_each(|ms| patience.answered(Duration::from_millis(ms)));
        patience.timeout()
    }

    #[test]
    fn quick_answers_leave_the_configured_timeout() {
        assert_eq!(after([]), LEAST);
        assert_eq!(after((0..100).map(|i| i % 60)), LEAST);
    }

    #[test]
    fn slow_answers_are_waited_for() {
        assert!(after([700]) > Duration::from_millis(700));
        assert!(after([700; 20]) > Duration::from_millis(700));
        assert_eq!(after([1_000_000]), LEAST * MAX_FACTOR);
    }

    #[test]
    fn patience_ends_when_answers_are_quick_again() {
        let slow = [900; 20];
        assert_eq!(after(slow.into_iter().chain([2; 40])), LEAST);
    }
}
