//! A stub fails and is back: overlays that search are one again by one link, and rings are not.

use std::collections::BTreeSet;
use std::time::Duration;

use super::common::{any, draws, flooding, given, grown, mean, of_run, tiered, walking};
use crate::overlay::Given;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::shown;
use crate::paper::figure::{Axis, Line, lines};
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::{in_parallel, runs_of};
use crate::sim::{Options, World};

struct Kind {
    name: &'static str,
    given: fn() -> Given,
    searches: bool,
}

const KINDS: [Kind; 5] = [
    Kind { name: "Gnutella 0.4", given: || flooding(4), searches: true },
    Kind { name: "Gnutella 0.6", given: || tiered(4), searches: true },
    Kind { name: "Freenet", given: || walking(), searches: true },
    Kind { name: "Chord", given: || given("chord"), searches: false },
    Kind { name: "CAN", given: || given("can"), searches: false },
];

const ROUND: Duration = Duration::from_secs(10);
/// Rounds after the link at which it is asked.
const AT: [u32; 4] = [0, 2, 8, 32];
/// Long enough for each half to forget the other.
const OUTAGE: u32 = 60;

/// Shares of questions answered rightly, at the times of [`AT`].
struct Ran {
    /// Before the link, once the halves can reach each other again.
    unlinked: Option<f64>,
    linked: [Option<f64>; 4],
    /// Members of both halves whose links are right for one overlay, at the end.
    whole: bool,
}

pub(super) fn run(setup: &Setup, page: &mut Page) {
    let (half, questions) = (setup.pick(32, 8), setup.pick(24, 8));
    setup.say("two halves and one link");
    let jobs: Vec<(usize, u64)> =
        (0..KINDS.len()).flat_map(|kind| setup.seeds(20, 2).map(move |seed| (kind, seed))).collect();
    let all = in_parallel(&jobs, |(kind, seed)| play(half, questions, &KINDS[*kind], *seed));
    let of = |kind: usize| -> Vec<&Ran> { runs_of(&jobs, &all, move |(of, _)| *of == kind).collect() };
    page.heading("Two halves and one link");
    page.text(format!(
        "An overlay of {half} + {half} nodes is cut in two for {OUTAGE} rounds of {} s. Then the halves can reach each other again; \
         nothing else heals (no colors, no rendezvous). After {questions} questions one node of the second half, and only that one, is \
         linked to a random node of the first, as in [4.3](4.3.md). At once, and after {}, {} and {} rounds, {questions} \
         questions more are asked. Of Gnutella and Freenet: a search or request by a node of one half for what was shared or inserted \
         only in the other while they were parted. Of Chord and CAN: lookups of random keys by any node, right when the owner among \
         all nodes answers.",
        ROUND.as_secs(), AT[1], AT[2], AT[3],
    ));
    let header =
        ["protocol", "runs", "parted", "linked, at once", "2 rounds", "8 rounds", "32 rounds", "whole in the end"];
    let caption = "Questions answered rightly, before and after one link";
    let mut table = Table::new("one-link", caption, Source::Simulated, &header);
    let mut drawn = Vec::new();
    for (kind, Kind { name, .. }) in KINDS.iter().enumerate() {
        let runs = of(kind);
        let after = |at: usize| mean(&runs, |run| run.linked[at]);
        let cells = [(*name).to_owned(), runs.len().to_string(), shown(mean(&runs, |run| run.unlinked), 2)];
        let whole = format!("{} of {}", runs.iter().filter(|run| run.whole).count(), runs.len());
        table.row(cells.into_iter().chain((0..AT.len()).map(|at| shown(after(at), 2))).chain([whole]));
        let points = AT.iter().enumerate().filter_map(|(at, round)| Some((f64::from(*round), after(at)?.value)));
        drawn.push(Line::measured(name, points.collect()));
    }
    page.table(table);
    let axes = [("rounds since the link", Axis::Linear), ("answered rightly", Axis::Linear)];
    page.figure(lines("one-link", caption, Source::Simulated, axes, &drawn));
    judge(page, &of);
}

fn play(half: usize, questions: usize, kind: &Kind, seed: u64) -> Ran {
    let mut options = Options::of(2 * half, (kind.given)(), seed);
    options.stabilize_every = ROUND;
    options.rpc_timeout = Duration::from_secs(1);
    let mut world = grown(&options, |_, _| {});
    let mut rng = draws(seed);
    let second: Vec<usize> = (half..2 * half).collect();
    world.partition(&second);
    world.run_for(ROUND * OUTAGE);
    let halves = [(0..half).collect::<Vec<_>>(), second];
    let mut things = Vec::new();
    if kind.searches {
        for n in 0..questions * (AT.len() + 1) {
            things.push((n % 2, any(&mut rng, &halves[n % 2]), format!("song n{n}x")));
        }
        let placed: Vec<(usize, String)> = things.iter().map(|(_, host, name)| (*host, name.clone())).collect();
        world.place(&placed);
        world.run_for(ROUND * 2);
    }
    world.heal();
    let mut asked = 0;
    let mut ask = |world: &mut World| {
        asked += 1;
        if !kind.searches {
            let lookups = world.lookups(questions);
            return Some(lookups.ok as f64 / lookups.sent as f64);
        }
        let of = &things[(asked - 1) * questions..asked * questions];
        of_run(of.iter().map(|(half, _, name)| {
            let asker = any(&mut rng, &halves[1 - half]);
            f64::from(u8::from(world.seek(asker, name).found))
        }))
    };
    let unlinked = ask(&mut world);
    world.link(halves[1][0], halves[0][seed as usize % half]);
    // The handshake takes two round trips.
    world.run_for(Duration::from_secs(1));
    let (begin, mut linked) = (world.now(), [None; 4]);
    for (at, rounds) in AT.iter().enumerate() {
        let until = begin + ROUND * *rounds;
        if world.now() < until {
            world.run_for(until - world.now());
        }
        linked[at] = ask(&mut world);
    }
    let everybody: BTreeSet<usize> = (0..2 * half).collect();
    Ran { unlinked, linked, whole: world.is_whole(&everybody) }
}

fn judge<'a>(page: &mut Page, of: &dyn Fn(usize) -> Vec<&'a Ran>) {
    let (searching, keyed): (Vec<usize>, Vec<usize>) = (0..KINDS.len()).partition(|kind| KINDS[*kind].searches);
    let at_once = |kind: usize| mean(&of(kind), |run| run.linked[0]);
    let test = |kind: &usize, line| {
        Test::at_least(format!("{}: answered rightly, at once", KINDS[*kind].name), at_once(*kind), line)
    };
    page.judge(
        "One link between two islands merges them: overlays that search find everything again at once",
        searching.iter().map(|kind| test(kind, 0.95)).collect(),
        "",
    );
    page.judge(
        "One link between two islands merges them: rings and zones find everything again at once",
        keyed.iter().map(|kind| test(kind, 0.95)).collect(),
        "how long they take instead is in 4.3",
    );
    let before = |kind: &usize| {
        let parted = mean(&of(*kind), |run| run.unlinked);
        Test::at_most(format!("{}: found of the other half's", KINDS[*kind].name), parted, 0.05)
    };
    page.judge(
        "Without a link they stay apart, though they could reach each other",
        searching.iter().map(before).collect(),
        "",
    );
}
