//! How routing reacted to a fault: when it noticed, and when it was quiet again.

use std::collections::BTreeMap;

use crate::measure::model::{CascadeNode, Noticed, NoticedBy};
use crate::measure::stats::ms_between;
use crate::measure::windows::Window;
use crate::record::{Record, What};

/// Kernel routes that have not changed for this long are quiet, and later changes are not counted
/// as the fault's. It is longer than every pause that BGP makes under the lab timers once it has
/// noticed a fault (error wait at most 4 s, keepalive 3 s, connect retry 2 s). The first change may
/// come at any time before the next fault: a silent failure is noticed only when the hold timer
/// ends, after 9 s or more.
pub const QUIET_SECONDS: u64 = 5;

/// Changes of interfaces, sessions and kernel routes, by time.
pub(crate) struct Routing<'a> {
    fib: Vec<(u64, &'a str)>,
    notices: Vec<Notice<'a>>,
}

/// A change that shows that somebody has noticed something.
struct Notice<'a> {
    at: u64,
    node: &'a str,
    by: NoticedBy,
    what: &'a str,
}

/// What routing did in one window.
pub(crate) struct Reaction {
    pub(crate) noticed: Option<Noticed>,
    pub(crate) first_ms: Option<f64>,
    pub(crate) last_ms: Option<f64>,
    pub(crate) changes: usize,
    pub(crate) cascade: Vec<CascadeNode>,
}

impl<'a> Routing<'a> {
    pub(crate) fn of(record: &'a Record) -> Self {
        let mut routing = Self { fib: Vec::new(), notices: Vec::new() };
        for event in &record.events {
            let (node, by, what) = match &event.what {
                What::Fib { node, change } => {
                    routing.fib.push((event.at, node));
                    match (&change.via[..], change.interfaces.first()) {
                        // The kernel's own, to what is connected: it comes with the interface.
                        ([], Some(interface)) => (node, NoticedBy::Interface, interface),
                        _ => (node, NoticedBy::Route, &change.prefix),
                    }
                }
                What::Carrier { node, interface, .. } => (node, NoticedBy::Interface, interface),
                What::Session { node, peer, .. } => (node, NoticedBy::Session, peer),
                _ => continue,
            };
            routing.notices.push(Notice { at: event.at, node, by, what });
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
        let ms = |at: u64| ms_between(window.begin, at);
        let notice = self.notices.get(self.notices.partition_point(|n| n.at < window.begin));
        let noticed = notice.filter(|n| n.at < window.end).map(|n| Noticed {
            ms: ms(n.at),
            node: n.node.to_owned(),
            by: n.by,
            what: n.what.to_owned(),
        });
        Reaction {
            noticed,
            first_ms: changes.first().map(|c| ms(c.0)),
            last_ms: changes.last().map(|c| ms(c.0)),
            changes: changes.len(),
            cascade: cascade(changes, ms),
        }
    }
}

/// Node by node, the first to change first.
fn cascade(changes: &[(u64, &str)], ms: impl Fn(u64) -> f64) -> Vec<CascadeNode> {
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    let mut nodes: Vec<CascadeNode> = Vec::new();
    for (at, name) in changes {
        let place = *index.entry(name).or_insert(nodes.len());
        if place == nodes.len() {
            nodes.push(CascadeNode { node: (*name).to_owned(), first_ms: ms(*at), last_ms: ms(*at), changes: 0 });
        }
        nodes[place].last_ms = ms(*at);
        nodes[place].changes += 1;
    }
    nodes
}
