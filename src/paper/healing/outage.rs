//! One outage in the simulated network, from before it to long after it.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::lookups::{Asking, Ended, Lookup};
use crate::anycast::{Event, Healing, Infrastructure};
use crate::overlay::{Answer, Protocol, Proximity};
use crate::paper::runs::in_parallel;
use crate::sim::{Delays, Deployed, Options, World, settings};

/// Who is cut off from whom, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    /// Sizes of the islands; the first stays where it is.
    pub(super) sizes: &'static [usize],
    pub(super) length: Duration,
    /// All but the first island's nodes come back with other addresses.
    pub(super) renumbered: bool,
}

/// The node that everybody knows, for [`Healing::WellKnown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// In the first island.
    Outside,
    /// In the second, which is renumbered if that is.
    Inside,
    /// In the first, and it died when the outage began.
    Dead,
}

/// How long a course is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// A node has recognized another island's.
    Contact,
    /// All are one overlay.
    Whole,
    /// Two minutes later; lookups go on meanwhile, and keys are looked for.
    After,
}

/// An overlay and what happens to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    pub(super) protocol: Protocol,
    /// What brings its nodes together.
    pub(super) by: Infrastructure,
    /// Servers of that in each island; of plain IP anycast none.
    pub(super) servers: &'static [usize],
    pub(super) healing: Healing,
    pub(super) known: Known,
    pub(super) outage: Outage,
    pub(super) remember: Duration,
    pub(super) epoch: Duration,
    pub(super) listen: Duration,
    /// Both the time before the outage and its length are longer by a random part of this.
    pub(super) spread: Duration,
    pub(super) until: Until,
}

/// What became of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Played {
    /// From the end of the outage until all was one overlay; `None`: not within [`Course::PATIENCE`].
    pub(super) seconds: Option<f64>,
    /// Until a node had recognized another island's.
    pub(super) contact: Option<f64>,
    /// Datagrams per node in the first [`Course::COUNTED`].
    pub(super) messages: f64,
    /// Lookups in the order in which they were asked; judged as if all were one overlay.
    pub(super) lookups: Vec<Lookup>,
    /// Keys stored before that nobody finds in the end.
    pub(super) lost: usize,
    /// Colors that the first two islands lack and the other has.
    pub(super) lacking: [u32; 2],
}

/// Between the two lookups that must miss a stranger before it counts as another island's.
pub(super) const SURE: Duration = Duration::from_secs(2 * Course::STABILIZE.as_secs());

/// Seconds: a stranger answers a question and proves its address, and again when it is asked where it stands. The
/// islands' middles are 35·√3 ms apart.
pub(super) fn round_trips() -> f64 {
    4.0 * 2.0 * 35.0 * 3.0_f64.sqrt() / 1e3
}

impl Course {
    pub(super) const COLORS: u16 = 8;
    pub(super) const HEAL_EVERY: Duration = Duration::from_secs(60);
    pub(super) const EPOCH: Duration = Duration::from_secs(120);
    pub(super) const LISTEN: Duration = Duration::from_secs(10);
    pub(super) const REMEMBER: Duration = Duration::from_secs(600);
    pub(super) const STABILIZE: Duration = Duration::from_secs(10);
    pub(super) const PROPAGATION: Duration = Duration::from_millis(500);
    /// An outage that has not healed by then, ten times D and five epochs, has not healed.
    pub(super) const PATIENCE: Duration = Duration::from_secs(600);
    /// Datagrams are compared over this time.
    pub(super) const COUNTED: Duration = Duration::from_secs(300);
    /// Lookups are asked for so long after the merge.
    pub(super) const AFTER: Duration = Duration::from_secs(120);
    /// Lookups in each round of stabilization.
    const LOOKUPS: usize = 16;
    /// Keys stored before the outage.
    pub(super) const KEYS: usize = 100;

