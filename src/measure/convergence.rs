//! How routing reacted to a fault: when it noticed, and when it was quiet again.

use std::collections::BTreeSet;

use crate::event::What;
use crate::measure::Record;
use crate::measure::stats::ms_between;
use crate::measure::timeline::Window;

/// Kernel routes that have not changed for this long are quiet, and later changes are not counted
/// as the fault's. It is longer than every pause that BGP makes under the lab timers once it has
/// noticed a fault (error wait at most 4 s, keepalive 3 s, connect retry 2 s). The first change may
/// come at any time before the next fault: a silent failure is noticed only when the hold timer
/// ends, after 9 s or more.
pub const QUIET_SECONDS: u64 = 5;

/// Changes of interfaces and kernel routes, by time.
pub(crate) struct Routing<'a> {
    fib: Vec<(u64, &'a str)>,
    carrier: Vec<u64>,
}

/// What routing did in one window.
pub(crate) struct Reaction {
    pub(crate) detect_ms: Option<f64>,
    pub(crate) first_ms: Option<f64>,
    pub(crate) last_ms: Option<f64>,
    pub(crate) changes: usize,
    pub(crate) nodes: usize,
}

impl<'a> Routing<'a> {
    pub(crate) fn of(record: &'a Record) -> Self {
        let mut routing = Self { fib: Vec::new(), carrier: Vec::new() };
        for event in &record.events {
            match &event.what {
                What::Fib { node, .. } => routing.fib.push((event.at, node)),
                What::Carrier { .. } => routing.carrier.push(event.at),
                _ => {}
            }
        }
        routing
    }

    pub(crate) fn reaction(&self, window: &Window) -> Reaction {
        let begin = self.fib.partition_point(|(at, _)| *at < window.begin);
        let end = self.fib.partition_point(|(at, _)| *at < window.end).max(begin);
        let in_window = &self.fib[begin..end];
        let quiet = QUIET_SECONDS * 1_000_000_000;
        let busy = in_window.windows(2).take_while(|pair| pair[1].0 - pair[0].0 < quiet).count() + 1;
        let changes = &in_window[..busy.min(in_window.len())];
        let carrier = self.carrier.get(self.carrier.partition_point(|at| *at < window.begin));
        let carrier = carrier.copied().filter(|at| *at < window.end);
        let (first, last) = (changes.first().map(|c| c.0), changes.last().map(|c| c.0));
        let ms = |at: u64| ms_between(window.begin, at);
        Reaction {
            detect_ms: carrier.into_iter().chain(first).min().map(ms),
            first_ms: first.map(ms),
            last_ms: last.map(ms),
            changes: changes.len(),
            nodes: changes.iter().map(|(_, node)| *node).collect::<BTreeSet<_>>().len(),
        }
    }
}
