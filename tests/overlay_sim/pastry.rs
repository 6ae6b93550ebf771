//! Pastry in the simulated network.

use std::collections::BTreeSet;
use std::time::Duration;

use anybed::anycast::{Command, Event, Member};
use anybed::machine::sim::Sim;
use anybed::overlay::id::Id;
use anybed::overlay::{Answer, Given, Proximity};
use anybed::topology::{Bootstrap, Healing, LookupMode};

use crate::world::{self, Happening, Options, World};

const SECOND: Duration = Duration::from_secs(1);

fn options(hosts: usize) -> Options {
    Options { hosts, protocol: world::given("pastry"), ..Options::default() }
}

/// Few leaves: most of the overlay lies beyond them.
fn few_leaves() -> Given {
    world::given("pastry").with("leaf_set", 4)
}

fn up(options: Options) -> World {
    let mut world = World::new(options);
    world.join_all();
    world.expect_whole(30 * SECOND);
    world
}

#[test]
fn after_random_joins_every_leaf_set_is_right() {
    for (hosts, protocol) in [(24, options(0).protocol), (48, few_leaves())] {
        up(Options { protocol, ..options(hosts) });
    }
}

#[test]
fn overlays_of_one_two_and_three_work() {
    for hosts in 1..=3 {
        let mut world = up(options(hosts));
        assert_eq!(world.put(5), 5);
        assert_eq!(world.missing(), Vec::<String>::new());
        for host in 1..hosts {
            world.sim.crash(host);
            world.expect_whole(30 * SECOND);
        }
        assert_eq!(world.missing(), Vec::<String>::new());
    }
}

#[test]
fn a_lookup_takes_fewer_hops_than_an_id_has_digits_of_use() {
    // ⌈log 64⌉ to the base 2^b.
    for (lookup, b, limit) in [(LookupMode::Iterative, 4, 2.0), (LookupMode::Recursive, 1, 6.0)] {
        let settings = world::given("pastry").with("b", b).with("leaf_set", 4).with("neighborhood", 0);
        let mut world = up(Options { lookup, protocol: settings, ..options(64) });
        world.sim.run_for(5 * SECOND);
        let looked = world.lookups(300);
        assert_eq!((looked.unanswered, looked.wrong), (0, 0));
        assert!(looked.mean_hops < limit, "{lookup:?}, b = {b}: {}", looked.mean_hops);
    }
}

#[test]
fn crashes_of_fewer_than_replicas_members_lose_no_acknowledged_key() {
    for seed in 1..=2 {
        let mut world = up(Options { seed, ..options(24) });
        assert_eq!(world.put(100), 100);
        for round in 0..2 {
            let ring = world.ring();
            world.sim.crash(ring[5]);
            world.sim.crash(ring[6]);
            world.expect_whole(30 * SECOND);
            world.sim.run_for(5 * SECOND);
            assert_eq!(world.missing(), Vec::<String>::new(), "seed {seed}, round {round}");
        }
    }
}

#[test]
fn graceful_leaves_lose_nothing() {
    let mut world = up(options(16));
    assert_eq!(world.put(60), 60);
    // All copies of some keys leave at once.
    let leaving = world.ring()[2..6].to_vec();
    for host in &leaving {
        world.sim.command(*host, Command::Leave);
    }
    let left = |host: usize| move |h: &Happening| h.host == host && h.event == Event::Left;
    assert!(world.sim.run_until(30 * SECOND, |sim| leaving.iter().all(|h| sim.events().iter().any(left(*h)))));
    world.expect_whole(30 * SECOND);
    assert_eq!(world.missing(), Vec::<String>::new());
    let forgot = world.sim.events().iter().filter(|h| matches!(h.event, Event::Forgot { .. })).count();
    assert_eq!(forgot, 0, "nobody had to be missed");
}

#[test]
fn a_later_put_of_the_same_key_replaces_the_value() {
    let mut world = up(options(8));
    assert!(world.put_one(0, "color", "red"));
    assert!(world.put_one(3, "color", "blue"));
    for host in 0..8 {
        assert_eq!(world.get_one(host, "color"), Some("blue".into()));
    }
    assert_eq!(world.get_one(0, "shape"), None);
}

