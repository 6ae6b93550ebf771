//! One link between two islands: whether it merges them, and how soon.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::outage::{Course, Outage, Until, cut};
use crate::anycast::Healing;
use crate::overlay::Protocol;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::{Axis, Line, lines};
use crate::paper::fit::Power;
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::in_parallel;

/// Two islands of which the second is linked to the first.
#[derive(Clone, Copy)]
struct Link {
    protocol: Protocol,
    sizes: &'static [usize],
    /// Every node of the second island looks itself up in the first, not only one.
    all: bool,
    seed: u64,
}

/// What became of a kind of link in all runs.
struct Linked {
    protocol: Protocol,
    sizes: &'static [usize],
    all: bool,
    rounds: Vec<Option<f64>>,
}

impl Linked {
    fn nodes(&self) -> usize {
        self.sizes.iter().sum()
    }

    fn merged(&self) -> Option<Estimate> {
        Estimate::share(self.rounds.iter().flatten().count(), self.rounds.len())
    }

    /// Of those that merged.
    fn mean(&self) -> Option<Estimate> {
        Estimate::mean(self.rounds.iter().copied().flatten())
    }
}

/// Not merged within so many rounds of stabilization, three times as many as the slowest rings of this size need.
const MOST: u32 = 300;
const RINGS: [&[usize]; 5] = [&[8, 8], &[16, 16], &[32, 32], &[64, 64], &[128, 128]];
const QUICK: [&[usize]; 2] = [&[4, 4], &[8, 8]];
const OTHERS: &[usize] = &[16, 16];

impl Link {
    /// Rounds of stabilization until all is one overlay.
    fn play(&self) -> Option<f64> {
        let outage = Outage { sizes: self.sizes, length: Course::STABILIZE * 30, renumbered: false };
        let course = Course { until: Until::Contact, ..Course::new(self.protocol, Healing::None, outage) };
        let (mut world, everybody) = cut(&course, self.seed);
        let begin = world.now();
        let second = self.sizes[0]..self.sizes[0] + self.sizes[1];
        second.take(if self.all { usize::MAX } else { 1 }).for_each(|host| world.link(host, 0));
        let whole = world.run_until(Course::STABILIZE * MOST, |world| world.is_whole(&everybody));
        let rounds = |time: Duration| time.as_secs_f64() / Course::STABILIZE.as_secs_f64();
        whole.then(|| rounds(world.now() - begin))
    }
}

