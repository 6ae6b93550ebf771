//! How nodes came to be members.

use std::collections::BTreeMap;

use serde::Serialize;

use super::delay::Delays;
use super::sample::Sample;
use crate::overlay::Time;

/// A join that succeeded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Join {
    pub at: Time,
    pub host: usize,
    /// Who answered at the group's address; `None`: it began an overlay.
    pub served_by: Option<usize>,
    /// From the command until its neighbors had noticed it.
    pub milliseconds: f64,
    pub attempts: u32,
    /// How often it was sent elsewhere.
    pub redirected: u32,
    /// Questions that it took once it had been served, one after another.
    pub hops: u32,
}

/// What is said about all joins.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Joins {
    pub ok: usize,
    /// Given up, and begun again.
    pub failed: usize,
    pub milliseconds: Option<Sample>,
    /// Milliseconds to whoever served, and back.
    pub distance_ms: Option<Sample>,
    /// Members that served any, and the most that one served.
    pub servers: usize,
    pub most_served: usize,
}

impl Joins {
    pub fn of(joins: &[Join], failed: usize, delays: &Delays) -> Self {
        let mut served: BTreeMap<usize, usize> = BTreeMap::new();
        joins.iter().filter_map(|j| j.served_by).for_each(|by| *served.entry(by).or_default() += 1);
        let distance = |j: &Join| Some(delays.round_trip(j.host, j.served_by?).as_secs_f64() * 1e3);
        let others = || joins.iter().filter(|j| j.served_by.is_some());
        Self {
            ok: joins.len(),
            failed,
            milliseconds: Sample::of(others().map(|j| j.milliseconds)),
            distance_ms: Sample::of(joins.iter().filter_map(distance)),
            servers: served.len(),
            most_served: served.values().copied().max().unwrap_or(0),
        }
    }
}
