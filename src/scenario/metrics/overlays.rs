//! Metrics of overlays: who is a member, who knows whom, what is looked up, stored and flooded.

use super::row::{Bounds, Kind, Play, Row, Shape};
use super::subject::Subject;
use crate::overlay::AskKind;
use crate::scenario::acts::{Action, OverlayAct};
use crate::scenario::deed::Deed;
use crate::topology::{Overlay, Topology};

pub(super) const ROWS: &[Row] = &[
    // Joins that succeeded.
    Row::new("joins", "joins of OVERLAY", Kind::Count, Shape::Counter, |asked| asked.overlay()).needs(join).simulated(),
    Row::new("failed joins", "failed joins of OVERLAY", Kind::Count, Shape::Counter, |asked| asked.overlay())
        .needs(join)
        .simulated(),
    // Nodes joined and alive.
    Row::new("members", "members of OVERLAY", Kind::Count, Shape::State, |asked| asked.overlay())
        .needs(join)
        .bounds(members)
        .simulated(),
    Row::new("islands", "islands of OVERLAY", Kind::Count, Shape::State, |asked| asked.overlay())
        .needs(join)
        .bounds(members)
        .simulated(),
    // Every member's successor is the right one among all members.
    Row::new("whole", "whole of OVERLAY", Kind::YesNo, Shape::State, |asked| asked.overlay()).needs(join).simulated(),
    // From the last repair to whole.
    Row::new("merge", "merge of OVERLAY", Kind::Seconds, Shape::SinceRepair, |asked| asked.overlay())
        .needs(repair)
        .simulated(),
    // Lookups sent.
    Row::new("lookups", "lookups of OVERLAY [from STUB]", Kind::Count, Shape::Counter, |asked| asked.lookups())
        .needs(join)
        .simulated(),
    // The share answered by an owner that was right.
    Row::new("lookup success", "lookup success of OVERLAY [from STUB]", Kind::Ratio, Shape::Counter, |asked| {
        asked.lookups()
    })
    .needs(join)
    .bounds(|_, _| Bounds::SHARE)
    .simulated(),
    Row::new("wrong lookups", "wrong lookups of OVERLAY [from STUB]", Kind::Count, Shape::Counter, |asked| {
        asked.lookups()
    })
    .needs(join)
    .simulated(),
    // Keys put that the audits in the window did not find.
    Row::new("missing keys", "missing keys of OVERLAY", Kind::Count, Shape::Counter, |asked| asked.overlay())
        .needs(audit)
        .simulated(),
    Row::new("found keys", "found keys of OVERLAY", Kind::Count, Shape::Counter, |asked| asked.overlay())
        .needs(audit)
        .simulated(),
    // Keys of which an audit in the window found several values.
    Row::new("conflicting keys", "conflicting keys of OVERLAY", Kind::Count, Shape::Counter, |asked| asked.overlay())
        .needs(audit)
        .simulated(),
    // Searches that ended.
    Row::new("searches", "searches of OVERLAY [from STUB]", Kind::Count, Shape::Counter, |asked| asked.searches())
        .needs(search)
        .simulated(),
    // Of those for something that a member shares, the share that found some of it.
    Row::new("search success", "search success of OVERLAY [from STUB]", Kind::Ratio, Shape::Counter, |asked| {
        asked.searches()
    })
    .needs(search)
    .bounds(|_, _| Bounds::SHARE)
    .simulated(),
    // Searches that found nothing of what was shared in their island.
    Row::new("missed searches", "missed searches of OVERLAY [from STUB]", Kind::Count, Shape::Counter, |asked| {
        asked.searches()
    })
    .needs(search)
    .simulated(),
    // Copies of queries and hits that all nodes sent, for each search that ended.
    Row::new("messages per search", "messages per search of OVERLAY", Kind::Factor, Shape::Counter, |asked| {
        asked.searched()
    })
    .needs(searched)
    .simulated(),
    // Nodes that heard a search, on average.
    Row::new("reach", "reach of OVERLAY", Kind::Factor, Shape::Counter, |asked| asked.searched())
        .needs(searched)
        .bounds(members)
        .simulated(),
    // Bytes of UDP payload that the floods begun in the window were answered with, for each that they sent.
    Row::new("flood gain", "flood gain of OVERLAY", Kind::Factor, Shape::Counter, |asked| asked.overlay()).needs(flood),
];

fn join(_: &Subject, play: &Play<'_>) -> Option<&'static str> {
    play.lacks_join()
}

fn repair(_: &Subject, play: &Play<'_>) -> Option<&'static str> {
    let repaired = play.has(|action| action.deed() == Deed::Repair);
    if repaired { play.lacks_join() } else { Some("`recover`, `mend`, `heal` or `clear`") }
}

fn audit(_: &Subject, play: &Play<'_>) -> Option<&'static str> {
    let audited = play.sees(|action| matches!(action, Action::Overlay(OverlayAct::Audit { .. })));
    if audited { play.lacks_join() } else { Some("`audit` in its window") }
}

fn search(_: &Subject, play: &Play<'_>) -> Option<&'static str> {
    let searched = play.sees(|action| matches!(action, Action::Overlay(OverlayAct::Search { .. })));
    if searched { play.lacks_join() } else { Some("`search` in its window") }
}

/// Keys without owners are searched for by an audit.
fn searched(subject: &Subject, play: &Play<'_>) -> Option<&'static str> {
    let of_it = |overlay: &&Overlay| Some(&overlay.name) == subject.of.as_ref();
    let stores = play.topology.overlays.iter().find(of_it).is_some_and(|o| o.settings.protocol.may(AskKind::Get));
    if stores { audit(subject, play) } else { search(subject, play) }
}

fn flood(subject: &Subject, play: &Play<'_>) -> Option<&'static str> {
    let of_it = |overlay: usize| Some(&play.topology.overlays[overlay].name) == subject.of.as_ref();
    let flooded =
        play.sees(|action| matches!(action, Action::Overlay(OverlayAct::Flood { overlay, .. }) if of_it(*overlay)));
    (!flooded).then_some("`flood` of this overlay in its window")
}

fn members(subject: &Subject, topology: &Topology) -> Bounds {
    let overlay = topology.overlays.iter().find(|o| Some(&o.name) == subject.of.as_ref());
    Bounds::up_to(overlay.map(|o| o.members.len()))
}
