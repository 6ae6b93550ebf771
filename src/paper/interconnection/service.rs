//! Beside the paper's trivial solution: a fixed service point for each overlay, chosen by hand.

use std::collections::BTreeSet;

use super::joins::{PATIENCE, SETTLED, specs};
use super::town::Town;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::in_parallel;

/// *Not suitable*: by addresses so many more of the overlays are joined once service points are dead.
const MORE: f64 = 0.2;

/// By anycast and by service points: seconds until all are joined, and the share of overlays joined.
#[derive(Clone, Copy, Default)]
struct Way {
    seconds: f64,
    joined: f64,
}

pub(super) fn measure(setup: &Setup, page: &mut Page) {
    let overlays = setup.pick(16, 2);
    let seeds: Vec<u64> = setup.seeds(20, 1).collect();
    setup.say(&format!("{overlays} overlays by service points, {} seeds", seeds.len()));
    page.text(format!(
        "*Service points*: a host that knows one fixed member of each overlay, the first, and asks it. Beside each other in \
         the same town: joining {overlays} overlays at once by their addresses, and by service points; and once more after the \
         service points of every second overlay have died."
    ));
    let found = in_parallel(&seeds, |seed| play(overlays, *seed));
    let header = ["service points", "by", "time, s", "overlays joined"];
    let mut table = Table::new("service", "Addresses beside service points", Source::Simulated, &header);
    for (at, (dead, by)) in
        [("alive", "address"), ("alive", "service point"), ("half dead", "address"), ("half dead", "service point")]
            .into_iter()
            .enumerate()
    {
        let all = || found.iter().map(move |ways| ways[at]);
        let seconds = Estimate::mean(all().map(|way| way.seconds).filter(|seconds| seconds.is_finite()));
        table.row([dead.into(), by.into(), shown(seconds, 2), shown(Estimate::mean(all().map(|way| way.joined)), 2)]);
    }
    page.table(table);
    let more = Estimate::mean(found.iter().map(|ways| ways[2].joined - ways[3].joined));
    page.judge(
        "Manually selected service points are not suitable for many overlays",
        vec![Test::at_least(
            "share of overlays joined by addresses beyond those by service points, half of them dead",
            more,
            MORE,
        )],
        "",
    );
    let slower = Estimate::mean(found.iter().map(|ways| ways[0].seconds / ways[1].seconds));
    page.judge(
        "(Beside) While they live, addresses take no longer than service points",
        vec![Test::at_most("time by addresses over that by service points", slower, 1.1)],
        "",
    );
}

fn play(overlays: usize, seed: u64) -> [Way; 4] {
    let all: Vec<usize> = (0..overlays).collect();
    let specs = specs(overlays, seed, true);
    let points: BTreeSet<usize> = specs.iter().step_by(2).map(|spec| spec.members[0]).collect();
    let service = [SETTLED + 1, SETTLED + 3].into();
    let mut town = Town::settled(specs, SETTLED + 4, seed, &service);
    let mut ways = [Way::default(); 4];
    for (at, way) in ways.iter_mut().enumerate() {
        if at == 2 {
            points.iter().for_each(|point| town.crash(*point));
            town.run_for(PATIENCE);
        }
        let (milliseconds, _, joined) = town.join_all(&all, SETTLED + at, PATIENCE);
        let seconds = if joined == overlays { milliseconds / 1e3 } else { f64::NAN };
        *way = Way { seconds, joined: joined as f64 / overlays as f64 };
        town.leave_all(&all, SETTLED + at);
    }
    ways
}
