//! Neighbor lists by colors: what nodes received, against what theory expects.

use std::time::Duration;

use super::lists::{Found, predicted};
use super::network::Network;
use super::received::{Arrivals, Received, TOGETHER, greedy, received};
use crate::anycast::Coloring;
use crate::paper::Setup;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::{Axis, Line, lines};
use crate::paper::page::{Page, Source, Table, Test, number, percent};
use crate::paper::runs::in_parallel;

/// Between two joins that do not meet.
const GAP: Duration = Duration::from_secs(5);
/// How far from theory what was received may be: a twentieth of it.
pub(super) const CLOSE: f64 = 0.05;

/// Overlays that differ by nothing but the seed.
struct Cell {
    network: usize,
    coloring: Coloring,
    k: u16,
    runs: Vec<Found>,
}

impl Cell {
    fn mean(&self, of: fn(&Found) -> f64) -> Option<Estimate> {
        Estimate::mean(self.runs.iter().map(of))
    }

    /// What was played, as cells of a table.
    fn what(&self, network: &Network) -> [String; 5] {
        [
            network.name.clone(),
            network.nodes().to_string(),
            word(self.coloring).to_owned(),
            self.k.to_string(),
            self.runs.len().to_string(),
        ]
    }

    /// And what was found.
    fn found(&self) -> [String; 3] {
        [shown(self.mean(|f| f.nearest), 3), shown(self.mean(|f| f.rank), 2), shown(self.mean(|f| f.recall), 2)]
    }
}

fn word(coloring: Coloring) -> &'static str {
    match coloring {
        Coloring::Random => "random",
        Coloring::ByAs => "by-as",
        Coloring::Farthest => "farthest",
    }
}

/// Writes the tables; what they say about the closed forms.
pub(super) fn lists(setup: &Setup, page: &mut Page, networks: &[Network]) -> Vec<Test> {
    page.heading("Neighbor lists by colors");
    page.text(
        "Each member announces one of *k* color groups and asks the others; anycast gives it the nearest member of each. \
         *Nearest*: how often its true nearest neighbor is among those who answered (theory for random colors: 1 − 1/k). \
         *Rank*: of the best answer, 1 being the nearest (k/(k − 1)). *Recall*: how many of its eight nearest are found \
         ((k − 1)(1 − (1 − 1/k)^8)). Overlays are built node by node, then every member asks every color but its own, and \
         what is judged is who answered: Welcomes that arrived. In the simulated network anycast is ideal: it leads to the \
         nearest by delay. Another seed puts the nodes at other places, gives them other ids and colors, and lets them \
         come in another order. Means over the seeds, with 95 % intervals. The forms are for nodes of which no two are at \
         the same place.",
    );
    let colors = setup.pick(vec![2, 4, 8, 16, 32], vec![2, 4]);
    let mut cells = Vec::new();
    for (network, of) in networks.iter().enumerate() {
        let colorings: &[Coloring] = if of.is_spread() {
            &[Coloring::Random, Coloring::Farthest]
        } else {
            &[Coloring::Random, Coloring::ByAs, Coloring::Farthest]
        };
        for coloring in colorings {
            // With several nodes at a place two numbers of colors show what differs.
            let colors = colors.iter().filter(|k| of.is_spread() || [4, 16].contains(*k));
            cells.extend(colors.map(|k| Cell { network, coloring: *coloring, k: *k, runs: Vec::new() }));
        }
    }
    let seeds: Vec<u64> = setup.seeds(20, 2).collect();
    let jobs: Vec<(usize, u64)> = (0..cells.len()).flat_map(|cell| seeds.iter().map(move |s| (cell, *s))).collect();
    setup.say(&format!("{} overlays with colors: who answers whom", jobs.len()));
    let found = in_parallel(&jobs, |(cell, seed)| {
        let Cell { network, coloring, k, .. } = &cells[*cell];
        let network = &networks[*network];
        let nodes = network.nodes();
        let delays = network.drawn(nodes, *seed);
        received(&delays, nodes, *k, *coloring, Arrivals::Growing, *seed).map(|one| one.lists)
    });
    for ((cell, _), found) in jobs.iter().zip(found) {
        cells[*cell].runs.extend(found);
    }
    let spread = |cell: &&Cell| networks[cell.network].is_spread();
    drawn(page, networks, &cells);
    page.table(against_theory(networks, cells.iter().filter(spread)));
    if cells.iter().any(|cell| !spread(&cell)) {
        page.text(
            "Where four nodes share a place, three of them are equally near, and the closed forms do not apply. A color by \
             the AS gives all nodes of a place the same one, so that each other color leads out of it: none of those three \
             is ever found. What it finds is limited by the number of places, not of colors.",
        );
        page.table(at_shared_places(networks, cells.iter().filter(|cell| !spread(cell))));
    }
    tests(networks, &cells)
}

