//! Load: how clients and their requests are spread over the sites of a group, and how often clients change site.

use std::collections::{BTreeMap, BTreeSet};

use crate::measure::Findings;
use crate::measure::catchment::Probed;
use crate::measure::effect::{Balance, ClientFlips, Flip, GroupLoad, LoadChange, LoadStretch, MemberLoad, Shares};
use crate::measure::overlay::History;
use crate::measure::stats::thousandths;
use crate::measure::windows::Window;
use crate::record::GroupFacts;
use crate::topology::jain;

/// How evenly these are divided: [`jain`].
pub(crate) fn evenness(values: impl IntoIterator<Item = usize>) -> Option<f64> {
    jain(values.into_iter().map(|value| value as f64))
}

/// The most over the mean. `None` if all is nothing.
pub(crate) fn max_over_mean(values: &[usize]) -> Option<f64> {
    let sum: usize = values.iter().sum();
    let most = values.iter().max().filter(|_| sum > 0)?;
    Some(*most as f64 * values.len() as f64 / sum as f64)
}

/// Gini coefficient: half the mean distance of any two, over the mean. `None` if all is nothing.
fn gini(values: &[usize]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let (count, sum) = (sorted.len() as f64, sorted.iter().sum::<usize>() as f64);
    let ranked: f64 = sorted.iter().zip(1..).map(|(value, rank)| f64::from(rank) * *value as f64).sum();
    (sum > 0.0).then(|| 2.0 * ranked / (count * sum) - (count + 1.0) / count)
}

fn balance(values: &[usize]) -> Balance {
    Balance {
        over: values.len(),
        max_over_mean: max_over_mean(values).map(thousandths),
        fairness: evenness(values.iter().copied()).map(thousandths),
        gini: gini(values).map(thousandths),
    }
}

impl<'a> Findings<'a> {
    fn clients_of(&self, group: &GroupFacts) -> impl Iterator<Item = &Probed<'a>> {
        self.probed.iter().filter(move |p| std::ptr::eq(p.group, group))
    }

    /// How a group's clients stand at the end of a stretch, and what they asked in it.
    fn spread(&self, index: usize, from: u64, to: u64) -> Shares {
        let group = &self.record.facts.groups[index];
        let last = to.saturating_sub(1);
        let mut spread = Shares::default();
        spread.clients.extend(self.sites[index].at(last).map(|site| (site.to_owned(), 0)));
        for client in self.clients_of(group) {
            match client.at(last) {
                Some(member) => *spread.clients.entry(member.to_owned()).or_default() += 1,
                None => spread.unanswered += 1,
            }
            for member in client.sent(from, to).iter().filter_map(|p| p.member.as_ref()) {
                *spread.requests.entry(member.clone()).or_default() += 1;
            }
        }
        let counts: Vec<usize> = spread.clients.values().copied().collect();
        spread.fairness = evenness(counts.iter().copied()).map(thousandths);
        spread.max_over_mean = max_over_mean(&counts).map(thousandths);
        spread
    }

    /// Indices of the groups that clients probe.
    fn probed_groups(&self) -> impl Iterator<Item = usize> {
        let groups = &self.record.facts.groups;
        (0..groups.len()).filter(|index| self.clients_of(&groups[*index]).next().is_some())
    }

    /// Every probed group's load before and after a fault.
    pub(crate) fn load_changes(&self, window: &Window) -> Vec<LoadChange> {
        let before = self.windows.iter().rev().find(|w| w.begin < window.begin).map_or(self.record.zero(), |w| w.begin);
        let change = |index: usize| LoadChange {
            group: self.record.facts.groups[index].name.clone(),
            before: self.spread(index, before, window.begin),
            after: self.spread(index, window.begin, window.end),
        };
        self.probed_groups().map(change).collect()
    }

    /// Every probed group's load over the run.
    pub(crate) fn loads(&self) -> Vec<GroupLoad> {
        self.probed_groups().map(|index| self.group_load(index)).collect()
    }

    fn group_load(&self, index: usize) -> GroupLoad {
        let (record, group) = (self.record, &self.record.facts.groups[index]);
        let (zero, end) = (record.zero(), record.end + 1);
        let joins = self.joins_served(group);
        let served = |from, to| {
            let mut served: BTreeMap<String, usize> = BTreeMap::new();
            for (_, host) in joins.iter().filter(|(at, _)| (from..to).contains(at)) {
                *served.entry((*host).to_owned()).or_default() += 1;
            }
            served
        };
        let rate = |count: usize, from: u64, to: u64| {
            let seconds = to.saturating_sub(from) as f64 / 1e9;
            if seconds > 0.0 { thousandths(count as f64 / seconds) } else { 0.0 }
        };
        let mut begins = vec![(zero, None)];
        begins.extend(self.windows.iter().map(|w| (w.begin, Some(w.fault.clone()))));
        let ends: Vec<u64> = begins.iter().skip(1).map(|(at, _)| *at).chain([end]).collect();
        let stretches = begins.into_iter().zip(ends).filter(|((from, _), to)| from < to).map(|((from, after), to)| {
            let spread = self.spread(index, from, to);
            let requests_per_second = rate(spread.requests.values().sum(), from, to);
            let (joins, to) = (served(from, to), to.min(record.end));
            LoadStretch {
                from: record.seconds(from),
                to: record.seconds(to),
                after,
                spread,
                requests_per_second,
                joins,
            }
        });
        let stretches: Vec<LoadStretch> = stretches.collect();
        let mut members: BTreeMap<String, MemberLoad> = BTreeMap::new();
        for site in self.sites[index].between(zero, end) {
            members.entry(site.to_owned()).or_default();
        }
        for stretch in &stretches {
            for (member, count) in &stretch.spread.requests {
                members.entry(member.clone()).or_default().requests += count;
            }
            for (member, count) in &stretch.joins {
                members.entry(member.clone()).or_default().joins += count;
            }
        }
        members.values_mut().for_each(|m| m.requests_per_second = rate(m.requests, zero, end));
        let requests = members.values().map(|m| m.requests).sum();
        GroupLoad {
            group: group.name.clone(),
            clients: self.clients_of(group).count(),
            requests,
            requests_per_second: rate(requests, zero, end),
            fairness: evenness(members.values().map(|m| m.requests)).map(thousandths),
            members,
            stretches,
        }
    }

    /// When the members of a join group served joins; nothing for other groups.
    fn joins_served(&self, group: &GroupFacts) -> Vec<(u64, &str)> {
        let history = self.overlays.iter().find(|h| Some(&h.facts.name) == group.overlay.as_ref());
        let history = history.filter(|_| group.color.is_none() && !group.rendezvous);
        history.into_iter().flat_map(|h| h.joins.iter().filter_map(|j| Some((j.at, j.served_by?)))).collect()
    }

    /// Clients whose answering member ever changed.
    pub(crate) fn flips(&self) -> Vec<ClientFlips> {
        let of = |probed: &Probed<'_>| {
            let flip = |(at, from, to): (u64, &str, &str)| Flip {
                at: self.record.seconds(at),
                from: from.to_owned(),
                to: to.to_owned(),
            };
            let flips: Vec<Flip> = probed.flips().into_iter().map(flip).collect();
            let (client, group) = (probed.client.to_owned(), probed.group.name.clone());
            (!flips.is_empty()).then_some(ClientFlips { client, group, flips })
        };
        self.probed.iter().filter_map(of).collect()
    }

    /// From when on how many clients of a group each of its sites had; the states in which nobody was answered too.
    pub(crate) fn load_over_time(&self, index: usize) -> Vec<(u64, BTreeMap<&'a str, usize>)> {
        let sites = &self.sites[index];
        let clients: Vec<&Probed<'a>> = self.clients_of(&self.record.facts.groups[index]).collect();
        let changes = clients.iter().enumerate().flat_map(|(i, p)| p.states.iter().map(move |(at, to)| (*at, i, *to)));
        let mut changes: Vec<(u64, usize, Option<&'a str>)> = changes.collect();
        changes.sort_by_key(|(at, client, _)| (*at, *client));
        let mut changes = changes.into_iter().peekable();
        let moments: BTreeSet<u64> =
            sites.changes().chain(clients.iter().flat_map(|p| p.states.iter().map(|(at, _)| *at))).collect();
        let mut answering: Vec<Option<&'a str>> = vec![None; clients.len()];
        let mut counts: BTreeMap<&'a str, usize> = BTreeMap::new();
        let mut found = Vec::new();
        for at in moments {
            while let Some((_, client, to)) = changes.next_if(|(when, ..)| *when <= at) {
                if let Some(left) = std::mem::replace(&mut answering[client], to).and_then(|from| counts.get_mut(from))
                {
                    *left -= 1;
                }
                if let Some(to) = to {
                    *counts.entry(to).or_default() += 1;
                }
            }
            counts.retain(|_, clients| *clients > 0);
            let mut spread: BTreeMap<&'a str, usize> = sites.at(at).map(|site| (site, 0)).collect();
            spread.extend(&counts);
            found.push((at, spread));
        }
        found
    }
}

