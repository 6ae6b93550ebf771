//! Every way of healing: how many outages heal, how soon, at what cost, and what lookups find.

use std::time::Duration;

use super::lookups::Ended;
use super::outage::{Course, Known, Outage, Played, played};
use crate::anycast::Healing;
use crate::overlay::Protocol;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::{Axis, Line, bars, lines};
use crate::paper::page::{Page, Source, Table};

/// A way of healing. The well-known node is one; it is known at the address that it had before the outage.
const WAYS: [(&str, Healing, Known); 8] = [
    ("none", Healing::None, Known::Outside),
    ("remembered-peers", Healing::RememberedPeers, Known::Outside),
    ("well-known", Healing::WellKnown, Known::Outside),
    ("well-known, in the second island", Healing::WellKnown, Known::Inside),
    ("well-known, dead", Healing::WellKnown, Known::Dead),
    ("colors", Healing::Colors, Known::Outside),
    ("rendezvous", Healing::Rendezvous, Known::Outside),
    ("colors+rendezvous", Healing::ColorsAndRendezvous, Known::Outside),
];

/// Outages of one kind, healed in one way.
pub(super) struct Found {
    pub(super) way: &'static str,
    pub(super) outage: Outage,
    pub(super) runs: Vec<Played>,
    /// Datagrams per node beyond those without healing, seed by seed.
    extra: Vec<f64>,
}

/// All outages that were played.
pub(super) struct Matrix(pub(super) Vec<Found>);

impl Found {
    pub(super) fn new(way: &'static str, outage: Outage, runs: Vec<Played>) -> Self {
        Self { way, outage, runs, extra: Vec::new() }
    }

    fn healed(&self) -> usize {
        self.runs.iter().filter(|run| run.seconds.is_some()).count()
    }

    pub(super) fn islands(&self) -> String {
        self.outage.sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" + ")
    }

    /// Share that healed; seconds until then; lookups not answered rightly before and after, and keys lost by a
    /// merge, as cells.
    pub(super) fn cells(&self) -> [String; 5] {
        let before = self.runs.iter().filter_map(|run| {
            let merged = run.seconds.unwrap_or(f64::INFINITY);
            bad(run.lookups.iter().filter(|l| l.asked < merged).map(|l| l.ended))
        });
        let lost = self.runs.iter().filter(|run| run.seconds.is_some()).map(|run| run.lost).sum::<usize>();
        let lost = if self.healed() > 0 { lost.to_string() } else { "–".to_owned() };
        [
            shown(Estimate::share(self.healed(), self.runs.len()), 2),
            shown(Estimate::median(self.runs.iter().filter_map(|run| run.seconds)), 0),
            shown(Estimate::mean(before.map(|share| share * 100.0)), 1),
            shown(Estimate::mean(wrong_after(&self.runs)).map(|e| e.scaled(100.0)), 2),
            lost,
        ]
    }
}

/// Share of lookups of each run in the two minutes after its merge that were not answered rightly.
pub(super) fn wrong_after(runs: &[Played]) -> impl Iterator<Item = f64> {
    runs.iter().filter_map(|run| {
        let (all, bad) = run.after()?;
        (all > 0).then(|| bad as f64 / all as f64)
    })
}

/// Share that was not answered rightly.
fn bad(ended: impl Iterator<Item = Ended>) -> Option<f64> {
    crate::measure::mean(ended.map(|ended| f64::from(u8::from(ended != Ended::Right))))
}

impl Matrix {
    fn of<'a>(&'a self, fits: impl Fn(&Found) -> bool + 'a) -> impl Iterator<Item = &'a Found> {
        self.0.iter().filter(move |found| fits(found))
    }

    /// Share of outages that healed.
    pub(super) fn healed(&self, fits: impl Fn(&Found) -> bool) -> Option<Estimate> {
        let (part, whole) = self.of(fits).fold((0, 0), |(p, w), f| (p + f.healed(), w + f.runs.len()));
        Estimate::share(part, whole)
    }

