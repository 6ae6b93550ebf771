//! What was found of a link, and whether that is what was asked for: by each backend alone, and by
//! one against the other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::physics::Backend;

/// Standard deviations that a share may be off: seven false alarms in a million.
const SIGMAS: f64 = 4.5;
/// Kolmogorov's bound for the distance of distributions, times √n: five false alarms in a hundred thousand.
const KOLMOGOROV: f64 = 2.3;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    Share,
    Milliseconds,
    Megabits,
    Frames,
    Bytes,
    Plain,
}

/// Both ends included. `null` in JSON is infinite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bound(pub f64, pub f64);

impl Bound {
    pub(super) const ANY: Self = Self(f64::NEG_INFINITY, f64::INFINITY);

    /// All of a binomial's values that can be expected, as shares of `of`.
    pub(super) fn share(expected: f64, of: usize) -> Self {
        let off = SIGMAS * (expected * (1.0 - expected) / of as f64).sqrt();
        Self((expected - off).max(0.0), (expected + off).min(1.0))
    }

    fn holds(self, value: f64) -> bool {
        (self.0..=self.1).contains(&value)
    }

    fn around(self, other: Self) -> Self {
        Self(self.0.min(other.0), self.1.max(other.1))
    }
}

/// How far the two backends may be from each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Apart {
    By(f64),
    /// Two shares of so many frames each.
    Shares(usize),
    /// The distance of two samples, each ascending, besides this one.
    Samples(Vec<f64>, f64),
    /// They differ, and this is why.
    Because(&'static str),
}

/// One property of one backend, as found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    pub(super) property: &'static str,
    pub(super) configured: String,
    pub(super) unit: Unit,
    pub(super) value: f64,
    pub(super) bound: Bound,
    /// The bound where times mean nothing, which then replaces `bound` and `apart`.
    pub(super) emulated: Option<Bound>,
    pub(super) apart: Apart,
}

impl Reading {
    pub(super) fn share(property: &'static str, configured: String, hits: usize, of: usize, expected: f64) -> Self {
        let (value, bound) = (hits as f64 / of as f64, Bound::share(expected, of));
        Self { property, configured, unit: Unit::Share, value, bound, emulated: None, apart: Apart::Shares(of) }
    }

    /// A number of frames that leaves no choice.
    pub(super) fn exactly(property: &'static str, configured: String, found: usize, expected: usize) -> Self {
        let bound = Bound(expected as f64, expected as f64);
        let (unit, value, apart) = (Unit::Frames, found as f64, Apart::By(0.0));
        Self { property, configured, unit, value, bound, emulated: None, apart }
    }
}

/// One property, side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub property: &'static str,
    pub configured: String,
    pub unit: Unit,
    pub found: BTreeMap<&'static str, f64>,
    pub bound: Bound,
    /// How far the two are from each other, and how far they may be; in a share's own unit.
    pub apart: Option<(f64, f64)>,
    /// Who is out of bounds, `both` if they are too far from each other; empty if all is well.
    pub wrong: Vec<&'static str>,
    /// Why the two may differ.
    pub because: Option<&'static str>,
}

/// A backend's name in a row.
pub fn name(backend: Backend) -> &'static str {
    match backend {
        Backend::Auto => "auto",
        Backend::Netem => "netem",
        Backend::Wire => "wire",
    }
}

/// Puts readings of the same course side by side. `emulated`: order and ratio count, times do not.
pub(super) fn rows(found: &[(Backend, Vec<Reading>)], emulated: bool) -> Vec<Row> {
    let Some((_, first)) = found.first() else { return Vec::new() };
    let row = |at: usize| {
        let readings: Vec<_> = found.iter().filter_map(|(backend, all)| Some((*backend, all.get(at)?))).collect();
        row(&readings, emulated)
    };
    (0..first.len()).filter_map(row).collect()
}

fn row(readings: &[(Backend, &Reading)], emulated: bool) -> Option<Row> {
    let (_, first) = readings.first()?;
    let bound_of = |reading: &Reading| reading.emulated.filter(|_| emulated).unwrap_or(reading.bound);
    let bound = readings.iter().map(|(_, reading)| bound_of(reading)).reduce(Bound::around)?;
    let out = readings.iter().filter(|(_, reading)| !bound_of(reading).holds(reading.value));
    let mut wrong: Vec<_> = out.map(|(backend, _)| name(*backend)).collect();
    let timeless = first.emulated.is_none() || !emulated;
    let apart = match readings {
        [(_, a), (_, b)] if timeless => apart(a, b),
        _ => None,
    };
    if apart.is_some_and(|(found, most)| found > most) {
        wrong.push("both");
    }
    let because = if let Apart::Because(why) = first.apart { Some(why) } else { None };
    let found = readings.iter().map(|(backend, reading)| (name(*backend), reading.value)).collect();
    let (property, configured, unit) = (first.property, first.configured.clone(), first.unit);
    Some(Row { property, configured, unit, found, bound, apart, wrong, because })
}

