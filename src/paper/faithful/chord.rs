//! How long Chord's paths are, and what lists of successors save.

use std::collections::BTreeMap;

use super::common::{mean, options, seeds};
use super::sheet::{Published, Sheet};
use crate::measure::quantile;
use crate::overlay::LookupMode;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::{Axis, Line, lines};
use crate::paper::page::{Page, Source, Table, number};
use crate::paper::runs::in_parallel;
use crate::sim::{Lookups, SETTLE_ROUNDS, World};

/// How many nodes of which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    nodes: usize,
    iterative: bool,
    successors: u64,
}

pub(super) struct Paths(BTreeMap<Kind, Vec<Lookups>>, usize);

/// Share of ½ log2 N that a mean may be off.
const TOLERANCE: f64 = 0.1;
const LOOKUPS: usize = 5000;

pub(super) fn run(setup: &Setup) -> Paths {
    let most = setup.pick(2048, 128);
    let kind = |nodes, iterative, successors| Kind { nodes, iterative, successors };
    let mut kinds: Vec<Kind> =
        setup.pick(vec![128, 512, 1024], vec![64]).into_iter().map(|n| kind(n, true, 8)).collect();
    kinds.push(kind(most, true, 8));
    let middle = setup.pick(1024, 64);
    kinds.push(kind(middle, false, 8));
    kinds.extend([1, 2].map(|successors| kind(middle, true, successors)));
    let jobs: Vec<(Kind, u64)> =
        kinds.iter().flat_map(|k| seeds(setup.seed, setup.pick(20, 2)).map(|seed| (*k, seed))).collect();
    let count = setup.pick(LOOKUPS, 400);
    let ran = in_parallel(&jobs, |(kind, seed)| {
        let mut options = options(kind.nodes, "chord", *seed);
        options.protocol = options.protocol.with("successors", kind.successors);
        options.lookup = if kind.iterative { LookupMode::Iterative } else { LookupMode::Recursive };
        let mut world = World::new(&options);
        world.join_all();
        world.run_for(options.stabilize_every * SETTLE_ROUNDS);
        world.lookups(count)
    });
    let mut by_kind: BTreeMap<Kind, Vec<Lookups>> = BTreeMap::new();
    jobs.iter().zip(ran).for_each(|((kind, _), lookups)| by_kind.entry(*kind).or_default().push(lookups));
    Paths(by_kind, most)
}

/// Mean number of nodes that a lookup asks, the owner included or not: an iterative lookup of the paper ends at the
/// owner's predecessor.
fn hops(lookups: &Lookups, owner: bool) -> f64 {
    let count: usize = lookups.by_hops.values().sum();
    let sum: f64 = lookups.by_hops.iter().map(|(hops, n)| counted(*hops, owner) * *n as f64).sum();
    sum / count.max(1) as f64
}

fn counted(hops: u32, owner: bool) -> f64 {
    f64::from(if owner { hops } else { hops.saturating_sub(1) })
}

fn half_log(nodes: usize) -> f64 {
    (nodes as f64).log2() / 2.0
}

impl Paths {
    fn of(&self, kind: Kind, owner: bool) -> Option<Estimate> {
        mean(self.0.get(&kind)?, |lookups| Some(hops(lookups, owner)))
    }

    /// Something of the mean hops of two kinds: the same seeds have the same nodes, who ask for the same keys.
    fn paired(&self, one: Kind, other: Kind, of: impl Fn(f64, f64) -> f64) -> Option<Estimate> {
        let (one, other) = (self.0.get(&one)?, self.0.get(&other)?);
        Estimate::mean(one.iter().zip(other).map(|(one, other)| of(hops(one, true), hops(other, true))))
    }

    fn middle(&self) -> usize {
        self.0.keys().filter(|k| k.successors != 8).map(|k| k.nodes).max().unwrap_or(0)
    }

    fn lists(&self, successors: u64) -> Kind {
        Kind { nodes: self.middle(), iterative: true, successors }
    }

    pub(super) fn compare(&self, sheet: &mut Sheet, page: &mut Page) {
        let paper = "Chord, SIGCOMM 2001, section 6.3, figure 10a";
        let kinds = || self.0.keys().filter(|k| k.iterative && k.successors == 8);
        for (owner, what) in [(false, "owner not counted"), (true, "owner counted")] {
            let tests: Vec<Test> = kinds()
                .map(|kind| {
                    let what = format!("Chord: mean path of {} nodes, {what}", kind.nodes);
                    let published = Published::remembered(what, half_log(kind.nodes), paper);
                    sheet.near(published, self.of(*kind, owner), TOLERANCE)
                })
                .collect();
            let says = format!("Chord's lookups pass ½ log2 N nodes on average ({what})");
            page.judge(&says, tests, "lists of eight successors, iterative lookups");
        }
        let (one, eight) = (self.of(self.lists(1), true), self.of(self.lists(8), true));
        let saved = self.paired(self.lists(1), self.lists(8), |one, eight| one - eight);
        let what = format!("Chord: hops that lists of 8 save against lists of 1, {} nodes", self.middle());
        let published = Published::remembered(what, 1.5, "Chord, ToN 2003, section V (½ log2 r)");
        let test = sheet.near(published, saved, 0.35);
        let because = format!("{} hops with lists of 1, {} with lists of 8", shown(one, 2), shown(eight, 2));
        page.judge("Lists of r successors save ½ log2 r hops", vec![test], because);
        let recursive = Kind { iterative: false, ..self.lists(8) };
        let ratio = self.paired(recursive, self.lists(8), |recursive, iterative| recursive / iterative);
        let test = Test::within("hops of recursive lookups / of iterative ones", ratio, 0.97, 1.03);
        page.judge("Recursive lookups take the path of iterative ones", vec![test], "without failures");
    }

