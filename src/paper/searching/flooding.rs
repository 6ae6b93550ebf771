//! Gnutella 0.4: how far a query goes by its TTL, how many copies that takes, and how many of them are wasted.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::common::{any, draws, flooding, grown, mean, of_run};
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::{Axis, Line, lines};
use crate::paper::page::{Page, Source, Table, number};
use crate::paper::runs::in_parallel;
use crate::sim::{Delays, Options, World};

const MOST: usize = 7;
/// Links that each node opens: about twice as many it has.
const LINKS: u64 = 2;

/// One run: means over its queries, by TTL − 1.
#[derive(Default)]
struct Flooded {
    degree: f64,
    /// Links on from a node to which a link leads.
    onward: f64,
    reach: [Option<f64>; MOST],
    within: [Option<f64>; MOST],
    /// The reach between nodes that are all equally far apart.
    even: [Option<f64>; MOST],
    /// Queries that reached as many nodes as there are within the TTL, and those that reached more; the same again
    /// between nodes that are equally far apart.
    exact: [usize; 2],
    beyond: [usize; 2],
    copies: [Option<f64>; MOST],
    repeated: [Option<f64>; MOST],
    queries: usize,
}

pub(super) fn run(setup: &Setup, page: &mut Page) {
    let (nodes, queries, seeds) = (setup.pick(1000, 70), setup.pick(10, 3), setup.seeds(20, 2));
    setup.say("Gnutella 0.4: reach and messages by TTL");
    let jobs: Vec<u64> = seeds.collect();
    let runs = in_parallel(&jobs, |seed| play(nodes, queries, *seed));
    page.heading("Flooding: reach and messages by TTL");
    page.text(format!(
        "{nodes} nodes of Gnutella 0.4 join by anycast; each opens {LINKS} links to nodes that it hears of. Node n gives \
         its queries a TTL of 1 + n mod 7. {queries} queries for a word that nobody has are asked with each TTL, one at a \
         time. *Reach*: nodes that heard the query, without the one that asked; *evenly apart*: the same with all nodes 50 ms \
         apart from then on. *Within the TTL*: nodes so many links away. *Copies*: queries sent and passed on, by \
         all nodes. *Wasted*: copies that came to a node which had heard the query before. *Tree*: d·((d−1)^TTL − 1)/(d−2), \
         as if each node had d links, the mean, and all ways led to new nodes. *By degrees*: d·(q^TTL − 1)/(q−1), q the \
         links on from a node at the end of a link: nodes with many links are at the end of more of them.",
    ));
    show(page, nodes, &runs);
    judge(page, nodes, &runs);
}

fn play(nodes: usize, queries: usize, seed: u64) -> Flooded {
    let options = Options::of(nodes, flooding(LINKS), seed);
    let mut world = grown(&options, |host, config| {
        config.protocol = config.protocol.clone().with("ttl", (host % MOST) as u64 + 1);
    });
    let mut rng = draws(seed);
    let mut flooded = Flooded { queries: queries * MOST, ..Flooded::default() };
    let degrees: Vec<f64> = (0..nodes).map(|host| links(&world, host).len() as f64).collect();
    flooded.degree = of_run(degrees.iter().copied()).unwrap_or_default();
    flooded.onward = degrees.iter().map(|k| k * (k - 1.0)).sum::<f64>() / degrees.iter().sum::<f64>();
    for even in [false, true] {
        if even {
            world.set_delays(Delays::same(Duration::from_millis(50)));
        }
        for ttl in 0..MOST {
            let askers: Vec<usize> = (ttl..nodes).step_by(MOST).collect();
            let asked: Vec<[f64; 4]> = (0..queries).map(|_| ask(&mut world, any(&mut rng, &askers), ttl + 1)).collect();
            let column = |of: usize| of_run(asked.iter().map(|one| one[of]));
            flooded.exact[usize::from(even)] += asked.iter().filter(|[reach, within, ..]| reach == within).count();
            flooded.beyond[usize::from(even)] += asked.iter().filter(|[reach, within, ..]| reach > within).count();
            if even {
                flooded.even[ttl] = column(0);
            } else {
                (flooded.reach[ttl], flooded.within[ttl]) = (column(0), column(1));
                (flooded.copies[ttl], flooded.repeated[ttl]) = (column(2), column(3));
            }
        }
    }
    flooded
}