/// How far two readings are from each other, and how far they may be.
fn apart(a: &Reading, b: &Reading) -> Option<(f64, f64)> {
    let difference = (a.value - b.value).abs();
    match (&a.apart, &b.apart) {
        (Apart::By(a), Apart::By(b)) => Some((difference, a.max(*b))),
        (Apart::Shares(n), Apart::Shares(m)) => {
            let (n, m) = (*n as f64, *m as f64);
            let pooled = (a.value * n + b.value * m) / (n + m);
            Some((difference, SIGMAS * (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt()))
        }
        (Apart::Samples(a, besides), Apart::Samples(b, _)) => {
            let (n, m) = (a.len() as f64, b.len() as f64);
            Some((distance(a, b), KOLMOGOROV * ((n + m) / (n * m)).sqrt() + besides))
        }
        _ => None,
    }
}

/// The largest difference of two samples' distributions; both ascend.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let below = |of: &[f64], value: f64| of.partition_point(|found| *found <= value) as f64 / of.len() as f64;
    a.iter().chain(b).map(|value| (below(a, *value) - below(b, *value)).abs()).fold(0.0, f64::max)
}

/// The largest difference of a sample's distribution, which ascends, from an even one.
pub(super) fn unevenness(sorted: &[f64], least: f64, most: f64) -> f64 {
    let n = sorted.len() as f64;
    let even = |value: f64| ((value - least) / (most - least)).clamp(0.0, 1.0);
    let off = |(i, value): (usize, &f64)| (even(*value) - i as f64 / n).max((i + 1) as f64 / n - even(*value));
    sorted.iter().enumerate().map(off).fold(0.0, f64::max)
}

/// The bound of [`unevenness`].
pub(super) fn even(of: usize, besides: f64) -> Bound {
    Bound(0.0, KOLMOGOROV / (of as f64).sqrt() + besides)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(value: f64) -> Reading {
        let apart = Apart::By(1.0);
        let (unit, bound) = (Unit::Milliseconds, Bound(10.0, 20.0));
        Reading { property: "p", configured: String::new(), unit, value, bound, emulated: None, apart }
    }

    fn judged(netem: Reading, wire: Reading, emulated: bool) -> Vec<&'static str> {
        rows(&[(Backend::Netem, vec![netem]), (Backend::Wire, vec![wire])], emulated).remove(0).wrong
    }

    #[test]
    fn each_is_judged_alone_and_both_together() {
        assert_eq!(judged(reading(10.0), reading(11.0), false), [""; 0]);
        assert_eq!(judged(reading(10.0), reading(11.5), false), ["both"]);
        assert_eq!(judged(reading(9.0), reading(21.0), false), ["netem", "wire", "both"]);
        let late = |value| Reading { emulated: Some(Bound(10.0, f64::INFINITY)), ..reading(value) };
        assert_eq!(judged(late(12.0), late(900.0), true), [""; 0]);
        assert_eq!(judged(late(9.9), late(900.0), true), ["netem"]);
        let differs = |value| Reading { apart: Apart::Because("so"), ..reading(value) };
        assert_eq!(judged(differs(10.0), differs(20.0), false), [""; 0]);
    }

    #[test]
    fn shares_have_a_binomials_bounds() {
        let of = |hits| Reading::share("p", String::new(), hits, 10_000, 0.2);
        let Bound(least, most) = of(0).bound;
        assert!((least - 0.182).abs() < 1e-9 && (most - 0.218).abs() < 1e-9, "{least} {most}");
        assert_eq!(judged(of(1821), of(1990), false), [""; 0]);
        assert_eq!(judged(of(1821), of(2179), false), ["both"]);
        assert_eq!(Bound::share(0.0, 5), Bound(0.0, 0.0));
    }

    #[test]
    fn distributions_by_hand() {
        let sample = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(distance(&sample, &sample), 0.0);
        assert_eq!(distance(&sample, &[3.0, 4.0, 5.0, 6.0]), 0.5);
        assert_eq!(distance(&sample, &[7.0]), 1.0);
        assert_eq!(unevenness(&[0.25, 0.75], 0.0, 1.0), 0.25);
        assert_eq!(unevenness(&[0.0, 0.0], 0.0, 1.0), 1.0);
    }

    #[test]
    fn one_backend_is_judged_alone() {
        let rows = rows(&[(Backend::Wire, vec![reading(30.0)])], false);
        assert_eq!((rows[0].wrong.clone(), rows[0].apart), (vec!["wire"], None));
    }
}
