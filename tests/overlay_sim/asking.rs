//! Asking an overlay from outside of it: as a host that is no member, and from one overlay to the next.

use std::net::IpAddr;
use std::time::Duration;

use anybed::anycast::{
    Asked, Beyond, Command, Deed, Did, Dispatch, Event, Healing, Hosted, Infrastructure, NodeConfig, Step, Tenants,
};
use anybed::machine::sim::{Conditions, Sim};
use anybed::overlay::id::Id;
use anybed::overlay::key::Value;
use anybed::overlay::{Answer, Given, Phase, Protocol};

use crate::world::{self, Options, address};

const SECOND: Duration = Duration::from_secs(1);
const MUSIC: usize = 0;
const BOOKS: usize = 1;
const FILES: usize = 2;

/// An overlay of the town: who may join it, and which others its members ask.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) protocol: &'static str,
    pub(crate) members: Vec<usize>,
    pub(crate) guests: Vec<usize>,
    pub(crate) beyond: Beyond,
}

pub(crate) struct Town {
    pub(crate) sim: Sim<Dispatch>,
    specs: Vec<Spec>,
    token: u64,
}

fn beyond(gateways: &[&str]) -> Beyond {
    Beyond { gateways: gateways.iter().map(|name| (*name).to_owned()).collect(), ..Beyond::default() }
}

/// Chord, Pastry and Gnutella, on four hosts each, who ask each other in a circle; host 12 is in none.
fn three() -> Vec<Spec> {
    let spec = |name, protocol, first: usize, asks: &str| Spec {
        name,
        protocol,
        members: (first..first + 4).collect(),
        guests: (0..13).collect(),
        beyond: beyond(&[asks]),
    };
    vec![spec("music", "chord", 0, "books"), spec("books", "pastry", 4, "files"), spec("files", "gnutella", 8, "music")]
}

pub(crate) fn id(overlay: &str, host: usize) -> Id {
    Id::of_node(1, overlay, &format!("h{host}"))
}

impl Town {
    fn new(specs: Vec<Spec>, hosts: usize) -> Self {
        let groups: Vec<_> = (0..specs.len()).map(|index| world::group(index as u16)).collect();
        let hosted = |index: usize, spec: &Spec, host: usize| {
            let infrastructure = Infrastructure::default();
            let asked = Asked { colors: 0, rendezvous: false };
            let mut protocol = Given::of(Protocol::named(spec.protocol).expect("it is there"));
            if spec.protocol == "gnutella" {
                protocol = protocol.with("query_wait", Value::Time(Duration::from_millis(500)));
            }
            let node = NodeConfig {
                overlay: spec.name.into(),
                id: id(spec.name, host),
                groups: infrastructure.addresses(&asked, |_| world::group(index as u16)),
                beyond: spec.beyond.clone(),
                protocol,
                ..world::config(Options { healing: Healing::None, ..Options::default() }, host)
            };
            Hosted { infrastructure, node }
        };
        let tenants: Vec<Tenants> = (0..hosts)
            .map(|host| {
                let own = specs.iter().enumerate();
                let own = own.filter(|(_, spec)| spec.members.contains(&host) || spec.guests.contains(&host));
                let overlays = own.map(|(index, spec)| hosted(index, spec, host)).collect();
                Tenants { overlays, ..Tenants::default() }
            })
            .collect();
        let addresses: Vec<Vec<IpAddr>> = groups.iter().map(|group| vec![group.ip()]).collect();
        let conditions = Conditions {
            seed: 1,
            hosts: (0..hosts).map(address).collect(),
            groups,
            delay: Box::new(world::delay),
            loss: 0.0,
            propagation: Duration::from_millis(50),
        };
        let sim = Sim::new(conditions, move |host, _, now| {
            Dispatch::new(&format!("h{host}"), &tenants[host], &addresses, now)
        });
        Self { sim, specs, token: 0 }
    }

    fn join(&mut self, overlay: usize) {
        let (name, members) = (self.specs[overlay].name, self.specs[overlay].members.clone());
        for (turn, host) in members.into_iter().enumerate() {
            self.join_one(name, host, turn == 0);
        }
    }

