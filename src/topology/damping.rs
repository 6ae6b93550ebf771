//! Damping of routes that flap.

use serde::Serialize;

/// Route flap damping of what other ASes announce (RFC 2439): a route's penalty grows by 1000 with each withdrawal, and
/// by 500 with each change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Damping {
    /// Minutes in which a penalty halves.
    pub half_life: u8,
    /// Below this penalty, a suppressed route is used again.
    pub reuse: u32,
    /// Above this one, a route is suppressed.
    pub suppress: u32,
    /// Minutes that a route is suppressed at most.
    pub max: u8,
}

impl Default for Damping {
    /// What vendors' routers have (RIPE-229, Cisco's).
    fn default() -> Self {
        Self { half_life: 15, reuse: 750, suppress: 2000, max: 60 }
    }
}

impl Damping {
    /// Why it would do nothing, or never end.
    pub(super) fn problem(self) -> Option<&'static str> {
        // No penalty may grow beyond what decays to `reuse` within `max` (RFC 2439 §4.2).
        let ceiling = f64::from(self.reuse) * (f64::from(self.max) / f64::from(self.half_life)).exp2();
        if self.reuse >= self.suppress {
            Some("`reuse` must be less than `suppress`")
        } else if ceiling <= f64::from(self.suppress) {
            Some("within `max` a penalty of `suppress` does not decay to `reuse`: choose a longer one")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damping_that_does_nothing_is_a_problem() {
        let usual = Damping::default();
        assert_eq!(usual.problem(), None);
        assert!(Damping { reuse: 2000, ..usual }.problem().is_some());
        // 750 times two, after a half-life of 15 minutes in 20.
        assert!(Damping { max: 20, ..usual }.problem().is_some());
        assert_eq!(Damping { half_life: 5, max: 20, ..usual }.problem(), None);
    }
}
