//! A share of all nodes fails at once: lookups right after and when the overlay has had time to repair itself.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::common::{mean, options, percents, seeds, share};
use super::sheet::{Published, Sheet};
use crate::overlay::LookupMode;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::shown;
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::in_parallel;
use crate::sim::{Delays, Lookups, Options, SETTLE_ROUNDS, World};

/// A dead node is noticed after this long, by one question.
const TIMEOUT: Duration = Duration::from_millis(500);
/// The paper has 20 = 2 log2 N; a datagram has room for 16.
const SUCCESSORS: u64 = 16;
/// Shares that fail, with what the journal version of the paper prints: mean path and mean timeouts.
const PRINTED: [(f64, f64, f64); 5] =
    [(0.1, 4.03, 0.60), (0.2, 4.22, 1.17), (0.3, 4.44, 2.02), (0.4, 4.69, 3.23), (0.5, 5.09, 5.10)];
/// Of Pastry's 5000 nodes: mean hops before, after the failures, and repaired.
const PASTRY: (f64, f64, f64) = (2.73, 2.96, 2.74);

/// One run.
struct Fallen {
    before: Lookups,
    after: Lookups,
    repaired: Lookups,
    /// Share of the keys that are lost: each has one copy.
    lost: Option<f64>,
}

pub(super) struct Failing {
    /// By percent that failed.
    chord: BTreeMap<u32, Vec<Fallen>>,
    nodes: usize,
    pastry: Vec<Fallen>,
    pastry_nodes: usize,
}

pub(super) fn run(setup: &Setup) -> Failing {
    let nodes = setup.pick(1000, 48);
    let printed: &[_] = setup.pick(&PRINTED[..], &PRINTED[2..3]);
    let percents: Vec<u32> = printed.iter().map(|(share, ..)| (share * 100.0).round() as u32).collect();
    let runs = setup.pick(20, 2);
    let jobs: Vec<(u32, u64)> = percents.iter().flat_map(|p| seeds(setup.seed, runs).map(|seed| (*p, seed))).collect();
    let (lookups, keys) = setup.pick((1000, 500), (200, 50));
    let ran = in_parallel(&jobs, |(percent, seed)| fall(&chord(nodes, *seed), *percent, lookups, keys));
    let mut by_percent: BTreeMap<u32, Vec<Fallen>> = BTreeMap::new();
    jobs.iter().zip(ran).for_each(|((percent, _), fallen)| by_percent.entry(*percent).or_default().push(fallen));
    let pastry_nodes = setup.pick(5000, 40);
    let jobs: Vec<u64> = seeds(setup.seed, setup.pick(3, 2)).collect();
    let pastry = in_parallel(&jobs, |seed| fall(&options(pastry_nodes, "pastry", *seed), 10, lookups, 0));
    Failing { chord: by_percent, nodes, pastry, pastry_nodes }
}

/// Answers come after 1 ms, so that what a lookup takes is what it waited for dead nodes.
fn chord(nodes: usize, seed: u64) -> Options {
    let mut options = options(nodes, "chord", seed);
    options.protocol = options.protocol.with("successors", SUCCESSORS);
    options.lookup = LookupMode::Iterative;
    options.replicas = 1;
    options.rpc_timeout = TIMEOUT;
    options.rpc_tries = 1;
    options.network.delays = Delays::of_one_way(1, [Duration::ZERO]);
    options
}

fn fall(options: &Options, percent: u32, lookups: usize, keys: usize) -> Fallen {
    let mut world = World::new(options);
    world.join_all();
    let repair = options.stabilize_every * SETTLE_ROUNDS;
    world.run_for(repair);
    let stored = world.put(keys);
    let before = world.lookups(lookups);
    let mut hosts: Vec<usize> = world.members().iter().copied().collect();
    hosts.shuffle(&mut ChaCha8Rng::seed_from_u64(options.seed));
    hosts.truncate(hosts.len() * percent as usize / 100);
    hosts.into_iter().for_each(|host| world.crash(host));
    let after = world.lookups(lookups);
    world.run_for(repair);
    let repaired = world.lookups(lookups);
    let lost = share(world.missing().len(), stored);
    Fallen { before, after, repaired, lost }
}

fn hops(lookups: &Lookups) -> Option<f64> {
    lookups.hops.map(|hops| hops.mean)
}

fn timeouts(lookups: &Lookups) -> Option<f64> {
    lookups.latency_ms.map(|ms| ms.mean / 1e3 / TIMEOUT.as_secs_f64())
}

/// Share of lookups that found no owner, or the wrong one.
fn bad(lookups: &Lookups) -> Option<f64> {
    share(lookups.wrong + lookups.failed, lookups.sent)
}

fn printed(percent: u32) -> Option<(f64, f64)> {
    let of = |(share, ..): &&(f64, f64, f64)| (share * 100.0).round() as u32 == percent;
    PRINTED.iter().find(of).map(|(_, path, timeouts)| (*path, *timeouts))
}