    fn join_one(&mut self, name: &str, host: usize, found: bool) {
        self.sim.command(host, (name.into(), Command::Join { found }));
        let member = |sim: &Sim<Dispatch>| {
            sim.machine(host).and_then(|machine| machine.digest(name)).is_some_and(|d| d.phase == Phase::Member)
        };
        assert!(self.sim.run_until(30 * SECOND, member), "h{host} has not joined {name}");
        self.sim.run_for(SECOND / 5);
    }

    pub(crate) fn joined(specs: Vec<Spec>, hosts: usize) -> Self {
        let mut town = Self::new(specs, hosts);
        (0..town.specs.len()).for_each(|overlay| town.join(overlay));
        town.sim.run_for(5 * SECOND);
        town
    }

    /// What came of it, and the way that it took.
    pub(crate) fn ask(
        &mut self,
        overlay: usize,
        host: usize,
        command: impl FnOnce(u64) -> Command,
    ) -> (Answer, Vec<Step>) {
        self.token += 1;
        let (name, token) = (self.specs[overlay].name, self.token);
        self.sim.command(host, (name.into(), command(token)));
        let done = |what: &Did| match &what.what {
            Deed::Node(Event::Done { token: of, path, outcome }) if *of == token && what.of == name => {
                Some((outcome.clone(), path.clone()))
            }
            _ => None,
        };
        let ended = |sim: &Sim<Dispatch>| sim.events().iter().any(|h| h.host == host && done(&h.event).is_some());
        assert!(self.sim.run_until(60 * SECOND, ended), "h{host} asked {name} and heard nothing");
        self.sim.events().iter().find_map(|h| (h.host == host).then(|| done(&h.event)).flatten()).expect("it ended")
    }

    fn put(&mut self, overlay: usize, host: usize, key: &str, value: &str) -> bool {
        let (key, value) = (key.to_owned(), value.to_owned());
        let (answer, _) = self.ask(overlay, host, |token| Command::Put { token, key, value });
        matches!(answer, Answer::Put { stored: true, .. })
    }

    fn get(&mut self, overlay: usize, host: usize, key: &str) -> (Option<String>, Vec<Step>) {
        let key = key.to_owned();
        let (answer, path) = self.ask(overlay, host, |token| Command::Get { token, key });
        let Answer::Got { value, .. } = answer else { panic!("{answer:?}") };
        (value, path)
    }

    pub(crate) fn search(&mut self, overlay: usize, host: usize, words: &str) -> (Vec<Id>, Vec<Step>) {
        let words = words.to_owned();
        let (answer, path) = self.ask(overlay, host, |token| Command::Search { token, words });
        let Answer::Searched { hits, .. } = answer else { panic!("{answer:?}") };
        (hits.into_iter().map(|hit| hit.at).collect(), path)
    }

    fn share(&mut self, host: usize, name: &str) {
        let name = name.to_owned();
        self.ask(FILES, host, |token| Command::Share { token, name });
    }

    fn overlays(path: &[Step]) -> Vec<&str> {
        path.iter().map(|step| &step.overlay[..]).collect()
    }
}

#[test]
fn who_is_no_member_is_answered_by_the_nearest_one() {
    let mut town = Town::joined(three(), 13);
    assert!(town.put(MUSIC, 12, "k", "v"), "a stranger stores");
    let (value, path) = town.get(MUSIC, 12, "k");
    assert_eq!((value.as_deref(), path), (Some("v"), vec![Step { overlay: "music".into(), member: id("music", 3) }]));
    let (answer, _) = town.ask(MUSIC, 12, |token| Command::Lookup { token, key: Id(7) });
    let Answer::Looked { owner: Some(owner), .. } = answer else { panic!("{answer:?}") };
    let (here, _) = town.ask(MUSIC, 0, |token| Command::Lookup { token, key: Id(7) });
    assert!(matches!(here, Answer::Looked { owner: Some(by), .. } if by == owner), "as a member is told");
    town.share(8, "red fox");
    let (hits, path) = town.search(FILES, 12, "fox");
    assert_eq!((hits, Town::overlays(&path)), (vec![id("files", 8)], vec!["files"]));
    let members = |name: &str| {
        town.sim.machines().filter(|(_, m)| m.digest(name).is_some_and(|d| d.phase == Phase::Member)).count()
    };
    assert_eq!((members("music"), members("files")), (4, 4), "asking is not joining");
}