/// One query: nodes that heard it, and that are within its TTL; copies, and those wasted.
fn ask(world: &mut World, host: usize, ttl: usize) -> [f64; 4] {
    let within = within(world, host, ttl);
    let count = |world: &World| world.counted("queries sent") + world.counted("queries forwarded");
    let before = (count(world), world.counted("queries repeated"));
    let heard = world.seek(host, "nobody has this").spent.heard;
    let (copies, repeated) = (count(world) - before.0, world.counted("queries repeated") - before.1);
    [heard, within as u64, copies, repeated].map(|one| one as f64)
}

/// Hosts to which a node has links.
fn links(world: &World, host: usize) -> Vec<usize> {
    let peers = world.node(host).map(|node| node.peers()).unwrap_or_default();
    peers.iter().filter_map(|peer| world.host_of(peer.id)).collect()
}

/// How many others are at most so many links away.
fn within(world: &World, from: usize, far: usize) -> usize {
    let (mut reached, mut left) = (BTreeSet::from([from]), VecDeque::from([(from, 0)]));
    while let Some((host, hops)) = left.pop_front() {
        if hops < far {
            let next = links(world, host).into_iter().filter(|next| reached.insert(*next));
            left.extend(next.map(|next| (next, hops + 1)));
        }
    }
    reached.len() - 1
}

impl Flooded {
    fn tree(&self, ttl: usize) -> f64 {
        spread(self.degree, self.degree - 1.0, ttl)
    }

    fn by_degrees(&self, ttl: usize) -> f64 {
        spread(self.degree, self.onward, ttl)
    }

    fn wasted(&self, ttl: usize) -> Option<f64> {
        Some(self.repeated[ttl]? / self.copies[ttl]?)
    }
}

/// Nodes of a tree: so many links of the first, and so many on from each other.
fn spread(first: f64, on: f64, hops: usize) -> f64 {
    (0..hops as i32).map(|hop| first * on.powi(hop)).sum()
}

fn show(page: &mut Page, nodes: usize, runs: &[Flooded]) {
    let header =
        ["TTL", "runs", "reach", "evenly apart", "within the TTL", "tree", "by degrees", "copies", "wasted, of copies"];
    let caption = format!("Queries among {nodes} nodes, by TTL");
    let mut table = Table::new("ttl", &caption, Source::Simulated, &header);
    for ttl in 0..MOST {
        table.row([
            (ttl + 1).to_string(),
            runs.len().to_string(),
            shown(mean(runs, |run| run.reach[ttl]), 1),
            shown(mean(runs, |run| run.even[ttl]), 1),
            shown(mean(runs, |run| run.within[ttl]), 1),
            shown(mean(runs, |run| Some(run.tree(ttl + 1))), 1),
            shown(mean(runs, |run| Some(run.by_degrees(ttl + 1))), 1),
            shown(mean(runs, |run| run.copies[ttl]), 1),
            shown(mean(runs, |run| run.wasted(ttl)), 3),
        ]);
    }
    page.table(table);
    let line = |of: &dyn Fn(&Flooded, usize) -> Option<f64>| -> Vec<(f64, f64)> {
        (0..MOST).filter_map(|ttl| Some(((ttl + 1) as f64, mean(runs, |run| of(run, ttl))?.value))).collect()
    };
    let drawn = [
        Line::measured("reach", line(&|run, ttl| run.reach[ttl])),
        Line::measured("copies", line(&|run, ttl| run.copies[ttl])),
        Line::derived("tree", line(&|run, ttl| Some(run.tree(ttl + 1)))),
    ];
    let axes = [("TTL", Axis::Linear), ("nodes or copies of a query", Axis::Log)];
    page.figure(lines("flooding", &caption, Source::Simulated, axes, &drawn));
}