    pub(super) fn new(protocol: Protocol, healing: Healing, outage: Outage) -> Self {
        Self {
            protocol,
            by: Infrastructure::default(),
            servers: &[],
            healing,
            known: Known::Outside,
            outage,
            remember: Self::REMEMBER,
            epoch: Self::EPOCH,
            listen: Self::LISTEN,
            spread: Duration::ZERO,
            until: Until::After,
        }
    }

    fn world(&self, seed: u64) -> World {
        let nodes = self.outage.sizes.iter().sum();
        let mut options = Options::of(nodes, settings(self.protocol, Proximity::Probed), seed);
        options.healing = self.healing;
        options.colors = if self.healing.has_colors() { Self::COLORS } else { 0 };
        options.heal_every = Self::HEAL_EVERY;
        options.remember = self.remember;
        options.epoch = self.epoch;
        options.listen = self.listen;
        options.stabilize_every = Self::STABILIZE;
        options.rpc_timeout = Duration::from_secs(1);
        options.rpc_tries = 2;
        options.network.delays = clusters(self.outage.sizes, self.servers, seed);
        options.deployed = Deployed::new(self.by, self.servers.iter().sum());
        options.network.propagation = Self::PROPAGATION;
        let mut configs = options.configs();
        if self.known == Known::Inside {
            let inside = configs[self.outage.sizes[0]].address;
            configs.iter_mut().for_each(|config| config.well_known = vec![inside]);
        }
        let mut world = World::served(self.by, configs, options.servers(), seed, &options.network);
        world.run_for(options.deployed.settles_in());
        world
    }

    /// The hosts of each island, its servers' among them.
    fn sides(&self) -> Vec<Vec<usize>> {
        let mut sides = islands(self.outage.sizes);
        let nodes: usize = self.outage.sizes.iter().sum();
        for (side, servers) in sides.iter_mut().zip(islands(self.servers)) {
            side.extend(servers.iter().map(|server| nodes + server));
        }
        sides
    }
}

/// Islands 60 ms apart, five across: nodes, then servers.
fn clusters(sizes: &[usize], servers: &[usize], seed: u64) -> Delays {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut points = Vec::new();
    for (island, size) in sizes.iter().enumerate().chain(servers.iter().enumerate()) {
        let turn = std::f64::consts::TAU * island as f64 / sizes.len().max(3) as f64;
        let middle = (35.0 * turn.cos(), 35.0 * turn.sin());
        points.extend(
            (0..*size).map(|_| (middle.0 + rng.random_range(-2.5..2.5), middle.1 + rng.random_range(-2.5..2.5))),
        );
    }
    Delays::of_points(points)
}

/// The hosts of each island.
fn islands(sizes: &[usize]) -> Vec<Vec<usize>> {
    let begins = sizes.iter().scan(0, |sum, size| {
        *sum += size;
        Some(*sum - size)
    });
    begins.zip(sizes).map(|(begin, size)| (begin..begin + size).collect()).collect()
}

/// An overlay of these islands, cut apart and connected again, and what it holds now.
pub(super) fn cut(course: &Course, seed: u64) -> (World, BTreeSet<usize>) {
    let mut world = course.world(seed);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::from_be_bytes(*b"outages\0"));
    let mut spread = || course.spread.mul_f64(rng.random());
    world.join_all();
    world.run_for(Course::STABILIZE * 12 + spread());
    if course.until == Until::After {
        world.put(Course::KEYS);
    }
    let islands = islands(course.outage.sizes);
    for side in &course.sides()[1..] {
        world.partition(side);
    }
    if course.known == Known::Dead {
        world.crash(0);
    }
    world.run_for(course.outage.length + spread());
    if course.outage.renumbered {
        islands[1..].iter().flatten().for_each(|host| world.renumber(*host));
        world.run_for(Duration::from_secs(2));
    }
    let everybody = world.members().clone();
    world.heal();
    (world, everybody)
}

