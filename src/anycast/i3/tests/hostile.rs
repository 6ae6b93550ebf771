//! Whatever is sent: no panic, bounded tables, no larger answers to who has not shown its address.

use proptest::prelude::*;

use super::*;
use crate::anycast::face::{Agent, Said};
use crate::anycast::i3::agent::Applicant;
use crate::anycast::i3::ident::{Ident, prefix_of};
use crate::anycast::i3::message::{Ask, MAX_STACK, Packet, Request, ToAgent, ToServer, Wish};
use crate::anycast::i3::server::Keeper;
use crate::anycast::server::Server;
use crate::machine::{Input, Machine, Output, Port};
use crate::overlay::wire::{self, Tag};

/// A server, driven by hand.
struct Alone {
    server: Keeper,
    facts: Facts,
    now: Time,
}

impl Alone {
    /// It is the only one that answers of so many.
    fn new(servers: usize) -> Self {
        let facts = facts(servers, &[]);
        let config = ServerConfig { facts: facts.clone(), host: "s0".into(), seed: 1 };
        let mut alone = Self { server: Keeper::new(config, Time::default()), facts, now: Time::default() };
        for _ in 0..20 {
            alone.pass(seconds(0.1));
        }
        alone
    }

    fn input(&mut self, input: Input<'_, ()>) -> Vec<(SocketAddr, Vec<u8>)> {
        self.server.input(self.now, input);
        let output = |server: &mut Keeper| server.output();
        let mut sent = Vec::new();
        while let Some(output) = output(&mut self.server) {
            if let Output::Datagram { to, bytes, .. } = output {
                sent.push((to, bytes));
            }
        }
        sent
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.input(Input::Timer);
    }

    fn hear(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        self.input(Input::Datagram { at: Port::unicast(4000), from, bytes })
    }

    fn say(&mut self, from: SocketAddr, message: &ToServer<'_>) -> Vec<(SocketAddr, Vec<u8>)> {
        let bytes = wire::encode(self.facts.tag(), message).unwrap();
        self.hear(from, &bytes)
    }

    fn table(&self, name: &str) -> usize {
        self.server.tables().into_iter().find(|(table, _)| *table == name).unwrap().1
    }
}

fn tag() -> Tag {
    Tag::of_agent("i3", GROUP)
}

fn request(ask: Ask) -> ToServer<'static> {
    ToServer::Request(Request { tag: tag(), ask })
}

fn ident() -> impl Strategy<Value = Ident> {
    let prefix = prop_oneof![Just(prefix_of(GROUP)), any::<u128>().prop_map(Id)];
    (prefix, any::<u128>()).prop_map(|(prefix, suffix)| Ident::new(prefix, suffix))
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![Just(Wish::Me), prop::collection::vec(ident(), 0..2 * MAX_STACK).prop_map(Wish::Stack)]
}

fn ask() -> impl Strategy<Value = Ask> {
    let trigger = || (any::<u64>(), ident(), wish(), prop::option::of(any::<[u8; 16]>()));
    prop_oneof![
        ident().prop_map(|ident| Ask::Where { prefix: ident.prefix() }),
        trigger().prop_map(|(nonce, ident, goal, cookie)| Ask::Insert { nonce, ident, goal, cookie }),
        trigger().prop_map(|(nonce, ident, goal, cookie)| Ask::Remove { nonce, ident, goal, cookie }),
        (prop::collection::vec(ident(), 0..12), any::<bool>(), prop::option::of(ident()), any::<Vec<u8>>())
            .prop_map(|(stack, wonders, reply, data)| Ask::Packet(Packet { stack, wonders, reply, data })),
    ]
}

fn to_server() -> impl Strategy<Value = Vec<u8>> {
    let address = || (0usize..40).prop_map(address);
    let ring = any::<Vec<u8>>();
    let owned = (0u8..8, ask(), address(), any::<(u8, bool, u64, u128)>(), ring);
    owned.prop_map(|(kind, ask, from, (credit, member, nonce, key), ring)| {
        let request = Request { tag: tag(), ask };
        let message = match kind {
            0 => ToServer::Ping { tag: tag(), nonce },
            1 | 2 => ToServer::Request(request),
            3 => ToServer::Routed { from, credit, request },
            4 => ToServer::Ring(&ring),
            5 => ToServer::Hailed { member },
            6 => ToServer::Locate { nonce, key: Id(key) },
            _ => ToServer::Located { nonce, owner: Id(key) },
        };
        wire::encode(Tag::of_infrastructure("i3"), &message).unwrap_or_default()
    })
}

