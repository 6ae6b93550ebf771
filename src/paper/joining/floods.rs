//! A flood of joiners in namespaces: the rate at which honest joins begin to fail, `topologies/joiner-flood`.

use std::time::Duration;

use anyhow::{Context, Result};

use super::attempts::{Attempt, attempts};
use super::forged;
use super::ways::{milliseconds, share};
use crate::measure::FloodReport;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::Estimate;
use crate::paper::figure::{Axis, Line, lines};
use crate::paper::labs::with_action;
use crate::paper::page::{Page, Source, Table, number};
use crate::sim::Tail;

const JOINER_FLOOD: &str = include_str!("../../../topologies/joiner-flood.toml");
/// Where the flood comes from, and where BGP leads it.
const STUB: &str = "campus";
/// A join that takes longer has failed: the flood goes on for longer than that.
const DEADLINE: f64 = 1.0;
/// Fewer than this in time: joins have begun to fail.
const FAILING: f64 = 0.9;

/// All runs at one rate.
struct Rate {
    asked: u32,
    floods: Vec<FloodReport>,
    before: Vec<Attempt>,
    during: Vec<Attempt>,
    /// Datagrams that found the flooded members' sockets full.
    dropped: u64,
}

pub(super) struct Floods {
    rates: Vec<Rate>,
}

pub(super) fn played(setup: &Setup, page: &mut Page) -> Result<Floods> {
    page.heading("A flood of joiners");
    let mut floods = Floods { rates: Vec::new() };
    for rate in setup.pick(vec![5_000, 20_000, 50_000, 100_000, 200_000, 400_000], vec![2_000]) {
        let mut of = Rate { asked: rate, floods: Vec::new(), before: Vec::new(), during: Vec::new(), dropped: 0 };
        for seed in setup.seed..setup.seed + setup.pick(2, 1) {
            setup.say(&format!("a flood of {rate} joiners a second in namespaces, seed {seed}"));
            let name = format!("joiner-flood-{rate}-{seed}");
            let action = format!("flood music from {STUB} at {rate}/s for 3500ms");
            let labs = setup.labs.seeded(seed);
            let report = labs.play_once(&name, &with_action(JOINER_FLOOD, "flood ", &action)?, &[])?;
            let flood = report.overlays.get("music").and_then(|o| o.floods.first());
            let flood = flood.context("the lab has no flood")?.clone();
            of.dropped += report.fidelity.receive_drops.values().sum::<u64>();
            for join in attempts(&labs.record(&name)?, "music") {
                if join.begun < flood.at { of.before.push(join) } else { of.during.push(join) }
            }
            of.floods.push(flood);
        }
        floods.rates.push(of);
    }
    floods.show(page);
    Ok(floods)
}

impl Rate {
    fn total(&self, of: fn(&FloodReport) -> u64) -> u64 {
        self.floods.iter().map(of).sum()
    }

    /// Hellos a second that were really sent.
    fn sent(&self) -> f64 {
        self.total(|f| f.sent) as f64 / self.floods.iter().map(|f| f.seconds).sum::<f64>().max(f64::EPSILON)
    }

    fn gain(&self) -> f64 {
        self.total(|f| f.answered_bytes) as f64 / self.total(|f| f.sent_bytes).max(1) as f64
    }

    fn joins(&self, inside: bool) -> Vec<&Attempt> {
        self.during.iter().filter(|join| (join.stub() == STUB) == inside).collect()
    }

    fn joined(&self, inside: bool) -> (usize, usize) {
        in_time(&self.joins(inside))
    }

    fn share(&self, inside: bool) -> Option<Estimate> {
        let (part, whole) = self.joined(inside);
        Estimate::share(part, whole)
    }

