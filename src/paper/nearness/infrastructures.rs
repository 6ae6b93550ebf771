//! What a new node learns at its join over every infrastructure: its bootstrapping member, and its first neighbors.

use std::collections::BTreeSet;
use std::time::Duration;

use super::lists::{Found, judged};
use super::young::known;
use crate::anycast::{Command, Infrastructure, Question};
use crate::overlay::{Protocol, Proximity};
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::in_parallel;
use crate::sim::{Options, World, settings};

/// Rounds of stabilization, and how many of them the others have before the newcomers come.
const STABILIZE: Duration = Duration::from_secs(10);
const SETTLE_ROUNDS: u32 = 6;
/// Between two newcomers.
const GAP: Duration = Duration::from_millis(200);
/// A newcomer has joined and its infrastructure has answered by then, or not at all.
const PATIENCE: Duration = Duration::from_secs(60);
/// From the last join on: who has been named is asked, and has answered.
const ANSWERS: Duration = Duration::from_secs(1);
/// Members that a joiner asks its infrastructure for (section 4.2 of the paper).
const NEIGHBORS: usize = 8;
/// Of its eight nearest a newcomer is to know half.
const HALF: f64 = 4.0;
/// The bootstrapping member is near: the way to all of them is at most so much longer than to the nearest.
const NEAR: f64 = 2.0;

#[derive(Clone, Copy)]
struct Sizes {
    nodes: usize,
    newcomers: usize,
    servers: usize,
}

/// What the newcomers of one overlay have learned.
#[derive(Clone, Debug)]
struct Learned {
    /// Share that has joined.
    joined: f64,
    /// Members that answered before or at the join, the bootstrapping one among them: how many, and how good a list.
    answered: f64,
    first: Option<Found>,
    /// All that it knows, its tables included.
    known: Option<Found>,
    /// Round trips to the bootstrapping members over those to the nearest, of the sums.
    distance: Option<f64>,
    /// Share whose bootstrapping member is the nearest.
    nearest: Option<f64>,
}

/// All runs of one protocol over one infrastructure.
struct Cell {
    by: Infrastructure,
    protocol: Protocol,
    runs: Vec<Learned>,
}

impl Cell {
    fn mean(&self, of: impl Fn(&Learned) -> Option<f64>) -> Option<Estimate> {
        Estimate::mean(self.runs.iter().filter_map(of))
    }

    fn recall(&self) -> Option<Estimate> {
        self.mean(|run| run.known.map(|found| found.recall))
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.by.title.to_owned(),
            self.protocol.title.to_owned(),
            asked(self.by),
            shown(self.mean(|run| Some(run.joined)), 2),
            shown(self.mean(|run| Some(run.answered)), 1),
            shown(self.mean(|run| run.first.map(|found| found.recall)), 2),
            shown(self.recall(), 2),
            shown(self.mean(|run| run.nearest), 2),
            shown(self.mean(|run| run.distance), 2),
        ]
    }
}

/// Whether a joiner gets an answer to its question, and why not.
fn asked(by: Infrastructure) -> String {
    match (by.can)(&Question::Neighbors(NEIGHBORS)) {
        Ok(()) => format!("{NEIGHBORS} asked for"),
        Err(why) => format!("not available: {why}"),
    }
}

fn learned(by: Infrastructure, protocol: Protocol, sizes: Sizes, seed: u64) -> Learned {
    let mut options = Options::of(sizes.nodes, settings(protocol, Proximity::Anycast), seed).over(by, sizes.servers);
    options.stabilize_every = STABILIZE;
    options.rpc_timeout = Duration::from_secs(1);
    let mut world = World::new(&options);
    let old = sizes.nodes - sizes.newcomers;
    world.join_first(old);
    world.run_for(STABILIZE * SETTLE_ROUNDS);
    let joins = world.joins().len();
    for host in old..sizes.nodes {
        world.command(host, Command::Join { found: false });
        world.run_for(GAP);
    }
    world.run_until(PATIENCE, |world| world.members().len() == sizes.nodes);
    world.run_for(ANSWERS);
    let newcomers: BTreeSet<usize> = world.members().range(old..).copied().collect();
    let members: Vec<usize> = world.members().iter().copied().collect();
    let distance = |a: usize, b: usize| world.delays().round_trip(a, b).as_secs_f64();
    let met = |host: &usize| {
        let met = world.node(*host)?.digest().met;
        Some((*host, met.into_keys().filter_map(|id| world.host_of(id)).collect::<Vec<_>>()))
    };
    let met: Vec<(usize, Vec<usize>)> = newcomers.iter().filter_map(met).collect();
    // A newcomer could have been served by whoever had joined before it.
    let (mut way, mut least, mut nearest, mut served) = (0.0, 0.0, 0, 0);
    for (at, join) in world.joins().iter().enumerate().skip(joins) {
        let before = world.joins()[..at].iter().map(|other| distance(join.host, other.host));
        let (Some(by), Some(best)) = (join.served_by, before.min_by(f64::total_cmp)) else { continue };
        let own = distance(join.host, by);
        (way, least, served) = (way + own, least + best, served + 1);
        nearest += usize::from(own <= best);
    }
    let count = |lists: &[(usize, Vec<usize>)]| lists.iter().map(|(_, list)| list.len()).sum::<usize>();
    Learned {
        joined: newcomers.len() as f64 / sizes.newcomers.max(1) as f64,
        answered: count(&met) as f64 / met.len().max(1) as f64,
        first: judged(&met, &members, distance),
        known: known(&world, &newcomers),
        distance: (least > 0.0).then(|| way / least),
        nearest: (served > 0).then(|| nearest as f64 / served as f64),
    }
}