/// 24 members of which 6, a stub network, are cut off: before anyone has noticed, answers come slowly but
/// from the right owners; later each island serves as one of its own.
#[test]
fn a_stub_that_was_cut_off_is_merged_by_colors_and_no_key_is_lost() {
    for (seed, lookup) in [(1, LookupMode::Iterative), (2, LookupMode::Recursive)] {
        let protocol = if seed == 1 { few_leaves() } else { options(0).protocol };
        let mut world = up(Options { seed, lookup, protocol, healing: Healing::Colors, ..options(24) });
        assert_eq!(world.put(60), 60);
        let stub: BTreeSet<usize> = (6..12).collect();
        let rest: BTreeSet<usize> = (0..24).filter(|h| !stub.contains(h)).collect();
        world.sim.partition(&stub.iter().copied().collect::<Vec<_>>());
        let islands = [stub, rest];
        for island in &islands {
            let looked = world.lookups_among(island, 60);
            assert_eq!(looked.wrong, 0, "{looked:?}");
        }
        world.expect_islands(40 * SECOND, &islands);
        world.sim.run_for(5 * SECOND);
        for island in &islands {
            let looked = world.lookups_among(island, 100);
            assert_eq!((looked.unanswered, looked.wrong), (0, 0), "each island keeps serving");
            let through: Vec<usize> = island.iter().copied().collect();
            assert_eq!(world.put_through(&through, 20), 20);
        }
        world.sim.heal();
        world.expect_whole(20 * SECOND);
        // Maintenance brings the keys to their owners in a few of its rounds.
        world.sim.run_for(10 * SECOND);
        assert_eq!(world.missing(), Vec::<String>::new());
        let looked = world.lookups(300);
        assert_eq!((looked.unanswered, looked.wrong), (0, 0));
    }
}

#[test]
fn without_healing_two_islands_stay_two() {
    let mut world = up(options(12));
    let islands: [BTreeSet<usize>; 2] = [(0..4).collect(), (4..12).collect()];
    world.sim.partition(&[0, 1, 2, 3]);
    world.expect_islands(40 * SECOND, &islands);
    world.sim.run_for(10 * SECOND);
    world.sim.heal();
    world.sim.run_for(30 * SECOND);
    world.expect_islands(Duration::ZERO, &islands);
    for island in &islands {
        let ids: BTreeSet<Id> = island.iter().map(|h| world::id(*h)).collect();
        for host in island {
            let fingers = world.sim.machine(*host).unwrap().digest().neighbors.fingers;
            assert!(fingers.iter().all(|f| ids.contains(f)), "h{host} knows nodes of the other island");
        }
    }
}

#[test]
fn renumbered_members_are_known_at_once_and_lose_no_key() {
    for (seed, lookup) in [(1, LookupMode::Iterative), (2, LookupMode::Recursive)] {
        let mut world = up(Options { seed, lookup, ..options(24) });
        assert_eq!(world.put(60), 60);
        for round in 0..2 {
            let (since, begun) = (world.sim.events().len(), world.sim.now());
            let moving = [world.ring()[5], world.ring()[6]];
            moving.iter().for_each(|host| world.renumber(*host));
            let joined = |host: usize| move |h: &Happening| h.host == host && matches!(h.event, Event::Joined { .. });
            let all = |sim: &Sim<Member>| moving.iter().all(|h| sim.events()[since..].iter().any(joined(*h)));
            assert!(world.sim.run_until(10 * SECOND, all), "seed {seed}, round {round}");
            assert!(world.sim.now() - begun < Duration::from_millis(200), "it waits for no timeout");
            let looked = world.lookups(60);
            assert_eq!((looked.unanswered, looked.wrong), (0, 0), "seed {seed}, round {round}");
            world.sim.run_for(5 * SECOND);
            world.expect_whole(Duration::ZERO);
            assert_eq!(world.missing(), Vec::<String>::new(), "seed {seed}, round {round}");
        }
    }
}

