//! A crowd that joins a small overlay at once: who gets in, when, and when its neighbors know it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::options::Options;
use super::sample::{Sample, rounded};
use super::watch::Watch;
use super::world::World;
use crate::anycast::{Bootstrap, Command};
use crate::measure::quantile;
use crate::overlay::{Given, Protocol, Time};

/// Members before the crowd comes.
const SEEDS: usize = 4;

/// A crowd, and the overlay to which it comes.
#[derive(Clone, Debug)]
pub struct Crowd {
    /// Of all nodes: the members there are before, then the crowd.
    pub options: Options,
    /// Members that there are before; well-known ones are among them.
    pub seeds: usize,
    /// The crowd comes within this time, one after another.
    pub within: Duration,
    /// The play ends so long after the last has come, if not all is well before.
    pub patience: Duration,
}

/// What became of a crowd. The same crowd becomes the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Crowded {
    pub protocol: Protocol,
    pub crowd: usize,
    /// Members before.
    pub before: usize,
    pub seed: u64,
    pub within_seconds: f64,
    pub stabilize_seconds: f64,
    /// Of the crowd, when the play ended.
    pub joined: usize,
    /// Joins that were given up.
    pub failed: usize,
    /// From the command until it says that it has joined.
    pub join_ms: Tail,
    /// Whose neighbors have come to know it.
    pub noticed: usize,
    /// From the command until its neighbors know it: on a ring, the node before it has it as its successor and the
    /// node behind it as its predecessor; in a CAN, each neighbor names it.
    pub noticed_ms: Tail,
    /// Questions that a join took after it had been served, one after another.
    pub hops: Option<Sample>,
    /// Hellos that joins took, and how often they were sent elsewhere.
    pub attempts: Option<Sample>,
    pub redirected: usize,
    /// Members that served any, and the most that one served.
    pub servers: usize,
    pub most_served: usize,
    /// Most Hellos that came to one member within a second.
    pub most_hellos: u64,
    /// From the last command until all members have the neighbors they should have, to a tenth of a second, and in
    /// stabilization intervals.
    pub whole_seconds: Option<f64>,
    pub whole_rounds: Option<f64>,
    /// From the first command on.
    pub datagrams: u64,
    pub trace: String,
    /// Who came, in the order of coming.
    #[serde(skip)]
    pub newcomers: Vec<Newcomer>,
    /// Served joins, by host.
    #[serde(skip)]
    pub served: BTreeMap<usize, usize>,
}

/// One of the crowd.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newcomer {
    pub host: usize,
    /// When it was told to join.
    pub told: Time,
    pub joined: Option<Time>,
    /// Since when others can be brought to it, as it has been told.
    pub findable: Option<Time>,
    pub noticed: Option<Time>,
    pub served_by: Option<usize>,
    pub hops: u32,
}

/// Quantiles by nearest rank, in milliseconds, of all: who never got there is later than everybody else.
/// `None`: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Tail {
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
}

impl Tail {
    /// `None` in `times`: never.
    pub fn of(times: impl IntoIterator<Item = Option<Duration>>) -> Self {
        let ms = |time: Option<Duration>| time.map_or(f64::INFINITY, |time| time.as_secs_f64() * 1e3);
        let mut all: Vec<f64> = times.into_iter().map(ms).collect();
        all.sort_by(f64::total_cmp);
        let at = |q| quantile(&all, q).filter(|ms| ms.is_finite()).map(rounded);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) }
    }
}

impl Crowd {
    /// So many come within a second to an overlay of four, by anycast, at random points of a square: 52 ms one way
    /// on average. Rounds are of 2 s, requests are repeated after half a second, announcements take 20 ms.
    pub fn of(crowd: usize, protocol: Given, seed: u64) -> Self {
        let mut options = Options::of(SEEDS + crowd, protocol, seed);
        options.stabilize_every = Duration::from_secs(2);
        options.rpc_timeout = Duration::from_millis(500);
        options.network.propagation = Duration::from_millis(20);
        Self { options, seeds: SEEDS, within: Duration::from_secs(1), patience: Duration::from_secs(60) }
    }

