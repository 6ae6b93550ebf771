//! Lookups while nodes come and go at published rates.

use std::collections::BTreeMap;
use std::time::Duration;

use super::common::{mean, options, percents, seeds, share};
use super::sheet::{Published, Sheet};
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Page, Source, Table, number};
use crate::paper::runs::in_parallel;
use crate::sim::{Churn, Churned, World};

const PROTOCOLS: [&str; 3] = ["chord", "pastry", "can"];
/// Median lives in seconds: what Bamboo works with, and longer ones.
const SESSIONS: [u64; 3] = [84, 600, 3600];
/// Joins, and crashes, a second in 500 nodes (the paper's figure goes from 0.01 to 0.1), in hundredths.
const RATES: [u64; 2] = [5, 10];
/// Most lookups, as a share, that may fail or be wrong for an overlay to work.
const WORKS: f64 = 0.05;
/// What Bamboo sends at most in bytes a second and node.
const BAMBOO: f64 = 900.0;

/// What churns, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    protocol: usize,
    session: Duration,
    every: Duration,
    nodes: usize,
    observed: Duration,
}

pub(super) struct Churning {
    sessions: BTreeMap<Kind, Vec<Churned>>,
    rates: BTreeMap<u64, (Kind, Vec<Churned>)>,
}

pub(super) fn run(setup: &Setup) -> Churning {
    let nodes = setup.pick(128, 24);
    let sessions: &[u64] = setup.pick(&SESSIONS[..], &SESSIONS[..1]);
    let kind = |protocol, session| Kind {
        protocol,
        session: Duration::from_secs(session),
        every: Duration::from_secs(5),
        nodes,
        observed: Duration::from_secs(setup.pick(300, 80)),
    };
    let kinds: Vec<Kind> =
        (0..PROTOCOLS.len()).flat_map(|p| sessions.iter().map(move |s| (p, *s))).map(|(p, s)| kind(p, s)).collect();
    let rates: &[u64] = setup.pick(&RATES[..], &RATES[1..]);
    let many = setup.pick(500, 30);
    let of_rate = |rate: u64| Kind {
        protocol: 0,
        session: Duration::from_secs_f64(many as f64 * std::f64::consts::LN_2 / (rate as f64 / 100.0)),
        every: Duration::from_secs(30),
        nodes: many,
        observed: Duration::from_secs(setup.pick(1200, 90)),
    };
    let all: Vec<Kind> = kinds.iter().copied().chain(rates.iter().map(|rate| of_rate(*rate))).collect();
    let runs = setup.pick(20, 2);
    let jobs: Vec<(Kind, u64)> =
        all.iter().flat_map(|kind| seeds(setup.seed, runs).map(|seed| (*kind, seed))).collect();
    let mut by_kind: BTreeMap<Kind, Vec<Churned>> = BTreeMap::new();
    let ran = in_parallel(&jobs, |(kind, seed)| kind.play(*seed));
    jobs.iter().zip(ran).for_each(|((kind, _), churned)| by_kind.entry(*kind).or_default().push(churned));
    let mut taken = |kind: Kind| by_kind.remove(&kind).map(|runs| (kind, runs));
    let rates = rates.iter().filter_map(|rate| Some((*rate, taken(of_rate(*rate))?))).collect();
    Churning { sessions: kinds.into_iter().filter_map(taken).collect(), rates }
}

impl Kind {
    /// A dead node is noticed after three questions, a second and a half.
    const TIMEOUT: Duration = Duration::from_millis(500);

    fn play(self, seed: u64) -> Churned {
        let churn = Churn {
            session: self.session,
            every: Duration::from_secs(5),
            keys: 10,
            askers: 2,
            patience: Duration::from_secs(60),
        };
        let warm = self.every * 12;
        let hosts = self.nodes + churn.newcomers(self.nodes, warm + self.observed);
        let mut options = options(hosts, PROTOCOLS[self.protocol], seed);
        options.stabilize_every = self.every;
        options.rpc_timeout = Self::TIMEOUT;
        let mut world = World::new(&options);
        world.join_first(self.nodes);
        world.run_for(self.every * 6);
        world.churn(&Churn { keys: 0, ..churn }, warm);
        world.churn(&churn, self.observed)
    }

    fn name(self) -> &'static str {
        ["Chord", "Pastry", "CAN"][self.protocol]
    }
}

fn failed(run: &Churned) -> Option<f64> {
    share(run.failed, run.asked)
}

fn wrong(run: &Churned) -> Option<f64> {
    share(run.wrong, run.asked)
}

fn inconsistent(run: &Churned) -> Option<f64> {
    share(run.inconsistent, run.compared)
}