fn to_agent() -> impl Strategy<Value = Vec<u8>> {
    (0u8..7, any::<(u64, u128, [u8; 16])>(), prop::option::of(ident()), any::<Vec<u8>>()).prop_map(
        |(kind, (nonce, key, cookie), reply, data)| {
            let message = match kind {
                0 => ToAgent::Pong { nonce },
                1 => ToAgent::Home { prefix: Id(key) },
                2 => ToAgent::Challenge { nonce, cookie },
                3 => ToAgent::Inserted { nonce },
                4 => ToAgent::Removed { nonce },
                5 => ToAgent::Refused { nonce },
                _ => ToAgent::Delivered { from: address(nonce as usize % 9999), reply, stack: Vec::new(), data },
            };
            wire::encode(tag(), &message).unwrap_or_default()
        },
    )
}

/// As it is, cut off, or with a bit turned.
fn mangled(real: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (real, 0u8..4, any::<prop::sample::Index>(), any::<Vec<u8>>()).prop_map(|(mut bytes, how, at, noise)| {
        match how {
            0 => {}
            _ if bytes.is_empty() => {}
            1 => bytes.truncate(at.index(bytes.len())),
            2 => {
                let at = at.index(bytes.len() * 8);
                bytes[at / 8] ^= 1 << (at % 8);
            }
            _ => return noise,
        }
        bytes
    })
}

const LIMITS: &[(&str, usize)] = &[
    ("triggers", 65_536),
    ("homes", 1024),
    ("waiting", 1024),
    ("own triggers", 2),
    ("questions", 64),
    ("wondering", 64),
    ("replies", 64),
    ("pings", 200),
    ("measured", 40),
    ("avoided", 40),
];

