//! `flood OVERLAY from HOST|STUB at RATE for TIME`: joiners that do not mean to join.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::verb::Given;
use crate::anycast::By;
use crate::scenario::words::{ActionError, Word, host, overlay};
use crate::topology::{NodeId, NodeKind, Topology};

/// Hellos a second.
const RATES: RangeInclusive<u32> = 1..=1_000_000;
const TIMES: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

pub(super) fn flood(given: &mut Given<'_>) -> Result<(usize, NodeId, u32, Duration), ActionError> {
    let word = given.expect("an overlay")?;
    let overlay = overlay(&word, given.topology)?;
    let topology = given.topology;
    let flooded = &topology.overlays[overlay];
    let by = flooded.groups.first().and_then(|join| topology.groups[join.0].owner).map(|owner| owner.by);
    if by == Some(By::Nobody) {
        let message = format!("`{}` has no join address", word.text);
        let help = format!(
            "{} leads to its members; flood an overlay whose group has an address",
            topology.infrastructure(flooded).title
        );
        return Err(word.error(message, help));
    }
    given.words.demand("from", given.form)?;
    let from = source(&given.expect("a host or a stub")?, given.topology)?;
    given.words.demand("at", given.form)?;
    let rate = rate(&given.expect("a rate")?)?;
    given.words.demand("for", given.form)?;
    Ok((overlay, from, rate, time(&given.expect("a time")?)?))
}

/// A host; of a stub its first client, or else its last member.
fn source(word: &Word<'_>, topology: &Topology) -> Result<NodeId, ActionError> {
    let Some(stub) = topology.find_stub(word.text) else { return host(word, topology) };
    let of = |kind| topology.of_kind(move |k| k == kind).filter(|id| topology.node(*id).as_id == stub);
    let found = of(NodeKind::Client).next().or_else(|| of(NodeKind::Member).last());
    found.ok_or_else(|| {
        word.error(format!("stub `{}` has no host", word.text), "give it `clients` or `members`".to_owned())
    })
}

fn rate(word: &Word<'_>) -> Result<u32, ActionError> {
    let number = word.text.strip_suffix("/s").and_then(|number| number.parse().ok());
    number.filter(|rate| RATES.contains(rate)).ok_or_else(|| {
        let help = format!("joiners a second, from {}/s to {}/s", RATES.start(), RATES.end());
        word.error(format!("`{}` is no rate of a flood", word.text), help)
    })
}

fn time(word: &Word<'_>) -> Result<Duration, ActionError> {
    let time = humantime::parse_duration(word.text).ok();
    time.filter(|time| TIMES.contains(time)).ok_or_else(|| {
        let shown = [TIMES.start(), TIMES.end()].map(|time| humantime::format_duration(*time).to_string());
        let help = format!("from {} to {}, such as `5s`", shown[0], shown[1]);
        word.error(format!("`{}` is no time of a flood", word.text), help)
    })
}