fn drawn(page: &mut Page, networks: &[Network], cells: &[Cell]) {
    let Some((last, network)) = networks.iter().enumerate().rev().find(|(_, n)| n.is_spread()) else { return };
    let of = |coloring: Coloring| {
        let cells = cells.iter().filter(|c| c.network == last && c.coloring == coloring);
        cells.filter_map(|c| Some((f64::from(c.k), c.mean(|f| f.nearest)?.value))).collect::<Vec<_>>()
    };
    let theory = cells.iter().filter(|c| c.network == last && c.coloring == Coloring::Random);
    let theory = theory.map(|c| (f64::from(c.k), predicted(c.k).nearest)).collect();
    let drawn = [
        Line::derived("theory, 1 − 1/k", theory),
        Line::measured("random", of(Coloring::Random)),
        Line::measured("farthest", of(Coloring::Farthest)),
    ];
    let axes = [("colors k", Axis::Log), ("true nearest neighbor answered", Axis::Linear)];
    let caption = format!("How often the nearest neighbor is among those who answered, {}", network.name);
    page.figure(lines("nearest", &caption, Source::Simulated, axes, &drawn));
}

fn against_theory<'a>(networks: &[Network], cells: impl Iterator<Item = &'a Cell>) -> Table {
    let header =
        ["network", "nodes", "coloring", "k", "seeds", "nearest", "theory", "rank", "theory", "recall of 8", "theory"];
    let mut table = Table::new("lists", "Who answered at the colors, against theory", Source::Simulated, &header);
    for cell in cells {
        let network = &networks[cell.network];
        let theory = predicted(cell.k);
        let expected = |value: f64, digits| match cell.coloring {
            Coloring::Random => number(value, digits),
            // There is no closed form for it.
            _ => "–".to_owned(),
        };
        let theory = [expected(theory.nearest, 3), expected(theory.rank, 2), expected(theory.recall, 2)];
        let beside = cell.found().into_iter().zip(theory).flat_map(|(found, theory)| [found, theory]);
        table.row(cell.what(network).into_iter().chain(beside));
    }
    table
}

fn at_shared_places<'a>(networks: &[Network], cells: impl Iterator<Item = &'a Cell>) -> Table {
    let header = ["network", "nodes", "coloring", "k", "seeds", "nearest", "rank", "recall of 8"];
    let caption = "Who answered at the colors, with four nodes at each place";
    let mut table = Table::new("places", caption, Source::Simulated, &header);
    for cell in cells {
        let network = &networks[cell.network];
        table.row(cell.what(network).into_iter().chain(cell.found()));
    }
    table
}

/// One number of what was found.
type Measure = fn(&Found) -> f64;

/// The worst number of colors decides, for each network and measure.
fn tests(networks: &[Network], cells: &[Cell]) -> Vec<Test> {
    let mut tests = Vec::new();
    for (index, network) in networks.iter().enumerate().filter(|(_, n)| n.is_spread()) {
        let measures: [(&str, Measure); 2] =
            [("share with the nearest", |f| f.nearest), ("recall of eight", |f| f.recall)];
        for (what, of) in measures {
            let random = cells.iter().filter(|c| c.network == index && c.coloring == Coloring::Random);
            let ratios = random.filter_map(|c| Some((c.k, c.mean(of)?.scaled(1.0 / of(&predicted(c.k))))));
            let off = |e: &Estimate| (e.high - 1.0).max(1.0 - e.low);
            let Some((k, worst)) = ratios.max_by(|a, b| off(&a.1).total_cmp(&off(&b.1))) else { continue };
            let what = format!("{}, {what} over the closed form, worst at k = {k}:", network.name);
            tests.push(Test::within(what, Some(worst), 1.0 - CLOSE, 1.0 + CLOSE));
        }
    }
    tests
}

/// What separates the causes for which the farthest color misses neighbors.
struct Way {
    what: &'static str,
    listed: bool,
    coloring: Coloring,
    arrivals: Option<Arrivals>,
}

const WAYS: [Way; 6] = [
    Way {
        what: "in the file's order, the overlay grows by half in 30 s",
        listed: true,
        coloring: Coloring::Farthest,
        arrivals: Some(Arrivals::Growing),
    },
    Way {
        what: "in random order, the overlay grows by half in 30 s",
        listed: false,
        coloring: Coloring::Farthest,
        arrivals: Some(Arrivals::Growing),
    },
    Way {
        what: "in the file's order, one in 5 s",
        listed: true,
        coloring: Coloring::Farthest,
        arrivals: Some(Arrivals::Apart(GAP)),
    },
    Way {
        what: "in random order, one in 5 s",
        listed: false,
        coloring: Coloring::Farthest,
        arrivals: Some(Arrivals::Apart(GAP)),
    },
    Way {
        what: "the rule alone, one after another (derived)",
        listed: false,
        coloring: Coloring::Farthest,
        arrivals: None,
    },
    Way {
        what: "random colors, in the file's order, the overlay grows by half in 30 s",
        listed: true,
        coloring: Coloring::Random,
        arrivals: Some(Arrivals::Growing),
    },
];

