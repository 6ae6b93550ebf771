//! Metrics of round trips: between nodes, and of clients to sites.

use super::row::{Bounds, Kind, Play, Row, Shape};
use super::subject::Subject;
use crate::scenario::acts::{Action, LookAct, stretched_groups};
use crate::scenario::words::probed;
use crate::topology::{GroupId, Topology};

pub(super) const ROWS: &[Row] = &[
    // The median of the latest ping in the window.
    Row::new("rtt", "rtt of NODE to NODE", Kind::Seconds, Shape::Counter, |asked| asked.two_nodes()).needs(ping),
    // Of all pairs pinged in the window, the largest distance of the median from the sum of the configured delays,
    // as a share of that sum or of 10 ms, whichever is more.
    Row::new("rtt error", "rtt error", Kind::Ratio, Shape::Counter, |asked| {
        asked.everything("`rtt error` is of all pairs pinged")
    })
    .needs(ping),
    // Anycast round trip over that of the nearest member, a quantile of all clients, in the latest `stretch`.
    Row::new("stretch p50", "stretch p50 [of GROUP]", Kind::Factor, Shape::Counter, |asked| {
        asked.probing().and_then(|()| asked.one_group(false))
    })
    .needs(stretch)
    .bounds(above_nothing),
    Row::new("stretch p90", "stretch p90 [of GROUP]", Kind::Factor, Shape::Counter, |asked| {
        asked.probing().and_then(|()| asked.one_group(false))
    })
    .needs(stretch)
    .bounds(above_nothing),
    Row::new("stretch p99", "stretch p99 [of GROUP]", Kind::Factor, Shape::Counter, |asked| {
        asked.probing().and_then(|()| asked.one_group(false))
    })
    .needs(stretch)
    .bounds(above_nothing),
    // The share of the clients that the latest `stretch` found at their best site.
    Row::new("best site", "best site [of GROUP]", Kind::Ratio, Shape::Counter, |asked| {
        asked.probing().and_then(|()| asked.one_group(false))
    })
    .needs(stretch)
    .bounds(|_, _| Bounds::SHARE),
];

fn ping(_: &Subject, play: &Play<'_>) -> Option<&'static str> {
    (!play.has(|action| matches!(action, Action::Look(LookAct::Ping { .. })))).then_some("`ping`")
}

/// Of the group, or the only one that is probed.
fn stretch(subject: &Subject, play: &Play<'_>) -> Option<&'static str> {
    let topology = play.topology;
    let meant = |id: &GroupId| match &subject.of {
        Some(name) => topology.groups[id.0].name == *name,
        None => probed(topology) == [*id],
    };
    let stretched = play.sees(|action| match action {
        Action::Look(LookAct::Stretch(of)) => stretched_groups(*of, topology).iter().any(meant),
        _ => false,
    });
    (!stretched).then_some("`stretch` of this group in its window")
}

fn above_nothing(_: &Subject, _: &Topology) -> Bounds {
    Bounds { least: f64::MIN_POSITIVE, ..Bounds::default() }
}
