//! An overlay of which only some are to be found: supernodes announce the group, ordinary nodes find them there, and
//! who ceases to be one hands its children over first.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use anybed::anycast::{Command, Event, Member};
use anybed::machine::Via;
use anybed::overlay::Phase;
use anybed::overlay::id::Id;
use anybed::overlay::key::Value;

use crate::world::{Happening, JOIN, Options, World, address, config, given, id};

const SECOND: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);
const HOSTS: usize = 24;

static BY_ID: LazyLock<BTreeMap<Id, usize>> = LazyLock::new(|| (0..HOSTS).map(|host| (id(host), host)).collect());

fn options(seed: u64, children: u64, least: u64) -> Options {
    let protocol = given("kazaa").with("children", children).with("least_children", least);
    let protocol = protocol.with("uptime", Value::Time(2 * SECOND)).with("refresh", Value::Time(5 * SECOND));
    Options { hosts: HOSTS, seed, protocol, ..Options::default() }
}

fn joined(seed: u64, children: u64, least: u64) -> World {
    let mut world = World::new(options(seed, children, least));
    world.join_all();
    world.sim.run_for(20 * SECOND);
    world
}

fn member(world: &World, host: usize) -> Option<&Member> {
    world.sim.machine(host).filter(|member| member.digest().phase == Phase::Member)
}

/// The hosts that this one has as that.
fn has(world: &World, host: usize, role: &str) -> BTreeSet<usize> {
    let neighbors = member(world, host).map(|member| member.digest().neighbors).unwrap_or_default();
    neighbors.roles.get(role).into_iter().flatten().map(|id| BY_ID[id]).collect()
}

/// Those that have no supernode above them.
fn supernodes(world: &World) -> BTreeSet<usize> {
    let above = |host: &usize| member(world, *host).is_some() && has(world, *host, "supernode").is_empty();
    (0..HOSTS).filter(above).collect()
}

fn announcing(world: &World) -> BTreeSet<usize> {
    let announces = |host: &usize| member(world, *host).is_some_and(|member| member.digest().announced.contains(&JOIN));
    (0..HOSTS).filter(announces).collect()
}

/// Ordinary nodes whose supernode is not there.
fn orphans(world: &World) -> BTreeSet<usize> {
    let above = announcing(world);
    let orphaned = |host: &usize| {
        let of = has(world, *host, "supernode");
        !above.contains(host) && !of.iter().any(|of| member(world, *of).is_some())
    };
    (0..HOSTS).filter(|host| member(world, *host).is_some() && orphaned(host)).collect()
}

/// Whether this host answers a Hello to its own address.
fn answers(world: &mut World, host: usize, options: &Options) -> bool {
    let stranger = SocketAddr::from(([10, 9, 9, 9], 4000));
    let now = world.sim.now();
    let mut joiner = Member::plain(config(Options { hosts: HOSTS + 1, ..options.clone() }, HOSTS), now);
    joiner.command(now, Command::Join { found: false });
    let hello = joiner.poll_transmit().expect("a Hello").bytes;
    let mut answered = false;
    world.sim.tell(host, |member| {
        member.handle(now, stranger, Via::Unicast, &hello);
        while let Some(said) = member.poll_transmit() {
            answered |= said.to == stranger;
        }
    });
    answered
}

/// When it happened first.
fn when(world: &World, host: usize, what: impl Fn(&Event) -> bool) -> Option<Duration> {
    let first = |happened: &&Happening| happened.host == host && what(&happened.event);
    world.sim.events().iter().find(first).map(|happened| happened.at.0)
}

fn has_above(event: &Event) -> bool {
    matches!(event, Event::Neighbors(neighbors) if neighbors.roles.contains_key("supernode"))
}

#[test]
fn only_supernodes_announce_the_group_and_answer_hellos() {
    for seed in [1, 2] {
        let options = options(seed, 6, 1);
        let mut world = joined(seed, 6, 1);
        let above = supernodes(&world);
        assert!((4..HOSTS / 2).contains(&above.len()), "{above:?}");
        assert_eq!(announcing(&world), above);
        for host in 0..HOSTS {
            assert_eq!(answers(&mut world, host, &options), above.contains(&host), "{host}");
            let found = world.sim.catchment(0, host).expect("somebody is found");
            assert!(above.contains(&found), "{host} finds {found}");
        }
        // All but the first were ordinary nodes before, and announced nothing then.
        for host in above.iter().filter(|host| **host != 0) {
            let below = when(&world, *host, has_above).expect("it was below one");
            let announced = when(&world, *host, |event| matches!(event, Event::Announced { .. })).expect("it is found");
            assert!(below < announced, "{host}");
        }
        for host in (0..HOSTS).filter(|host| !above.contains(host)) {
            assert_eq!(when(&world, host, |event| matches!(event, Event::Announced { .. })), None, "{host}");
        }
    }
}

