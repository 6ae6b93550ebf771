//! Freenet: how paths become shorter as nodes learn, and how they grow with the network.

use std::time::Duration;

use super::common::{any, draws, grown, mean, walking};
use crate::anycast::Command;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::{Axis, Line, lines};
use crate::paper::fit::Power;
use crate::paper::page::{Page, Source, Table, number};
use crate::paper::runs::in_parallel;
use crate::sim::{Options, World};

/// Nodes that a request comes to; of one that finds nothing the path is as long.
const HOPS: u64 = 500;
/// A request for something new, asked of the network to see how well it has learned.
const PROBES: usize = 40;
/// Moments at which paths are measured.
const PARTS: usize = 5;

/// What became of the requests at one moment of a run.
#[derive(Clone, Copy, Default)]
struct Moment {
    /// Requests and inserts so far, for each node.
    each: f64,
    median: f64,
    found: f64,
}

/// A network that learns.
#[derive(Clone, Copy)]
struct Course {
    nodes: usize,
    /// Requests for each node, in all.
    each: f64,
    start: Start,
    seed: u64,
}

/// How a network begins.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    /// In a ring, in which each node knows the two on each side.
    Ring,
    /// Its nodes join by anycast, and are announced.
    Announced,
}

pub(super) fn run(setup: &Setup, page: &mut Page) {
    let sizes: &[usize] = setup.pick(&[200, 400, 1000], &[30, 60, 90]);
    let (main, each) = (setup.pick(1000, 60), 3.0);
    let seeds = |nodes: usize| setup.seeds(if nodes < main { 20 } else { 6 }, 2);
    let ring = sizes.iter().flat_map(|nodes| seeds(*nodes).map(|seed| (*nodes, Start::Ring, seed)));
    let announced = seeds(main).map(|seed| (main, Start::Announced, seed));
    let courses: Vec<Course> =
        ring.chain(announced).map(|(nodes, start, seed)| Course { nodes, each, start, seed }).collect();
    setup.say("Freenet: paths, as it learns");
    let all = in_parallel(&courses, play);
    let with = |start: Start, nodes: usize| -> Vec<&[Moment]> {
        let of = |course: &Course| course.nodes == nodes && course.start == start;
        courses.iter().zip(&all).filter(|(course, _)| of(course)).map(|(_, run)| &run[..]).collect()
    };
    let of = |nodes: usize| with(Start::Ring, nodes);
    page.heading("Freenet learns");
    page.text(format!(
        "As published, a network begins as a ring in which each node knows the two on each side, by keys at random. Then, again and \
         again, a random node inserts something new and another requests something that is there, each as likely as any, \
         {each} times for each node in all. Inserts go 20 hops, requests {HOPS}, also while it learns (as published 20); stores hold \
         50 things and tables 250 entries, as published. Six times, at first and after every fifth of that, {PROBES} new things are \
         inserted and each is requested once by another node. *Path*: nodes that such a request came to, those that sent it \
         back too; one that found nothing counts {HOPS}. *Announced*: nodes join by anycast instead, and are announced.",
    ));
    show(page, main, [&of(main), &with(Start::Announced, main)]);
    judge(page, main, each, &of(main));
    growth(page, sizes, &of);
}

fn play(course: &Course) -> Vec<Moment> {
    let mut options = Options::of(course.nodes, walking().with("hops_to_live", HOPS), course.seed);
    // What nodes do besides costs more than requests, in rounds of half a minute.
    options.stabilize_every *= 100;
    options.growth = 50.0;
    let mut world = match course.start {
        Start::Ring => ring(&options),
        Start::Announced => grown(&options, |_, _| {}),
    };
    let mut rng = draws(course.seed);
    let hosts: Vec<usize> = (0..course.nodes).collect();
    let (mut names, mut count) = (Vec::new(), 0);
    let mut insert = |world: &mut World, host: usize| {
        count += 1;
        world.place(&[(host, format!("thing {count}"))]).into_iter().flatten().next()
    };
    let steps = (course.nodes as f64 * course.each) as usize;
    let mut moments = Vec::new();
    for part in 0..=PARTS {
        for _ in 0..if part == 0 { 0 } else { steps / PARTS } {
            names.extend(insert(&mut world, any(&mut rng, &hosts)));
            if !names.is_empty() {
                let at = rand::RngExt::random_range(&mut rng, 0..names.len());
                world.seek(any(&mut rng, &hosts), &names[at]);
            }
        }
        let new: Vec<String> = (0..PROBES).filter_map(|_| insert(&mut world, any(&mut rng, &hosts))).collect();
        let sought = new.iter().map(|name| world.seek(any(&mut rng, &hosts), name));
        let mut paths: Vec<(f64, bool)> =
            sought.map(|s| (if s.found { s.path as f64 } else { HOPS as f64 }, s.found)).collect();
        paths.sort_by(|a, b| a.0.total_cmp(&b.0));
        let lengths: Vec<f64> = paths.iter().map(|(length, _)| *length).collect();
        moments.push(Moment {
            each: (part * steps / PARTS) as f64 / course.nodes as f64,
            median: crate::measure::quantile(&lengths, 0.5).unwrap_or(HOPS as f64),
            found: paths.iter().filter(|(_, found)| *found).count() as f64 / paths.len().max(1) as f64,
        });
    }
    moments
}