#[test]
fn one_question_comes_to_overlays_of_all_kinds_and_to_none_twice() {
    let mut town = Town::joined(three(), 13);
    town.share(9, "red fox");
    let (hits, path) = town.search(MUSIC, 1, "red");
    assert_eq!((hits, Town::overlays(&path)), (vec![id("files", 9)], vec!["books", "files"]));
    assert!(town.put(MUSIC, 0, "song", "tune"));
    let (value, path) = town.get(FILES, 10, "song");
    assert_eq!((value.as_deref(), Town::overlays(&path)), (Some("tune"), vec!["music"]));
    // A hit of that name, where a key was found.
    let (hits, path) = town.search(BOOKS, 5, "song");
    assert_eq!(Town::overlays(&path), ["files", "music"]);
    assert_eq!(hits, [path.last().expect("it has an end").member]);
    let before = town.sim.datagrams();
    let (hits, path) = town.search(MUSIC, 2, "blue whale");
    assert_eq!((hits.len(), path.len()), (0, 0));
    assert!(town.sim.datagrams() - before < 400, "a circle of three asks each once");
}

#[test]
fn a_question_goes_no_farther_than_it_may() {
    let mut specs = three();
    specs[MUSIC].beyond.hops = 1;
    let mut town = Town::joined(specs, 13);
    town.share(9, "red fox");
    assert!(town.put(BOOKS, 4, "red", "book"));
    assert_eq!(Town::overlays(&town.search(MUSIC, 1, "red").1), ["books"]);
    assert_eq!(town.search(MUSIC, 1, "fox").0, [], "two overlays away");
    assert_eq!(town.search(BOOKS, 5, "fox").0, [id("files", 9)], "one");
}

#[test]
fn an_answer_from_elsewhere_is_given_again_for_a_while() {
    let mut specs = three();
    specs[MUSIC].beyond.cache = 10 * SECOND;
    let mut town = Town::joined(specs, 13);
    assert!(town.put(BOOKS, 4, "red", "book"));
    assert_eq!(town.get(MUSIC, 1, "red").0.as_deref(), Some("book"));
    (4..8).for_each(|host| town.sim.crash(host));
    let (value, path) = town.get(MUSIC, 1, "red");
    assert_eq!((value.as_deref(), Town::overlays(&path)), (Some("book"), vec!["books"]), "as it was");
    town.sim.run_for(11 * SECOND);
    assert_eq!(town.get(MUSIC, 1, "red").0, None, "nobody is there any more");
}

#[test]
fn if_the_member_that_has_the_question_dies_the_next_one_is_asked() {
    let mut town = Town::joined(three(), 13);
    town.share(8, "red fox");
    // A search waits for half a second, and its nearest member is gone by then.
    town.sim.command(12, ("files".into(), Command::Search { token: 77, words: "fox".into() }));
    town.sim.run_for(SECOND / 5);
    town.sim.crash(11);
    let hit = |sim: &Sim<Dispatch>| {
        sim.events().iter().any(|h| {
            let Deed::Node(Event::Done { token: 77, path, outcome: Answer::Searched { hits, .. } }) = &h.event.what
            else {
                return false;
            };
            !hits.is_empty() && path[0].member == id("files", 10)
        })
    };
    assert!(town.sim.run_until(20 * SECOND, hit), "another member has answered");
}

#[test]
fn a_node_that_joins_asks_those_that_its_host_knows() {
    let known = |share_neighbors: bool| {
        let beyond = Beyond { share_neighbors, ..Beyond::default() };
        let spec =
            |name| Spec { name, protocol: "chord", members: (0..12).collect(), guests: vec![], beyond: beyond.clone() };
        let mut town = Town::joined(vec![spec("music"), spec("books")], 12);
        // The last joins again, once all others have.
        for overlay in ["music", "books"] {
            town.sim.command(11, (overlay.into(), Command::Leave));
        }
        town.sim.run_for(10 * SECOND);
        town.join_one("music", 11, false);
        town.sim.run_for(5 * SECOND);
        town.join_one("books", 11, false);
        town.sim.run_for(SECOND);
        let met = town.sim.machine(11).and_then(|machine| machine.digest("books")).expect("a member").met;
        met.values().copied().filter(|ms| *ms < 10.0).count()
    };
    let (alone, shared) = (known(false), known(true));
    assert!(shared >= alone + 2, "{alone} near nodes known to a node alone, {shared} to one that asks its host");
}
