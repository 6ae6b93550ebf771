//! Deployment range: what an infrastructure does where few take part.

use super::arena::{Arena, Layout};
use super::cells::{Cell, Cells};
use super::ground::Ground;
use crate::anycast::{Infrastructure, Question};
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::{Axis, Line, lines};
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::in_parallel;

/// Percent.
const PARTS: [usize; 6] = [1, 5, 10, 25, 50, 100];
/// Those that the tests compare.
const TESTED: [usize; 3] = [5, 10, 100];
const MEMBERS: usize = 20;
const CLIENTS: usize = 50;

/// *Global*: at least so many clients are served.
const SERVED: f64 = 0.95;
/// *Limited area*: those who are served are led so much farther when one in ten takes part than when all do.
const FARTHER: f64 = 1.25;

struct Found {
    served: f64,
    /// Median and p90 of the way over the direct one to the nearest of all hosts that want to be members.
    way: (f64, f64),
}

pub(super) fn measure(setup: &Setup, page: &mut Page, cells: &mut Cells) {
    let count = setup.pick(60, 24);
    page.heading("Deployment range");
    page.text(format!(
        "{count} places, at each an AS, of which a part takes part. With PIAS, i3 and OASIS those that do have a server; \
         {MEMBERS} hosts anywhere are members and {CLIENTS} anywhere look for them. With plain IP anycast those that do let \
         their hosts announce an address of others: of the {MEMBERS} hosts only those there can be members, but one at \
         least is. *Served*: clients whose datagram reached a member. *Way*: its time over the direct one to the nearest of \
         all hosts that want to be members. *Configured*: ASes whose routers, or hosts, must be configured for it."
    ));
    let seeds: Vec<u64> = setup.seeds(20, 2).collect();
    let header = ["by", "taking part, %", "configured", "served", "way p50", "way p90"];
    let mut table = Table::new("range", "Who is served, and how well", Source::Simulated, &header);
    let mut drawn = Vec::new();
    for kind in Infrastructure::all() {
        setup.say(&format!("deployment range of {}, {} seeds", kind.title, seeds.len()));
        let mut points = Vec::new();
        let mut at = Vec::new();
        for part in setup.pick(PARTS.to_vec(), TESTED.to_vec()) {
            let found = in_parallel(&seeds, |seed| taking_part(kind, part, count, *seed));
            let mean = |of: fn(&Found) -> f64| Estimate::mean(found.iter().map(of).filter(|v| v.is_finite()));
            let (served, middle, most) = (mean(|f| f.served), mean(|f| f.way.0), mean(|f| f.way.1));
            let configured = (count * part).div_ceil(100);
            table.row([
                kind.title.to_owned(),
                part.to_string(),
                configured.to_string(),
                shown(served, 3),
                shown(middle, 2),
                shown(most, 2),
            ]);
            points.extend(middle.map(|m| (part as f64, m.value)));
            at.push((part, served, middle));
        }
        drawn.push(Line::measured(kind.title, points));
        let of = |part: usize| at.iter().find(|(p, ..)| *p == part);
        let served = of(5).and_then(|(_, served, _)| *served);
        let tests = match Cell::Range.word(kind) {
            "Global" => vec![Test::at_least("served, one AS of twenty taking part", served, SERVED)],
            _ => {
                let farther = of(10).and_then(|a| a.2).zip(of(100).and_then(|a| a.2));
                let farther = farther.map(|(few, all)| few.scaled(1.0 / all.value));
                vec![
                    Test::at_most("served, one AS of twenty taking part", served, SERVED),
                    Test::at_least("way p50, one of ten taking part over all", farther, FARTHER),
                ]
            }
        };
        cells.add(Cell::Range, kind, tests);
    }
    let caption = "Way to a member over the direct one to the nearest, median";
    let axes = [("ASes taking part, %", Axis::Log), ("way", Axis::Linear)];
    page.figure(lines("range", caption, Source::Simulated, axes, &drawn));
    page.table(table);
    cells.because(
        Cell::Range,
        Infrastructure::default(),
        "reach is not its limit: one site serves everybody; who may announce is",
    );
}

fn taking_part(kind: Infrastructure, part: usize, count: usize, seed: u64) -> Found {
    let ground = Ground::plane(count, seed);
    let order = ground.shuffled(seed);
    let taking = &order[..(count * part).div_ceil(100).max(1)];
    let wanting: Vec<usize> = ground.shuffled(seed + 1000).into_iter().take(MEMBERS).collect();
    let clients: Vec<usize> = ground.shuffled(seed + 2000).into_iter().take(CLIENTS).collect();
    let members = match kind.server {
        Some(_) => wanting.clone(),
        None => {
            let able: Vec<usize> = wanting.iter().copied().filter(|place| taking.contains(place)).collect();
            if able.is_empty() { vec![taking[0]] } else { able }
        }
    };
    let layout = Layout { servers: taking.to_vec(), members, clients: clients.clone(), groups: 1 };
    let mut arena = Arena::new(kind, &ground, layout, seed);
    arena.join_all();
    let questions: Vec<_> = arena.clients().map(|client| (client, Question::Nearest)).collect();
    arena.ask(&questions, 1);
    let asked = arena.ask(&questions, 1);
    let mut way = Vec::new();
    for (one, place) in asked.iter().zip(&clients) {
        let Some((_, took)) = one.reached.first() else { continue };
        let direct = wanting.iter().map(|w| ground.delays.between(*place, *w)).min().unwrap_or_default();
        // Of a host that wants to be a member at the client's own place nothing is learned.
        if direct >= crate::sim::LOCAL {
            way.push(took.as_secs_f64() / direct.as_secs_f64());
        }
    }
    let served = asked.iter().filter(|one| !one.reached.is_empty()).count();
    Found { served: served as f64 / asked.len().max(1) as f64, way: super::near::quantiles(way) }
}
