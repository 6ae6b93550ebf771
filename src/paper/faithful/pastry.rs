//! How many hops Pastry takes.

use std::collections::BTreeMap;

use super::common::{mean, options, seeds};
use super::sheet::{Published, Sheet};
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::shown;
use crate::paper::page::{Page, Source, Table, number};
use crate::paper::runs::in_parallel;
use crate::sim::{Lookups, SETTLE_ROUNDS, World};

pub(super) struct Hops(BTreeMap<usize, Vec<Lookups>>);

pub(super) fn run(setup: &Setup) -> Hops {
    let sizes = setup.pick(vec![(1000, 20), (4000, 4), (10_000, 3)], vec![(100, 4)]);
    let jobs: Vec<(usize, u64)> =
        sizes.iter().flat_map(|(nodes, runs)| seeds(setup.seed, *runs).map(|seed| (*nodes, seed))).collect();
    let count = setup.pick(5000, 400);
    let ran = in_parallel(&jobs, |(nodes, seed)| {
        let options = options(*nodes, "pastry", *seed);
        let mut world = World::new(&options);
        world.join_all();
        world.run_for(options.stabilize_every * SETTLE_ROUNDS);
        world.lookups(count)
    });
    let mut by_nodes: BTreeMap<usize, Vec<Lookups>> = BTreeMap::new();
    jobs.iter().zip(ran).for_each(|((nodes, _), lookups)| by_nodes.entry(*nodes).or_default().push(lookups));
    Hops(by_nodes)
}

fn digits(nodes: usize) -> f64 {
    (nodes as f64).log2() / 4.0
}

fn hops(lookups: &Lookups) -> Option<f64> {
    lookups.hops.map(|hops| hops.mean)
}

impl Hops {
    pub(super) fn compare(&self, sheet: &mut Sheet, page: &mut Page) {
        let paper = "Pastry, Middleware 2001, sections 2 and 3.1, figure 4 (⌈log16 N⌉ is the bound)";
        let (mut below, mut near) = (Vec::<Test>::new(), Vec::new());
        for (nodes, runs) in &self.0 {
            let ours = mean(runs, hops);
            let bound = Published::read(format!("Pastry: mean hops of {nodes} nodes"), digits(*nodes).ceil(), paper);
            below.push(sheet.at_most(bound, ours));
            let logarithm = Published::read(format!("Pastry: log16 N of {nodes} nodes"), digits(*nodes), paper);
            near.push(sheet.near(logarithm, ours, 0.1));
        }
        page.judge("Pastry's routes have fewer than ⌈log16 N⌉ hops on average", below, "b = 4, |L| = 16, |M| = 32");
        page.judge("Pastry's routes have log16 N hops", near, "the logarithm itself, which is the sharper line");
    }

    pub(super) fn show(&self, page: &mut Page) {
        page.heading("Pastry: hops");
        page.text(
            "b = 4, |L| = 16, |M| = 32, as in the paper. Tables take the first node that fits (`proximity = \"none\"`): \
             what is nearest changes how long hops are, not how many there are.",
        );
        let header = ["nodes", "runs", "log16 N", "⌈log16 N⌉", "hops", "0, 1, 2, 3, 4, more", "wrong", "failed"];
        let mut table =
            Table::new("pastry", "Pastry: hops of a lookup, and their distribution", Source::Simulated, &header);
        for (nodes, runs) in &self.0 {
            let total = |of: fn(&Lookups) -> usize| runs.iter().map(of).sum::<usize>();
            let mut counts = [0_usize; 6];
            let each = runs.iter().flat_map(|lookups| &lookups.by_hops);
            each.for_each(|(hops, n)| counts[(*hops as usize).min(5)] += n);
            let all = counts.iter().sum::<usize>().max(1) as f64;
            table.row([
                nodes.to_string(),
                runs.len().to_string(),
                number(digits(*nodes), 2),
                number(digits(*nodes).ceil(), 0),
                shown(mean(runs, hops), 2),
                counts.map(|n| number(n as f64 / all, 3)).join(", "),
                total(|l| l.wrong).to_string(),
                total(|l| l.failed).to_string(),
            ]);
        }
        page.table(table);
    }
}