#[test]
fn a_supernode_that_leaves_has_handed_its_children_over() {
    for seed in [1, 2] {
        let mut world = joined(seed, 6, 1);
        let above = supernodes(&world);
        let leaver = *above.iter().max_by_key(|host| has(&world, **host, "children").len()).expect("a supernode");
        let children = has(&world, leaver, "children");
        assert!(children.len() >= 3, "{children:?}");
        world.sim.command(leaver, Command::Leave);
        let gone = |world: &World| when(world, leaver, |event| matches!(event, Event::Left)).is_some();
        let mut withdrawn_with = None;
        for _ in 0..500 {
            world.sim.run_for(LOOK);
            assert_eq!(orphans(&world), BTreeSet::new(), "while it leaves");
            let withdraws = when(&world, leaver, |event| matches!(event, Event::Withdrew { .. })).is_some();
            if withdraws && withdrawn_with.is_none() {
                withdrawn_with = Some(has(&world, leaver, "children"));
            }
            if gone(&world) {
                break;
            }
        }
        assert!(gone(&world));
        assert_eq!(withdrawn_with, Some(BTreeSet::new()), "it had none when it withdrew");
    }
}

#[test]
fn who_is_no_supernode_any_more_hands_over_withdraws_and_only_then_is_silent() {
    let options = options(3, 6, 3);
    let mut world = World::new(options.clone());
    world.join_all();
    world.sim.run_for(5 * SECOND);
    // With few ordinary nodes left, not so many supernodes are needed.
    let above = supernodes(&world);
    let below: Vec<usize> = (0..HOSTS).filter(|host| !above.contains(host)).collect();
    for host in &below[6..] {
        world.sim.command(*host, Command::Leave);
    }
    let mut before = above.clone();
    let (mut silenced, mut handed_over, mut still_found) = (BTreeSet::new(), 0, 0);
    let mut had: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); HOSTS];
    for _ in 0..3000 {
        world.sim.run_for(LOOK);
        assert_eq!(orphans(&world), BTreeSet::new(), "nobody leaves without notice");
        let (now, announce) = (supernodes(&world), announcing(&world));
        for host in &before {
            if now.contains(host) {
                had[*host].extend(has(&world, *host, "children"));
            } else {
                assert!(has(&world, *host, "children").is_empty(), "{host} has handed its children over");
                if announce.contains(host) {
                    still_found += 1;
                    assert!(answers(&mut world, *host, &options), "who still comes to {host} is sent on");
                }
                handed_over += had[*host].len();
                silenced.insert(*host);
            }
        }
        before = now;
    }
    assert!(silenced.len() >= 2 && handed_over > 0 && still_found > 0, "{silenced:?}, {still_found}");
    assert_eq!(announcing(&world), supernodes(&world));
    for host in silenced.difference(&supernodes(&world)) {
        assert!(!answers(&mut world, *host, &options), "{host}");
    }
}

#[test]
fn no_child_of_a_supernode_that_crashes_is_long_without_another_one() {
    // A round until it is asked, three tries of 200, 400 and 800 ms, twice: one that is asked may be gone, too.
    let bound = Duration::from_millis(550 + 2 * 1400 + 500);
    for seed in [1, 2, 3] {
        let mut world = joined(seed, 6, 1);
        let above = supernodes(&world);
        let gone = *above.iter().max_by_key(|host| has(&world, **host, "children").len()).expect("a supernode");
        assert!(has(&world, gone, "children").len() >= 3);
        world.sim.crash(gone);
        let begin = world.sim.now();
        let mut worst = Duration::ZERO;
        while world.sim.now() - begin < 10 * SECOND {
            if !orphans(&world).is_empty() {
                worst = world.sim.now() - begin;
            }
            world.sim.run_for(LOOK);
        }
        assert!(worst <= bound, "{:?} after {worst:?}, seed {seed}", address(gone));
        assert!(worst > Duration::ZERO, "it had children");
    }
}
