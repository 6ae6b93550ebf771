//! One overlay that nodes join late: what they know and how their lookups go, from the join on.

use std::collections::BTreeSet;
use std::time::Duration;

use super::lists::{Found, judged};
use crate::anycast::{Bootstrap, Healing};
use crate::overlay::id::Id;
use crate::overlay::key::Value;
use crate::overlay::{Given, Protocol, Proximity};
use crate::sim::{Delays, Lookups, Options, World, settings};

/// Colors of the overlay, where it has any.
pub(super) const COLORS: u16 = 8;
/// Landmarks of a CAN that has them: the nodes that were there first.
const LANDMARKS: usize = 4;
/// Stabilization intervals from the last of the others' joins to the first newcomer's.
const SETTLE_ROUNDS: u32 = 10;
/// Between two newcomers.
const GAP: Duration = Duration::from_millis(100);
/// Most time that newcomers have to join.
const PATIENCE: Duration = Duration::from_secs(120);

/// How nodes find their neighbors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum How {
    /// They join through a well-known node and take whom they find first.
    Random,
    /// They join through a well-known node and take the nearest of those that the protocol finds.
    Probed,
    /// They join through the nearest member, learn of its neighbors, and go on as before.
    Nearest,
    /// They ask all colors besides, at the join and every minute.
    Colors,
    /// All are told of all.
    Ideal,
}

impl How {
    pub(super) const ALL: [Self; 5] = [Self::Random, Self::Probed, Self::Nearest, Self::Colors, Self::Ideal];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Probed => "probed",
            Self::Nearest => "anycast",
            Self::Colors => "anycast and colors",
            Self::Ideal => "ideal",
        }
    }
}

/// A protocol, or one told something else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Variant {
    pub(super) name: &'static str,
    pub(super) protocol: Protocol,
    landmarks: bool,
}

impl Variant {
    /// Every protocol, and each that has them with landmarks.
    pub(super) fn all() -> Vec<Self> {
        let plain = |protocol: Protocol| Self { name: protocol.title, protocol, landmarks: false };
        let binned = Protocol::keyed().filter(|protocol| protocol.key("landmarks").is_some());
        let binned = binned.map(|protocol| Self { name: "CAN, landmarks", protocol, landmarks: true });
        Protocol::keyed().map(plain).chain(binned).collect()
    }
}

/// What there is of each.
#[derive(Clone, Debug)]
pub(super) struct Sizes {
    pub(super) nodes: usize,
    /// The last of them to join.
    pub(super) newcomers: usize,
    /// Seconds from the last newcomer's join, at which lookups are made.
    pub(super) times: Vec<u64>,
    /// Of each newcomer at each of these times.
    pub(super) lookups: usize,
    /// Of all members at the end.
    pub(super) last: usize,
}

/// Newcomers at one time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Delay penalty of their lookups, of the sums.
    pub(super) penalty: Option<f64>,
    /// Datagrams that each has sent since it began to join, those of these lookups left out.
    pub(super) datagrams: f64,
    /// Whom they know: their tables, and who has answered at anycast addresses.
    pub(super) known: Option<Found>,
}

/// One overlay.
#[derive(Clone, Debug)]
pub(super) struct Course {
    /// In the order of [`Sizes::times`].
    pub(super) moments: Vec<Moment>,
    /// All members' at the end.
    pub(super) last: Lookups,
}

