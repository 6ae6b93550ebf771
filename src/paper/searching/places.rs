//! Where links lead: the share inside an AS or region, and the stress on links between ASes, by how nodes bootstrap.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::common::{any, draws, flooding, mean, of_run};
use crate::anycast::{Bootstrap, Command};
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::bars;
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::in_parallel;
use crate::sim::{Delays, Options, World};

const LINKS: u64 = 4;
/// Nearest members that the oracle names.
const NAMED: usize = 16;
const COLORS: u16 = 16;

/// How a newcomer finds its first link, and the others.
const WAYS: [&str; 4] = ["random member", "anycast", "anycast, near links", "oracle, near links"];

/// Regions in a full mesh, of as many stubs each, of as many nodes each.
#[derive(Clone, Copy)]
struct Shape {
    regions: usize,
    stubs: usize,
    nodes: usize,
}

impl Shape {
    fn ases(self) -> usize {
        self.regions * self.stubs
    }

    fn all(self) -> usize {
        self.ases() * self.nodes
    }

    fn stub(self, host: usize) -> usize {
        host % self.ases()
    }

    fn region(self, host: usize) -> usize {
        self.stub(host) % self.regions
    }

    /// A stub is 2 to 10 ms from its region's transit, two of those are 15 to 60 ms apart.
    fn delays(self, rng: &mut ChaCha8Rng) -> Delays {
        let up: Vec<f64> = (0..self.ases()).map(|_| rng.random_range(2.0..10.0)).collect();
        let mut across: BTreeMap<(usize, usize), f64> = BTreeMap::new();
        for a in 0..self.regions {
            for b in 0..a {
                let ms = rng.random_range(15.0..60.0);
                across.extend([((a, b), ms), ((b, a), ms)]);
            }
        }
        let across =
            |a: usize, b: usize| across.get(&(a % self.regions, b % self.regions)).copied().unwrap_or_default();
        let pairs = (0..self.ases()).flat_map(|a| (0..self.ases()).map(move |b| (a, b)));
        let one_way = pairs.map(|(a, b)| up[a] + up[b] + across(a, b));
        Delays::of_one_way(self.ases(), one_way.map(|ms| Duration::from_secs_f64(ms / 1e3)).collect::<Vec<_>>())
    }

    /// Links between ASes that a link of the overlay takes: stubs' up to their transit, and between transits.
    fn taken(self, a: usize, b: usize) -> Vec<(usize, usize)> {
        let (from, to) = (self.stub(a), self.stub(b));
        if from == to {
            return Vec::new();
        }
        let transit = |region: usize| self.ases() + region;
        let (here, there) = (self.region(a), self.region(b));
        let mut taken = vec![(from, transit(here)), (to, transit(there))];
        if here != there {
            taken.push((transit(here.min(there)), transit(here.max(there))));
        }
        taken
    }
}

/// One run.
struct Placed {
    inside: Option<f64>,
    region: Option<f64>,
    /// Overlay links on an AS's uplink, on average, and on the busiest link between transits.
    uplink: Option<f64>,
    busiest: Option<f64>,
    /// Milliseconds of a link.
    length: Option<f64>,
    found: Option<f64>,
    islands: usize,
}

pub(super) fn run(setup: &Setup, page: &mut Page) {
    let shape = setup.pick(Shape { regions: 5, stubs: 10, nodes: 10 }, Shape { regions: 3, stubs: 3, nodes: 5 });
    setup.say("Gnutella: where links lead");
    let jobs: Vec<(u64, usize)> =
        setup.seeds(20, 2).flat_map(|seed| (0..WAYS.len()).map(move |way| (seed, way))).collect();
    let searches = setup.pick(10, 6);
    let all = in_parallel(&jobs, |(seed, way)| play(shape, searches, *seed, *way));
    let mut runs: BTreeMap<usize, Vec<Placed>> = BTreeMap::new();
    jobs.iter().zip(all).for_each(|((_, way), placed)| runs.entry(*way).or_default().push(placed));
    page.heading("Links inside an AS");
    page.text(format!(
        "{} regions with a transit AS each, all linked with each other, and {} stub ASes in each, of {} nodes: {} nodes of \
         Gnutella 0.4, which join in random order, the next when the one before has joined or after ten seconds. Two nodes \
         of a stub are 1 ms apart. *Random member*: the first link leads to any member, as a web cache names them, and so do \
         those that follow, to members of which pongs tell. *Anycast*: the first link leads to the nearest member, the \
         others as before. *Near links*: every other link besides leads to the nearest member that a node has measured; it \
         knows those that answered at the addresses of {COLORS} colors, or, from an oracle, the {NAMED} nearest there are \
         when it joins. A link of the overlay takes its stubs' uplinks, and the link between their transits: *stress* is \
         how many of them take one such link. A query that floods crosses each link of the overlay once or twice.",
        shape.regions, shape.stubs, shape.nodes, shape.all(),
    ));
    show(page, shape, &runs);
    judge(page, &runs);
}

