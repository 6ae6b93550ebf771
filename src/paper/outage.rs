//! One outage in the simulated network, from before it to long after it.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::runs::in_parallel;
use crate::anycast::{Event, Healing};
use crate::overlay::{Protocol, Proximity};
use crate::sim::{Delays, Options, World, settings};

/// Who is cut off from whom, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    /// Sizes of the islands; the first stays where it is.
    pub(super) sizes: &'static [usize],
    pub(super) length: Duration,
    /// All but the first island's nodes come back with other addresses.
    pub(super) renumbered: bool,
}

/// An overlay and what happens to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    pub(super) protocol: Protocol,
    pub(super) healing: Healing,
    pub(super) outage: Outage,
    pub(super) epoch: Duration,
}

/// What became of it.
#[derive(Clone, Debug)]
pub(super) struct Played {
    /// From the end of the outage until all was one overlay; `None`: not within [`Course::PATIENCE`].
    pub(super) seconds: Option<f64>,
    /// Until a node had recognized another island's.
    pub(super) contact: Option<f64>,
    /// Datagrams per node until then.
    pub(super) messages: Option<f64>,
    /// Lookups right after the outage, judged as if all were one overlay.
    pub(super) wrong: usize,
    pub(super) failed: usize,
    /// Keys stored before that nobody finds in the end.
    pub(super) lost: usize,
}

impl Course {
    pub(super) const COLORS: u16 = 8;
    pub(super) const HEAL_EVERY: Duration = Duration::from_secs(60);
    pub(super) const EPOCH: Duration = Duration::from_secs(120);
    pub(super) const LISTEN: Duration = Duration::from_secs(10);
    pub(super) const REMEMBER: Duration = Duration::from_secs(600);
    pub(super) const STABILIZE: Duration = Duration::from_secs(10);
    pub(super) const PROPAGATION: Duration = Duration::from_millis(500);
    /// An outage that has not healed by then has not healed.
    pub(super) const PATIENCE: Duration = Duration::from_secs(1800);

    pub(super) fn new(protocol: Protocol) -> Self {
        let outage = Outage { sizes: &[1], length: Duration::ZERO, renumbered: false };
        Self { protocol, healing: Healing::None, outage, epoch: Self::EPOCH }
    }

    fn options(&self, seed: u64) -> Options {
        let nodes = self.outage.sizes.iter().sum();
        let mut options = Options::of(nodes, settings(self.protocol, Proximity::Probed), seed);
        options.healing = self.healing;
        options.colors = if self.healing.has_colors() { Self::COLORS } else { 0 };
        options.heal_every = Self::HEAL_EVERY;
        options.remember = Self::REMEMBER;
        options.epoch = self.epoch;
        options.listen = Self::LISTEN;
        options.stabilize_every = Self::STABILIZE;
        options.rpc_timeout = Duration::from_secs(1);
        options.rpc_tries = 2;
        options.network.delays = clusters(self.outage.sizes, seed);
        options.network.propagation = Self::PROPAGATION;
        options
    }
}

/// Islands 60 ms apart, five across.
fn clusters(sizes: &[usize], seed: u64) -> Delays {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut points = Vec::new();
    for (island, size) in sizes.iter().enumerate() {
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

pub(super) fn play(course: Course, seed: u64) -> Played {
    let mut world = World::new(&course.options(seed));
    world.join_all();
    world.run_for(Course::STABILIZE * 12);
    world.put(100);
    let islands = islands(course.outage.sizes);
    for island in &islands[1..] {
        world.partition(island);
    }
    world.run_for(course.outage.length);
    if course.outage.renumbered {
        islands[1..].iter().flatten().for_each(|host| world.renumber(*host));
        world.run_for(Duration::from_secs(2));
    }
    let everybody: BTreeSet<usize> = world.members().clone();
    world.heal();
    world.keep_happenings();
    let (begin, sent) = (world.now(), world.sim().datagrams());
    let lookups = world.lookups(200);
    let mut contact = None;
    let whole = world.run_until(Course::PATIENCE, |world| world.is_whole(&everybody));
    for happening in world.take_happenings() {
        if matches!(happening.event, Event::Contact { .. }) {
            contact = contact.or(Some((happening.at - begin).as_secs_f64()));
        }
    }
    let seconds = whole.then(|| (world.now() - begin).as_secs_f64());
    let messages = (world.sim().datagrams() - sent) as f64 / everybody.len().max(1) as f64;
    world.run_for(Course::STABILIZE * 12);
    Played {
        seconds,
        contact,
        messages: seconds.map(|_| messages),
        wrong: lookups.wrong,
        failed: lookups.failed,
        lost: world.missing().len(),
    }
}

/// Plays all of these; results in the order of the courses.
pub(super) fn played(courses: Vec<(Course, u64)>) -> Vec<Played> {
    in_parallel(&courses, |(course, seed)| play(*course, *seed))
}

/// Rounds of stabilization until rings of `a` and `b` nodes are one, after one node of the second (or `all`)
/// has looked itself up in the first. `None`: not within 1000.
pub(super) fn linked(a: usize, b: usize, all: bool, seed: u64) -> Option<f64> {
    const MOST: u32 = 1000;
    let base = Course::new(Protocol::default());
    let mut options = base.options(seed);
    options.nodes = a + b;
    options.network.delays = clusters(&[a, b], seed);
    let mut world = World::new(&options);
    world.join_all();
    world.run_for(Course::STABILIZE * 12);
    let second: Vec<usize> = (a..a + b).collect();
    world.partition(&second);
    world.run_for(Course::STABILIZE * 30);
    let everybody: BTreeSet<usize> = world.members().clone();
    world.heal();
    let begin = world.now();
    let linking = if all { &second[..] } else { &second[..1] };
    linking.iter().for_each(|host| world.link(*host, 0));
    let whole = world.run_until(Course::STABILIZE * MOST, |world| world.is_whole(&everybody));
    whole.then(|| (world.now() - begin).as_secs_f64() / Course::STABILIZE.as_secs_f64())
}
