//! An overlay that searches, found by anycast: members join, are parted, and are one again by one link.

use std::collections::BTreeSet;
use std::time::Duration;

use anybed::anycast::{Command, Event, Healing, Means};
use anybed::overlay::id::Id;
use anybed::overlay::truth::{Sought, Verdict};
use anybed::overlay::{Answer, AskKind, Protocol};

use crate::world::{Happening, Options, World, given, id};

const SECOND: Duration = Duration::from_secs(1);

fn options(version: &'static str, hosts: usize, healing: Healing) -> Options {
    Options { hosts, healing, protocol: given("gnutella").with("version", version), ..Options::default() }
}

fn share_all(world: &mut World, hosts: usize) -> Vec<(Id, String)> {
    let items: Vec<(Id, String)> =
        (0..hosts).map(|host| (id(host), format!("song {host} band b{}", host % 3))).collect();
    for (host, (_, name)) in items.iter().enumerate() {
        world.sim.command(host, Command::Share { token: 0, name: name.clone() });
    }
    world.sim.run_for(SECOND);
    items
}

/// What a search by this host found beside what there was; `near` are the members of its island.
fn search(world: &mut World, host: usize, words: &str, stored: &[(Id, String)], near: &BTreeSet<usize>) -> Sought {
    let token = 1_000_000 + world.sim.events().len() as u64;
    world.sim.command(host, Command::Search { token, words: words.into() });
    let [Answer::Searched { hits, .. }] = &world.outcomes(&[token])[..] else { panic!("no search") };
    let near: BTreeSet<Id> = near.iter().map(|host| id(*host)).collect();
    Sought::judge(words, hits, stored.iter().map(|(id, name)| (*id, &name[..])), |id| near.contains(&id))
}

#[test]
fn who_joins_by_anycast_finds_everything() {
    for version in ["0.4", "0.6"] {
        let mut world = World::new(options(version, 24, Healing::None));
        world.join_all();
        world.sim.run_for(10 * SECOND);
        let items = share_all(&mut world, 24);
        let all: BTreeSet<usize> = (0..24).collect();
        for host in [0, 7, 23] {
            let sought = search(&mut world, host, "band b1", &items, &all);
            assert_eq!((sought.found, sought.missed, sought.wrong), (8, 0, 0), "{version} from {host}");
            assert_eq!(search(&mut world, host, "nobody", &items, &all).verdict(), Verdict::Nothing);
        }
        // By the oracle of links it is one island, and each link is known at both of its ends.
        let neighbors: Vec<_> = (0..24).map(|host| world.sim.machine(host).unwrap().digest().neighbors).collect();
        for (host, of_host) in neighbors.iter().enumerate() {
            for other in of_host.all() {
                let other = (0..24).find(|host| id(*host) == *other).expect("a host");
                assert!(neighbors[other].all().any(|back| *back == id(host)), "{version}: {host} and {other}");
            }
        }
    }
}

#[test]
fn colors_make_two_islands_one_by_links_alone() {
    for (version, seed) in [("0.4", 1), ("0.6", 2)] {
        let mut world = World::new(Options { seed, ..options(version, 12, Healing::Colors) });
        world.join_all();
        world.sim.run_for(5 * SECOND);
        let items = share_all(&mut world, 12);
        let (few, most): (BTreeSet<usize>, BTreeSet<usize>) = (0..12).partition(|host| *host < 4);
        world.sim.partition(&[0, 1, 2, 3]);
        world.sim.run_for(60 * SECOND);
        let sought = search(&mut world, 8, "song", &items, &most);
        assert_eq!((sought.found, sought.missed, sought.apart), (8, 0, 4), "{version}");
        let sought = search(&mut world, 2, "song", &items, &few);
        assert_eq!((sought.found, sought.missed, sought.apart), (4, 0, 8), "{version}");
        let rejoined = |world: &World| {
            let by = |h: &Happening| matches!(h.event, Event::Contact { by: Means::Color, .. });
            world.sim.events().iter().filter(|h| by(h)).count()
        };
        let before = rejoined(&world);
        world.sim.heal();
        world.sim.run_for(60 * SECOND);
        let all: BTreeSet<usize> = (0..12).collect();
        assert_eq!(search(&mut world, 8, "song", &items, &all).found, 12, "{version}");
        assert_eq!(search(&mut world, 2, "song", &items, &all).found, 12, "{version}");
        assert!(rejoined(&world) > before || version == "0.4", "{version}: by contacts, or by those it remembers");
    }
}

#[test]
fn what_it_is_not_asked_for_ends_at_once() {
    let mut world = World::new(options("0.6", 3, Healing::None));
    world.join_all();
    let protocol = Protocol::named("gnutella").unwrap();
    assert!(protocol.may(AskKind::Search) && !protocol.may(AskKind::Put) && !Protocol::keyed().any(|p| p == protocol));
    assert!(!world.put_one(0, "key", "value") && world.get_one(1, "key").is_none());
    let mut ring = World::new(Options { hosts: 3, ..Options::default() });
    ring.join_all();
    ring.sim.command(0, Command::Search { token: 7, words: "fox".into() });
    assert!(matches!(&ring.outcomes(&[7])[..], [Answer::Searched { hits, .. }] if hits.is_empty()));
}