pub(super) fn one_link(setup: &Setup, page: &mut Page) {
    page.heading("One link");
    page.text(format!(
        "The paper merges islands by a link between two of their nodes. Here one node of the second island, and only \
         that one, looks its place up in the first and takes it; or every node of the second does. What follows is each \
         protocol's own maintenance. For Chord that is more than the stabilization of its paper (SIGCOMM 2001, figure 7): \
         the node that is linked merges the other ring's successor list into its own, notifies its new successor *and* its \
         old one, and checks the node that precedes it there; and whoever learns of a nearer successor asks on at once, not \
         in the next round, until nobody lies between. CAN as published has no rule at all for two whole spaces; here a node \
         that moves to the other island tells its old neighbors, who follow it. *As published*: rings with one successor and one predecessor each, \
         in rounds in which every node stabilizes and notifies once, in random order; the linked node sets its successor \
         to the other ring's and notifies it. After {MOST} rounds it is given up.",
    ));
    let count = setup.pick(20, 2);
    let seeds = || setup.seed..setup.seed + count;
    let rings: &[&'static [usize]] = if setup.quick { &QUICK } else { &RINGS };
    let others: Vec<Protocol> = Protocol::keyed().filter(|p| *p != Protocol::default()).collect();
    let mut kinds: Vec<(Protocol, &'static [usize], bool)> = Vec::new();
    for all in [false, true] {
        kinds.extend(rings.iter().map(|sizes| (Protocol::default(), *sizes, all)));
        kinds.extend(others.iter().map(|protocol| (*protocol, setup.pick(OTHERS, QUICK[0]), all)));
    }
    setup.say(&format!("one link, or all: {} kinds, {count} seeds each", kinds.len()));
    let jobs: Vec<Link> = kinds
        .iter()
        .flat_map(|(protocol, sizes, all)| seeds().map(|seed| Link { protocol: *protocol, sizes, all: *all, seed }))
        .collect();
    let mut rounds = in_parallel(&jobs, Link::play).into_iter();
    let linked: Vec<Linked> = kinds
        .into_iter()
        .map(|(protocol, sizes, all)| {
            let rounds = rounds.by_ref().take(count as usize).collect();
            Linked { protocol, sizes, all, rounds }
        })
        .collect();
    let published: Vec<(usize, Vec<Option<f64>>)> = rings
        .iter()
        .map(|sizes| (sizes.iter().sum(), seeds().map(|s| as_published(sizes[0], sizes[1], s)).collect()))
        .collect();
    show(page, &linked, &published);
    judge(page, &linked, &published);
}

fn show(page: &mut Page, linked: &[Linked], published: &[(usize, Vec<Option<f64>>)]) {
    let header = ["protocol", "islands", "linked", "merged", "rounds (mean)"];
    let caption = "Rounds of stabilization until two islands are one";
    let mut table = Table::new("links", caption, Source::Simulated, &header);
    for one in linked {
        let sizes: Vec<String> = one.sizes.iter().map(usize::to_string).collect();
        let who = if one.all { "every node of the second" } else { "one node" };
        let merged = shown(one.merged(), 2);
        table.row([one.protocol.title.into(), sizes.join(" + "), who.into(), merged, shown(one.mean(), 1)]);
    }
    page.table(table);
    let mut table = Table::new(
        "published-links",
        "The same of rings as published, one node linked",
        Source::Derived,
        &["nodes", "merged", "rounds (mean)"],
    );
    for (nodes, rounds) in published {
        let merged = rounds.iter().flatten().count();
        let mean = Estimate::mean(rounds.iter().copied().flatten());
        table.row([nodes.to_string(), format!("{merged} of {}", rounds.len()), shown(mean, 1)]);
    }
    page.table(table);
    let rings = |all: bool| {
        let of = linked.iter().filter(|l| l.protocol == Protocol::default() && l.all == all);
        of.filter_map(|l| Some((l.nodes() as f64, l.mean()?.value))).collect::<Vec<_>>()
    };
    let published = published
        .iter()
        .filter_map(|(nodes, rounds)| Some((*nodes as f64, crate::measure::mean(rounds.iter().copied().flatten())?)));
    let drawn = [
        Line::measured("one node linked", rings(false)),
        Line::measured("every node of the second", rings(true)),
        Line::derived("one node, as published", published.collect()),
    ];
    let axes = [("nodes", Axis::Log), ("rounds", Axis::Log)];
    page.figure(lines("rounds", "Rounds until two equal rings are one", Source::Simulated, axes, &drawn));
}

fn judge(page: &mut Page, linked: &[Linked], published: &[(usize, Vec<Option<f64>>)]) {
    let one = linked.iter().filter(|l| !l.all);
    // Of each protocol the largest islands.
    let largest: BTreeMap<&str, &Linked> = one.map(|l| (l.protocol.title, l)).collect();
    let tests = largest.iter().map(|(name, linked)| {
        let what = format!("share of {name}'s islands that become one within {MOST} rounds");
        Test::at_least(what, linked.merged(), 0.8)
    });
    page.judge(
        "Once there is at least a link between two nodes of two isolated islands, those islands are merged",
        tests.collect(),
        "by one link, and each protocol's own maintenance; the paper does not say how fast",
    );
    let fitted = |all: bool| {
        let rings = linked.iter().filter(|l| l.protocol == Protocol::default() && l.all == all);
        Power::of(rings.flat_map(|l| l.rounds.iter().flatten().map(|r| (l.nodes() as f64, *r))))
    };
    let (one, all) = (fitted(false), fitted(true));
    let published =
        Power::of(published.iter().flat_map(|(n, rounds)| rounds.iter().flatten().map(|r| (*n as f64, *r))));
    let said = |power: &Option<Power>| power.as_ref().map_or("–".to_owned(), |p| p.show("rounds", "N"));
    page.judge(
        "(Analysis) By one link two rings need O(N) rounds to become one; if every node of one joins the other, a number \
         that does not grow",
        vec![
            Test::within("exponent of N, one node linked", one.as_ref().map(|p| p.exponent), 0.75, 1.25),
            Test::within("exponent of N, every node of one ring", all.as_ref().map(|p| p.exponent), -0.25, 0.25),
        ],
        format!("one link: {}; every node: {}; one link, as published: {}", said(&one), said(&all), said(&published)),
    );
}

/// A node of a ring as published: its place, successor and predecessor.
#[derive(Clone, Copy)]
struct Bare {
    id: u64,
    successor: usize,
    predecessor: usize,
}

/// Rounds in which every node stabilizes and notifies once until two rings of these sizes are one, after one node
/// of the second has taken its successor in the first; `None`: it is given up.
fn as_published(first: usize, second: usize, seed: u64) -> Option<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut nodes = Vec::new();
    for size in [first, second] {
        let (begin, mut ids) = (nodes.len(), (0..size).map(|_| rng.random()).collect::<Vec<u64>>());
        ids.sort_unstable();
        nodes.extend(ids.into_iter().enumerate().map(|(at, id)| Bare {
            id,
            successor: begin + (at + 1) % size,
            predecessor: begin + (at + size - 1) % size,
        }));
    }
    let mut whole: Vec<usize> = (0..nodes.len()).collect();
    whole.sort_by_key(|n| nodes[*n].id);
    let linked = first;
    let distance = |from: u64, to: u64| to.wrapping_sub(from);
    let owner = (0..first).min_by_key(|n| distance(nodes[linked].id, nodes[*n].id))?;
    // Strictly between, on the way around.
    let between =
        |x: u64, from: u64, to: u64| x != from && x != to && (from == to || distance(from, x) < distance(from, to));
    let notify = |nodes: &mut Vec<Bare>, who: usize, candidate: usize| {
        if between(nodes[candidate].id, nodes[nodes[who].predecessor].id, nodes[who].id) {
            nodes[who].predecessor = candidate;
        }
    };
    nodes[linked].successor = owner;
    notify(&mut nodes, owner, linked);
    for round in 1..=MOST * 4 {
        let mut order: Vec<usize> = (0..nodes.len()).collect();
        order.shuffle(&mut rng);
        for n in order {
            let candidate = nodes[nodes[n].successor].predecessor;
            if between(nodes[candidate].id, nodes[n].id, nodes[nodes[n].successor].id) {
                nodes[n].successor = candidate;
            }
            let successor = nodes[n].successor;
            notify(&mut nodes, successor, n);
        }
        let right = |at: usize| nodes[whole[at]].successor == whole[(at + 1) % whole.len()];
        if (0..whole.len()).all(right) {
            return Some(f64::from(round));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_as_published_merge_by_one_link_the_slower_the_larger_they_are() {
        let mean = |size: usize| {
            let all: Option<Vec<f64>> = (0..10).map(|seed| as_published(size, size, seed)).collect();
            crate::measure::mean(all.unwrap()).unwrap()
        };
        let (small, large) = (mean(8), mean(64));
        // Linear: 8 times as many nodes take about 8 times as many rounds.
        assert!(large / small > 4.0 && large / small < 16.0, "{small} {large}");
        assert!(large > 0.3 * 128.0 && large < 1.2 * 128.0, "{large}");
    }
}
