//! What it is worth to know who is near: lookups of nodes that have just joined, and of all at the end.

use super::lists::Found;
use super::network::Network;
use super::young::{COLORS, Course, How, Moment, Sizes, Variant, course};
use crate::paper::Setup;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::{Axis, Line, bars, lines};
use crate::paper::page::{Page, Source, Table, Test, number};
use crate::paper::runs::in_parallel;

/// Less is no gain: a lookup that takes a twentieth less.
const GAIN: f64 = 0.95;
/// Of the eight nearest neighbors a node that has just joined is to know half.
const HALF: f64 = 4.0;

/// All runs of one protocol whose nodes find their neighbors in one way, in the order of the seeds.
struct Cell {
    variant: Variant,
    how: How,
    runs: Vec<Course>,
}

struct Cells {
    times: Vec<u64>,
    cells: Vec<Cell>,
}

pub(super) fn measure(setup: &Setup, page: &mut Page, networks: &[Network]) {
    let Some(network) = networks.iter().rev().find(|n| n.is_spread()) else { return };
    let sizes = Sizes {
        nodes: setup.pick(150, 40).min(network.nodes()),
        newcomers: setup.pick(20, 5),
        times: setup.pick(vec![0, 10, 30, 60, 150, 300, 900], vec![0, 60, 300]),
        lookups: setup.pick(20, 5),
        last: setup.pick(500, 100),
    };
    let seeds: Vec<u64> = setup.seeds(20, 2).collect();
    let kinds: Vec<(Variant, How)> =
        Variant::all().into_iter().flat_map(|variant| How::ALL.map(|how| (variant, how))).collect();
    let jobs: Vec<(Variant, How, u64)> =
        kinds.iter().flat_map(|(variant, how)| seeds.iter().map(|seed| (*variant, *how, *seed))).collect();
    setup.say(&format!("{} overlays with newcomers in {}: lookups since the join", jobs.len(), network.name));
    let found = in_parallel(&jobs, |(variant, how, seed)| {
        course(*variant, *how, &sizes, &network.drawn(sizes.nodes, *seed), *seed)
    });
    let mut found = found.into_iter();
    let cells =
        kinds.into_iter().map(|(variant, how)| Cell { variant, how, runs: found.by_ref().take(seeds.len()).collect() });
    let cells = Cells { times: sizes.times.clone(), cells: cells.collect() };
    learned(page, network, &sizes, &cells);
    since(page, network, &sizes, &cells);
    settled(page, network, &sizes, &cells);
}

impl Cell {
    /// At one of the times.
    fn mean(&self, time: usize, of: impl Fn(&Moment) -> Option<f64>) -> Option<Estimate> {
        Estimate::mean(self.runs.iter().filter_map(|run| of(&run.moments[time])))
    }

    fn found(&self, time: usize, of: fn(&Found) -> f64) -> Option<Estimate> {
        self.mean(time, |moment| moment.known.as_ref().map(of))
    }
}

impl Cells {
    fn of(&self, variant: Variant, how: How) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.variant == variant && cell.how == how)
    }

    /// What one way has over what another has, seed by seed.
    fn ratio(&self, variant: Variant, [a, b]: [How; 2], of: impl Fn(&Course) -> Option<f64>) -> Option<Estimate> {
        let (a, b) = (self.of(variant, a)?, self.of(variant, b)?);
        Estimate::mean(a.runs.iter().zip(&b.runs).filter_map(|(a, b)| Some(of(a)? / of(b)?)))
    }

    /// The last of the times.
    fn end(&self) -> usize {
        self.times.len() - 1
    }
}

/// Whom a node knows when it has just joined.
fn learned(page: &mut Page, network: &Network, sizes: &Sizes, cells: &Cells) {
    page.heading("What a new node learns at its join");
    page.text(format!(
        "{} nodes of {} ({} seeds); the last {} join within two seconds when the others have settled. Judged is whom a \
         newcomer knows as soon as all have joined: its routing tables, and who answered at anycast addresses. *Random* and \
         *probed* nodes join through one well-known node, wherever it is; *anycast* through the nearest member, whose \
         neighbors they then ask about; with *colors* {COLORS} color groups are asked besides. The node that bootstraps it \
         is on the list of a newcomer by anycast, and in this network it is the nearest; so it is the recall that counts.",
        sizes.nodes,
        network.name,
        cells.cells[0].runs.len(),
        sizes.newcomers,
    ));
    let header = ["protocol", "neighbors", "nearest", "rank", "recall of 8", "recall at the end"];
    let mut table = Table::new("learned", "Whom newcomers know", Source::Simulated, &header);
    // Who has been told of all knows them.
    for cell in cells.cells.iter().filter(|cell| cell.how != How::Ideal) {
        table.row([
            cell.variant.name.to_owned(),
            cell.how.word().to_owned(),
            shown(cell.found(0, |f| f.nearest), 2),
            shown(cell.found(0, |f| f.rank), 1),
            shown(cell.found(0, |f| f.recall), 2),
            shown(cell.found(cells.end(), |f| f.recall), 2),
        ]);
    }
    page.table(table);
    let plain = || Variant::all().into_iter().filter(|v| v.name == v.protocol.title);
    let tests = plain().map(|variant| {
        let recall = cells.of(variant, How::Nearest).and_then(|cell| cell.found(0, |f| f.recall));
        Test::at_least(format!("{}: of the eight nearest, known after the join", variant.name), recall, HALF)
    });
    let beside = plain().filter_map(|variant| {
        let recall = |how| cells.of(variant, how)?.found(0, |f| f.recall);
        let (well_known, colors) = (recall(How::Probed)?, recall(How::Colors)?);
        Some(format!("{} {} and {}", variant.name, number(well_known.value, 1), number(colors.value, 1)))
    });
    let beside: Vec<String> = beside.collect();
    page.judge(
        "A new node learns its neighbors from the list of its bootstrapping node",
        tests.collect(),
        format!("through a well-known node, and by anycast with colors: {}", beside.join(", ")),
    );
}