/// Why the color that is farthest away misses neighbors, and when.
pub(super) fn farthest(setup: &Setup, page: &mut Page, networks: &[Network]) {
    let Some(network) = networks.iter().rev().find(|n| n.is_spread()) else { return };
    page.heading("When the farthest color misses the nearest neighbor");
    page.text(format!(
        "A node that takes the color that answers last, or one that does not answer, never takes that of the nearest \
         member that it can see. So it misses only whom it cannot see: those who join at the same time. In {} with {} \
         colors; *together*: the share that joined within {} s of its nearest neighbor, of the members that miss it and of \
         those that have it.",
        network.name,
        setup.pick(32, 4),
        TOGETHER.as_secs()
    ));
    let k = setup.pick(32, 4);
    let seeds: Vec<u64> = setup.seeds(10, 2).collect();
    let ways: Vec<&Way> = WAYS.iter().filter(|way| network.is_listed() || !way.listed).collect();
    let jobs: Vec<(usize, u64)> = (0..ways.len()).flat_map(|way| seeds.iter().map(move |s| (way, *s))).collect();
    setup.say(&format!("{} overlays with the farthest color: whom it misses", jobs.len()));
    let nodes = network.nodes();
    let found = in_parallel(&jobs, |(way, seed)| {
        let Way { listed, coloring, arrivals, .. } = ways[*way];
        let delays = if *listed { network.listed(nodes) } else { network.drawn(nodes, *seed) };
        match arrivals {
            Some(arrivals) => received(&delays, nodes, k, *coloring, *arrivals, *seed),
            None => greedy(&delays, nodes, k).map(|lists| Received { lists, together: [None; 2] }),
        }
    });
    let header =
        ["nodes come", "seeds", "nearest", "rank", "recall of 8", "together: of who miss it", "of who have it"];
    let caption = format!("Colors of nodes that come in another order or at another pace, {}", network.name);
    let mut table = Table::new("farthest", &caption, Source::Simulated, &header);
    let mut nearest = Vec::new();
    for (index, way) in ways.iter().enumerate() {
        let runs: Vec<&Received> =
            jobs.iter().zip(&found).filter(|((w, _), _)| *w == index).filter_map(|(_, f)| f.as_ref()).collect();
        let mean = |of: fn(&Received) -> f64| Estimate::mean(runs.iter().map(|r| of(r)));
        let together = |which: usize| Estimate::mean(runs.iter().filter_map(|r| r.together[which]));
        table.row([
            way.what.to_owned(),
            runs.len().to_string(),
            shown(mean(|r| r.lists.nearest), 3),
            shown(mean(|r| r.lists.rank), 2),
            shown(mean(|r| r.lists.recall), 2),
            shown(together(0), 2),
            shown(together(1), 2),
        ]);
        nearest.push((way, mean(|r| r.lists.nearest)));
    }
    page.table(table);
    let theory = predicted(k).nearest;
    let of = |listed: bool, arrivals: Arrivals| {
        let way = nearest
            .iter()
            .find(|(w, _)| (w.listed, w.coloring, w.arrivals) == (listed, Coloring::Farthest, Some(arrivals)));
        way.and_then(|(_, e)| *e)
    };
    let tests = ways.iter().filter(|w| w.coloring == Coloring::Farthest).filter_map(|way| {
        let arrivals = way.arrivals?;
        Some(
            Test::at_least(format!("{}: share with the nearest", way.what), of(way.listed, arrivals), theory).digits(3),
        )
    });
    let tests: Vec<Test> = tests.collect();
    let alone = of(false, Arrivals::Apart(GAP));
    let at_once = of(network.is_listed(), Arrivals::Growing);
    // What is better than a random color beyond chance.
    let advice = match (alone.is_some_and(|e| e.low > theory), at_once.is_some_and(|e| e.low > theory)) {
        (true, true) => "Recommended: the farthest",
        (true, false) => {
            "Recommended: the farthest where nodes come one by one, random colors where a site starts at once"
        }
        (false, _) => "Recommended: random colors, which cost nothing to choose",
    };
    page.judge(
        "Not in the paper: to take the farthest color finds the nearest neighbor at least as often as a random one would, 1 − 1/k",
        tests,
        format!(
            "nodes that come one by one have it in {} of cases; those that start together do not see each other's colors. \
             {advice}",
            alone.map_or("–".to_owned(), |e| percent(e.value))
        ),
    );
}
