//! Searches of one overlay, judged by what was shared where, and who was in whose island, when they ended.

use std::collections::{BTreeMap, BTreeSet};

use crate::measure::islands::Membership;
use crate::measure::members::life_ended;
use crate::measure::model::SearchReport;
use crate::measure::reading::{Reading, Seen, nothing};
use crate::measure::stats::{mean, p50_p99, thousandths};
use crate::overlay::Hit;
use crate::overlay::id::Id;
use crate::overlay::truth::{Sought, Verdict};
use crate::record::{Found, NodeDid, OverlayFacts, Passed, Record, What};

/// A search.
#[derive(Clone, Debug)]
pub(crate) struct Search<'a> {
    pub(crate) asker: &'a str,
    /// When it ended.
    pub(crate) at: u64,
    pub(crate) sought: Sought,
    hops: u32,
    milliseconds: f64,
}

/// What the searches of one action have cost all nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) at: u64,
    ended: u32,
    messages: u64,
    heard: u64,
}

/// All of an overlay, by time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Searches<'a> {
    pub(crate) all: Vec<Search<'a>>,
    pub(crate) costs: Vec<Cost>,
}

impl<'a> Searches<'a> {
    pub(crate) fn of(record: &'a Record, facts: &'a OverlayFacts) -> Self {
        let mut searches = Self::default();
        // The record is not read again for what cannot be in it.
        if facts.protocol.is_keyed() && facts.reaches.is_empty() {
            return searches;
        }
        // Of itself, and of all that its questions come to.
        let all = record
            .facts
            .overlays
            .iter()
            .filter(|other| other.name == facts.name || facts.reaches.contains(&other.name));
        let mut memberships: BTreeMap<&str, (&OverlayFacts, Membership<'_>)> =
            all.map(|of| (of.name.as_str(), (of, Membership::new(of)))).collect();
        // What each host's node of an overlay shares, member or not.
        let mut shared: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
        for event in &record.events {
            for (of, membership) in memberships.values_mut() {
                membership.apply(of, &event.what);
            }
            match &event.what {
                What::Node { node, overlay, did: NodeDid::Shared { name } } => {
                    shared.entry((overlay, node)).or_default().insert(name);
                }
                What::Node { node, overlay, did: NodeDid::Searched { words, hits, hops, milliseconds, path } }
                    if *overlay == facts.name =>
                {
                    let there = There { memberships: &memberships, shared: &shared, own: &facts.name };
                    let sought = there.judge(node, path, words, hits);
                    let (hops, milliseconds) = (*hops, *milliseconds);
                    searches.all.push(Search { asker: node, at: event.at, sought, hops, milliseconds });
                }
                What::Search { overlay, ended, messages, heard, .. } if *overlay == facts.name => {
                    searches.costs.push(Cost { at: event.at, ended: *ended, messages: *messages, heard: *heard });
                }
                // The next life of a process shares nothing.
                what => {
                    if let Some(ended) = life_ended(what) {
                        shared.retain(|(_, host), _| *host != ended);
                    }
                }
            }
        }
        searches
    }

    /// `None`: nothing was searched for.
    pub(crate) fn report(&self) -> Option<SearchReport> {
        let count = |verdict| self.all.iter().filter(|s| s.sought.verdict() == verdict).count();
        let hit = self.all.iter().filter(|search| search.sought.found > 0);
        let (p50_ms, p99_ms) = p50_p99(hit.clone().map(|search| search.milliseconds));
        let per_search = |of: fn(&Cost) -> u64| per_search(self.costs.iter(), of).map(thousandths);
        (!self.all.is_empty()).then(|| SearchReport {
            ended: self.all.len(),
            found: count(Verdict::Found),
            missed: count(Verdict::Missed),
            apart: count(Verdict::Apart),
            nothing: count(Verdict::Nothing),
            wrong: count(Verdict::Wrong),
            hits_mean: mean(self.all.iter().map(|search| search.sought.found as f64)).map(thousandths),
            hops_mean: mean(hit.map(|search| f64::from(search.hops))).map(thousandths),
            p50_ms,
            p99_ms,
            messages_mean: per_search(|cost| cost.messages),
            reach_mean: per_search(|cost| cost.heard),
        })
    }
}

/// What is where when a search ends.
struct There<'m, 'a> {
    memberships: &'m BTreeMap<&'a str, (&'a OverlayFacts, Membership<'a>)>,
    /// By overlay and host.
    shared: &'m BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>,
    own: &'m str,
}

impl There<'_, '_> {
    fn judge(&self, asker: &str, path: &[Passed], words: &str, hits: &[Found]) -> Sought {
        let id = |overlay: &str, host: &str| match self.memberships.get(overlay) {
            Some((_, membership)) => membership.any_id(host),
            None => Id::of_key(host),
        };
        let answered = path.last().map_or(self.own, |last| &last.overlay);
        let hits: Vec<Hit> = hits.iter().map(|hit| Hit { name: hit.name.clone(), at: id(answered, &hit.at) }).collect();
        let member = |overlay: &str, host: &str| {
            let of = self.memberships.get(overlay);
            of.is_some_and(|(_, of)| of.host(host).is_some_and(|host| of.is_member(host)))
        };
        let members = self.shared.iter().filter(|((overlay, host), _)| member(overlay, host));
        let stored = members.flat_map(|((overlay, host), names)| names.iter().map(|name| (id(overlay, host), *name)));
        // Whoever is no member sees what the member sees that it has asked.
        let first = path.first().filter(|first| first.overlay == self.own).map_or(asker, |first| &first.at);
        let near = |other: Id| match self.memberships.get(self.own) {
            Some((of, membership)) if of.ids.values().any(|id| *id == other) => membership.near(first, other),
            _ => true,
        };
        Sought::judge(words, &hits, stored, near)
    }
}

/// The mean over searches of what actions count for all of theirs.
fn per_search<'a>(costs: impl Iterator<Item = &'a Cost>, of: fn(&Cost) -> u64) -> Option<f64> {
    let (mut sum, mut ended) = (0, 0);
    for cost in costs {
        sum += of(cost);
        ended += u64::from(cost.ended);
    }
    (ended > 0).then(|| sum as f64 / ended as f64)
}

/// What searches cost, of the actions that were over in a window.
pub(crate) fn cost<'a>(searches: &'a Searches<'a>, of: fn(&Cost) -> u64) -> Seen<'a> {
    let read = move |from, to| match per_search(searches.costs.iter().filter(|cost| (from..to).contains(&cost.at)), of)
    {
        None => nothing(),
        Some(each) => Ok((Reading::Number(each), format!("{}", thousandths(each)))),
    };
    Seen::Window { changes: searches.costs.iter().map(|cost| cost.at).collect(), read: Box::new(read) }
}

pub(crate) fn messages(cost: &Cost) -> u64 {
    cost.messages
}

pub(crate) fn heard(cost: &Cost) -> u64 {
    cost.heard
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_over_searches_and_not_over_actions() {
        let cost = |ended, messages| Cost { at: 0, ended, messages, heard: 0 };
        assert_eq!(per_search([cost(1, 100), cost(3, 20)].iter(), messages), Some(30.0));
        assert_eq!(per_search([cost(0, 9)].iter(), messages), None);
    }
}