/// Lookups against the time since the join, and against datagrams.
fn since(page: &mut Page, network: &Network, sizes: &Sizes, cells: &Cells) {
    page.heading("Lookups of nodes that have just joined");
    page.text(format!(
        "The same newcomers look random keys up, {} each at each time since the last of them joined; intervals of \
         stabilization are 30 s. The delay penalty is the time until the owner had the request over the straight way there, \
         of the sums. All other members have settled, so what a newcomer knows decides its first hop, and theirs the others. \
         *Ideal*: all are told of all, which no protocol can have. Datagrams are those that a newcomer sent since it began \
         to join, answers to others among them. A CAN's zones do not follow places: what can is its binning by landmarks, \
         here the four nodes that were there first.",
        sizes.lookups
    ));
    for (index, variant) in Variant::all().into_iter().enumerate() {
        let drawn = How::ALL.map(|how| {
            let points = cells.of(variant, how).map_or_else(Vec::new, |cell| {
                let at = cells.times.iter().enumerate();
                // On a logarithmic axis "at once" is the second in which the lookups are made.
                at.filter_map(|(i, t)| Some((t.max(&1).to_owned() as f64, cell.mean(i, |m| m.penalty)?.value)))
                    .collect()
            });
            Line::measured(how.word(), points)
        });
        let caption = format!("Delay penalty of newcomers' lookups, {}, {}", variant.name, network.name);
        let axes = [("seconds since the join", Axis::Log), ("delay penalty", Axis::Linear)];
        page.figure(lines(&format!("since-{}", index + 1), &caption, Source::Simulated, axes, &drawn));
    }
    let told = |how: &&How| **how != How::Ideal;
    for (index, variant) in Variant::all().into_iter().enumerate() {
        let drawn: Vec<Line> = How::ALL
            .iter()
            .filter(told)
            .map(|how| {
                let points = cells.of(variant, *how).map_or_else(Vec::new, |cell| {
                    let at = 0..cells.times.len();
                    at.filter_map(|i| {
                        Some((cell.mean(i, |m| Some(m.datagrams))?.value, cell.mean(i, |m| m.penalty)?.value))
                    })
                    .collect()
                });
                Line::measured(how.word(), points)
            })
            .collect();
        let caption = format!("Delay penalty against datagrams sent, {}, {}", variant.name, network.name);
        let axes = [("datagrams of a newcomer since it began to join", Axis::Log), ("delay penalty", Axis::Linear)];
        page.figure(lines(&format!("datagrams-{}", index + 1), &caption, Source::Simulated, axes, &drawn));
    }
    over_time(
        page,
        cells,
        "since",
        "Delay penalty of newcomers' lookups, by seconds since the join",
        |cell, time| shown(cell.mean(time, |m| m.penalty), 2),
        |_| true,
    );
    over_time(
        page,
        cells,
        "gain",
        "The same over that of probed nodes, seed by seed",
        |cell, time| shown(cells.ratio(cell.variant, [cell.how, How::Probed], |run| run.moments[time].penalty), 2),
        |how| how != How::Probed,
    );
    over_time(
        page,
        cells,
        "datagrams",
        "Datagrams that a newcomer has sent",
        |cell, time| shown(cell.mean(time, |m| Some(m.datagrams)), 0),
        |how| how != How::Ideal,
    );
    let times = [(0, "at once".to_owned()), (cells.end(), format!("after {} s", cells.times[cells.end()]))];
    let tests = times.iter().flat_map(|(time, when)| {
        let plain = Variant::all().into_iter().filter(|v| v.name == v.protocol.title);
        plain.map(move |variant| {
            let ratio = cells.ratio(variant, [How::Colors, How::Probed], |run| run.moments[*time].penalty);
            Test::at_most(format!("{} {when}: delay penalty over that of probed nodes", variant.name), ratio, GAIN)
        })
    });
    let landmarks = Variant::all().into_iter().filter(|v| v.name != v.protocol.title).filter_map(|variant| {
        let plain = Variant::all().into_iter().find(|v| v.name == variant.protocol.title)?;
        let penalty = |variant| Some(cells.of(variant, How::Probed)?.mean(cells.end(), |m| m.penalty)?.show(2));
        Some(format!("{} {}, without {}", variant.name, penalty(variant)?, penalty(plain)?))
    });
    page.judge(
        "Anycast helps a node that has just joined to know who is near it, so that its lookups take less time",
        tests.collect(),
        format!(
            "what places its zones by distance is worth to a CAN, at the end: {}",
            landmarks.collect::<Vec<_>>().join(", ")
        ),
    );
}

