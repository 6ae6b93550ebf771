//! Ways of packets: stacks, copies, circles, and what a sender remembers.

use std::collections::VecDeque;

use super::*;
use crate::anycast::endpoint::Endpoint;
use crate::anycast::face::{Agent, Said, Unavailable};
use crate::anycast::i3::ident::{Ident, prefix_of, suffix};
use crate::anycast::i3::message::{Ask, CREDIT, Packet, Request, ToAgent, ToServer, Wish};
use crate::machine::{Port, Time};
use crate::overlay::wire::{self, Tag};

/// An agent that inserts these triggers, sends with stacks, and passes on what still has somewhere to go.
struct Composer {
    triggers: Vec<(Ident, Wish)>,
    /// What its packets' stacks begin with.
    first: Option<Ident>,
    server: SocketAddr,
    tags: (Tag, Tag),
    said: VecDeque<Said>,
}

impl Composer {
    fn boxed(facts: &Facts, triggers: Vec<(Ident, Wish)>, first: Option<Ident>) -> Box<dyn Agent> {
        let tags = (facts.tag(), Tag::of_agent(&facts.name, GROUP));
        Box::new(Self { triggers, first, server: address(0), tags, said: VecDeque::new() })
    }

    fn say(&mut self, to: SocketAddr, ask: Ask) {
        let request = ToServer::Request(Request { tag: self.tags.1, ask });
        let bytes = wire::encode(self.tags.0, &request).unwrap();
        self.said.push_back(Said::Datagram { to, bytes });
    }

    fn insert(&mut self, to: SocketAddr, nonce: u64, cookie: Option<[u8; 16]>) {
        let (ident, goal) = self.triggers[nonce as usize].clone();
        self.say(to, Ask::Insert { nonce, ident, goal, cookie });
    }

    fn packet(&mut self, stack: Vec<Ident>, data: Vec<u8>) {
        self.say(self.server, Ask::Packet(Packet { stack, wonders: false, reply: None, data }));
    }
}

impl Agent for Composer {
    fn join(&mut self, _: Time) {
        (0..self.triggers.len() as u64).for_each(|nonce| self.insert(self.server, nonce, None));
    }
    fn leave(&mut self, _: Time) {}
    fn ask(&mut self, _: Time, _: u64, _: &Question) -> Result<(), Unavailable> {
        Ok(())
    }
    fn send(&mut self, _: Time, to: Target, bytes: Vec<u8>) {
        if let Target::Id(to) = to {
            self.packet(self.first.into_iter().chain([Ident(to)]).collect(), bytes);
        }
    }
    fn datagram(&mut self, _: Time, _: Port, from: SocketAddr, bytes: &[u8]) {
        match wire::decode(self.tags.1, bytes).unwrap() {
            ToAgent::Challenge { nonce, cookie } => self.insert(from, nonce, Some(cookie)),
            ToAgent::Inserted { .. } => self.said.push_back(Said::Member(true)),
            ToAgent::Refused { .. } => self.said.push_back(Said::Member(false)),
            ToAgent::Delivered { stack, mut data, from, .. } if !stack.is_empty() => {
                data.push(b'!');
                self.said.push_back(Said::Delivered { from, bytes: data.clone() });
                self.packet(stack, data);
            }
            ToAgent::Delivered { from, data, .. } => self.said.push_back(Said::Delivered { from, bytes: data }),
            _ => {}
        }
    }
    fn renumbered(&mut self, _: Time, _: SocketAddr) {}
    fn timer(&mut self, _: Time) {}
    fn said(&mut self) -> Option<Said> {
        self.said.pop_front()
    }
    fn due(&self) -> Option<Time> {
        None
    }
    fn tables(&self) -> Vec<(&'static str, usize)> {
        Vec::new()
    }
}

fn named(name: &str) -> Ident {
    Ident::new(prefix_of(name), 7)
}

fn delivered(world: &World) -> Vec<(usize, Vec<u8>)> {
    let of = |deed: &Deed| {
        if let Deed::Endpoint(Heard::Delivered { bytes, .. }) = deed { Some(bytes.clone()) } else { None }
    };
    world.sim.events().iter().filter_map(|e| Some((e.host, of(&e.event)?))).collect()
}

fn composers(of: impl Fn(usize) -> (Vec<(Ident, Wish)>, Option<Ident>) + 'static) -> World {
    let mut world = World::with(11, 6, 4, &[], move |facts, host, _| {
        let (triggers, first) = of(host);
        let composer = Composer::boxed(facts, triggers, first);
        Resident::Endpoint(Box::new(Endpoint::new(agent(facts, host, 11), composer)))
    });
    world.run(5.0);
    world.endpoints().for_each(|host| world.tell(host, Call::Join));
    world.run(3.0);
    world
}

/// To a name that stands for two: a service on the way, then a receiver.
#[test]
fn services_are_composed() {
    let mut world = composers(|host| match host {
        6 => (vec![(named("whole"), Wish::Stack(vec![named("service"), named("end")]))], None),
        7 => (vec![(named("service"), Wish::Me)], None),
        8 => (vec![(named("end"), Wish::Me)], None),
        _ => (Vec::new(), None),
    });
    world.tell(9, Call::Send { to: Target::Id(named("whole").0), bytes: b"hi".to_vec() });
    world.run(1.0);
    assert_eq!(delivered(&world), [(7, b"hi!".to_vec()), (8, b"hi!".to_vec())]);
}

