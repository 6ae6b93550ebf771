//! Gnutella 0.6: what ultrapeers, tables of words and dynamic querying spare, and whether they hide anything.

use std::collections::BTreeSet;

use super::common::{any, draws, flooding, grown, mean, of_run, tiered};
use crate::overlay::key::Value;
use crate::overlay::{Given, Hit};
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::bars;
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::in_parallel;
use crate::sim::Options;

const LINKS: u64 = 4;
const ITEMS: usize = 40;

/// All nodes alike; ultrapeers alone; with tables of words; and asking link by link.
const WAYS: [&str; 4] = ["0.4", "0.6, flooding", "0.6, tables", "0.6, tables, dynamic"];

fn way(which: usize) -> Given {
    let with = |tables: bool, dynamic: bool| {
        tiered(LINKS).with("query_routing", Value::Bool(tables)).with("dynamic_querying", Value::Bool(dynamic))
    };
    match which {
        0 => flooding(LINKS),
        1 => with(false, false),
        2 => with(true, false),
        _ => with(true, true),
    }
}

/// What each search of a run found, and what they cost on average.
struct Asked {
    hits: Vec<BTreeSet<Hit>>,
    /// What there was.
    there: Vec<usize>,
    copies: Option<f64>,
    heard: Option<f64>,
}

pub(super) fn run(setup: &Setup, page: &mut Page) {
    let (nodes, searches, seeds) = (setup.pick(400, 60), setup.pick(15, 8), setup.seeds(20, 2));
    setup.say("Gnutella 0.6: query routing");
    let jobs: Vec<(u64, usize)> = seeds.flat_map(|seed| (0..WAYS.len()).map(move |way| (seed, way))).collect();
    let mut all = in_parallel(&jobs, |(seed, way)| play(nodes, searches, *seed, *way)).into_iter();
    let mut runs: Vec<[Asked; 4]> = Vec::new();
    while let (Some(a), Some(b), Some(c), Some(d)) = (all.next(), all.next(), all.next(), all.next()) {
        runs.push([a, b, c, d]);
    }
    page.heading("Ultrapeers and query routing");
    page.text(format!(
        "{nodes} nodes share {ITEMS} items: the k-th of them is at one of every 2k nodes, chosen at random and the same in \
         each network. {searches} searches, by the same nodes for the same items, are asked of Gnutella 0.4, and of 0.6 \
         with three of ten nodes ultrapeers: flooding among these and to all leaves; with the leaves' tables of words; and \
         with dynamic querying besides. Each peer or ultrapeer opens {LINKS} links. *Copies*: queries sent and passed on by \
         all nodes. Dynamic querying stops on purpose when 150 hits are there, 50 for a leaf: whether a search found \
         anything is compared, not all of its hits.",
    ));
    show(page, &runs);
    judge(page, &runs);
}

fn play(nodes: usize, searches: usize, seed: u64, which: usize) -> Asked {
    let options = Options::of(nodes, way(which), seed);
    let mut world = grown(&options, |_, _| {});
    let mut rng = draws(seed);
    let hosts: Vec<usize> = (0..nodes).collect();
    let mut things = Vec::new();
    for item in 0..ITEMS {
        let copies = (nodes / (2 * (item + 1))).max(1);
        let at: BTreeSet<usize> = (0..copies).map(|_| any(&mut rng, &hosts)).collect();
        things.extend(at.into_iter().map(|host| (host, format!("song s{item}"))));
    }
    world.place(&things);
    world.run_for(options.stabilize_every * 3);
    let copies = |world: &crate::sim::World| world.counted("queries sent") + world.counted("queries forwarded");
    let (mut asked, mut heard, before) =
        (Asked { hits: Vec::new(), there: Vec::new(), copies: None, heard: None }, Vec::new(), copies(&world));
    for _ in 0..searches {
        let (host, item) = (any(&mut rng, &hosts), any(&mut rng, &(0..ITEMS).collect::<Vec<_>>()));
        let name = format!("song s{item}");
        let sought = world.seek(host, &name);
        heard.push(sought.spent.heard as f64);
        asked.hits.push(sought.hits.into_iter().collect());
        asked.there.push(things.iter().filter(|(_, of)| *of == name).count());
    }
    asked.copies = Some((copies(&world) - before) as f64 / searches as f64);
    asked.heard = of_run(heard);
    asked
}

/// Shares of searches that found something, by all runs.
fn success(runs: &[[Asked; 4]], way: usize) -> Option<Estimate> {
    let all = runs.iter().flat_map(|run| &run[way].hits);
    let found = all.clone().filter(|hits| !hits.is_empty()).count();
    Estimate::share(found, all.count())
}

/// Share of what there was that was found.
fn complete(run: &[Asked; 4], way: usize) -> Option<f64> {
    let (found, there) =
        run[way].hits.iter().zip(&run[way].there).fold((0, 0), |(a, b), (hits, there)| (a + hits.len(), b + there));
    (there > 0).then(|| found as f64 / there as f64)
}

fn show(page: &mut Page, runs: &[[Asked; 4]]) {
    let header = ["version", "runs", "copies a search", "nodes that heard it", "found something", "of all there was"];
    let caption = "Searches for the same items by the same nodes";
    let mut table = Table::new("routing", caption, Source::Simulated, &header);
    for (way, name) in WAYS.iter().enumerate() {
        table.row([
            (*name).to_owned(),
            runs.len().to_string(),
            shown(mean(runs, |run| run[way].copies), 0),
            shown(mean(runs, |run| run[way].heard), 0),
            shown(success(runs, way), 3),
            shown(mean(runs, |run| complete(run, way)), 3),
        ]);
    }
    page.table(table);
    let bar = |way: usize| vec![mean(runs, |run| run[way].copies).map_or(0.0, |copies| copies.value)];
    let groups: Vec<(String, Vec<f64>)> =
        WAYS.iter().enumerate().map(|(way, name)| ((*name).to_owned(), bar(way))).collect();
    let caption = "Copies of a query in one search";
    page.figure(bars("copies", caption, Source::Simulated, "copies", &["copies"], &groups));
}

fn judge(page: &mut Page, runs: &[[Asked; 4]]) {
    let of = |way: usize, other: usize| mean(runs, |run| Some(run[way].copies? / run[other].copies?));
    page.judge(
        "(Gnutella 0.6) Tables of words spare most messages",
        vec![
            Test::at_most("copies with tables over those without", of(2, 1), 0.5),
            Test::at_most("copies of 0.6 with tables over those of 0.4", of(2, 0), 0.5),
        ],
        "",
    );
    page.judge(
        "(Gnutella 0.6) Dynamic querying spares more",
        vec![Test::at_most("copies with it over those with tables alone", of(3, 2), 0.8)],
        "of items like these, of which half of the nodes have the most common one",
    );
    let (mut same, mut all) = (0, 0);
    for run in runs {
        all += run[1].hits.len();
        same += run[1].hits.iter().zip(&run[2].hits).filter(|(without, with)| without.is_subset(with)).count();
    }
    page.judge(
        "(Gnutella 0.6) Query routing passes queries in vain, but hides no match",
        vec![
            Test::at_least(
                "share of searches that find all that they find without tables",
                Estimate::share(same, all),
                0.99,
            ),
            Test::at_least(
                "share of what there was that is found, with tables",
                mean(runs, |run| complete(run, 2)),
                0.99,
            ),
            Test::at_least("searches that found something, dynamic querying too", success(runs, 3), 0.99),
        ],
        "",
    );
}
