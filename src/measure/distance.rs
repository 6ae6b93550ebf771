//! Round trips that a `ping` measured, against the delays that the links on the way are to have.

use crate::measure::model::RoundTrip;
use crate::measure::quantile;
use crate::measure::replay::Links;
use crate::measure::stats::thousandths;
use crate::record::{Record, What};

/// Below this sum of delays an error is a share of this instead: the cost of the hops themselves, some
/// tens of microseconds each, would else be all there is.
const FLOOR: f64 = 10e6;

/// One pair, and what its echoes showed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) at: u64,
    pub(crate) from: String,
    pub(crate) to: String,
    /// Nanoseconds; `None`: no echo was answered.
    pub(crate) median: Option<u64>,
    /// The shortest of all, for what a busy machine does to an echo only makes it longer; the median where
    /// a link on the way jitters.
    pub(crate) rtt: Option<u64>,
    /// Nanoseconds: the configured delays of the links there and back.
    pub(crate) configured: u64,
    pub(crate) hops: usize,
    /// Distance of `rtt` from what is configured, as a share of that or of 10 ms.
    pub(crate) error: Option<f64>,
}

/// Every pair pinged, in the record's order.
pub(crate) fn round_trips(record: &Record) -> Vec<Measured> {
    let mut links = Links::new(&record.facts);
    let mut found = Vec::new();
    for event in &record.events {
        match &event.what {
            What::Link { link, up, egress } => {
                links.set(link, *up, egress);
            }
            What::Ping { from, to, there, back, round_trips } => {
                let ways = [along(&links, from, there), along(&links, to, back)];
                let configured = ways.iter().map(|way| way.delay).sum::<u64>();
                let mut answered: Vec<f64> = round_trips.iter().flatten().map(|ns| *ns as f64).collect();
                answered.sort_by(f64::total_cmp);
                let (median, least) = (quantile(&answered, 0.5), answered.first().copied());
                let rtt = if ways.iter().any(|way| way.jitters) { median } else { least };
                let error = rtt.map(|r| (r - configured as f64).abs() / f64::max(configured as f64, FLOOR));
                found.push(Measured {
                    at: event.at,
                    from: from.clone(),
                    to: to.clone(),
                    median: median.map(|m| m as u64),
                    rtt: rtt.map(|r| r as u64),
                    configured,
                    hops: there.len(),
                    error,
                });
            }
            _ => {}
        }
    }
    found
}

/// What the links along one way are to do.
struct Path {
    /// Nanoseconds.
    delay: u64,
    jitters: bool,
}

fn along(all: &Links<'_>, from: &str, links: &[String]) -> Path {
    let (mut at, mut way) = (from, Path { delay: 0, jitters: false });
    for link in links {
        let Some((impairment, other)) = all.from(link, at) else { continue };
        way.delay += impairment.delay.as_nanos() as u64;
        way.jitters |= !impairment.jitter.is_zero();
        at = other;
    }
    way
}

/// A pair as the report has it.
pub(crate) fn reported(record: &Record, pair: &Measured) -> RoundTrip {
    let milliseconds = |nanoseconds: u64| thousandths(nanoseconds as f64 / 1e6);
    RoundTrip {
        at: record.seconds(pair.at),
        from: pair.from.clone(),
        to: pair.to.clone(),
        hops: pair.hops,
        median_ms: pair.median.map(milliseconds),
        rtt_ms: pair.rtt.map(milliseconds),
        configured_ms: milliseconds(pair.configured),
        error: pair.error.map(|e| (e * 1e5).round() / 1e5),
    }
}
