//! Time as machines know it.

use std::ops::{Add, Sub};
use std::time::Duration;

/// Time since an arbitrary epoch: CLOCK_MONOTONIC in a lab, virtual in the simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Duration);

impl Time {
    /// Milliseconds from `earlier` to `self`.
    pub fn millis_since(self, earlier: Self) -> f64 {
        (self - earlier).as_secs_f64() * 1e3
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0 + later)
    }
}

/// Zero when `rhs` is later.
impl Sub for Time {
    type Output = Duration;

    fn sub(self, rhs: Self) -> Duration {
        self.0.saturating_sub(rhs.0)
    }
}