impl Failing {
    pub(super) fn compare(&self, sheet: &mut Sheet, page: &mut Page) {
        let (table, keys) = ("Chord, ToN 2003, table II", "Chord, SIGCOMM 2001, section 6.4, figure 11");
        let [mut paths, mut waits, mut none, mut lost, mut healed] = [const { Vec::<Test>::new() }; 5];
        for (percent, runs) in &self.chord {
            let Some((path, timeout)) = printed(*percent) else { continue };
            let name = |what: &str| format!("Chord, {percent} % of {} nodes fail: {what}", self.nodes);
            let near = |sheet: &mut Sheet, what: &str, value, ours, tolerance| {
                sheet.near(Published::remembered(name(what), value, table), ours, tolerance)
            };
            paths.push(near(sheet, "mean path", path, mean(runs, |r| hops(&r.after)), 0.15));
            waits.push(near(sheet, "mean timeouts", timeout, mean(runs, |r| timeouts(&r.after)), 0.3));
            let published = Published::remembered(name("lookups failed or wrong right after"), 0.0, table);
            none.push(sheet.below(published, mean(runs, |r| bad(&r.after)), 0.001));
            let share = f64::from(*percent) / 100.0;
            let published = Published::remembered(name("keys of one copy that are lost"), share, keys);
            lost.push(sheet.near(published, mean(runs, |r| r.lost), 0.1));
            let bad = mean(runs, |r| bad(&r.repaired));
            healed.push(Test::at_most(format!("{percent} %: failed or wrong"), bad, 0.001).digits(4));
        }
        page.judge("Chord: paths grow little when many nodes fail at once", paths, "paths of the last attempt");
        page.judge("Chord: so many timeouts a lookup", waits, "derived from how long lookups take");
        let because = "the paper prints no failures; the line is 1 in 1000";
        page.judge("Chord: lookups go around dead nodes, before anything is repaired", none, because);
        page.judge("Chord: of keys of one copy the share is lost that failed", lost, "");
        page.judge("Chord: ten rounds later every lookup is right", healed, "the line is 1 in 1000");

        let paper = "Pastry, Middleware 2001, section 3.4 (5000 nodes)";
        let (before, after, repaired) = PASTRY;
        let ratio = |of: fn(&Fallen) -> &Lookups| mean(&self.pastry, |run| Some(hops(of(run))? / hops(&run.before)?));
        let name = |what: &str| format!("Pastry, 10 % of {} nodes fail: {what}", self.pastry_nodes);
        let rows = [
            sheet.near(
                Published::remembered(name("hops before"), before, paper),
                mean(&self.pastry, |r| hops(&r.before)),
                0.15,
            ),
            sheet.near(
                Published::remembered(name("hops after / before"), after / before, paper),
                ratio(|r| &r.after),
                0.03,
            ),
            sheet.near(
                Published::remembered(name("hops repaired / before"), repaired / before, paper),
                ratio(|r| &r.repaired),
                0.03,
            ),
        ];
        page.judge("Pastry: failures cost hops until tables are repaired", rows.into(), "");
        let bad = |of: fn(&Fallen) -> &Lookups| mean(&self.pastry, |run| bad(of(run)));
        let line = |what: &str, of| Test::at_most(what, bad(of), 0.001).digits(4);
        let tests = vec![line("failed or wrong right after", |r| &r.after), line("repaired", |r| &r.repaired)];
        page.judge("Pastry: lookups go around dead nodes, before anything is repaired", tests, "the line is 1 in 1000");
    }

    pub(super) fn show(&self, page: &mut Page) {
        page.heading("A share of all nodes fails at once");
        page.text(format!(
            "Members crash together, two or three seconds of lookups follow, then ten rounds of 30 s, then lookups again. \
             **Chord**: iterative lookups, lists of {SUCCESSORS} (the paper: 20), one question before a node counts as \
             dead, 0.5 s, in a network in which answers take 2 ms: so a lookup takes half a second for each timeout, and \
             that is how timeouts are counted. Two things are beyond the paper here: a node that finds one neighbor dead \
             asks all others at once, so repair begins within the first second; and a lookup that meets a dead node \
             begins again at its asker, around it, at most eight times, where the paper's asks the node before. The path \
             is that of the last beginning. **Pastry**: questions are repeated three times, 2 s each, and the node before \
             a dead one goes around it.",
        ));
        let header = [
            "overlay",
            "nodes",
            "fail",
            "runs",
            "hops before",
            "hops after",
            "timeouts",
            "failed after",
            "wrong after",
            "hops repaired",
            "failed or wrong then",
            "keys lost",
        ];
        let mut table = Table::new("failures", "Failures at once", Source::Simulated, &header);
        let rows = self.chord.iter().map(|(percent, runs)| ("Chord", self.nodes, *percent, runs));
        for (name, nodes, failed, runs) in rows.chain([("Pastry", self.pastry_nodes, 10, &self.pastry)]) {
            let part = |of: fn(&Fallen) -> Option<f64>| percents(mean(runs, of));
            table.row([
                name.to_owned(),
                nodes.to_string(),
                format!("{failed} %"),
                runs.len().to_string(),
                shown(mean(runs, |r| hops(&r.before)), 2),
                shown(mean(runs, |r| hops(&r.after)), 2),
                if name == "Chord" { shown(mean(runs, |r| timeouts(&r.after)), 2) } else { "–".into() },
                part(|r| share(r.after.failed, r.after.sent)),
                part(|r| share(r.after.wrong, r.after.sent)),
                shown(mean(runs, |r| hops(&r.repaired)), 2),
                part(|r| bad(&r.repaired)),
                part(|r| r.lost),
            ]);
        }
        page.table(table);
    }
}
