//! Crowds in the simulated network, over many seeds.

use std::collections::BTreeMap;
use std::time::Duration;

use super::load::Load;
use super::ways::{ANYCAST, CAPACITY, SEEDS, WAYS, Way};
use crate::anycast::Bootstrap;
use crate::overlay::{Protocol, Proximity};
use crate::paper::Setup;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::{Axis, Line, lines};
use crate::paper::page::{Page, Source, Table, number};
use crate::paper::runs::in_parallel;
use crate::sim::{self, Crowded, Tail, settings};

/// Who has not joined so long after the last came never does.
const PATIENCE: Duration = Duration::from_secs(20);

/// What became of one crowd.
pub(super) struct Crowd {
    way: Way,
    size: usize,
    pub(super) joined: usize,
    pub(super) load: Load<usize>,
    /// Most Hellos that came to one member within a second.
    pub(super) most_hellos: u64,
    pub(super) join: Tail,
}

/// All of them.
pub(super) struct Crowds {
    all: Vec<Crowd>,
    sizes: Vec<usize>,
}

pub(super) fn simulated(setup: &Setup, page: &mut Page) -> Crowds {
    page.heading("Crowds in the simulated network");
    let sizes = setup.pick(vec![64, 500, 2000], vec![32]);
    let count = setup.pick(20, 3);
    let mut all = Vec::new();
    for &size in &sizes {
        setup.say(&format!("crowds of {size} in the simulated network"));
        let jobs: Vec<(Way, u64)> =
            WAYS.into_iter().flat_map(|way| (setup.seed..setup.seed + count).map(move |seed| (way, seed))).collect();
        all.extend(in_parallel(&jobs, |(way, seed)| rush(*way, size, *seed)));
    }
    let crowds = Crowds { all, sizes };
    crowds.show(page, count);
    crowds
}

fn rush(way: Way, size: usize, seed: u64) -> Crowd {
    let mut crowd = sim::Crowd::of(size, settings(Protocol::default(), Proximity::Anycast), seed);
    crowd.options.bootstrap = way.bootstrap;
    crowd.options.well_known = way.well_known;
    crowd.options.redirect = way.redirect;
    crowd.options.join_capacity = CAPACITY;
    crowd.patience = PATIENCE;
    Crowd::of(way, size, &crowd.play())
}

impl Crowd {
    pub(super) fn of(way: Way, size: usize, played: &Crowded) -> Self {
        let mut could = BTreeMap::new();
        let end = played.newcomers.iter().map(|n| n.told).max();
        let begin = played.newcomers.iter().map(|n| n.told).min();
        let whole = begin.zip(end).map_or(0.0, |(begin, end)| (end - begin).as_secs_f64());
        let first = if way.bootstrap == Bootstrap::WellKnown { way.well_known } else { SEEDS };
        could.extend((0..first).map(|host| (host, whole)));
        if way.bootstrap == Bootstrap::Anycast {
            let findable = played.newcomers.iter().filter_map(|n| Some((n.host, n.findable?)));
            could.extend(
                findable
                    .filter_map(|(host, at)| Some((host, end.filter(|end| *end > at)? - at)))
                    .map(|(h, d)| (h, d.as_secs_f64())),
            );
        }
        Self {
            way,
            size,
            joined: played.joined,
            load: Load::new(played.served.clone(), could),
            most_hellos: played.most_hellos,
            join: played.join_ms,
        }
    }
}

impl Crowds {
    pub(super) fn largest(&self) -> usize {
        self.sizes.last().copied().unwrap_or(0)
    }

    fn of(&self, way: Way, size: usize) -> impl Iterator<Item = &Crowd> {
        self.all.iter().filter(move |c| c.way == way && c.size == size)
    }

    /// The mean over seeds. `None` if a seed has no value.
    pub(super) fn estimate(&self, way: Way, size: usize, value: impl Fn(&Crowd) -> Option<f64>) -> Option<Estimate> {
        Estimate::mean(self.of(way, size).map(value).collect::<Option<Vec<f64>>>()?)
    }

    /// The median over seeds of a time; `None` is never, later than all others.
    pub(super) fn median(&self, way: Way, size: usize, value: impl Fn(&Crowd) -> Option<f64>) -> Option<Estimate> {
        Estimate::median(self.of(way, size).map(|c| value(c).unwrap_or(f64::INFINITY)))
    }

    /// The mean over seeds of one way's value over another's, in the same network.
    pub(super) fn ratio(&self, a: Way, b: Way, size: usize, value: fn(&Crowd) -> Option<f64>) -> Option<Estimate> {
        let pairs = self.of(a, size).zip(self.of(b, size));
        Estimate::mean(pairs.map(|(a, b)| Some(value(a)? / value(b)?)).collect::<Option<Vec<f64>>>()?)
    }

    fn show(&self, page: &mut Page, count: u64) {
        page.text(format!(
            "{count} seeds: other places, ids and times of coming. Means, and medians of times over the seeds. \
             Datagrams to the anycast address go to the nearest member by delay, so each member has the catchment \
             around it. Hosts compute in no time: there is no overload."
        ));
        let header = [
            "found by",
            "crowd",
            "joined, mean",
            "servers",
            "most served",
            "share of the busiest",
            "busiest over mean",
            "Hellos/s at the peak",
            "join p50",
            "join p99",
        ];
        let caption = "Flash crowds in the simulated network";
        let mut table = Table::new("crowds-simulated", caption, Source::Simulated, &header);
        for &size in &self.sizes {
            for way in WAYS {
                table.row(self.cells(way, size));
            }
        }
        let line = |way: Way| {
            let mean = |size| Some((size as f64, self.estimate(way, size, |c| c.load.most_share())?.value));
            Line::measured(way.name, self.sizes.iter().filter_map(|size| mean(*size)).collect())
        };
        let axes = [("nodes that join", Axis::Log), ("share of all joins", Axis::Linear)];
        page.figure(lines("share", "What the busiest member serves", Source::Simulated, axes, &WAYS.map(line)));
        page.table(table);
        if let Some(never) = self.of(ANYCAST, self.largest()).map(|c| c.size - c.joined).max().filter(|n| *n > 0) {
            page.text(format!("By anycast, {never} of {} at most did not get in within 20 s.", self.largest()));
        }
    }

    fn cells(&self, way: Way, size: usize) -> Vec<String> {
        let mean = |digits, value: fn(&Crowd) -> Option<f64>| shown(self.estimate(way, size, value), digits);
        let time = |value: fn(&Crowd) -> Option<f64>| self.median(way, size, value).map_or("–".to_owned(), interval);
        vec![
            way.name.to_owned(),
            size.to_string(),
            mean(1, |c| Some(c.joined as f64)),
            mean(1, |c| Some(c.load.servers() as f64)),
            mean(0, |c| Some(c.load.most() as f64)),
            mean(3, |c| c.load.most_share()),
            mean(2, |c| c.load.busiest_over_mean()),
            mean(0, |c| Some(c.most_hellos as f64)),
            time(|c| c.join.p50),
            time(|c| c.join.p99),
        ]
    }
}

/// A time that may be never.
pub(super) fn interval(time: Estimate) -> String {
    let of = |v: f64| if v.is_finite() { number(v, 0) } else { "never".to_owned() };
    if time.low == f64::NEG_INFINITY {
        return format!("{} ms", of(time.value));
    }
    format!("{} ({}–{}) ms", of(time.value), of(time.low), of(time.high))
}
