//! The same crowds over every infrastructure: how soon they get in, and who serves them.

use std::time::Duration;

use super::crowds::{Crowd, interval};
use super::ways::{ANYCAST, SEEDS};
use crate::anycast::Infrastructure;
use crate::overlay::{Protocol, Proximity};
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::in_parallel;
use crate::sim::{self, settings};

/// Who has not joined so long after the last came is not in time.
const PATIENCE: Duration = Duration::from_secs(20);
/// A crowd gets in: at least this share of it is in time.
const IN_TIME: f64 = 0.99;

/// A crowd, by what it is brought to and what it joins.
#[derive(Clone, Copy)]
struct Kind {
    by: Infrastructure,
    protocol: Protocol,
    size: usize,
}

/// What became of it, seed by seed.
struct Found {
    kind: Kind,
    runs: Vec<Crowd>,
}

impl Kind {
    fn rush(self, servers: usize, seed: u64) -> Crowd {
        let mut crowd = sim::Crowd::of(self.size, settings(self.protocol, Proximity::Anycast), seed);
        crowd.options = crowd.options.over(self.by, servers);
        crowd.patience = PATIENCE;
        Crowd::of(ANYCAST, self.size, &crowd.play())
    }

    /// Whether it is of the crowds that decide.
    fn decides(self, largest: usize) -> bool {
        self.size == largest && self.protocol == Protocol::default()
    }
}

impl Found {
    fn mean(&self, value: impl Fn(&Crowd) -> Option<f64>) -> Option<Estimate> {
        Estimate::mean(self.runs.iter().map(value).collect::<Option<Vec<f64>>>()?)
    }

    /// Of a time that may be never.
    fn median(&self, value: impl Fn(&Crowd) -> Option<f64>) -> String {
        let all = self.runs.iter().map(|run| value(run).unwrap_or(f64::INFINITY));
        Estimate::median(all).map_or("–".to_owned(), interval)
    }

    fn in_time(&self) -> Option<Estimate> {
        self.mean(|run| Some(run.joined as f64 / self.kind.size as f64))
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.kind.by.title.to_owned(),
            self.kind.protocol.title.to_owned(),
            self.kind.size.to_string(),
            shown(self.in_time(), 3),
            self.median(|run| run.join.p50),
            self.median(|run| run.join.p99),
            shown(self.mean(|run| Some(run.load.servers() as f64)), 1),
            shown(self.mean(|run| run.load.most_share()), 3),
            shown(self.mean(|run| run.load.busiest_over_mean()), 2),
            shown(self.mean(|run| Some(run.most_hellos as f64)), 0),
        ]
    }
}

pub(super) fn simulated(setup: &Setup, page: &mut Page) {
    page.heading("Crowds over every infrastructure");
    let (servers, small, large) = setup.pick((16, 64, 256), (4, 16, 24));
    let seeds: Vec<u64> = setup.seeds(20, 2).collect();
    page.text(format!(
        "The same crowds, by anycast, in the simulated network ({} seeds). The overlay's group is brought by each \
         infrastructure in turn. Plain IP anycast needs no servers; PIAS, i3 and OASIS have {servers}, at random points of the \
         same square, which find each other before anybody joins. A node asks its infrastructure for the nearest member and \
         joins through that. *In time*: joined within {} s of the last that came. It could serve since its infrastructure \
         has told it that others find it now. *Hellos*: of joins, and of the question for near members that a joiner asks \
         besides (4.2) where that can be answered.",
        seeds.len(),
        PATIENCE.as_secs(),
    ));
    let others = Protocol::keyed().map(|protocol| (protocol, small));
    let overlays: Vec<(Protocol, usize)> = others.chain([(Protocol::default(), large)]).collect();
    let kind = |by: Infrastructure| {
        let kind = move |(protocol, size): &(Protocol, usize)| Kind { by, protocol: *protocol, size: *size };
        overlays.iter().map(kind).collect::<Vec<_>>()
    };
    let kinds: Vec<Kind> = Infrastructure::all().flat_map(kind).collect();
    setup.say(&format!("{} kinds of crowds over infrastructures, {} seeds each", kinds.len(), seeds.len()));
    let all = play(&kinds, servers, &seeds);
    let header = [
        "by",
        "protocol",
        "crowd",
        "in time",
        "join p50",
        "join p99",
        "members that serve",
        "share of the busiest",
        "busiest over mean",
        "Hellos/s at the peak",
    ];
    let caption = "Flash crowds by infrastructure";
    let mut table = Table::new("crowds-infrastructures", caption, Source::Simulated, &header);
    all.iter().for_each(|found| table.row(found.cells()));
    page.table(table);
    Infrastructure::all().for_each(|by| judge(page, by, &all, large));
}

fn play(kinds: &[Kind], servers: usize, seeds: &[u64]) -> Vec<Found> {
    let jobs: Vec<(Kind, u64)> = kinds.iter().flat_map(|kind| seeds.iter().map(|seed| (*kind, *seed))).collect();
    let mut runs = in_parallel(&jobs, |(kind, seed)| kind.rush(servers, *seed)).into_iter();
    kinds.iter().map(|kind| Found { kind: *kind, runs: runs.by_ref().take(seeds.len()).collect() }).collect()
}

fn judge(page: &mut Page, by: Infrastructure, all: &[Found], largest: usize) {
    let of = || all.iter().filter(|found| found.kind.by == by);
    let Some(decides) = of().find(|found| found.kind.decides(largest)) else { return };
    let in_time = of().map(|found| {
        let what = format!("{}, crowd of {}: share in time", found.kind.protocol.title, found.kind.size);
        Test::at_least(what, found.in_time(), IN_TIME)
    });
    page.judge(&format!("A crowd gets in by {}", by.title), in_time.collect(), "");
    page.judge(
        &format!("{} balances the bootstrapping load to all existing nodes", by.title),
        vec![
            Test::at_most(
                format!("share of all joins that the busiest member serves, crowd of {largest}"),
                decides.mean(|run| run.load.most_share()),
                1.0 / SEEDS as f64,
            ),
            Test::at_most("busiest over mean", decides.mean(|run| run.load.busiest_over_mean()), 2.0).digits(1),
            Test::at_least("share of the members that serve any", decides.mean(|run| run.load.serving_share()), 0.5),
        ],
        "",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_gets_in_by_every_infrastructure_and_who_came_first_is_not_alone_in_serving() {
        let kinds: Vec<Kind> =
            Infrastructure::all().map(|by| Kind { by, protocol: Protocol::default(), size: 16 }).collect();
        for found in play(&kinds, 4, &[1]) {
            let run = &found.runs[0];
            assert_eq!(run.joined, 16, "{:?}", found.kind.by);
            assert!(run.load.servers() > 1 && run.load.most_share().is_some_and(|share| share < 1.0));
        }
    }
}