    pub(super) fn show(&self, page: &mut Page) {
        page.heading("Chord: path lengths");
        page.text(
            "Overlays grown join by join, ten rounds of 30 s to settle, then lookups of random keys by random nodes. The \
             paper simulates iterative lookups with 160-bit ids and fingers that are the first nodes of their intervals; \
             so it is here, with 128-bit ids, which changes nothing below 2^64 nodes. **How a path is counted**: here a \
             lookup ends at the owner, which says by its own predecessor that it is the owner; the paper's iterative \
             lookup ends at the owner's predecessor, which names it. So the owner is counted in one column and left out \
             in the other; which of the two the paper's figure shows could not be read here.",
        );
        let header = [
            "nodes",
            "lookups",
            "successors",
            "runs",
            "½ log2 N",
            "owner not counted",
            "owner counted",
            "1st, 99th percentile",
            "wrong",
            "failed",
        ];
        let mut table = Table::new("paths", "Chord: nodes that a lookup is passed to", Source::Simulated, &header);
        for (kind, ran) in &self.0 {
            let total = |of: fn(&Lookups) -> usize| ran.iter().map(of).sum::<usize>().to_string();
            let all = pooled(ran, true);
            let at = |q| quantile(&all, q).map_or("–".into(), |v| number(v, 0));
            table.row([
                kind.nodes.to_string(),
                if kind.iterative { "iterative" } else { "recursive" }.into(),
                kind.successors.to_string(),
                ran.len().to_string(),
                number(half_log(kind.nodes), 2),
                shown(self.of(*kind, false), 2),
                shown(self.of(*kind, true), 2),
                format!("{}, {}", at(0.01), at(0.99)),
                total(|l| l.wrong),
                total(|l| l.failed),
            ]);
        }
        page.table(table);
        let Some(ran) = self.0.get(&Kind { nodes: self.1, iterative: true, successors: 8 }) else { return };
        let shares = |owner| {
            let all = pooled(ran, owner);
            let most = all.last().copied().unwrap_or(0.0) as u32;
            let share =
                move |hops: u32| all.iter().filter(|v| **v == f64::from(hops)).count() as f64 / all.len() as f64;
            (0..=most).map(|hops| (f64::from(hops), share(hops))).collect::<Vec<_>>()
        };
        let bits = (self.1 as f64).log2().round() as u32;
        let coins = Line::derived(&format!("ones among {bits} fair bits"), binomial(bits));
        let axes = [("nodes passed", Axis::Linear), ("share of lookups", Axis::Linear)];
        let drawn =
            [Line::measured("owner not counted", shares(false)), Line::measured("owner counted", shares(true)), coins];
        let caption = format!("Path lengths of {} nodes, as figure 10b of the paper has them", self.1);
        page.figure(lines("path-lengths", &caption, Source::Simulated, axes, &drawn));
        page.text(
            "The dashed line is where ½ log2 N comes from: a lookup takes a hop for each one among the first log2 N bits \
             of its distance, and half of them are ones.",
        );
    }
}

fn pooled(ran: &[Lookups], owner: bool) -> Vec<f64> {
    let mut all: Vec<f64> = ran
        .iter()
        .flat_map(|lookups| &lookups.by_hops)
        .flat_map(|(hops, n)| std::iter::repeat_n(counted(*hops, owner), *n))
        .collect();
    all.sort_by(f64::total_cmp);
    all
}

/// How likely so many of these bits are ones.
fn binomial(bits: u32) -> Vec<(f64, f64)> {
    let mut share = 0.5_f64.powi(bits as i32);
    (0..=bits)
        .map(|ones| {
            let point = (f64::from(ones), share);
            share *= f64::from(bits - ones) / f64::from(ones + 1);
            point
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_ones_half_of_the_time() {
        let shares = binomial(12);
        assert!((shares.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((shares.iter().map(|(ones, share)| ones * share).sum::<f64>() - 6.0).abs() < 1e-12);
    }

    #[test]
    fn an_owner_that_asks_itself_is_passed_by_nobody() {
        let lookups = Lookups { by_hops: [(0, 1), (1, 1), (3, 2)].into(), ..Lookups::default() };
        assert_eq!((hops(&lookups, true), hops(&lookups, false)), (1.75, 1.0));
        assert_eq!(pooled(&[lookups], false), [0.0, 0.0, 2.0, 2.0]);
    }
}
