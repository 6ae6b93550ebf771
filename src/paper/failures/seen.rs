//! What a record has of a fault: who noticed, what routing did, and when somebody was answered again.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::anycast::PORT;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::four_ways::OVERLAY;
use crate::paper::joining::attempts::{attempts, lost_runs};
use crate::record::{ProbeResult, Record, What};

/// A fault, and up to when what follows is its.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<'a> {
    /// Seconds of play.
    pub(super) from: f64,
    pub(super) to: f64,
    /// The server that is lost.
    pub(super) victim: &'a str,
}

/// Seconds after the fault. `None`: not in the record, or not in time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    /// First change of an interface, a BGP session or a kernel's route.
    pub(super) noticed: Option<f64>,
    /// Last change of a route in a router's kernel.
    pub(super) routes: Option<f64>,
    /// First server that has seen that the other is gone, or is back.
    pub(super) missed: Option<f64>,
    /// First member that was there before and is registered with another server.
    pub(super) renewed: Option<f64>,
    /// First of the joins begun afterwards that was served.
    pub(super) next_join: Option<f64>,
    /// Longest of them. `None`: one was not served.
    pub(super) slowest: Option<f64>,
    pub(super) begun: usize,
    pub(super) served: usize,
    /// For each client that routing led to the server, before or at the end: longest run of lost probes. `None`: the
    /// last ones were lost.
    pub(super) silences: Vec<Option<f64>>,
}

impl Seen {
    pub(super) fn of(record: &Record, window: Window) -> Self {
        let mut seen = Self { silences: silences(record, window), ..Self::default() };
        let members: Vec<String> = before(record, window.from);
        for event in &record.events {
            let at = record.seconds(event.at);
            if at < window.from || at >= window.to {
                continue;
            }
            let after = at - window.from;
            match &event.what {
                What::Fib { node, .. } => {
                    seen.noticed.get_or_insert(after);
                    if !node.contains('.') {
                        seen.routes = Some(after);
                    }
                }
                What::Carrier { .. } | What::Session { .. } => drop(seen.noticed.get_or_insert(after)),
                What::Server { node, did, .. } if node != window.victim => match did.what.as_str() {
                    "missed" | "lost" | "met" | "merged" => drop(seen.missed.get_or_insert(after)),
                    "registered" if did.who.as_ref().is_some_and(|who| members.contains(who)) => {
                        seen.renewed.get_or_insert(after);
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        seen.joins(record, window);
        seen
    }

    fn joins(&mut self, record: &Record, window: Window) {
        let mut slowest = Some(0.0_f64);
        for join in attempts(record, OVERLAY) {
            if join.begun < window.from || join.begun >= window.to {
                continue;
            }
            self.begun += 1;
            let joined = join.joined.filter(|at| *at < window.to && join.served_by.is_some());
            if let Some(at) = joined {
                self.served += 1;
                let after = at - window.from;
                self.next_join = Some(self.next_join.map_or(after, |first| first.min(after)));
            }
            slowest = slowest.zip(joined).map(|(most, at)| most.max(at - join.begun));
        }
        self.slowest = slowest.filter(|_| self.begun > 0);
    }
}

/// Where those that were members by then send from, as servers write it.
fn before(record: &Record, at: f64) -> Vec<String> {
    let joined = attempts(record, OVERLAY).into_iter().filter(|join| join.joined.is_some_and(|joined| joined < at));
    let hosts: Vec<String> = joined.map(|join| join.host).collect();
    let nodes = record.facts.nodes.iter().filter(|node| hosts.contains(&node.name));
    nodes.flat_map(|node| &node.addresses).map(|ip| SocketAddr::new(*ip, PORT).to_string()).collect()
}

fn silences(record: &Record, window: Window) -> Vec<Option<f64>> {
    let mut probes: BTreeMap<(&str, &str), Vec<&ProbeResult>> = BTreeMap::new();
    for event in &record.events {
        if let What::Probes { client, group, probes: found, .. } = &event.what {
            probes.entry((client, group)).or_default().extend(found);
        }
    }
    probes.values_mut().for_each(|of| of.sort_by_key(|probe| probe.sent));
    let stub = window.victim.split('.').next().unwrap_or_default();
    // Of the servers' own block, which they answer themselves; with plain IP anycast members are the servers.
    let block = probes.keys().map(|(_, group)| *group).find(|group| *group != OVERLAY).unwrap_or(OVERLAY);
    let led = |client: &str, until: f64| {
        let mut of = probes.get(&(client, block)).into_iter().flatten();
        let last = of.rfind(|p| p.rtt.is_some() && record.seconds(p.sent) < until);
        last.and_then(|probe| probe.member.as_deref()) == Some(window.victim)
    };
    let outside =
        probes.iter().filter(|((client, group), _)| *group == OVERLAY && client.split('.').next() != Some(stub));
    let affected = outside.filter(|((client, _), _)| led(client, window.from) || led(client, window.to));
    let times = |probe: &&ProbeResult| {
        let sent = record.seconds(probe.sent);
        (sent, probe.rtt.map(|rtt| sent + rtt as f64 / 1e9))
    };
    affected.map(|(_, probes)| silence(probes.iter().map(times), window)).collect()
}

/// The longest run of lost probes, from the first one's sending to the next answer. `None`: it goes on.
fn silence(probes: impl IntoIterator<Item = (f64, Option<f64>)>, window: Window) -> Option<f64> {
    let within = probes.into_iter().filter(|(sent, _)| *sent >= window.from && *sent < window.to);
    let (longest, open) = lost_runs(within);
    open.is_none().then_some(longest)
}

/// Seconds as a cell; how many runs had none, where some had.
pub(super) fn cell(values: impl Iterator<Item = Option<f64>>) -> String {
    let all: Vec<Option<f64>> = values.collect();
    let some = Estimate::mean(all.iter().flatten().copied());
    match all.iter().filter(|value| value.is_none()).count() {
        none if none == all.len() => "–".to_owned(),
        0 => shown(some, 2),
        none => format!("{}; {none} of {} not in time", shown(some, 2), all.len()),
    }
}

/// The same of what must come: that there is nothing in any run is a finding.
pub(super) fn felt(values: impl Iterator<Item = Option<f64>>) -> String {
    let all: Vec<Option<f64>> = values.collect();
    if !all.is_empty() && all.iter().all(Option::is_none) { "not in time".to_owned() } else { cell(all.into_iter()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_ends_with_the_next_answer() {
        let window = Window { from: 2.0, to: 9.0, victim: "a.s" };
        let of = |answers: [bool; 6]| {
            let sent = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
            silence(sent.into_iter().zip(answers).map(|(at, yes)| (at, yes.then_some(at + 0.5))), window)
        };
        assert_eq!(of([false, true, true, true, true, true]), Some(0.0), "what was lost before does not count");
        assert_eq!(of([true, true, false, false, true, true]), Some(2.5));
        assert_eq!(of([true, true, false, true, true, false]), None);
    }

    #[test]
    fn runs_without_a_value_are_counted() {
        assert_eq!(cell([Some(1.0), Some(1.0)].into_iter()), "1");
        assert_eq!(cell([Some(1.0), Some(1.0), None].into_iter()), "1; 1 of 3 not in time");
        assert_eq!(cell([None, None].into_iter()), "–");
        assert_eq!([felt([None, None].into_iter()), felt([].into_iter())], ["not in time", "–"]);
    }
}