pub(super) fn course(variant: Variant, how: How, sizes: &Sizes, delays: &Delays, seed: u64) -> Course {
    let mut world = World::new(&options(variant, how, sizes, delays, seed));
    let old = sizes.nodes - sizes.newcomers;
    world.join_first(old);
    let told = |world: &mut World| {
        if how == How::Ideal {
            world.introduce_all();
        }
    };
    told(&mut world);
    let round = world.configs()[0].stabilize_every;
    world.run_for(round * SETTLE_ROUNDS);
    for host in old..sizes.nodes {
        world.command(host, crate::anycast::Command::Join { found: false });
        world.run_for(GAP);
    }
    world.run_until(PATIENCE, |world| world.members().len() == sizes.nodes);
    told(&mut world);
    let begin = world.now();
    let newcomers: BTreeSet<usize> = world.members().range(old..).copied().collect();
    let sent = |world: &World| newcomers.iter().map(|host| world.sim().sent_by(*host)).sum::<u64>();
    let mut measuring = 0;
    let mut moments = Vec::with_capacity(sizes.times.len());
    for seconds in &sizes.times {
        let at = begin + Duration::from_secs(*seconds);
        if at > world.now() {
            world.run_for(at - world.now());
        }
        let before = sent(&world);
        let known = known(&world, &newcomers);
        let lookups = world.lookups_by(&newcomers, sizes.lookups * newcomers.len());
        let datagrams = (before - measuring) as f64 / newcomers.len().max(1) as f64;
        measuring += sent(&world) - before;
        moments.push(Moment { penalty: lookups.mean_delay_penalty, datagrams, known });
    }
    Course { moments, last: world.lookups(sizes.last) }
}

fn options(variant: Variant, how: How, sizes: &Sizes, delays: &Delays, seed: u64) -> Options {
    let proximity = match how {
        How::Random => Proximity::None,
        How::Probed => Proximity::Probed,
        How::Nearest | How::Colors | How::Ideal => Proximity::Anycast,
    };
    let mut options = Options::of(sizes.nodes, settings(variant.protocol, proximity), seed);
    options.network.delays = delays.clone();
    if matches!(how, How::Random | How::Probed) {
        options.bootstrap = Bootstrap::WellKnown;
    }
    if how == How::Colors {
        options.colors = COLORS;
        options.healing = Healing::Colors;
    }
    if variant.landmarks {
        let first = options.configs().into_iter().take(LANDMARKS).map(|config| config.peer()).collect();
        let given: Given = options.protocol.clone();
        options.protocol = given.with("landmarks", Value::Hosts(first));
    }
    options
}

/// How good the lists are of whom these hosts' nodes know.
pub(super) fn known(world: &World, of: &BTreeSet<usize>) -> Option<Found> {
    let lists = of.iter().filter_map(|host| {
        let node = world.node(*host)?;
        let digest = node.digest();
        let ids: BTreeSet<Id> = node
            .peers()
            .iter()
            .map(|p| p.id)
            .chain(digest.met.into_keys())
            .chain(digest.heard.into_iter().map(|(_, id)| id))
            .collect();
        Some((*host, ids.iter().filter_map(|id| world.host_of(*id)).collect()))
    });
    let lists: Vec<(usize, Vec<usize>)> = lists.collect();
    let members: Vec<usize> = world.members().iter().copied().collect();
    judged(&lists, &members, |a, b| world.delays().round_trip(a, b).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newcomers_learn() {
        let sizes = Sizes { nodes: 32, newcomers: 6, times: vec![0, 60], lookups: 4, last: 32 };
        let delays = Delays::random(sizes.nodes, 1);
        let variants = Variant::all();
        assert_eq!(variants.len(), 4);
        // One that knows fingers alone, and one with landmarks.
        for variant in [variants[0], variants[3]] {
            let courses = [How::Probed, How::Colors].map(|how| course(variant, how, &sizes, &delays, 1));
            for course in &courses {
                let [first, later] = course.moments[..] else { panic!("{course:?}") };
                assert!(first.datagrams > 0.0 && later.datagrams > first.datagrams, "{variant:?} {course:?}");
                assert!(course.last.failed == 0 && course.last.wrong == 0, "{variant:?} {:?}", course.last);
            }
            let [probed, colors] = courses.map(|course| course.moments[0].known.unwrap());
            assert!(colors.nearest > 0.8 && colors.recall > probed.recall, "{variant:?} {probed:?} {colors:?}");
        }
    }
}