pub(super) fn measure(setup: &Setup, page: &mut Page) {
    page.heading("What a new node learns, by infrastructure");
    let (nodes, newcomers, servers) = setup.pick((64, 16, 16), (12, 3, 3));
    let sizes = Sizes { nodes, newcomers, servers };
    let seeds: Vec<u64> = setup.seeds(20, 2).collect();
    page.text(format!(
        "{nodes} nodes in a plane, and {servers} servers of PIAS, i3 or OASIS at other points of it ({} seeds). The last \
         {newcomers} join one after another, {} ms apart, when the others have had {SETTLE_ROUNDS} rounds of {} s. A joiner asks \
         its infrastructure for the nearest member, joins through it, and asks for {NEIGHBORS} neighbors besides. Plain IP \
         anycast cannot answer that; what it has instead are colors, and they are above. *Answered*: members that the \
         newcomer has met by that, its bootstrapping member among them; *known*: with its tables, {} s after the last join. \
         Recall is of the true eight nearest. *Way to the bootstrapping member*: the round trip to it over that to the \
         nearest of those who had joined before, of the sums.",
        seeds.len(),
        GAP.as_millis(),
        STABILIZE.as_secs(),
        ANSWERS.as_secs(),
    ));
    let kinds: Vec<(Infrastructure, Protocol)> =
        Infrastructure::all().flat_map(|by| Protocol::keyed().map(move |protocol| (by, protocol))).collect();
    setup.say(&format!("newcomers over {} infrastructures and protocols, {} seeds each", kinds.len(), seeds.len()));
    let cells = play(&kinds, sizes, &seeds);
    let header = [
        "by",
        "protocol",
        "neighbors",
        "joined",
        "answered",
        "recall of 8, answered",
        "recall of 8, known",
        "bootstrapping member is the nearest",
        "way to the bootstrapping member",
    ];
    let caption = "Whom newcomers know, by infrastructure";
    let mut table = Table::new("learned-infrastructures", caption, Source::Simulated, &header);
    cells.iter().for_each(|cell| table.row(cell.cells()));
    page.table(table);
    for by in Infrastructure::all() {
        let of = || cells.iter().filter(|cell| cell.by == by);
        let named = of().map(|cell| {
            let what = format!("{}: of the eight nearest, answered", cell.protocol.title);
            Test::at_least(what, cell.mean(|run| run.first.map(|found| found.recall)), HALF)
        });
        let known = of().map(|cell| format!("{} {}", cell.protocol.title, shown(cell.recall(), 1)));
        let known = known.collect::<Vec<_>>().join(", ");
        page.judge(
            &format!("A new node can ask for its neighbors at its join, by {}", by.title),
            named.collect(),
            format!("its question: {}; with its tables it knows: {known}", asked(by)),
        );
        let ways = of().map(|cell| {
            let what = format!("{}: way to the bootstrapping member over that to the nearest", cell.protocol.title);
            Test::at_most(what, cell.mean(|run| run.distance), NEAR)
        });
        page.judge(&format!("A new node joins through a member near it, by {}", by.title), ways.collect(), "");
    }
}

fn play(kinds: &[(Infrastructure, Protocol)], sizes: Sizes, seeds: &[u64]) -> Vec<Cell> {
    let jobs: Vec<(Infrastructure, Protocol, u64)> =
        kinds.iter().flat_map(|(by, protocol)| seeds.iter().map(|seed| (*by, *protocol, *seed))).collect();
    let mut runs = in_parallel(&jobs, |(by, protocol, seed)| learned(*by, *protocol, sizes, *seed)).into_iter();
    let cell = |(by, protocol): &(Infrastructure, Protocol)| {
        let runs = runs.by_ref().take(seeds.len()).collect();
        Cell { by: *by, protocol: *protocol, runs }
    };
    kinds.iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_can_be_asked_for_neighbors_names_them_and_the_others_do_not() {
        let sizes = Sizes { nodes: 16, newcomers: 3, servers: 4 };
        let kinds: Vec<_> = Infrastructure::all().map(|by| (by, Protocol::default())).collect();
        for cell in play(&kinds, sizes, &[1]) {
            let [run] = &cell.runs[..] else { panic!("{:?}", cell.runs) };
            assert!(run.joined > 0.99, "{:?} {run:?}", cell.by);
            // Without an answer only the bootstrapping member is met.
            let can = (cell.by.can)(&Question::Neighbors(NEIGHBORS)).is_ok();
            assert_eq!(run.answered > 1.0, can, "{:?} {run:?}", cell.by);
            assert!(run.distance.is_some_and(|way| way >= 1.0), "{:?} {run:?}", cell.by);
        }
    }
}