    /// How many come.
    pub fn size(&self) -> usize {
        self.options.nodes.saturating_sub(self.seeds)
    }

    /// Plays it.
    pub fn play(&self) -> Crowded {
        self.play_with(|_, _| {})
    }

    /// The same; before the `n`-th comes, something may be done. Who crashes is not counted as having joined.
    pub fn play_with(&self, mut before: impl FnMut(&mut World, usize)) -> Crowded {
        let mut world = World::new(&self.options);
        for host in 0..self.seeds {
            // Well-known nodes find nobody but those before them.
            let found = host == 0 && (self.options.bootstrap == Bootstrap::Anycast || self.options.well_known > 0);
            world.command(host, Command::Join { found });
            world.run_until(Duration::from_secs(30), |world| world.members().contains(&host));
            world.run_for(self.options.stabilize_every + Duration::from_secs(1));
        }
        world.keep_happenings();
        let mut watch = Watch::new(&world);
        let (begin, datagrams) = (world.now(), world.sim().datagrams());
        let (joins, failed) = (world.joins().len(), world.failed_joins());
        let mut told = Vec::with_capacity(self.size());
        for n in 0..self.size() {
            watch.run_to(&mut world, begin + self.within.mul_f64(n as f64 / self.size() as f64));
            before(&mut world, n);
            told.push(world.now());
            world.command(self.seeds + n, Command::Join { found: false });
        }
        let last = world.now();
        let whole = watch.run_until_well(&mut world, self.patience);
        let mut newcomers: Vec<Newcomer> = told
            .into_iter()
            .enumerate()
            .map(|(n, at)| {
                let host = self.seeds + n;
                let (findable, noticed) = (watch.findable(host), watch.noticed(host));
                Newcomer { host, told: at, joined: None, findable, noticed, served_by: None, hops: 0 }
            })
            .collect();
        let mut served = BTreeMap::new();
        let joins = &world.joins()[joins..];
        for join in joins {
            join.served_by.into_iter().for_each(|by| *served.entry(by).or_default() += 1);
            if let Some(of) = join.host.checked_sub(self.seeds).and_then(|n| newcomers.get_mut(n)) {
                (of.served_by, of.hops) = (join.served_by, join.hops);
                of.joined = world.members().contains(&join.host).then_some(join.at);
            }
        }
        let seconds = |d: Duration| rounded(d.as_secs_f64());
        let rounds = |d: Duration| rounded(d.as_secs_f64() / self.options.stabilize_every.as_secs_f64());
        let whole = whole.map(|at| at - last);
        Crowded {
            protocol: world.protocol(),
            crowd: self.size(),
            before: self.seeds,
            seed: self.options.seed,
            within_seconds: seconds(self.within),
            stabilize_seconds: seconds(self.options.stabilize_every),
            joined: newcomers.iter().filter(|n| n.joined.is_some()).count(),
            failed: world.failed_joins() - failed,
            join_ms: Tail::of(newcomers.iter().map(|n| Some(n.joined? - n.told))),
            noticed: newcomers.iter().filter(|n| n.noticed.is_some()).count(),
            noticed_ms: Tail::of(newcomers.iter().map(|n| Some(n.noticed? - n.told))),
            hops: Sample::of(joins.iter().map(|j| f64::from(j.hops))),
            attempts: Sample::of(joins.iter().map(|j| f64::from(j.attempts))),
            redirected: joins.iter().map(|j| j.redirected as usize).sum(),
            servers: served.len(),
            most_served: served.values().copied().max().unwrap_or(0),
            most_hellos: watch.most_hellos(),
            whole_seconds: whole.map(seconds),
            whole_rounds: whole.map(rounds),
            datagrams: world.sim().datagrams() - datagrams,
            trace: format!("{:016x}", world.sim().trace()),
            newcomers,
            served,
        }
    }
}
