//! Overlays of hundreds of nodes, as `anybed sim` plays them.

use std::collections::BTreeSet;
use std::time::Duration;

use anybed::overlay::{LookupMode, Protocol, Proximity};
use anybed::sim::{Delays, Lookups, Options, Sample, World, settings};

const SECOND: Duration = Duration::from_secs(1);

fn options(nodes: usize, proximity: Proximity, seed: u64) -> Options {
    Options::of(nodes, settings(Protocol::default(), proximity), seed)
}

fn settled(options: &Options) -> World {
    let mut world = World::new(options);
    assert!(world.join_all(), "{} of {} have joined", world.members().len(), options.nodes);
    world.run_for(300 * SECOND);
    world
}

fn all_right(lookups: &Lookups) -> Sample {
    assert_eq!((lookups.wrong, lookups.failed), (0, 0));
    lookups.hops.expect("there were lookups")
}

/// Chord's paper has paths of ½ log2 N nodes, the owner included; fingers are then the first nodes of their
/// intervals.
#[test]
fn classic_fingers_take_half_log2_n_hops() {
    let mut world = settled(&options(128, Proximity::None, 1));
    let hops = all_right(&world.lookups(1500));
    let half = (128f64).log2() / 2.0;
    assert!((hops.mean / half - 1.0).abs() < 0.1, "{} instead of {half}", hops.mean);
}

/// CAN's paper has paths of (d/4)·N^(1/d) nodes through N equal zones of d dimensions. Halved at random points,
/// zones differ: lookups pass through the large ones, and are shorter than that.
#[test]
fn in_zones_of_equal_size_can_takes_what_its_paper_says() {
    let [uniform, random] = ["uniform", "random"].map(|partitioning| {
        let can = crate::world::given("can").with("proximity", Proximity::None).with("partitioning", partitioning);
        let mut world = settled(&Options::of(64, can, 1));
        all_right(&world.lookups(1500)).mean
    });
    let paper = 2.0 / 4.0 * 64f64.sqrt();
    assert!((uniform / paper - 1.0).abs() < 0.1, "{uniform} instead of {paper}");
    assert!(random < uniform, "{random} and {uniform}");
}

#[test]
fn the_same_seed_gives_the_same_course() {
    let course = |seed| {
        let mut world = settled(&options(40, Proximity::Anycast, seed));
        let lookups = world.lookups(100);
        (world.sim().trace(), world.sim().datagrams(), lookups)
    };
    let (one, same, other) = (course(1), course(1), course(2));
    assert_eq!(one, same);
    assert_ne!(one.0, other.0);
}

#[test]
fn latency_is_the_sum_of_the_delays_and_near_fingers_shorten_it() {
    let mut means = Vec::new();
    for proximity in [Proximity::None, Proximity::Probed] {
        let mut world = settled(&options(60, proximity, 3));
        let lookups = world.lookups(400);
        all_right(&lookups);
        let (latency, direct) = (lookups.latency_ms.unwrap(), lookups.direct_ms.unwrap());
        assert!(latency.p50 > direct.p50, "no lookup is faster than light: {latency:?}, {direct:?}");
        assert!(lookups.delay_penalty.unwrap().p50 >= 1.0);
        means.push(lookups.mean_delay_penalty.unwrap());
    }
    assert!(means[1] < means[0], "nearer fingers: {means:?}");
}

/// Straight to a node that is asked by itself the penalty is 1, whoever carries the lookup on.
#[test]
fn of_two_nodes_the_penalty_is_one() {
    for lookup in [LookupMode::Iterative, LookupMode::Recursive] {
        let mut two = options(2, Proximity::None, 1);
        two.lookup = lookup;
        two.network.delays = Delays::of_round_trips(2, &[0.0, 40.0, 60.0, 0.0]);
        let lookups = settled(&two).lookups(50);
        all_right(&lookups);
        let (penalty, direct) = (lookups.delay_penalty.unwrap(), lookups.direct_ms.unwrap());
        assert_eq!((penalty.p50, penalty.max), (1.0, 1.0), "{lookup:?}");
        assert_eq!((direct.p50, direct.max), (50.0, 50.0), "20 ms one way, 30 ms the other");
    }
}

#[test]
fn a_partition_makes_islands_that_answer_for_themselves() {
    let mut world = settled(&options(30, Proximity::None, 1));
    let cut: Vec<usize> = (0..10).collect();
    world.partition(&cut);
    let two = |world: &World| world.islands().iter().map(BTreeSet::len).collect::<Vec<_>>() == [20, 10];
    assert!(world.run_until(300 * SECOND, two), "{:?}", world.islands());
    world.run_for(120 * SECOND);
    for island in world.islands() {
        all_right(&world.lookups_among(&island, 50));
    }
}

#[test]
fn keys_are_stored_and_found() {
    let mut world = settled(&options(30, Proximity::None, 1));
    assert_eq!(world.put(60), 60);
    world.crash(7);
    world.run_for(120 * SECOND);
    assert_eq!(world.missing(), Vec::<String>::new());
    assert_eq!(world.members().len(), 29);
}