fn play(shape: Shape, searches: usize, seed: u64, way: usize) -> Placed {
    let mut rng = draws(seed);
    let mut order: Vec<usize> = (0..shape.all()).collect();
    order.shuffle(&mut rng);
    let near = way >= 2;
    let given = flooding(LINKS).with("proximity", if near { "anycast" } else { "none" });
    let mut options = Options::of(shape.all(), given, seed);
    options.network.delays = shape.delays(&mut rng);
    options.bootstrap = if way == 1 || way == 2 { Bootstrap::Anycast } else { Bootstrap::WellKnown };
    options.colors = if way == 2 { COLORS } else { 0 };
    let mut configs = options.configs();
    let addresses: Vec<_> = configs.iter().map(|config| config.address).collect();
    let distance = |from: usize, to: usize| options.network.delays.round_trip(from, to);
    let mut nearest: Vec<Vec<usize>> = vec![Vec::new(); shape.all()];
    for (n, host) in order.iter().copied().enumerate() {
        let mut before = order[..n].to_vec();
        let first = if n == 0 { host } else { any(&mut rng, &before) };
        before.sort_by_key(|other| (distance(host, *other), *other));
        before.truncate(NAMED);
        let first = if way == 3 { before.first().copied().unwrap_or(host) } else { first };
        configs[host].well_known = vec![addresses[first]];
        nearest[host] = before;
    }
    let mut world = World::of(options.deployed.kind, configs, seed, &options.network);
    for (n, host) in order.iter().copied().enumerate() {
        world.command(host, Command::Join { found: n == 0 });
        world.run_until(Duration::from_secs(10), |world| world.members().contains(&host));
        if n == 0 {
            world.run_for(Duration::from_secs(2));
        }
        if way == 3 {
            nearest[host].iter().for_each(|other| world.introduce(host, *other));
        }
    }
    world.run_for(options.stabilize_every * 10);
    let mut placed = measured(shape, &world);
    placed.found = searched(shape, &mut world, searches, &mut rng);
    placed
}

fn measured(shape: Shape, world: &World) -> Placed {
    let mut links: Vec<(usize, usize)> = Vec::new();
    for host in world.members().iter().copied() {
        let peers = world.node(host).map(|node| node.peers()).unwrap_or_default();
        links.extend(
            peers.iter().filter_map(|peer| world.host_of(peer.id)).filter(|other| *other > host).map(|o| (host, o)),
        );
    }
    let share = |of: &dyn Fn(usize, usize) -> bool| of_run(links.iter().map(|(a, b)| f64::from(u8::from(of(*a, *b)))));
    let mut stress: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    links.iter().flat_map(|(a, b)| shape.taken(*a, *b)).for_each(|link| *stress.entry(link).or_default() += 1.0);
    let uplinks: f64 = stress.iter().filter(|((from, _), _)| *from < shape.ases()).map(|(_, links)| links).sum();
    let transits = stress.iter().filter(|((from, _), _)| *from >= shape.ases()).map(|(_, links)| *links);
    Placed {
        inside: share(&|a, b| shape.stub(a) == shape.stub(b)),
        region: share(&|a, b| shape.region(a) == shape.region(b)),
        uplink: Some(uplinks / shape.ases() as f64),
        busiest: Some(transits.fold(0.0, f64::max)),
        length: of_run(links.iter().map(|(a, b)| world.delays().between(*a, *b).as_secs_f64() * 1e3)),
        found: None,
        islands: world.islands().len(),
    }
}

