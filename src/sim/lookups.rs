//! Many lookups at once, and what became of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::delay::Delays;
use super::sample::{Sample, rounded};

/// What became of lookups of random keys by random members.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Lookups {
    pub sent: usize,
    /// Answered by the key's owner.
    pub ok: usize,
    /// Answered by somebody else.
    pub wrong: usize,
    /// Not answered.
    pub failed: usize,
    /// Nodes that an answered lookup was passed to, the owner included.
    pub hops: Option<Sample>,
    /// How many lookups took so many hops.
    pub by_hops: BTreeMap<u32, usize>,
    /// Milliseconds until the asker had the answer.
    pub latency_ms: Option<Sample>,
    /// Milliseconds straight to the owner and back.
    pub direct_ms: Option<Sample>,
    /// Relative delay penalty: the time until the owner had the request, over the delay of the straight way to
    /// it. Of lookups that left their asker and were answered rightly.
    pub delay_penalty: Option<Sample>,
    /// The same of the sums over all lookups: pairs that are near each other count for little.
    pub mean_delay_penalty: Option<f64>,
}

/// One lookup that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) asker: usize,
    /// Who answered, and who should have.
    pub(super) owner: Option<usize>,
    pub(super) right: Option<usize>,
    pub(super) hops: u32,
    pub(super) milliseconds: f64,
}

impl Lookups {
    /// `sent` may be more than have ended: the others failed.
    pub(super) fn of(sent: usize, ended: &[Ended], delays: &Delays) -> Self {
        let answered = || ended.iter().filter(|l| l.owner.is_some());
        let right = || answered().filter(|l| l.owner == l.right);
        let away = || right().filter(|l| l.hops > 0);
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        let ways = |l: &Ended| {
            let owner = l.owner.unwrap_or(l.asker);
            (l.milliseconds - ms(delays.between(owner, l.asker)), ms(delays.between(l.asker, owner)))
        };
        let mut by_hops = BTreeMap::new();
        answered().for_each(|l| *by_hops.entry(l.hops).or_default() += 1);
        let (taken, straight) = away().map(ways).fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
        Self {
            sent,
            ok: right().count(),
            wrong: answered().count() - right().count(),
            failed: sent - answered().count(),
            hops: Sample::of(answered().map(|l| f64::from(l.hops))),
            by_hops,
            latency_ms: Sample::of(answered().map(|l| l.milliseconds)),
            direct_ms: Sample::of(away().map(|l| ms(delays.round_trip(l.asker, l.owner.unwrap_or(l.asker))))),
            delay_penalty: Sample::of(away().map(ways).map(|(taken, straight)| taken / straight)),
            mean_delay_penalty: (straight > 0.0).then(|| rounded(taken / straight)),
        }
    }
}
