//! Metrics of routing: the ways of packets, what is wrong with them, and what BGP says meanwhile.

use super::row::{Bounds, Kind, Play, Row, Shape};
use super::subject::{Subject, Target};
use crate::scenario::acts::{Action, LookAct};
use crate::scenario::deed::Deed;

pub(super) const ROWS: &[Row] = &[
    // The way that the kernels' routes lead carries packets, and the way back.
    Row::new("reachable", "reachable of NODE to NODE|GROUP", Kind::YesNo, Shape::State, |asked| {
        asked.node_and_target()
    })
    .needs(join),
    // Links on that way. From one node to another there is a link at least, or there is no way.
    Row::new("hops", "hops of NODE to NODE|GROUP", Kind::Count, Shape::State, |asked| asked.node_and_target())
        .needs(join)
        .bounds(|_, topology| Bounds { least: 1.0, most: Some(topology.nodes.len() as f64 - 1.0), absent: true }),
    // The other ASes on it.
    Row::new("as path", "as path of NODE to NODE|GROUP", Kind::Path, Shape::State, |asked| asked.node_and_target())
        .needs(join),
    // What routing has put into its kernel's table.
    Row::new("routes", "routes of NODE", Kind::Count, Shape::State, |asked| asked.router()),
    // Loops and black holes of the kernels' routes that began in the window.
    Row::new("loops", "loops [of GROUP]", Kind::Count, Shape::Counter, |asked| asked.any_group()),
    Row::new("blackholes", "blackholes [of GROUP]", Kind::Count, Shape::Counter, |asked| asked.any_group()),
    // Of one router and one address: as much of it as lies in the window.
    Row::new("longest blackhole", "longest blackhole [of GROUP]", Kind::Seconds, Shape::Counter, |asked| {
        asked.any_group()
    }),
    // The clients whose packets end in a stub that has hijacked a group.
    Row::new("hijacked share", "hijacked share [of GROUP]", Kind::Ratio, Shape::State, |asked| {
        asked.probing().and_then(|()| asked.one_group(true))
    })
    .needs(hijack)
    .bounds(|_, _| Bounds::SHARE),
    // BGP updates that arrived anywhere.
    Row::new("updates", "updates", Kind::Count, Shape::Counter, |asked| {
        asked.everything("`updates` counts those of all routers")
    }),
    // Best routes that BGP had settled on, and that were not the predicted ones.
    Row::new("mispredicted routes", "mispredicted routes", Kind::Count, Shape::Counter, |asked| {
        asked.everything("`mispredicted routes` counts those of all routers to all plain groups")
    }),
    // Nodes whose packets reach another member than the kernels' routes lead to, at each survey and each catchment
    // of the report.
    Row::new("disagreements", "disagreements [of GROUP]", Kind::Count, Shape::Counter, |asked| asked.any_group())
        .needs(survey),
];

fn hijack(_: &Subject, play: &Play<'_>) -> Option<&'static str> {
    (!play.has(|action| action.deed() == Deed::Hijack)).then_some("`hijack`")
}

/// Groups of overlays are announced by those that have joined.
fn join(subject: &Subject, play: &Play<'_>) -> Option<&'static str> {
    let Some(Target::Group(name)) = &subject.to else { return None };
    let of_overlay = play.topology.groups.iter().any(|group| group.name == *name && !group.is_plain());
    if of_overlay { play.lacks_join() } else { None }
}

/// Of a group that clients probe, the report's catchments tell.
fn survey(_: &Subject, play: &Play<'_>) -> Option<&'static str> {
    let told =
        play.topology.probe.is_some() || play.has(|action| matches!(action, Action::Look(LookAct::Catchment { .. })));
    (!told).then_some("`catchment`")
}