#[test]
fn a_member_that_restarts_before_it_was_missed_joins_again() {
    for after in [0, 20, 150, 400] {
        for hosts in [2, 12] {
            let mut world = up(options(hosts));
            world.sim.crash(1);
            world.sim.run_for(Duration::from_millis(after));
            world.sim.restart(1);
            world.sim.command(1, Command::Join { found: false });
            let is_member = |sim: &Sim<Member>| sim.machine(1).is_some_and(world::is_member);
            assert!(world.sim.run_until(15 * SECOND, is_member), "{hosts} hosts, after {after} ms");
            world.expect_whole(20 * SECOND);
        }
    }
}

/// Mean round trip, in milliseconds, between members and the first row of their routing tables, and how
/// many entries these have.
fn first_row(world: &World) -> (f64, usize) {
    let digit = |id: Id| id.0 >> 124;
    let mut ways = Vec::new();
    for (host, member) in world.sim.machines() {
        let known = member.digest().neighbors.fingers;
        let row = (0..world.sim.machines().count()).filter(|other| known.contains(&world::id(*other)));
        let row = row.filter(|other| digit(world::id(*other)) != digit(world::id(host)));
        ways.extend(row.map(|other| 2.0 * world::delay(host, other).as_secs_f64() * 1e3));
    }
    (ways.iter().sum::<f64>() / ways.len() as f64, ways.len())
}

/// The paper's locality properties begin with a near contact. The first row of a node's table should hold
/// near nodes; a far contact's does not.
#[test]
fn a_contact_picked_by_anycast_gives_nearer_entries_than_one_that_is_not_near() {
    let joined_by = |bootstrap, proximity| {
        // Without a neighborhood set the entries are the table.
        let settings = world::given("pastry").with("proximity", proximity).with("neighborhood", 0).with("leaf_set", 8);
        let mut world = World::new(Options { bootstrap, protocol: settings, ..options(42) });
        world.join_all();
        first_row(&world)
    };
    for proximity in [Proximity::None, Proximity::Probed] {
        let (near, far) = (joined_by(Bootstrap::Anycast, proximity), joined_by(Bootstrap::WellKnown, proximity));
        assert!(near.0 < far.0, "{proximity:?}: {near:?} by anycast, {far:?} by the well-known node");
    }
}

/// With one leaf on either side, a node that has lost a neighbor knows nothing of that side any more.
#[test]
fn who_has_lost_a_whole_side_answers_late_rather_than_wrongly() {
    let few = world::given("pastry").with("leaf_set", 2).with("neighborhood", 0);
    let mut world = up(Options { protocol: few.clone(), ..options(24) });
    let since = world.sim.events().len();
    let ring = world.ring();
    ring[5..8].iter().for_each(|host| world.sim.crash(*host));
    let left: Vec<usize> = world.ring();
    // All the while until everybody has noticed, those next to the gap among them.
    for _ in 0..150 {
        left.iter().for_each(|host| world.look_up_and_forget(*host));
        world.sim.run_for(Duration::from_millis(10));
    }
    world.expect_whole(30 * SECOND);
    let left: BTreeSet<usize> = left.into_iter().collect();
    let owner = |key| crate::oracle::owner(&world.sim, &left, few.protocol, key);
    let answers = world.sim.events()[since..].iter().filter_map(|h| match h.event {
        Event::Done { outcome: Answer::Looked { key, owner: Some(owner), .. }, .. } => Some((key, owner)),
        _ => None,
    });
    let (right, wrong): (Vec<_>, Vec<_>) = answers.partition(|(key, by)| owner(*key) == Some(*by));
    assert!(right.len() > 2000 && wrong.is_empty(), "{} right, wrong: {wrong:?}", right.len());
}

/// A node in the middle of a crowd is seldom sure of both sides, and those who only want to know whom to tell need
/// not wait until it is: that would be half an interval, ten times a round trip.
#[test]
fn a_crowd_waits_for_nobody_to_be_sure() {
    let nodes = 100;
    for seed in 1..=2 {
        let pastry = world::given("pastry").with("leaf_set", 8).with("proximity", Proximity::None);
        let crowd = world::crowd(nodes, pastry, seed);
        let (hops, log2) = (crowd.hops.expect("they joined"), (nodes as f64).log2());
        assert!(hops.mean < 0.75 * log2, "{hops:?}, log2 N is {log2}");
        assert!(crowd.join_ms.max.is_some_and(|ms| ms < 14.0 * 104.0), "{:?}", crowd.join_ms);
    }
}
