//! What is to be done when, and for how long the lab plays.

use std::time::Duration;

use super::acts::Action;
use super::expectation::Expectation;
use super::scope::Origin;

/// The timeline and the expectations of one lab, with every name found.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// In play order; entries with `over` are already spread out.
    pub timeline: Vec<Entry>,
    pub expectations: Vec<Expectation>,
    /// Play ends this long after it began.
    pub duration: Duration,
}

/// One thing to do at one moment of the play.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Since the play began.
    pub at: Duration,
    pub action: Action,
    pub origin: Origin,
}