impl<'a> Probed<'a> {
    /// When another member first answered than the last one that had, which, and which then.
    pub(crate) fn flips(&self) -> Vec<(u64, &'a str, &'a str)> {
        let answered = self.states.iter().filter_map(|(at, member)| Some((*at, (*member)?)));
        let pairs = answered.clone().zip(answered.skip(1));
        pairs.filter(|((_, from), (_, to))| from != to).map(|((_, from), (at, to))| (at, from, to)).collect()
    }
}

/// How evenly the joins of an overlay are spread over the hosts that ever joined it.
pub(crate) fn bootstrap(history: &History<'_>, joined: &BTreeSet<&str>) -> Balance {
    let mut served: BTreeMap<&str, usize> = joined.iter().map(|host| (*host, 0)).collect();
    for host in history.joins.iter().filter_map(|j| j.served_by) {
        *served.entry(host).or_default() += 1;
    }
    balance(&served.into_values().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn indices_by_hand() {
        assert_eq!(evenness([1, 3]), Some(0.8));
        assert_eq!(max_over_mean(&[1, 3]), Some(1.5));
        assert_eq!(gini(&[1, 1, 1]), Some(0.0));
        assert_eq!(gini(&[0, 0, 0, 8]), Some(0.75));
        assert_eq!(balance(&[]), Balance::default());
    }

    proptest! {
        #[test]
        fn fairness_is_between_one_over_n_and_one(values in prop::collection::vec(0..1000_usize, 1..40)) {
            if let Some(fairness) = evenness(values.iter().copied()) {
                let least = 1.0 / values.len() as f64;
                prop_assert!((least - 1e-12..=1.0 + 1e-12).contains(&fairness));
                let gini = gini(&values).unwrap();
                prop_assert!((-1e-12..1.0).contains(&gini));
            }
        }
    }
}