fn within(tables: &[(&'static str, usize)]) -> bool {
    tables.iter().all(|(name, entries)| LIMITS.iter().all(|(limited, most)| name != limited || entries <= most))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_server_takes_anything(
        said in prop::collection::vec((0usize..40, mangled(to_server()), 0.0f64..1.0), 1..60),
        servers in 1usize..9,
    ) {
        let mut alone = Alone::new(servers);
        for (from, bytes, pause) in said {
            alone.hear(address(from), &bytes);
            alone.pass(seconds(pause));
            prop_assert!(alone.server.due().is_some_and(|due| due > alone.now));
            prop_assert!(within(&alone.server.tables()));
        }
    }

    #[test]
    fn an_agent_takes_anything(
        said in prop::collection::vec((0usize..10, mangled(to_agent()), 0.0f64..1.0, 0u8..8), 1..60),
    ) {
        let facts = facts(6, &[("private", Value::Bool(true))]);
        let mut agent = Applicant::new(agent(&facts, 7, 1), Time::default());
        let mut now = Time::default();
        for (from, bytes, pause, deed) in said {
            now = now + seconds(pause);
            match deed {
                0 => agent.join(now),
                1 => agent.leave(now),
                2 => drop(agent.ask(now, 1, &Question::Neighbors(usize::MAX))),
                3 => agent.send(now, Target::Id([7; 32]), bytes.clone()),
                4 => agent.renumbered(now, address(50)),
                _ => agent.timer(now),
            }
            agent.datagram(now, Port::unicast(4000), address(from), &bytes);
            agent.timer(now);
            let mut said = 0;
            while agent.said().is_some() {
                said += 1;
            }
            prop_assert!(said < 200 && within(&agent.tables()), "{said} {:?}", agent.tables());
            prop_assert!(agent.due().is_none_or(|due| due > now));
        }
    }

    /// From an address that has shown nothing: what comes back is not larger, and nothing is kept.
    #[test]
    fn nothing_grows_before_the_challenge(asks in prop::collection::vec((10usize..40, ask(), any::<u64>()), 1..40)) {
        let mut alone = Alone::new(1);
        for (from, ask, nonce) in asks {
            for message in [ToServer::Ping { tag: tag(), nonce }, request(ask)] {
                let Some(bytes) = wire::encode(alone.facts.tag(), &message) else { continue };
                let answers = alone.hear(address(from), &bytes);
                let back: usize = answers.iter().map(|(_, answer)| answer.len()).sum();
                prop_assert!(back <= bytes.len(), "{back} for {} of {message:?}", bytes.len());
                prop_assert!(answers.iter().all(|(to, _)| *to == address(from)));
            }
        }
        prop_assert_eq!((alone.table("triggers"), alone.table("owners")), (0, 0));
    }
}

#[test]
fn a_trigger_is_kept_for_who_has_the_address() {
    let mut alone = Alone::new(1);
    let ident = Ident::new(prefix_of(GROUP), 1);
    let insert = |nonce, cookie| request(Ask::Insert { nonce, ident, goal: Wish::Me, cookie });
    let challenge = alone.say(address(20), &insert(1, None));
    let ToAgent::Challenge { nonce: 1, cookie } = wire::decode(tag(), &challenge[0].1).unwrap() else { panic!() };
    alone.say(address(21), &insert(2, Some(cookie)));
    assert_eq!(alone.table("triggers"), 0, "another's cookie");
    alone.say(address(20), &insert(3, Some(cookie)));
    assert_eq!(alone.table("triggers"), 1);
    let remove = request(Ask::Remove { nonce: 4, ident, goal: Wish::Me, cookie: Some(cookie) });
    alone.say(address(21), &remove);
    assert_eq!(alone.table("triggers"), 1, "nobody else takes it back");
    alone.pass(seconds(7.9));
    assert_eq!(alone.table("triggers"), 1);
    alone.pass(seconds(0.1));
    assert_eq!(alone.table("triggers"), 0, "the lease of 8 s has ended");
}

/// Twenty thousand registrations without proof keep nothing; with proof one address keeps its share.
#[test]
fn a_flood_fills_nothing() {
    let mut alone = Alone::new(1);
    let empty = alone.server.bytes();
    for n in 0..20_000u64 {
        let (from, ident) = (SocketAddr::from(((n as u32).to_be_bytes(), 4000)), Ident::new(Id(n.into()), n.into()));
        alone.say(from, &request(Ask::Insert { nonce: n, ident, goal: Wish::Me, cookie: Some([n as u8; 16]) }));
    }
    assert_eq!(alone.server.bytes(), empty);

    for n in 0..6000u64 {
        let ident = Ident::new(Id(n.into()), n.into());
        let insert = |cookie| request(Ask::Insert { nonce: n, ident, goal: Wish::Me, cookie });
        let challenge = alone.say(address(9), &insert(None));
        if let ToAgent::Challenge { cookie, .. } = wire::decode(tag(), &challenge[0].1).unwrap() {
            alone.say(address(9), &insert(Some(cookie)));
        }
    }
    assert_eq!(alone.table("triggers"), 4096);
}

/// Two servers, of which one does not let lookups end: what waits for them has a limit, and so have the ring's tasks.
#[test]
fn lookups_that_do_not_end_are_limited() {
    let mut world = World::new(80, 2, 1, &[]);
    world.run(4.0);
    world.sim.crash(1);
    let now = world.sim.now();
    let facts = facts(2, &[]);
    for n in 0..5_000u64 {
        let ident = Ident::new(Id::hash(&[&n.to_be_bytes()]), 0);
        let packet = Packet { stack: vec![ident], wonders: true, reply: None, data: vec![0; 1000] };
        let bytes = wire::encode(facts.tag(), &request(Ask::Packet(packet))).unwrap();
        world.sim.tell(0, |server| {
            server.input(now, Input::Datagram { at: Port::unicast(4000), from: address(2), bytes: &bytes });
        });
    }
    let server = world.sim.machine(0).unwrap().server().unwrap();
    println!("after 5,000 packets to nowhere: {} bytes, {:?}", server.bytes(), server.tables());
    assert!(within(&server.tables()) && server.bytes() < 1_000_000);
    world.run(10.0);
    let server = world.sim.machine(0).unwrap().server().unwrap();
    assert_eq!(server.tables().iter().find(|(name, _)| *name == "waiting").unwrap().1, 0);
}

#[test]
fn an_agent_hears_only_servers() {
    let facts = facts(2, &[]);
    let mut agent = Applicant::new(agent(&facts, 7, 1), Time::default());
    agent.join(Time::default());
    while agent.said().is_some() {}
    let message = ToAgent::Delivered { from: address(8), reply: None, stack: Vec::new(), data: vec![1] };
    let bytes = wire::encode(tag(), &message).unwrap();
    agent.datagram(Time::default(), Port::unicast(4000), address(8), &bytes);
    assert_eq!(agent.said(), None);
    agent.datagram(Time::default(), Port::unicast(4000), address(1), &bytes);
    assert_eq!(agent.said(), Some(Said::Delivered { from: address(8), bytes: vec![1] }));
}