    /// Of one way beyond another, in datagrams beyond those without healing, of outages that healed in both.
    pub(super) fn beyond(&self, way: &str, other: &str) -> Option<Estimate> {
        let pairs = self.of(|f| f.way == way).flat_map(|one| {
            let same = self.of(|f| f.way == other && f.islands() == one.islands());
            let same = same.filter(|f| f.outage.renumbered == one.outage.renumbered);
            same.flat_map(|other| one.extra.iter().zip(&other.extra).map(|(a, b)| a - b))
        });
        Estimate::mean(pairs)
    }
}

pub(super) fn matrix(setup: &Setup, page: &mut Page) -> Matrix {
    page.heading("Every way of healing");
    let length = Duration::from_secs(setup.pick(300, 120));
    page.text(format!(
        "Outages of {} s of a Chord overlay. *Healed*: one overlay in which each node has the right neighbors, within {} s. \
         With *well-known*, one node is known to all, at the address that it had before the outage: in the first island, \
         where it lives or has died when the outage began, or in the second, which is the failed stub. *Renumbered*: all but \
         the first island's nodes come back with other addresses. *Extra messages*: datagrams per node in the first {} s \
         beyond those of the same outage, with the same seed, that nothing heals. Lookups go on all the time, {} s beyond \
         the merge, and are judged as if all nodes were one overlay.",
        length.as_secs(),
        Course::PATIENCE.as_secs(),
        Course::COUNTED.as_secs(),
        Course::AFTER.as_secs(),
    ));
    let kinds: Vec<(&'static [usize], bool)> = setup.pick(
        vec![(&[58, 6], false), (&[58, 6], true), (&[32, 32], false), (&[32, 32], true), (&[22, 21, 21], false)],
        vec![(&[10, 3], false)],
    );
    let mut courses = Vec::new();
    for (sizes, renumbered) in kinds {
        for (way, healing, known) in WAYS {
            let outage = Outage { sizes, length, renumbered };
            courses.push((way, Course { known, ..Course::new(Protocol::default(), healing, outage) }));
        }
    }
    let seeds = setup.pick(20, 1);
    setup.say(&format!("{} kinds of outages and ways to heal them, {seeds} seeds each", courses.len()));
    let (ways, courses): (Vec<&'static str>, Vec<Course>) = courses.into_iter().unzip();
    let all = played(&courses, setup.seed, seeds);
    let found = ways.into_iter().zip(courses).zip(all);
    let mut found: Vec<Found> = found.map(|((way, course), runs)| Found::new(way, course.outage, runs)).collect();
    for kind in found.chunks_mut(WAYS.len()) {
        let without: Vec<f64> = kind[0].runs.iter().map(|run| run.messages).collect();
        for one in kind {
            one.extra = one.runs.iter().zip(&without).map(|(run, without)| run.messages - without).collect();
        }
    }
    let matrix = Matrix(found);
    show(page, &matrix);
    matrix
}

fn show(page: &mut Page, matrix: &Matrix) {
    let header = [
        "islands",
        "renumbered",
        "healing",
        "healed",
        "after s (median)",
        "not right before, %",
        "after, %",
        "keys lost",
        "extra messages/node",
    ];
    let mut table = Table::new("matrix", "Outages of Chord", Source::Simulated, &header);
    for one in &matrix.0 {
        let renumbered = if one.outage.renumbered { "yes" } else { "no" };
        let extra = shown(Estimate::mean(one.extra.iter().copied()), 0);
        let first = [one.islands(), renumbered.to_owned(), one.way.to_owned()];
        table.row(first.into_iter().chain(one.cells()).chain([extra]));
    }
    let mut kinds: Vec<(String, bool)> = Vec::new();
    for one in &matrix.0 {
        let kind = (one.islands(), one.outage.renumbered);
        if kinds.last() != Some(&kind) {
            kinds.push(kind);
        }
    }
    let names: Vec<String> = kinds
        .iter()
        .map(|(islands, renumbered)| format!("{islands}{}", if *renumbered { ", renumbered" } else { "" }))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ways = ["none", "remembered-peers", "well-known", "colors", "rendezvous", "colors+rendezvous"];
    let groups = ways.map(|way| {
        let of = |(islands, renumbered): &(String, bool)| {
            let share =
                matrix.healed(|f| f.way == way && f.islands() == *islands && f.outage.renumbered == *renumbered);
            share.map_or(0.0, |s| s.value)
        };
        (way.to_owned(), kinds.iter().map(of).collect())
    });
    page.figure(bars("healed", "Share of outages that healed", Source::Simulated, "share", &names, &groups));
    for (islands, _) in kinds.iter().filter(|(_, renumbered)| !renumbered).take(2) {
        let drawn = matrix.of(|f| f.islands() == *islands && !f.outage.renumbered && ways.contains(&f.way));
        let drawn: Vec<Line> = drawn.map(|one| Line::measured(one.way, over_time(&one.runs))).collect();
        let axes =
            [("seconds since the network recovered", Axis::Linear), ("share not answered rightly", Axis::Linear)];
        let name = format!("lookups-{}", islands.replace(" + ", "-"));
        let caption = format!("Lookups after an outage that made islands of {islands}");
        page.figure(lines(&name, &caption, Source::Simulated, axes, &drawn));
    }
    page.table(table);
}

/// Share of lookups not answered rightly, round by round.
fn over_time(runs: &[Played]) -> Vec<(f64, f64)> {
    let round = Course::STABILIZE.as_secs_f64();
    let rounds = (Course::COUNTED.as_secs_f64() / round) as usize;
    let share = |n: usize| {
        let (from, to) = (n as f64 * round, (n + 1) as f64 * round);
        let asked = runs.iter().flat_map(|run| &run.lookups).filter(move |l| l.asked >= from && l.asked < to);
        Some((from, bad(asked.map(|l| l.ended))?))
    };
    (0..rounds).filter_map(share).collect()
}

pub(super) fn judge(page: &mut Page, matrix: &Matrix) {
    let small = |f: &Found| f.outage.sizes.iter().any(|s| *s < usize::from(Course::COLORS));
    let healed = |what: &str, way: &'static str, fits: &dyn Fn(&Found) -> bool| {
        Test::at_least(what, matrix.healed(|f| f.way == way && fits(f)), 0.9)
    };
    page.judge(
        "Nodes of a failed stub stay isolated even after the physical connections are recovered",
        vec![Test::at_most("share of outages that heal by themselves", matrix.healed(|f| f.way == "none"), 0.05)],
        "",
    );
    page.judge(
        "Discovering nearby nodes periodically reconnects the peers, but not always: a peer may only find others of its own \
         stub (here: by colors)",
        vec![
            healed("share healed where an island has fewer members than there are colors", "colors", &small),
            healed("where all have more", "colors", &|f| !small(f)),
        ],
        "",
    );
    page.judge(
        "Finding arbitrary other peers of the overlay solves what nearness cannot (here: by a rendezvous group)",
        vec![
            healed("share healed by rendezvous, small islands", "rendezvous", &small),
            healed("large ones", "rendezvous", &|f| !small(f)),
            healed("by colors and rendezvous, small", "colors+rendezvous", &small),
            healed("large", "colors+rendezvous", &|f| !small(f)),
        ],
        "",
    );
    let inside = "well-known, in the second island";
    page.judge(
        "(Baseline) One well-known node heals as well",
        vec![
            healed("share healed where it lives in the first island", "well-known", &|_| true),
            healed("in the failed stub, not renumbered", inside, &|f| !f.outage.renumbered),
            healed("in the failed stub, renumbered", inside, &|f| f.outage.renumbered),
            healed("dead", "well-known, dead", &|_| true),
        ],
        "",
    );
}
