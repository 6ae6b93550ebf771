//! Section 4.3 against its analysis: how long islands take to meet, and to become one.

use std::time::Duration;

use super::Setup;
use super::figure::{Axis, Line, lines};
use super::outage::{Course, Outage, linked, played};
use super::page::{Page, Source, Table, number};
use crate::anycast::Healing;
use crate::overlay::Protocol;

/// One link between two rings, against everybody joining again.
pub(super) fn one_link(setup: &Setup, page: &mut Page) -> Vec<(usize, usize, Option<f64>, Option<f64>)> {
    page.heading("One link is not enough");
    page.text(
        "The paper merges islands by a link between two of their nodes. Here one node of the smaller ring, and only that \
         one, takes its place in the larger; or every node of the smaller ring does. The rest is ordinary stabilization. In \
         rounds of stabilization:",
    );
    let header = ["islands", "one node joins", "all nodes of the smaller join"];
    let mut table = Table::new("links", "Rounds until two rings are one", Source::Simulated, &header);
    let sizes: &[[usize; 2]] = setup.pick(&[[45, 5], [48, 16], [32, 32], [64, 64]][..], &[[8, 4]][..]);
    let mut found = Vec::new();
    for [a, b] in sizes {
        setup.say(&format!("one link between rings of {a} and {b}"));
        let rounds = |all: bool| linked(*a, *b, all, setup.seed);
        let (one, all) = (rounds(false), rounds(true));
        let cell = |rounds: Option<f64>| rounds.map_or("not within 1000".to_owned(), |r| number(r, 1));
        table.row([format!("{a} + {b}"), cell(one), cell(all)]);
        found.push((*a, *b, one, all));
    }
    page.table(table);
    found
}

/// Small islands heal by the colors that they lack.
pub(super) fn small_islands(setup: &Setup, page: &mut Page) -> Vec<(usize, f64, f64)> {
    page.heading("Small islands and colors");
    page.text(format!(
        "An island of s members, fewer than there are k colors, lacks m of them, k(1 − 1/k)^s on average, and whoever asks \
         for one of these reaches the others. If each member asks for all colors at once, once in D = {} s, the first is \
         expected to do so after D/(s + 1). Here each asks one color after another, so the first question that leaves the \
         island is expected after D/(s·m + 1). A contact counts when a lookup in the own island has missed it twice, two \
         rounds apart, {} s in all with routing.",
        Course::HEAL_EVERY.as_secs(),
        number(verified(), 1),
    ));
    let sizes = setup.pick(vec![1, 2, 3, 4, 5, 6, 7], vec![2]);
    let seeds = setup.pick(20, 3);
    let header = ["s", "contact after (mean)", "D/(s·m + 1) + T", "D/(s + 1) + T", "merged after (mean)", "merged"];
    let mut table = Table::new("colors", "Islands of s members beside one of 40, 8 colors", Source::Simulated, &header);
    let mut found = Vec::new();
    setup.say("small islands and colors");
    for s in sizes {
        let sizes: &'static [usize] = setup.pick(SMALL[s - 1], &[12, 2]);
        let outage = Outage { sizes, length: Duration::from_secs(120), renumbered: false };
        let course = Course { healing: Healing::Colors, outage, ..Course::new(Protocol::default()) };
        let runs = played((0..seeds).map(|n| (course, setup.seed + n)).collect());
        let contact = mean(runs.iter().filter_map(|r| r.contact));
        let merged = mean(runs.iter().filter_map(|r| r.seconds));
        let (k, members) = (f64::from(Course::COLORS), s as f64);
        let lacking = k * (1.0 - 1.0 / k).powf(members);
        let theory = Course::HEAL_EVERY.as_secs_f64() / (members * lacking + 1.0) + verified();
        let at_once = Course::HEAL_EVERY.as_secs_f64() / (members + 1.0) + verified();
        let seconds = |value: f64| format!("{} s", number(value, 1));
        let done = runs.iter().filter(|r| r.seconds.is_some()).count();
        let done = format!("{done} of {seeds}");
        table.row([s.to_string(), seconds(contact), seconds(theory), seconds(at_once), seconds(merged), done]);
        found.push((s, contact, theory));
    }
    let drawn = [
        Line::derived("D/(s·m + 1) + T", found.iter().map(|(s, _, t)| (*s as f64, *t)).collect()),
        Line::measured("first contact", found.iter().map(|(s, c, _)| (*s as f64, *c)).collect()),
    ];
    let axes = [("members of the smaller island", Axis::Linear), ("seconds", Axis::Linear)];
    page.figure(lines(
        "contact",
        "Time until an island that lacks a color meets another",
        Source::Simulated,
        axes,
        &drawn,
    ));
    page.table(table);
    found
}

/// Seconds until a contact is believed: two rounds of stabilization between two lookups, and routing.
fn verified() -> f64 {
    (Course::STABILIZE * 2 + Course::PROPAGATION).as_secs_f64()
}

const SMALL: [&[usize]; 7] = [&[40, 1], &[40, 2], &[40, 3], &[40, 4], &[40, 5], &[40, 6], &[40, 7]];

/// Leaders that pause once an epoch meet after about 0.4 epochs.
pub(super) fn epochs(setup: &Setup, page: &mut Page) -> Vec<(u64, f64)> {
    page.heading("Rendezvous and epochs");
    let header = ["epoch E", "contact after (mean)", "in epochs", "merged after (mean)", "merged"];
    let mut table = Table::new("epochs", "Two islands of equal size, healed by rendezvous", Source::Simulated, &header);
    let mut found = Vec::new();
    let seeds = setup.pick(20, 3);
    setup.say("rendezvous and epochs");
    for epoch in setup.pick(vec![60, 120, 300, 900], vec![120]) {
        let sizes: &'static [usize] = setup.pick(&[24, 24], &[6, 6]);
        let outage = Outage { sizes, length: Duration::from_secs(setup.pick(600, 120)), renumbered: false };
        let base = Course::new(Protocol::default());
        let course = Course { healing: Healing::Rendezvous, outage, epoch: Duration::from_secs(epoch), ..base };
        let runs = played((0..seeds).map(|n| (course, setup.seed + n)).collect());
        let contact = mean(runs.iter().filter_map(|r| r.contact));
        let merged = mean(runs.iter().filter_map(|r| r.seconds));
        let share = contact / epoch as f64;
        let done = runs.iter().filter(|r| r.seconds.is_some()).count();
        let seconds = |value: f64| format!("{} s", number(value, 0));
        table.row([
            format!("{epoch} s"),
            seconds(contact),
            number(share, 2),
            seconds(merged),
            format!("{done} of {seeds}"),
        ]);
        found.push((epoch, share));
    }
    page.table(table);
    found
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
    if count > 0.0 { sum / count } else { f64::NAN }
}
