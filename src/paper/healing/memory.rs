//! Peers remembered from before the failure, for how long they are remembered.

use std::time::Duration;

use super::outage::{Course, Outage, Until, played};
use crate::anycast::Healing;
use crate::overlay::Protocol;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::{Axis, Line, lines};
use crate::paper::page::{Page, Source, Table, number};

/// Outages over memory.
const PARTS: [f64; 8] = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0];

/// Share that healed after outages this part of the memory.
struct Healed {
    part: f64,
    share: Option<Estimate>,
}

/// Outages of one kind, the longer the farther down.
struct Swept {
    name: String,
    healed: Vec<Healed>,
}

pub(super) fn memory(setup: &Setup, page: &mut Page) {
    page.heading("Remembered peers");
    page.text(
        "Neighbors that failed are asked at the addresses that they had until they are forgotten. How long they are \
         remembered decides what can heal; so outages here are parts of it. The clock of a memory starts when a neighbor is \
         missed, not when the outage begins.",
    );
    let sizes: &'static [usize] = setup.pick(&[26, 6], &[8, 3]);
    let kinds: Vec<(u64, bool)> = setup.pick(vec![(120, false), (600, false), (120, true)], vec![(120, false)]);
    let parts = setup.pick(&PARTS[..], &[0.5, 2.0][..]);
    let mut courses = Vec::new();
    for (memory, renumbered) in &kinds {
        for part in parts {
            let remember = Duration::from_secs(*memory);
            let outage = Outage { sizes, length: remember.mul_f64(*part), renumbered: *renumbered };
            let course = Course::new(Protocol::default(), Healing::RememberedPeers, outage);
            courses.push(Course { remember, until: Until::Whole, ..course });
        }
    }
    let seeds = setup.pick(20, 2);
    setup.say(&format!("{} outages and memories, {seeds} seeds each", courses.len()));
    let mut all = played(&courses, setup.seed, seeds).into_iter();
    let mut swept = Vec::new();
    for (memory, renumbered) in kinds {
        let healed = parts.iter().zip(all.by_ref()).map(|(part, runs)| {
            let healed = runs.iter().filter(|run| run.seconds.is_some()).count();
            Healed { part: *part, share: Estimate::share(healed, runs.len()) }
        });
        let name = format!("memory of {memory} s{}", if renumbered { ", renumbered" } else { "" });
        swept.push(Swept { name, healed: healed.collect() });
    }
    show(page, &swept, sizes);
    let of = |from: f64, to: f64| {
        let all = swept.iter().flat_map(|s| &s.healed).filter(|h| (from..=to).contains(&h.part));
        let (part, whole) = all.filter_map(|h| h.share).fold((0.0, 0), |(p, n), s| (p + s.value * s.n as f64, n + s.n));
        Estimate::share(part.round() as usize, whole)
    };
    page.judge(
        "(Baseline) Peers remembered from before the failure heal as well",
        vec![
            Test::at_least("share of outages of at most ¾ of the memory that healed", of(0.0, 0.75), 0.9),
            Test::at_least("of at least 1½ of it", of(1.5, 9.0), 0.9),
        ],
        "anycast needs no memory: what it heals does not depend on how long the outage was (table of all ways)",
    );
}

fn show(page: &mut Page, swept: &[Swept], sizes: &[usize]) {
    let parts = swept.first().map(|s| s.healed.iter().map(|h| format!("{} of it", number(h.part, 2))));
    let header: Vec<String> = std::iter::once("outage".to_owned()).chain(parts.into_iter().flatten()).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let caption = format!("Share of outages that healed, islands of {} + {}", sizes[0], sizes[1]);
    let mut table = Table::new("memory", &caption, Source::Simulated, &header);
    for one in swept {
        table.row(std::iter::once(one.name.clone()).chain(one.healed.iter().map(|h| shown(h.share, 2))));
    }
    let drawn: Vec<Line> = swept
        .iter()
        .map(|one| {
            let points = one.healed.iter().filter_map(|h| Some((h.part, h.share?.value)));
            Line::measured(&one.name, points.collect())
        })
        .collect();
    let axes = [("outage over memory", Axis::Linear), ("share that healed", Axis::Linear)];
    page.figure(lines("forgotten", &caption, Source::Simulated, axes, &drawn));
    page.table(table);
}
