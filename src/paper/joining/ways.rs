//! How a crowd finds the overlay, and how what becomes of it is written down.

use crate::anycast::{Bootstrap, Redirect};
use crate::paper::estimate::Estimate;
use crate::paper::page::number;

/// How a crowd finds the overlay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Way {
    pub(super) name: &'static str,
    pub(super) bootstrap: Bootstrap,
    /// How many nodes are well-known.
    pub(super) well_known: usize,
    pub(super) redirect: Redirect,
}

pub(super) const ONE: Way =
    Way { name: "1 well-known", bootstrap: Bootstrap::WellKnown, well_known: 1, redirect: Redirect::Nearest };
pub(super) const THREE: Way = Way { name: "3 well-known", well_known: 3, ..ONE };
pub(super) const ANYCAST: Way =
    Way { name: "anycast", bootstrap: Bootstrap::Anycast, well_known: 0, redirect: Redirect::Nearest };
pub(super) const LEAST_LOADED: Way = Way { name: "anycast, least loaded", redirect: Redirect::LeastLoaded, ..ANYCAST };
pub(super) const WAYS: [Way; 4] = [ONE, THREE, ANYCAST, LEAST_LOADED];

/// Members before the crowd comes.
pub(super) const SEEDS: usize = 4;
/// Joins a second from which on a member points to others.
pub(super) const CAPACITY: u32 = 4;

/// `12 of 12: 1 (0.76–1)`
pub(super) fn share(part: usize, whole: usize) -> String {
    Estimate::share(part, whole).map_or("–".to_owned(), |e| format!("{part} of {whole}: {}", e.show(2)))
}

pub(super) fn milliseconds(value: Option<f64>) -> String {
    value.map_or("never".to_owned(), |v| format!("{} ms", number(v, 1)))
}