fn over_time(
    page: &mut Page,
    cells: &Cells,
    name: &str,
    caption: &str,
    cell: impl Fn(&Cell, usize) -> String,
    wanted: impl Fn(How) -> bool,
) {
    let times: Vec<String> =
        cells.times.iter().map(|t| if *t == 0 { "at once".into() } else { format!("{t} s") }).collect();
    let header: Vec<&str> = ["protocol", "neighbors"].into_iter().chain(times.iter().map(String::as_str)).collect();
    let mut table = Table::new(name, caption, Source::Simulated, &header);
    for one in cells.cells.iter().filter(|one| wanted(one.how)) {
        let names = [one.variant.name.to_owned(), one.how.word().to_owned()];
        table.row(names.into_iter().chain((0..cells.times.len()).map(|time| cell(one, time))));
    }
    page.table(table);
}

/// All members' lookups, when there is no more to learn.
fn settled(page: &mut Page, network: &Network, sizes: &Sizes, cells: &Cells) {
    page.heading("Lookups when all have settled");
    page.text(format!(
        "The same overlays {} s after the last join: {} lookups of random keys by random members.",
        cells.times[cells.end()],
        sizes.last
    ));
    let header = [
        "protocol",
        "neighbors",
        "seeds",
        "hops",
        "latency p50",
        "latency p99",
        "delay penalty",
        "ok",
        "wrong",
        "failed",
    ];
    let mut table = Table::new("lookups", "Lookups of random keys", Source::Simulated, &header);
    for cell in &cells.cells {
        let mean = |of: fn(&Course) -> Option<f64>| Estimate::mean(cell.runs.iter().filter_map(of));
        let sum = |of: fn(&Course) -> usize| cell.runs.iter().map(of).sum::<usize>().to_string();
        let ms = |e: Option<Estimate>| format!("{} ms", shown(e, 0));
        table.row([
            cell.variant.name.to_owned(),
            cell.how.word().to_owned(),
            cell.runs.len().to_string(),
            shown(mean(|c| Some(c.last.hops?.mean)), 2),
            ms(mean(|c| Some(c.last.latency_ms?.p50))),
            ms(mean(|c| Some(c.last.latency_ms?.p99))),
            shown(mean(|c| c.last.mean_delay_penalty), 2),
            sum(|c| c.last.ok),
            sum(|c| c.last.wrong),
            sum(|c| c.last.failed),
        ]);
    }
    let groups = Variant::all().into_iter().map(|variant| {
        let penalty = |how| {
            let runs = cells.of(variant, how).map_or(&[][..], |cell| &cell.runs);
            Estimate::mean(runs.iter().filter_map(|c| c.last.mean_delay_penalty)).map_or(0.0, |e| e.value)
        };
        (variant.name.to_owned(), How::ALL.map(penalty).to_vec())
    });
    let caption = format!("Relative delay penalty of lookups when all have settled, {}", network.name);
    let series = How::ALL.map(How::word);
    page.figure(bars("penalty", &caption, Source::Simulated, "delay penalty", &series, &groups.collect::<Vec<_>>()));
    page.table(table);
    let plain = || Variant::all().into_iter().filter(|v| v.name == v.protocol.title);
    let tests = plain().map(|variant| {
        let ratio = cells.ratio(variant, [How::Probed, How::Random], |run| run.last.mean_delay_penalty);
        Test::at_most(format!("{}: delay penalty, probed over random", variant.name), ratio, GAIN)
    });
    let more = plain().filter_map(|variant| {
        let ratio = cells.ratio(variant, [How::Colors, How::Probed], |run| run.last.mean_delay_penalty)?;
        Some(format!("{} {}", variant.name, ratio.show(3)))
    });
    page.judge(
        "If routing tables are built by latency, lookups take less time",
        tests.collect(),
        format!("what anycast and colors add then, over probed: {}", more.collect::<Vec<_>>().join(", ")),
    );
}