/// Share of searches for what one node has that find it.
fn searched(shape: Shape, world: &mut World, searches: usize, rng: &mut ChaCha8Rng) -> Option<f64> {
    let hosts: Vec<usize> = (0..shape.all()).collect();
    of_run((0..searches).map(|n| {
        let name = format!("rare r{n}x");
        world.place(&[(any(rng, &hosts), name.clone())]);
        f64::from(u8::from(world.seek(any(rng, &hosts), &name).found))
    }))
}

fn show(page: &mut Page, shape: Shape, runs: &BTreeMap<usize, Vec<Placed>>) {
    let header = [
        "bootstrapping",
        "runs",
        "links in the AS",
        "in the region",
        "ms of a link",
        "stress, uplinks",
        "stress, busiest transit",
        "searches that found",
        "runs in one island",
    ];
    let caption = format!("Links of {} nodes in {} stub ASes", shape.all(), shape.ases());
    let mut table = Table::new("places", &caption, Source::Simulated, &header);
    let mut groups = Vec::new();
    for (way, all) in runs {
        table.row([
            WAYS[*way].to_owned(),
            all.len().to_string(),
            shown(mean(all, |run| run.inside), 3),
            shown(mean(all, |run| run.region), 3),
            shown(mean(all, |run| run.length), 1),
            shown(mean(all, |run| run.uplink), 1),
            shown(mean(all, |run| run.busiest), 1),
            shown(mean(all, |run| run.found), 3),
            all.iter().filter(|run| run.islands == 1).count().to_string(),
        ]);
        let bar = |of: &dyn Fn(&Placed) -> Option<f64>| mean(all, of).map_or(0.0, |share| share.value);
        groups.push((WAYS[*way].to_owned(), vec![bar(&|run| run.inside), bar(&|run| run.region)]));
    }
    page.table(table);
    page.figure(bars(
        "inside",
        &caption,
        Source::Simulated,
        "share of links",
        &["in the AS", "in the region"],
        &groups,
    ));
}

fn judge(page: &mut Page, runs: &BTreeMap<usize, Vec<Placed>>) {
    let pairs = |way: usize, of: &dyn Fn(&Placed) -> Option<f64>, over: &dyn Fn(f64, f64) -> f64| {
        let both = runs.get(&way).into_iter().flatten().zip(runs.get(&0).into_iter().flatten());
        Estimate::mean(both.filter_map(|(a, b)| Some(over(of(a)?, of(b)?))))
    };
    let more = |way: usize| pairs(way, &|run| run.inside, &|a, b| a - b);
    let stress = |way: usize| pairs(way, &|run| run.busiest, &|a, b| a / b);
    page.judge(
        "(Gnutella) With random bootstrapping few links stay inside an AS: 2 to 5 % were measured",
        vec![Test::within("share of links in the AS", mean(&runs[&0], |run| run.inside), 0.0, 0.05)],
        "the published share is from memory (Ripeanu 2001), of a network of other ASes",
    );
    page.judge(
        "The first link alone, by anycast, brings more links into the AS, and takes stress from links between ASes",
        vec![
            Test::at_least("share of links in the AS beyond that with random members", more(1), 0.05),
            Test::at_most("stress on the busiest transit link over that with random members", stress(1), 0.9),
        ],
        "",
    );
    page.judge(
        "With near links anycast brings most of what an oracle would",
        vec![
            Test::at_least("share of links in the AS beyond that with random members", more(2), 0.15),
            Test::at_most("stress over that with random members", stress(2), 0.75),
            Test::at_least("gain of anycast over gain of the oracle", Estimate::mean(gains(runs)), 0.5),
        ],
        "",
    );
    let found = |way: usize| mean(&runs[&way], |run| run.found);
    page.judge(
        "Near links do not cut the overlay into clusters that searches do not leave",
        vec![
            Test::at_least("searches for what one node has that found it, anycast", found(2), 0.95),
            Test::at_least("with the oracle", found(3), 0.95),
        ],
        "",
    );
}

/// What anycast gains in links inside an AS, over what the oracle does, run by run.
fn gains(runs: &BTreeMap<usize, Vec<Placed>>) -> Vec<f64> {
    let [random, anycast, oracle] = [0, 2, 3].map(|way| &runs[&way]);
    let gain = |at: usize| {
        let base = random.get(at)?.inside?;
        Some((anycast.get(at)?.inside? - base) / (oracle.get(at)?.inside? - base))
    };
    (0..random.len()).filter_map(gain).filter(|gain| gain.is_finite()).collect()
}