fn bad(run: &Churned) -> Option<f64> {
    share(run.failed + run.wrong, run.asked)
}

impl Churning {
    pub(super) fn compare(&self, sheet: &mut Sheet, page: &mut Page) {
        let paper = "Chord, SIGCOMM 2001, section 6.5, figure 12 (500 nodes), about";
        let tests = self.rates.iter().map(|(rate, (kind, runs))| {
            let per_second = *rate as f64 / 100.0;
            let what = format!(
                "Chord: lookups failed or wrong, {per_second} joins and crashes a second, {} nodes",
                kind.nodes
            );
            // The figure rises about in proportion to the rate.
            let published = Published::remembered(what, 0.06 * per_second / 0.1, paper);
            sheet.at_most(published, mean(runs, bad))
        });
        let tests: Vec<Test> = tests.collect();
        page.judge(
            "Chord under churn: 6 % of lookups fail at a join and a crash in ten seconds",
            tests,
            "rounds of 30 s",
        );
        let paper = "Bamboo, UCB/CSD-03-1299, abstract (1000 nodes)";
        for protocol in 0..PROTOCOLS.len() {
            let mut tests = Vec::new();
            let mut bytes = Vec::new();
            for (kind, runs) in self.sessions.iter().filter(|(kind, _)| kind.protocol == protocol) {
                let what = format!("{}: failed or wrong, median session {}", kind.name(), spoken(kind.session));
                tests.push(Test::at_most(what, mean(runs, bad), WORKS).digits(4));
                if kind.session.as_secs() == SESSIONS[0] {
                    let what =
                        format!("{}: bytes a second and node, median session {}", kind.name(), spoken(kind.session));
                    let ours: Option<Estimate> = mean(runs, |run| Some(run.bytes_a_second()));
                    bytes.push(sheet.at_most(Published::read(what, BAMBOO, paper), ours));
                }
            }
            let name = ["Chord", "Pastry", "CAN"][protocol];
            let says = format!("{name} answers lookups when sessions last minutes to hours");
            page.judge(&says, tests, "the line is ours: 5 %");
            let says =
                format!("{name} does so with less than 900 bytes a second and node at 1.4 minutes, as Bamboo does");
            page.judge(&says, bytes, "rounds of 5 s, payload of all datagrams");
        }
    }

    pub(super) fn show(&self, page: &mut Page) {
        page.heading("Churn");
        page.text(
            "Members live for an exponential time and crash without a word; for each that does, a node that nobody has \
             heard of begins to join by anycast. Every 5 s ten random keys are looked up, each by two members at once. \
             **Failed**: no answer within 60 s; lookups whose asker died are left out. **Wrong**: the answerer did not own \
             the key by the oracle at any time from the question to a second after the answer. **Inconsistent**: of keys \
             that both askers had an answer for, those with two different answers. Datagrams and bytes are all there are, \
             joins and lookups included. A dead node is noticed after three questions of 0.5 s; keys are not stored. \
             Overlays are warmed up by twelve rounds of the same churn. Rounds take 5 s, and 30 s where the rate is given \
             as in Chord's paper. Hops count the owner.",
        );
        let header = [
            "overlay",
            "nodes",
            "round",
            "median session",
            "runs",
            "crashes",
            "lookups",
            "failed",
            "wrong",
            "inconsistent",
            "hops",
            "ms",
            "datagrams a second and node",
            "bytes a second and node",
        ];
        let mut table = Table::new("churn", "Lookups under churn", Source::Simulated, &header);
        let rates = self.rates.values().map(|(kind, runs)| (kind, runs));
        for (kind, runs) in self.sessions.iter().chain(rates) {
            let per = |of: fn(&Churned) -> f64| {
                mean(runs, |run| (run.answered() > 0).then(|| of(run) / run.answered() as f64))
            };
            table.row([
                kind.name().to_owned(),
                kind.nodes.to_string(),
                format!("{} s", kind.every.as_secs()),
                spoken(kind.session),
                runs.len().to_string(),
                runs.iter().map(|run| run.crashes).sum::<usize>().to_string(),
                runs.iter().map(|run| run.asked).sum::<usize>().to_string(),
                percents(mean(runs, failed)),
                percents(mean(runs, wrong)),
                percents(mean(runs, inconsistent)),
                shown(per(|run| run.hops as f64), 2),
                shown(per(|run| run.milliseconds), 0),
                shown(mean(runs, |run| Some(run.datagrams_a_second())), 2),
                shown(mean(runs, |run| Some(run.bytes_a_second())), 0),
            ]);
        }
        page.table(table);
    }
}

/// `1.4 min`
fn spoken(time: Duration) -> String {
    format!("{} min", number(time.as_secs_f64() / 60.0, 1))
}
