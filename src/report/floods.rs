//! Floods of joiners, in words.

use crate::measure::{FloodReport, Joiners};
use crate::report::page::{maybe, plural};

/// What a flood of an overlay sent, what it earned, and how those fared who meant to join.
pub(crate) fn line(overlay: &str, flood: &FloodReport) -> String {
    let sent = plural(flood.sent as usize, "joiner");
    let mut parts = vec![format!("of {overlay} from {}: {sent}' Hellos in {:.2}\u{a0}s", flood.host, flood.seconds)];
    if flood.skipped > 0 {
        parts.push(format!("{} not sent in time", flood.skipped));
    }
    parts.push(match flood.gain {
        None => "nothing was sent".to_owned(),
        Some(_) if flood.answers == 0 => "not answered".to_owned(),
        Some(gain) => format!("{gain:.2} bytes answered per byte asked"),
    });
    let (before, during) = (&flood.joins_before, &flood.joins_during);
    if during.begun > 0 {
        let compared = if before.joined > 0 { format!(" (before it {})", times(before)) } else { String::new() };
        let joined = format!("{} of {} others joined meanwhile", during.joined, during.begun);
        parts.push(format!("{joined}, {}{compared}", times(during)));
    }
    parts.join(", ")
}

fn times(joiners: &Joiners) -> String {
    format!("p50 {}, p99 {}", maybe(joiners.p50_ms), maybe(joiners.p99_ms))
}
