//! What all parts of the page have in common.

use crate::overlay::{Given, Protocol, Proximity};
use crate::paper::estimate::Estimate;
use crate::sim::{Options, settings};

/// An overlay as the papers have it: the first node that serves is taken, wherever it is.
pub(super) fn options(nodes: usize, protocol: &str, seed: u64) -> Options {
    Options::of(nodes, given(protocol), seed)
}

pub(super) fn given(protocol: &str) -> Given {
    settings(Protocol::named(protocol).unwrap_or_default(), Proximity::None)
}

/// The mean over runs, of those that have a value.
pub(super) fn mean<R>(runs: &[R], value: impl Fn(&R) -> Option<f64>) -> Option<Estimate> {
    Estimate::mean(runs.iter().filter_map(value))
}

/// A part of a whole; nothing is none of it.
pub(super) fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A share and its interval, in percent.
pub(super) fn percents(share: Option<Estimate>) -> String {
    share.map_or("–".into(), |share| format!("{} %", share.scaled(100.0).show(2)))
}

/// So many seeds, from the first on.
pub(super) fn seeds(first: u64, count: u64) -> impl Iterator<Item = u64> + Clone {
    first..first + count
}