    fn cells(&self) -> Vec<String> {
        let before: Vec<&Attempt> = self.before.iter().collect();
        let of = |(part, whole)| share(part, whole);
        let times = |joins: &[&Attempt]| {
            let tail = Tail::of(joins.iter().map(|join| join.seconds().map(Duration::from_secs_f64)));
            format!("{}, {}", milliseconds(tail.p50), milliseconds(tail.p99))
        };
        vec![
            self.asked.to_string(),
            number(self.sent(), 0),
            number(self.gain(), 2),
            self.dropped.to_string(),
            of(in_time(&before)),
            of(self.joined(true)),
            of(self.joined(false)),
            times(&before),
            times(&self.joins(true)),
            times(&self.joins(false)),
        ]
    }
}

fn in_time(joins: &[&Attempt]) -> (usize, usize) {
    (joins.iter().filter(|join| join.within(DEADLINE)).count(), joins.len())
}

impl Floods {
    fn show(&self, page: &mut Page) {
        page.text(format!(
            "A client in `{STUB}` sends first Hellos, each of a new joiner, for 3.5 s, and never returns the cookie; \
             BGP leads them to a member in its own stub. 24 nodes join meanwhile, half of them in that stub: they are \
             taken to the same member. *In time*: within {DEADLINE} s, while the flood goes on. *Before*: those that \
             joined when there was no flood. Sender, members and joiners share the machine's CPUs, so what joins \
             elsewhere lose is the sender's doing as much as the members'; the last rates are more than it can send. \
             Answered bytes are those that the sender came to read.",
        ));
        let header = [
            "Hellos/s asked",
            "sent",
            "bytes answered/asked",
            "found sockets full",
            "in time before",
            "in time, flooded stub",
            "in time, elsewhere",
            "p50, p99 before",
            "p50, p99 flooded stub",
            "p50, p99 elsewhere",
        ];
        let caption = "Honest joins under floods of Hellos in namespaces, over real BGP";
        let mut table = Table::new("floods", caption, Source::Lab, &header);
        self.rates.iter().for_each(|rate| table.row(rate.cells()));
        let line = |name, inside| {
            let point = |rate: &Rate| Some((rate.sent(), rate.share(inside)?.value));
            Line::measured(name, self.rates.iter().filter_map(point).collect())
        };
        let axes = [("Hellos a second that were sent", Axis::Log), ("share that joins in time", Axis::Linear)];
        let both = [line("in the flooded stub", true), line("elsewhere", false)];
        page.figure(lines("floods", "Honest joins under a flood", Source::Lab, axes, &both));
        page.table(table);
    }

    /// The lowest rate at which fewer than [`FAILING`] were in time.
    fn knee(&self, inside: bool) -> String {
        let failing = |rate: &&Rate| rate.share(inside).is_some_and(|share| share.value < FAILING);
        let knee = self.rates.iter().filter(failing).map(Rate::sent).min_by(f64::total_cmp);
        let most = self.rates.iter().map(Rate::sent).fold(0.0, f64::max);
        match knee {
            Some(rate) => format!("from {} Hellos a second on", number(rate, 0)),
            None => format!("never, up to {} Hellos a second", number(most, 0)),
        }
    }

    pub(super) fn judge(&self, page: &mut Page, forged: &forged::Forged) {
        let Some(strongest) = self.rates.iter().max_by(|a, b| a.sent().total_cmp(&b.sent())) else { return };
        let sent = number(strongest.sent(), 0);
        page.judge(
            "Attackers find the bootstrapping nodes easily (and flood them)",
            vec![
                Test::at_most(
                    format!("joins in time in the flooded catchment at {sent} Hellos a second"),
                    strongest.share(true),
                    0.5,
                ),
                Test::at_most("and elsewhere", strongest.share(false), 0.5),
            ],
            format!(
                "the anycast address is as public as a well-known node's. Fewer than nine of ten are in time: in the \
                 flooded stub {}; elsewhere {}. A forged Hello earns {} bytes for each of its own",
                self.knee(true),
                self.knee(false),
                number(forged.gain(), 2)
            ),
        );
    }
}
