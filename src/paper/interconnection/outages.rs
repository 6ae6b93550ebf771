//! A stub fails in all overlays at once.

use std::collections::BTreeSet;
use std::time::Duration;

use super::joins::{SETTLED, specs};
use super::town::{ROUND, Spec, Town};
use crate::anycast::Healing;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::{in_parallel, runs_of};

const OUTAGE: Duration = Duration::from_secs(60);
const AT_MOST: Duration = Duration::from_secs(600);
/// *Scalable*: all overlays at once are one again no later than so many times one alone, each.
const LATER: f64 = 1.5;

/// Seconds after the outage until each overlay was one island.
fn play(overlays: usize, seed: u64) -> Vec<Option<f64>> {
    let specs: Vec<Spec> =
        specs(overlays, seed, true).into_iter().map(|spec| Spec { healing: Healing::Colors, ..spec }).collect();
    let mut town = Town::settled(specs, SETTLED, seed, &BTreeSet::new());
    let stub: Vec<usize> = (0..SETTLED / 4).collect();
    town.partition(&stub);
    town.run_for(OUTAGE);
    town.heal();
    let back = town.now();
    let mut whole: Vec<Option<f64>> = vec![None; overlays];
    while whole.iter().any(Option::is_none) && town.now() - back < AT_MOST {
        town.run_for(ROUND / 4);
        for (overlay, since) in whole.iter_mut().enumerate().filter(|(_, since)| since.is_none()) {
            if town.islands(overlay) == 1 {
                *since = Some(town.now().millis_since(back) / 1e3);
            }
        }
    }
    whole
}

pub(super) fn measure(setup: &Setup, page: &mut Page) {
    let counts = setup.pick(vec![1, 4, 16], vec![1, 2]);
    let seeds: Vec<u64> = setup.seeds(20, 1).collect();
    setup.say("a stub fails in all overlays at once");
    page.heading("A stub's failure");
    page.text(format!(
        "A quarter of the hosts are cut off from the others for {} s, in all overlays at once; other colors are asked every \
         10 s. *One*: seconds after the end of the outage until the neighbor links of an overlay's members connect them all; \
         the mean of the overlays, and the last of them.",
        OUTAGE.as_secs()
    ));
    let jobs: Vec<(usize, u64)> = counts.iter().flat_map(|count| seeds.iter().map(|seed| (*count, *seed))).collect();
    let found = in_parallel(&jobs, |(count, seed)| play(*count, *seed));
    let of = |count: usize| runs_of(&jobs, &found, move |(of, _)| *of == count);
    let header = ["overlays", "one again", "mean, s", "last, s"];
    let mut table = Table::new("outages", "Overlays of a failed stub", Source::Simulated, &header);
    for count in &counts {
        let healed: usize = of(*count).flatten().flatten().count();
        let all: usize = of(*count).map(Vec::len).sum();
        table.row([
            count.to_string(),
            format!("{healed} of {all}"),
            shown(mean(of(*count)), 1),
            shown(Estimate::mean(of(*count).map(|run| run.iter().flatten().copied().fold(0.0, f64::max))), 1),
        ]);
    }
    page.table(table);
    let most = counts.iter().copied().max().unwrap_or(1);
    let each = |run: &Vec<Option<f64>>| {
        let seconds: Vec<f64> = run.iter().map(|since| since.unwrap_or(AT_MOST.as_secs_f64())).collect();
        seconds.iter().sum::<f64>() / seconds.len().max(1) as f64
    };
    let alone = Estimate::mean(of(1).map(each)).map_or(f64::NAN, |mean| mean.value);
    let later = Estimate::mean(of(most).map(|run| each(run) / alone));
    let healed = Estimate::share(of(most).flatten().flatten().count(), of(most).map(Vec::len).sum());
    page.judge(
        "A stub's failure is healed in several overlays as in one (scalable)",
        vec![
            Test::at_most(format!("mean time of each of {most} over that of one alone"), later, LATER),
            Test::at_least(format!("overlays healed, of {most}"), healed, 0.95),
        ],
        "",
    );
}

fn mean<'a>(runs: impl Iterator<Item = &'a Vec<Option<f64>>>) -> Option<Estimate> {
    Estimate::mean(runs.flatten().flatten().copied())
}
