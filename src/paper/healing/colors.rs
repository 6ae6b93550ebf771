//! Small islands heal by the colors that they lack: after how long, against what is derived.

use std::time::Duration;

use super::outage::{Course, Outage, Played, SURE, Until, played, round_trips};
use super::theory::{first_question, first_question_of_random, spread_at_random};
use crate::anycast::Healing;
use crate::overlay::Protocol;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::{Axis, Line, lines};
use crate::paper::page::{Page, Source, Table, number};

const SMALL: [&[usize]; 7] = [&[40, 1], &[40, 2], &[40, 3], &[40, 4], &[40, 5], &[40, 6], &[40, 7]];
const QUICK: [&[usize]; 2] = [&[12, 2], &[12, 3]];

/// Seconds from recovery to the first question that leaves an island, of its size.
struct Met {
    members: usize,
    /// Colors that the small island lacks and the large one has.
    lacking: Option<Estimate>,
    measured: Option<Estimate>,
    /// Measured over derived, run by run.
    ratios: Vec<f64>,
    runs: usize,
}

pub(super) fn small_islands(setup: &Setup, page: &mut Page) {
    page.heading("Small islands and colors");
    page.text(text());
    let sizes: &[&'static [usize]] = if setup.quick { &QUICK } else { &SMALL };
    let courses: Vec<Course> = sizes
        .iter()
        .map(|sizes| {
            let outage = Outage { sizes, length: Duration::from_secs(120), renumbered: false };
            let course = Course::new(Protocol::default(), Healing::Colors, outage);
            // Neither the joins nor the outage are to set the phase of the members' questions.
            Course { spread: Course::HEAL_EVERY, until: Until::Contact, ..course }
        })
        .collect();
    let seeds = setup.pick(100, 4);
    setup.say(&format!("small islands and colors, {seeds} seeds each"));
    let all = played(&courses, setup.seed, seeds);
    let found: Vec<Met> = courses.iter().zip(&all).map(|(course, runs)| Met::of(course, runs)).collect();
    show(page, &found);
    judge(page, &found);
}

fn text() -> String {
    format!(
        "An island of s members beside one of 40, with k = {} random colors, of which it lacks m. Each member asks the n = \
         k − 1 others one after another, in an order drawn once, one every D/n; D = {} s. A contact is only believed when \
         two lookups in the own island have missed whoever answered, two rounds apart: T = {} s, and twice two round trips \
         between the islands, {} s. T is subtracted here: what is compared is the time to the first question that leaves \
         the island. *Independent*: D/(s·m + 1), as if the s·m questions fell anywhere in D, over the m of random colors. \
         *Staggered*: a member's questions are spread evenly over D, so none of its next j is for one of the m with \
         probability q(j) = C(n−m, j)/C(n, j), and of s members none has asked within t = j + u gaps with probability \
         ((1−u)·q(j) + u·q(j+1))^s; the mean is its integral, D/n · Σ (q(j)^(s+1) − q(j+1)^(s+1)) / \
         ((s+1)·(q(j) − q(j+1))), over the m of random colors. The ratio compares each run with the mean for the very m that \
         its colors gave, and for the colors that the large island lacked, whose members ask too. The simulated network \
         lets everybody know of the recovery at once, and outages end at any moment of D.",
        Course::COLORS,
        Course::HEAL_EVERY.as_secs(),
        (Course::STABILIZE * 2).as_secs(),
        number(round_trips(), 2),
    )
}

impl Met {
    fn of(course: &Course, runs: &[Played]) -> Self {
        let [large, small] = [course.outage.sizes[0], course.outage.sizes[1]];
        let d = Course::HEAL_EVERY.as_secs_f64();
        let first: Vec<f64> =
            runs.iter().filter_map(|run| Some(run.contact? - SURE.as_secs_f64() - round_trips())).collect();
        let ratios = runs.iter().filter_map(|run| {
            let [of_large, of_small] = run.lacking;
            let expected = first_question(u32::from(Course::COLORS), [(small, of_small), (large, of_large)])?;
            Some((run.contact? - SURE.as_secs_f64() - round_trips()) / (expected * d))
        });
        Self {
            members: small,
            lacking: Estimate::mean(runs.iter().map(|run| f64::from(run.lacking[1]))),
            measured: Estimate::mean(first),
            ratios: ratios.collect(),
            runs: runs.len(),
        }
    }

    fn staggered(&self) -> Option<f64> {
        Some(first_question_of_random(u32::from(Course::COLORS), self.members)? * Course::HEAL_EVERY.as_secs_f64())
    }

    fn independent(&self) -> Option<f64> {
        Some(spread_at_random(u32::from(Course::COLORS), self.members)? * Course::HEAL_EVERY.as_secs_f64())
    }
}

fn show(page: &mut Page, found: &[Met]) {
    let header = ["s", "runs", "m (mean)", "contact − T", "staggered", "independent", "over staggered, run by run"];
    let caption = "Seconds until an island that lacks m colors asks another";
    let mut table = Table::new("colors", caption, Source::Simulated, &header);
    let derived = |seconds: Option<f64>| seconds.map_or("–".to_owned(), |s| number(s, 2));
    for one in found {
        table.row([
            one.members.to_string(),
            format!("{} of {}", one.ratios.len(), one.runs),
            shown(one.lacking, 2),
            shown(one.measured, 2),
            derived(one.staggered()),
            derived(one.independent()),
            shown(Estimate::mean(one.ratios.iter().copied()), 2),
        ]);
    }
    let line = |of: &dyn Fn(&Met) -> Option<f64>| {
        found.iter().filter_map(|one| Some((one.members as f64, of(one)?))).collect::<Vec<_>>()
    };
    let drawn = [
        Line::measured("contact − T", line(&|one| Some(one.measured?.value))),
        Line::derived("staggered", line(&Met::staggered)),
        Line::derived("independent", line(&Met::independent)),
    ];
    let axes = [("members of the smaller island", Axis::Linear), ("seconds", Axis::Linear)];
    page.figure(lines("contact", caption, Source::Simulated, axes, &drawn));
    page.table(table);
}

fn judge(page: &mut Page, found: &[Met]) {
    let met: usize = found.iter().map(|one| one.ratios.len()).sum();
    let runs: usize = found.iter().map(|one| one.runs).sum();
    let all = Estimate::mean(found.iter().flat_map(|one| one.ratios.iter().copied()));
    let mut tests = vec![
        Test::at_least("share of islands that met another", Estimate::share(met, runs), 0.95),
        Test::within("contact − T over what staggered questions take, all islands", all, 0.9, 1.1),
    ];
    tests.extend(found.iter().map(|one| {
        let ratio = Estimate::mean(one.ratios.iter().copied());
        Test::within(format!("of {} members", one.members), ratio, 0.75, 1.25)
    }));
    page.judge(
        "(Analysis) Islands smaller than the number of colors meet others when the first of their members' staggered \
         questions falls on a color that they lack, and T later, the time to be sure",
        tests,
        "the deviation allowed is a tenth of the mean, a quarter at each size",
    );
    let worst = found.iter().filter_map(|one| Some((one, one.measured?.scaled(1.0 / one.independent()?))));
    let worst = worst.max_by(|a, b| (a.1.value - 1.0).abs().total_cmp(&(b.1.value - 1.0).abs()));
    page.judge(
        "(Analysis) They meet them after D/(s·m + 1) + T, as if their questions were independent",
        worst
            .iter()
            .map(|(one, ratio)| {
                let what =
                    format!("contact − T over D/(s·m + 1), of {} members, where it is farthest off", one.members);
                Test::within(what, Some(*ratio), 0.9, 1.1)
            })
            .collect(),
        "",
    );
}