fn play(course: &Course, seed: u64) -> Played {
    let (mut world, everybody) = cut(course, seed);
    let lacking = lacking(course, &world);
    world.keep_happenings();
    let begin = world.now();
    let since = |world: &World| (world.now() - begin).as_secs_f64();
    if course.until == Until::Whole {
        let whole = world.run_until(Course::PATIENCE, |world| world.is_whole(&everybody));
        return Played { seconds: whole.then(|| since(&world)), lacking, ..Played::default() };
    }
    if course.until == Until::Contact {
        let (mut contact, end) = (None, begin + course.epoch * 4 + Course::PATIENCE);
        while contact.is_none() && world.now() < end {
            world.run_for(Duration::from_secs(1));
            contact = world.take_happenings().iter().find(|h| met(&h.event)).map(|h| (h.at - begin).as_secs_f64());
        }
        return Played { contact, lacking, ..Played::default() };
    }
    let mut played = Played { lacking, ..Played::default() };
    let sent = world.sim().datagrams();
    let mut asking = Asking::new(seed);
    let end = |played: &Played| match played.seconds {
        Some(merged) => (merged + Course::AFTER.as_secs_f64()).max(Course::COUNTED.as_secs_f64()),
        None => Course::PATIENCE.as_secs_f64(),
    };
    while since(&world) < end(&played) {
        let round = world.now() + Course::STABILIZE;
        let asked = since(&world);
        asking.ask(&mut world, Course::LOOKUPS, asked);
        if played.seconds.is_none() && world.run_until(Course::STABILIZE, |world| world.is_whole(&everybody)) {
            played.seconds = Some(since(&world));
        }
        world.run_for(round - world.now());
        for happening in world.take_happenings() {
            match happening.event {
                event if met(&event) => {
                    played.contact = played.contact.or(Some((happening.at - begin).as_secs_f64()));
                }
                Event::Done { token, outcome: Answer::Looked { owner, .. }, .. } => asking.ended(token, owner),
                _ => {}
            }
        }
        asking.judge(&world, &everybody);
        if world.now() - begin == Course::COUNTED {
            played.messages = (world.sim().datagrams() - sent) as f64 / everybody.len().max(1) as f64;
        }
    }
    played.lookups = asking.done();
    played.lost = world.missing().len();
    played
}

fn met(event: &Event) -> bool {
    matches!(event, Event::Contact { .. })
}

/// Colors that each of the first two islands lacks and the other has.
fn lacking(course: &Course, world: &World) -> [u32; 2] {
    let islands = islands(course.outage.sizes);
    let colors = |island: usize| -> BTreeSet<u16> {
        let hosts = islands.get(island).into_iter().flatten();
        hosts.filter_map(|host| world.configs()[*host].color).collect()
    };
    let (first, second) = (colors(0), colors(1));
    [second.difference(&first).count() as u32, first.difference(&second).count() as u32]
}

/// Plays each of these courses with each of so many seeds; results in the order of the courses.
pub(super) fn played(courses: &[Course], first: u64, seeds: u64) -> Vec<Vec<Played>> {
    let jobs: Vec<(Course, u64)> = courses.iter().flat_map(|c| (first..first + seeds).map(|s| (*c, s))).collect();
    let mut runs = in_parallel(&jobs, |(course, seed)| play(course, *seed)).into_iter();
    courses.iter().map(|_| runs.by_ref().take(seeds as usize).collect()).collect()
}

impl Played {
    /// Lookups asked within so many seconds after the merge, and how many of them were answered wrongly or not at
    /// all.
    pub(super) fn after(&self) -> Option<(usize, usize)> {
        let merged = self.seconds?;
        let asked = |l: &&Lookup| l.asked >= merged && l.asked < merged + Course::AFTER.as_secs_f64();
        let lookups = self.lookups.iter().filter(asked);
        Some(lookups.fold((0, 0), |(all, bad), l| (all + 1, bad + usize::from(l.ended != Ended::Right))))
    }
}