fn judge(page: &mut Page, nodes: usize, runs: &[Flooded]) {
    let queries: usize = runs.iter().map(|run| run.queries).sum();
    let share = |of: &dyn Fn(&Flooded) -> usize| Estimate::share(runs.iter().map(of).sum(), queries);
    page.judge(
        "(Gnutella 0.4) A query comes to all nodes within its TTL, and to no other, if what goes fewer hops comes first",
        vec![
            Test::at_least("share of queries that came to just those, nodes evenly apart", share(&|run| run.exact[1]), 0.98),
            Test::at_most("that came to more", share(&|run| run.beyond[1]), 0.02),
        ],
        "",
    );
    page.judge(
        "(Gnutella 0.4) A query comes to all nodes within its TTL, and to no other, whatever the delays",
        vec![Test::at_least("share of queries that came to just those", share(&|run| run.exact[0]), 0.98)],
        format!(
            "a copy that comes first by a longer way has less TTL left, and those that come later are dropped as repeated; \
             {} came to more nodes than those",
            runs.iter().map(|run| run.beyond[0]).sum::<usize>()
        ),
    );
    // Until a tenth of the network is covered.
    let early: Vec<usize> = (1..MOST)
        .filter(|ttl| mean(runs, |run| run.reach[*ttl]).is_some_and(|reach| reach.value < nodes as f64 / 10.0))
        .collect();
    let against = |name: &str, of: &dyn Fn(&Flooded, usize) -> f64| {
        let ratio = |ttl: usize| mean(runs, |run| Some(run.reach[ttl]? / of(run, ttl + 1)));
        let test = |ttl: &usize| Test::within(format!("reach over {name}, TTL {}", ttl + 1), ratio(*ttl), 0.8, 1.25);
        early.iter().map(test).collect::<Vec<_>>()
    };
    let degree = format!(
        "mean degree d {}, q {}",
        shown(mean(runs, |run| Some(run.degree)), 2),
        shown(mean(runs, |run| Some(run.onward)), 2)
    );
    page.judge(
        "(Gnutella 0.4) Reach grows as (d − 1)^TTL until a tenth of the network has been reached",
        against("the tree's", &Flooded::tree),
        format!("{degree}; a fifth off is allowed"),
    );
    page.judge(
        "(Analysis) It grows as the mean of links on from the end of a link has it, q^TTL, since degrees differ",
        against("that by degrees", &Flooded::by_degrees),
        degree,
    );
    let wasted = |ttl: usize| mean(runs, |run| run.wasted(ttl - 1));
    let last = mean(runs, |run| Some(run.wasted(MOST - 1)? * (run.degree - 1.0) / (run.degree - 2.0)));
    page.judge(
        "(Gnutella 0.4) Few copies are wasted at first; when all is covered, (d − 2)/(d − 1) of them are",
        vec![
            Test::at_most("wasted, of copies, TTL 2", wasted(2), 0.1),
            Test::within("wasted over (d − 2)/(d − 1), TTL 7", last, 0.95, 1.05),
        ],
        format!("a tenth is wasted from TTL {} on", first_wasteful(runs).map_or("–".into(), |ttl| number(ttl, 0))),
    );
}

/// The first TTL at which a tenth of all copies is wasted.
fn first_wasteful(runs: &[Flooded]) -> Option<f64> {
    (0..MOST)
        .find(|ttl| mean(runs, |run| run.wasted(*ttl)).is_some_and(|wasted| wasted.value >= 0.1))
        .map(|ttl| (ttl + 1) as f64)
}