/// Each begins alone, and is told of the two on each side.
fn ring(options: &Options) -> World {
    let mut world = World::new(options);
    let sides: Vec<u32> = (0..).take(options.nodes).collect();
    world.set_sides(&sides);
    (0..options.nodes).for_each(|host| world.command(host, Command::Join { found: true }));
    world.run_until(Duration::from_secs(60), |world| world.members().len() == options.nodes);
    world.heal();
    for host in 0..options.nodes {
        for far in [1, 2, options.nodes - 2, options.nodes - 1] {
            world.introduce(host, (host + far) % options.nodes);
        }
    }
    world.run_for(Duration::from_secs(10));
    world
}

fn at<'a>(runs: &'a [&'a [Moment]], part: usize) -> Vec<&'a Moment> {
    runs.iter().filter_map(|run| run.get(part)).collect()
}

fn median(runs: &[&[Moment]], part: usize) -> Option<Estimate> {
    mean(&at(runs, part), |moment| Some(moment.median))
}

fn show(page: &mut Page, nodes: usize, [ring, announced]: [&[&[Moment]]; 2]) {
    let header = ["requests for each node", "runs", "median path (mean of runs)", "found", "announced: path", "found"];
    let caption = format!("Requests for new things among {nodes} nodes that learn");
    let mut table = Table::new("learning", &caption, Source::Simulated, &header);
    let found = |runs: &[&[Moment]], part: usize| shown(mean(&at(runs, part), |moment| Some(moment.found)), 3);
    for part in 0..=PARTS {
        table.row([
            at(ring, part).first().map_or("–".into(), |moment| number(moment.each, 1)),
            ring.len().to_string(),
            shown(median(ring, part), 1),
            found(ring, part),
            shown(median(announced, part), 1),
            found(announced, part),
        ]);
    }
    page.table(table);
    let points = |runs: &[&[Moment]]| -> Vec<(f64, f64)> {
        (0..=PARTS).filter_map(|part| Some((at(runs, part).first()?.each, median(runs, part)?.value))).collect()
    };
    let drawn = [Line::measured("from a ring", points(ring)), Line::measured("announced", points(announced))];
    let axes = [("requests for each node so far", Axis::Linear), ("nodes on the median path", Axis::Log)];
    page.figure(lines("learning", &caption, Source::Simulated, axes, &drawn));
}

fn judge(page: &mut Page, nodes: usize, each: f64, runs: &[&[Moment]]) {
    let found = mean(&at(runs, PARTS), |moment| Some(moment.found));
    let ratio = Estimate::mean(runs.iter().filter_map(|run| Some(run.get(PARTS)?.median / run.first()?.median)));
    page.judge(
        "(Freenet) Paths become shorter as nodes learn, and requests find more",
        vec![
            Test::at_most("median path after learning over that at first", ratio, 0.5),
            Test::at_least("requests that found it, after learning", found, 0.95),
        ],
        format!("{nodes} nodes, {each} requests for each"),
    );
    page.judge(
        "(Freenet) After learning the median path is about 6 of a thousand nodes",
        vec![Test::within("median path", median(runs, PARTS), 3.0, 12.0)],
        "published: Clarke et al. 2000, of requests for what had been requested before; half and twice as long is allowed",
    );
}

fn growth<'a>(page: &mut Page, sizes: &[usize], of: &dyn Fn(usize) -> Vec<&'a [Moment]>) {
    let header = ["nodes", "runs", "median path", "found", "6·(N/1000)^0.28"];
    let caption = "Median paths after learning, by the size of the network";
    let mut table = Table::new("growth", caption, Source::Simulated, &header);
    let published = |nodes: f64| 6.0 * (nodes / 1000.0).powf(0.28);
    let (mut measured, mut derived, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for nodes in sizes {
        let runs = of(*nodes);
        let path = median(&runs, PARTS);
        table.row([
            nodes.to_string(),
            runs.len().to_string(),
            shown(path, 1),
            shown(mean(&at(&runs, PARTS), |moment| Some(moment.found)), 3),
            number(published(*nodes as f64), 1),
        ]);
        measured.extend(path.map(|path| (*nodes as f64, path.value)));
        derived.push((*nodes as f64, published(*nodes as f64)));
        all.extend(at(&runs, PARTS).iter().map(|moment| (*nodes as f64, moment.median.max(1.0))));
    }
    page.table(table);
    let drawn = [Line::measured("measured", measured), Line::derived("published", derived)];
    let axes = [("nodes", Axis::Log), ("nodes on a path", Axis::Log)];
    page.figure(lines("growth", caption, Source::Simulated, axes, &drawn));
    let power = Power::of(all);
    page.judge(
        "(Freenet) The median path grows about as N^0.28",
        vec![Test::within("exponent of N", power.as_ref().map(|power| power.exponent), 0.18, 0.38)],
        power.map_or("–".to_owned(), |power| power.show("path", "N")) + "; published by Hong, from memory",
    );
}
