//! Keys that are being stored or fetched, and searches, in a simulation.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::overlay::{Spent, Time};
use crate::scenario::keys::Write;

/// A put or get without an outcome for this long has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Purpose {
    Put,
    Overwrite,
    Audit,
}

/// Keys that are being stored or fetched.
pub(super) struct Batch {
    pub(super) purpose: Purpose,
    pub(super) begun: Time,
    /// The last that has ended, so far.
    pub(super) ended: Time,
    pub(super) waiting: BTreeMap<u64, Write>,
    pub(super) done: Vec<Write>,
    pub(super) missing: Vec<String>,
    /// Keys of which another island wrote another value.
    pub(super) conflicts: u32,
    /// Where keys have no owners, and fetching is searching: the overlay that was asked, and what searches had cost before.
    pub(super) cost: Option<(usize, Spent)>,
}

/// Searches under way.
pub(super) struct Searching {
    pub(super) begun: Time,
    /// The last that has ended, so far.
    pub(super) ended: Time,
    pub(super) asked: u32,
    pub(super) waiting: BTreeSet<u64>,
    /// What searches had cost before.
    pub(super) before: Spent,
}
