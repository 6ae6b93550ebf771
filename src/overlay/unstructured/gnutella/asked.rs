//! Searches under way: this node's own, and those that an ultrapeer asks link by link.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::overlay::Time;
use crate::overlay::unstructured::pursuit::Pursuit;

/// Of links that lead on, so many lead to somebody new.
const FRESH: f64 = 0.8;

/// A search under way.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) pursuit: Pursuit,
    /// When something was last asked or found.
    pub(super) last: Time,
    /// It ends when nothing was for so long.
    pub(super) quiet: Duration,
}

impl Search {
    pub(super) fn due(&self) -> Time {
        self.last + self.quiet
    }

    pub(super) fn stir(&mut self, now: Time) {
        self.last = now;
    }
}

/// A query that is asked link by link.
#[derive(Clone, Debug)]
pub(super) struct Dynamic {
    pub(super) payload: Vec<u8>,
    /// The leaf's link; `None`: its own.
    pub(super) leaf: Option<u64>,
    pub(super) results: usize,
    pub(super) asked: BTreeSet<u64>,
    /// Servents that should have heard it.
    pub(super) horizon: f64,
    pub(super) began: Time,
    pub(super) next: Time,
}

/// How many servents a query should reach by an ultrapeer with so many links.
pub(super) fn horizon(degree: u32, ttl: u8) -> f64 {
    let fan = f64::from(degree.saturating_sub(1));
    let reached: f64 = (0..i32::from(ttl)).map(|hop| fan.powi(hop)).sum();
    reached * FRESH.powi(i32::from(ttl) - 1)
}

/// The least TTL by which so many should hear it, in at most so many hops.
pub(super) fn ttl_for(wanted: f64, degree: u32, most: u8) -> u8 {
    (1..most).find(|ttl| horizon(degree, *ttl) >= wanted).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_horizon_grows_as_published() {
        assert!((horizon(4, 1) - 1.0).abs() < 1e-12);
        assert!((horizon(4, 3) - (1.0 + 3.0 + 9.0) * 0.64).abs() < 1e-12);
        assert!(horizon(32, 5) > 300_000.0);
        assert_eq!((ttl_for(0.5, 4, 5), ttl_for(8.0, 4, 5), ttl_for(1e9, 4, 5)), (1, 3, 5));
        assert_eq!(ttl_for(5.0, 1, 2), 2, "a servent without other links");
    }
}
