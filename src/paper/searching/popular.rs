//! What is popular and what is rare: whether searches find it, by protocol.

use std::collections::BTreeSet;

use super::common::{any, draws, flooding, grown, mean, tiered, walking};
use crate::overlay::{AskKind, Given};
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::bars;
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::{in_parallel, runs_of};
use crate::sim::Options;

/// At so many nodes, or requested so many times before.
const COPIES: [usize; 3] = [1, 10, 100];

struct Kind {
    name: &'static str,
    given: fn() -> Given,
}

const KINDS: [Kind; 4] = [
    Kind { name: "Gnutella 0.4, TTL 4", given: || flooding(2).with("ttl", 4u64) },
    Kind { name: "Gnutella 0.4, TTL 7", given: || flooding(2) },
    Kind { name: "Gnutella 0.6", given: || tiered(4) },
    Kind { name: "Freenet, 20 hops", given: || walking().with("hops_to_live", 20u64) },
];

/// One run, by [`COPIES`].
#[derive(Default)]
struct Ran {
    found: [Option<f64>; 3],
    messages: [Option<f64>; 3],
}

pub(super) fn run(setup: &Setup, page: &mut Page) {
    let (nodes, searches) = (setup.pick(500, 120), setup.pick(15, 6));
    setup.say("popular and rare items");
    let jobs: Vec<(usize, u64)> =
        (0..KINDS.len()).flat_map(|kind| setup.seeds(20, 2).map(move |seed| (kind, seed))).collect();
    let all = in_parallel(&jobs, |(kind, seed)| play(nodes, searches, &KINDS[*kind], *seed));
    let of = |kind: usize| -> Vec<&Ran> { runs_of(&jobs, &all, move |(of, _)| *of == kind).collect() };
    page.heading("Popular and rare");
    page.text(format!(
        "{nodes} nodes. In Gnutella an item is at 1, 10 or 100 nodes, and a random other node searches for it; {searches} \
         items each. In Freenet a thing is inserted once, 20 hops far, and requested by 0, 9 or 99 random nodes before the request \
         that counts; nodes have learned from nothing else. *Messages* are all that a search or request took, answers too.",
    ));
    let header = ["protocol", "copies, or requests", "runs", "found", "messages"];
    let mut table = Table::new("popular", "Searches that found something", Source::Simulated, &header);
    let mut groups = Vec::new();
    for (kind, Kind { name, .. }) in KINDS.iter().enumerate() {
        let runs = of(kind);
        for (at, copies) in COPIES.iter().enumerate() {
            table.row([
                (*name).to_owned(),
                copies.to_string(),
                runs.len().to_string(),
                shown(mean(&runs, |run| run.found[at]), 3),
                shown(mean(&runs, |run| run.messages[at]), 0),
            ]);
        }
        let bar = |at: usize| mean(&runs, |run| run.found[at]).map_or(0.0, |found| found.value);
        groups.push(((*name).to_owned(), (0..COPIES.len()).map(bar).collect()));
    }
    page.table(table);
    let caption = "Searches that found something, by how popular it is";
    page.figure(bars("popular", caption, Source::Simulated, "share", &["rare: 1", "10", "popular: 100"], &groups));
    judge(page, &of);
}

fn play(nodes: usize, searches: usize, kind: &Kind, seed: u64) -> Ran {
    let options = Options::of(nodes, (kind.given)(), seed);
    let mut world = grown(&options, |_, _| {});
    let (mut rng, hosts) = (draws(seed), (0..nodes).collect::<Vec<_>>());
    let shares = world.protocol().may(AskKind::Share);
    let mut ran = Ran::default();
    for (at, copies) in COPIES.iter().enumerate() {
        let mut things: Vec<Vec<(usize, String)>> = Vec::new();
        for item in 0..searches {
            let mut of = BTreeSet::new();
            while of.len() < if shares { *copies } else { 1 } {
                of.insert(any(&mut rng, &hosts));
            }
            things.push(of.into_iter().map(|host| (host, format!("song c{copies}n{item}x"))).collect());
        }
        world.place(&things.concat());
        if shares {
            // The words of leaves are told in the next round.
            world.run_for(options.stabilize_every * 2);
        }
        let (mut found, mut messages) = (0, 0);
        for of in &things {
            let (holders, name): (BTreeSet<usize>, &str) = (of.iter().map(|(host, _)| *host).collect(), &of[0].1);
            for _ in 1..if shares { 1 } else { *copies } {
                world.seek(any(&mut rng, &hosts), name);
            }
            let mut asker = any(&mut rng, &hosts);
            while holders.contains(&asker) {
                asker = any(&mut rng, &hosts);
            }
            let sought = world.seek(asker, name);
            found += usize::from(sought.found);
            messages += sought.spent.messages;
        }
        ran.found[at] = Some(found as f64 / searches as f64);
        ran.messages[at] = Some(messages as f64 / searches as f64);
    }
    ran
}

fn judge<'a>(page: &mut Page, of: &dyn Fn(usize) -> Vec<&'a Ran>) {
    let found = |kind: usize, at: usize| mean(&of(kind), |run| run.found[at]);
    let beyond = |kind: usize| Estimate::mean(of(kind).iter().filter_map(|run| Some(run.found[2]? - run.found[0]?)));
    page.judge(
        "(Gnutella) Flooding with a horizon finds what is popular, and often misses what is rare",
        vec![
            Test::at_least("found of what 100 nodes have, TTL 4", found(0, 2), 0.98),
            Test::at_most("found of what one node has, TTL 4", found(0, 0), 0.5),
        ],
        "",
    );
    page.judge(
        "(Gnutella) What one node has is found when the query reaches all, by flooding and by ultrapeers",
        vec![Test::at_least("0.4, TTL 7", found(1, 0), 0.9), Test::at_least("0.6", found(2, 0), 0.98)],
        "",
    );
    page.judge(
        "(Freenet) What is requested often is found more often, as it is kept on the way back",
        vec![
            Test::at_least("found of what was requested 99 times", found(3, 2), 0.95),
            Test::at_least("beyond what was never requested", beyond(3), 0.05),
        ],
        "",
    );
}