#[test]
fn what_nothing_matches_goes_to_the_rest_of_the_stack() {
    let mut world = composers(|host| match host {
        6 => (vec![(named("end"), Wish::Me)], None),
        7 => (Vec::new(), Some(named("nobody"))),
        _ => (Vec::new(), None),
    });
    world.tell(7, Call::Send { to: Target::Id(named("end").0), bytes: b"hi".to_vec() });
    world.run(1.0);
    assert_eq!(delivered(&world), [(6, b"hi".to_vec())]);
}

#[test]
fn triggers_with_one_identifier_all_get_a_copy() {
    let mut world = composers(|host| (if host < 9 { vec![(named("all"), Wish::Me)] } else { Vec::new() }, None));
    world.tell(9, Call::Send { to: Target::Id(named("all").0), bytes: b"hi".to_vec() });
    world.run(1.0);
    let hosts: std::collections::BTreeSet<usize> = delivered(&world).into_iter().map(|(host, _)| host).collect();
    assert_eq!(hosts, [6, 7, 8].into());
}

/// Two names that lead to each other twice over: a packet doubles at each, and ends.
#[test]
fn circles_end() {
    let mut world = composers(|host| {
        // On opposite sides of the ring.
        let (a, b) = (named("a"), Ident::new(Id(prefix_of("a").0 ^ 1 << 127), 7));
        let at = |from, to| (from, Wish::Stack(vec![to, named(&format!("beyond {host}"))]));
        (
            if host < 8 { vec![at(a, b), at(b, a), (named("c"), Wish::Stack(vec![named("c")]))] } else { Vec::new() },
            None,
        )
    });
    let refused = |e: &&crate::machine::sim::Happened<Deed>| e.event == Deed::Endpoint(Heard::Member { joined: false });
    assert_eq!(world.sim.events().iter().filter(refused).count(), 2, "a trigger to itself is refused");
    let count = |world: &mut World| {
        let before = world.sim.datagrams();
        world.run(4.0);
        world.sim.datagrams() - before
    };
    assert!(world.keepers().len() > 1, "a and b are at different servers: {:?}", world.keepers());
    let quiet = count(&mut world);
    (0..10).for_each(|_| world.tell(9, Call::Send { to: Target::Id(named("a").0), bytes: b"hi".to_vec() }));
    let busy = count(&mut world);
    let each = (busy as f64 - quiet as f64) / 10.0;
    println!("a packet that doubles in a circle: {each} datagrams");
    assert!(each > 2.0 && each <= f64::from(CREDIT) * 8.0, "{each}");
}

/// The first packet is passed on by the gateway; the next goes to the server itself.
#[test]
fn a_sender_remembers_who_is_responsible() {
    let mut world = World::new(12, 6, 4, &[]);
    world.run(5.0);
    world.tell(8, Call::Join);
    world.run(3.0);
    let keeper = world.keepers()[0].0;
    let to = Target::Id(Ident::new(prefix_of(GROUP), suffix(2, 3, 5)).0);
    let mut took = Vec::new();
    for sender in [6, 7, 9] {
        world.targets(sender, Question::Nearest);
        world.run(1.0);
        for _ in 0..2 {
            world.run(0.5);
            let before = world.sim.now();
            assert_eq!(world.reach(sender, to), Some(8));
            let at = world.sim.events().iter().rev().find(|e| e.host == 8).unwrap().at;
            took.push(at - before);
        }
        let direct = world.sim.delay(sender, keeper) + world.sim.delay(keeper, 8);
        let (first, next) = (took[took.len() - 2], took[took.len() - 1]);
        assert_eq!(next, direct, "from {sender} over the group's server {keeper}");
        assert!(first >= next);
    }
    println!("first and next packets: {took:?}");
    assert!(took[0] > took[1] || took[2] > took[3] || took[4] > took[5], "not all have the group's server as gateway");
}

/// Nobody knows yet who is responsible, and everything comes while the gateway finds out.
#[test]
fn a_burst_waits_for_one_lookup() {
    let mut world = World::joined(14, 6, 6, &[]);
    world.run(10.0);
    let sender = 7;
    let targets: Vec<Target> = (0..200).flat_map(|_| world.targets(sender, Question::Random)).collect();
    world.run(5.0);
    let begin = world.sim.now();
    for to in targets {
        world.tell(sender, Call::Send { to, bytes: b"hi".to_vec() });
    }
    world.run(2.0);
    let got = |e: &&crate::machine::sim::Happened<Deed>| {
        e.at >= begin && matches!(e.event, Deed::Endpoint(Heard::Delivered { .. }))
    };
    assert_eq!(world.sim.events().iter().filter(got).count(), 200);
}

#[test]
fn answers_go_to_a_private_trigger() {
    let mut world = World::joined(13, 6, 6, &[("private", Value::Bool(true))]);
    world.run(3.0);
    let kept: usize = world.keepers().iter().map(|(_, kept)| kept).sum();
    assert_eq!(kept, 12, "each member has two");
    let found = world.found(7, Question::Nearest).unwrap();
    let keeper = world.keepers();
    assert!(keeper.len() > 1, "private ones are elsewhere: {keeper:?}");
    let target = Target::Address(address(7));
    assert_eq!(world.reach(found, target), Some(7));
}
