//! Whatever arrives: nobody panics, no table grows past its limit, nobody is told more than they said.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::lab::{Lab, SERVICE, address, member, place, socket};
use super::names::question;
use crate::anycast::face::Said;
use crate::anycast::oasis::message::*;
use crate::anycast::oasis::row::ROW;
use crate::anycast::server::Server;
use crate::machine::{Input, Machine, Output, Port, Stream, StreamId, Time};
use crate::overlay::wire::{Tag, encode};

fn at(millis: u64) -> Time {
    Time(Duration::from_millis(millis))
}

/// Messages of every kind, as they are.
fn messages(lab: &Lab) -> Vec<Message> {
    let tag = Tag::of_agent("oasis", SERVICE);
    let registration = Registration {
        nonce: 5,
        cookie: Some([3; 16]),
        tag,
        service: SERVICE.to_owned(),
        member: member(9),
        place: Some(place(lab, 9)),
        load: 3,
    };
    let ask = |how| {
        Message::Ask(Ask {
            nonce: 7,
            tag,
            service: SERVICE.to_owned(),
            how,
            count: 3,
            except: None,
            padding: vec![0; 99],
        })
    };
    let contact = Contact { address: socket(9), tag };
    let landmark = Landmark { contact, place: place(lab, 9) };
    let mapped = Mapped { place: place(lab, 3), micros: 900 };
    let wanted =
        Wanted { service: 0, how: Order::Near, place: None, count: 9, except: Some(member(8)), ipv6: Some(false) };
    let stored = Stored { member: member(9), place: None, load: 1 };
    let quest = Quest { id: 4, origin: contact, target: address(20), best: Some((landmark, 9)), probes: 2, hops: 1 };
    vec![
        Message::Ping { nonce: 1, tag },
        Message::Pong { nonce: 1 },
        Message::Register(Registration { cookie: None, ..registration.clone() }),
        Message::Register(registration.clone()),
        Message::Unregister(registration),
        Message::Challenge { nonce: 5, cookie: [1; 16] },
        Message::Registered { nonce: 5 },
        ask(How::Near),
        ask(How::Idle),
        ask(How::Random),
        ask(How::Region("core1".to_owned())),
        Message::Found { nonce: 7, ttl: 5, members: vec![member(3)] },
        Message::Core(Core::Gossip { versions: vec![(1, 9), (900, 1)] }),
        Message::Core(Core::Locate { id: 1, address: address(9) }),
        Message::Core(Core::Located { id: 1, block: "10.0.0.0/8".parse().unwrap(), mapped: Some(mapped) }),
        Message::Core(Core::Mapped { address: address(9), mapped }),
        Message::Core(Core::Store { service: 0, replica: stored }),
        Message::Core(Core::Store { service: 99, replica: stored }),
        Message::Core(Core::Drop { service: 0, member: member(9) }),
        Message::Core(Core::Select { id: 1, wanted }),
        Message::Core(Core::Selected { id: 1, members: vec![member(4)] }),
        Message::Landmark(Talk::Gossip { from: landmark, known: vec![landmark; 3], cookie: None }),
        Message::Landmark(Talk::Gossip { from: landmark, known: vec![landmark; 3], cookie: Some([2; 16]) }),
        Message::Landmark(Talk::Prove { cookie: [2; 16] }),
        Message::Landmark(Talk::Latencies { nonce: 1, tag, to: vec![contact; 4] }),
        Message::Landmark(Talk::Told { nonce: 1, micros: vec![None, Some(4)] }),
        Message::Landmark(Talk::Probe { nonce: 1, tag, target: address(20) }),
        Message::Landmark(Talk::Probed { nonce: 1, micros: Some(5) }),
        Message::Landmark(Talk::Search(quest)),
        Message::Landmark(Talk::Ended { id: 1, best: None, probes: 1, hops: 1 }),
    ]
}

fn outputs(server: &mut dyn Server) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut sent = Vec::new();
    while let Some(output) = server.output() {
        if let Output::Datagram { to, bytes, .. } = output {
            sent.push((to, bytes));
        }
    }
    sent
}

fn bounded(tables: Vec<(&'static str, usize)>) {
    for (name, count) in tables {
        let most = match name {
            "prefixes" => 65_536,
            "replicas" => 16_384,
            "latencies" | "limited" => 4096,
            "pings" => 512,
            "ring members" => 320,
            "streams" => 256,
            "pings to core nodes" => 128,
            "questions" | "landmarks" | "in vain" | "core nodes" | "core nodes alive" => 1024,
            "probes" => 64,
            "searches" => 32,
            "own searches" => 16,
            other => panic!("a table of no known limit: {other}"),
        };
        assert!(count <= most, "{name}: {count}");
    }
}

#[test]
fn nobody_is_told_more_than_they_said() {
    let lab = Lab { servers: 1, ..Lab::default() };
    for message in messages(&lab) {
        let mut server = lab.server(0, at(0));
        // Some replicas are there, so that there is something to tell.
        for host in 30..50 {
            let replica = Stored { member: member(host), place: Some(place(&lab, 9)), load: 0 };
            let store = Message::Core(Core::Store { service: 0, replica });
            let bytes = encode(lab.facts().tag(), &store).unwrap();
            server.input(at(1), Input::Datagram { at: Port::unicast(4000), from: socket(0), bytes: &bytes });
        }
        outputs(&mut *server);
        let stranger = SocketAddr::new(address(9), 4000);
        let bytes = encode(lab.facts().tag(), &message).unwrap();
        server.input(at(2), Input::Datagram { at: Port::unicast(4000), from: stranger, bytes: &bytes });
        let told: usize = outputs(&mut *server).iter().filter(|(to, _)| *to == stranger).map(|(_, b)| b.len()).sum();
        assert!(told <= bytes.len(), "{told} bytes for {}: {message:?}", bytes.len());
        let accepted = server.tables().iter().find(|(name, _)| *name == "replicas").unwrap().1;
        assert_eq!(accepted, 20, "a stranger's word changes nothing: {message:?}");
    }
}

#[test]
fn a_registration_without_its_own_cookie_is_not_one() {
    let lab = Lab { servers: 1, ..Lab::default() };
    let mut server = lab.server(0, at(0));
    let (tag, alice, mallory) = (Tag::of_agent("oasis", SERVICE), socket(9), socket(8));
    let mut say = |from: SocketAddr, who: SocketAddr, cookie| {
        let registration =
            Registration { nonce: 5, cookie, tag, service: SERVICE.to_owned(), member: who, place: None, load: 0 };
        let bytes = encode(lab.facts().tag(), &Message::Register(registration)).unwrap();
        server.input(at(3), Input::Datagram { at: Port::unicast(4000), from, bytes: &bytes });
        let said = outputs(&mut *server);
        let replicas = server.tables().iter().find(|(name, _)| *name == "replicas").unwrap().1;
        let cookie = said.iter().find_map(|(_, bytes)| match crate::overlay::wire::decode(tag, bytes) {
            Ok(Message::Challenge { cookie, .. }) => Some(cookie),
            _ => None,
        });
        (cookie, replicas)
    };
    let (cookie, replicas) = say(alice, member(9), None);
    assert!(cookie.is_some() && replicas == 0);
    assert_eq!(say(mallory, member(8), cookie).1, 0, "another's cookie");
    assert_eq!(say(alice, member(8), cookie).1, 0, "another's address");
    assert_eq!(say(alice, member(9), cookie).1, 1);
}

/// Gossip with these words; what is sent back to who said it, and of how many landmarks the server has heard.
fn gossip(lab: &Lab, server: &mut dyn Server, from: SocketAddr, cookie: Option<[u8; 16]>) -> (Vec<Vec<u8>>, usize) {
    let contact = |address| Contact { address, tag: Tag::of_agent("oasis", SERVICE) };
    let landmark = |address| Landmark { contact: contact(address), place: place(lab, 3) };
    let talk = Talk::Gossip { from: landmark(from), known: vec![landmark(socket(70))], cookie };
    let bytes = encode(lab.facts().tag(), &Message::Landmark(talk)).unwrap();
    server.input(at(5), Input::Datagram { at: Port::unicast(4000), from, bytes: &bytes });
    let answers: Vec<_> = outputs(server).into_iter().filter(|(to, _)| *to == from).map(|(_, bytes)| bytes).collect();
    assert!(answers.iter().map(Vec::len).sum::<usize>() <= bytes.len());
    (answers, server.tables().iter().find(|(name, _)| *name == "landmarks").unwrap().1)
}

#[test]
fn gossip_of_strangers_is_not_believed() {
    let lab = Lab { servers: 2, ..Lab::default() };
    let mut server = lab.server(0, at(0));
    let (alice, mallory) = (socket(9), socket(8));
    let proof = |answers: &[Vec<u8>]| match crate::overlay::wire::decode(Tag::of_agent("oasis", SERVICE), &answers[0]) {
        Ok(Message::Landmark(Talk::Prove { cookie })) => cookie,
        other => panic!("{other:?}"),
    };
    let (answers, landmarks) = gossip(&lab, &mut *server, alice, None);
    assert_eq!(landmarks, 1, "the other core node");
    let cookie = proof(&answers);
    assert_eq!(gossip(&lab, &mut *server, mallory, Some(cookie)).1, 1, "another's cookie");
    assert_eq!(gossip(&lab, &mut *server, alice, Some([0; 16])).1, 1, "no cookie");
    assert_eq!(gossip(&lab, &mut *server, alice, Some(cookie)).1, 3, "herself, and whom she knows");
    assert_eq!(gossip(&lab, &mut *server, socket(1), None).1, 4, "a core node is believed");
}

#[test]
fn a_proof_is_given_once_and_only_to_whom_it_was_told() {
    let lab = Lab { servers: 1, ..Lab::default() };
    let mut agent = (ROW.agent)(lab.agent(9, SERVICE), at(0));
    agent.join(at(0));
    let tag = Tag::of_agent("oasis", SERVICE);
    let mut sent = |now: u64, from: SocketAddr, message: Option<Message>| {
        match message {
            Some(message) => agent.datagram(at(now), Port::unicast(4000), from, &encode(tag, &message).unwrap()),
            None => agent.timer(at(now)),
        }
        let mut sent = Vec::new();
        while let Some(said) = agent.said() {
            if let Said::Datagram { to, bytes, .. } = said
                && to == socket(0)
                && let Ok(message) = crate::overlay::wire::decode::<Message>(lab.facts().tag(), &bytes)
            {
                sent.push(message);
            }
        }
        sent
    };
    let registration = |message: &Message| if let Message::Register(said) = message { Some(said.nonce) } else { None };
    let ping = |message: &Message| if let Message::Ping { nonce, .. } = message { Some(*nonce) } else { None };
    let proof = |sent: &[Message]| {
        let proven = |cookie: &Option<[u8; 16]>| *cookie == Some([7; 16]);
        let is_proof = |m: &&Message| matches!(m, Message::Landmark(Talk::Gossip { cookie, .. }) if proven(cookie));
        sent.iter().filter(is_proof).count()
    };
    let prove = || Some(Message::Landmark(Talk::Prove { cookie: [7; 16] }));
    // It becomes a member, and measures the core node.
    let mut seen = sent(0, socket(0), None);
    for step in 1..200 {
        let answers: Vec<_> = seen
            .iter()
            .filter_map(|m| match (ping(m), registration(m)) {
                (Some(nonce), _) => Some(Message::Pong { nonce }),
                (_, Some(nonce)) => Some(Message::Registered { nonce }),
                _ => None,
            })
            .collect();
        if seen.iter().any(|m| matches!(m, Message::Landmark(Talk::Gossip { .. }))) {
            assert_eq!(proof(&sent(step * 50, socket(5), prove())), 0, "it has told that one nothing");
            assert_eq!(proof(&sent(step * 50, socket(0), prove())), 1);
            assert_eq!(proof(&sent(step * 50, socket(0), prove())), 0, "once");
            return;
        }
        seen = sent(step * 50, socket(0), None);
        for answer in answers {
            seen.extend(sent(step * 50, socket(0), Some(answer)));
        }
    }
    panic!("it never gossiped");
}

#[test]
fn floods_fill_no_more_than_the_tables() {
    let lab = Lab { servers: 2, ..Lab::default() };
    let mut server = lab.server(0, at(0));
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let tag = lab.facts().tag();
    for n in 0..12_000u32 {
        let from = SocketAddr::new(std::net::Ipv4Addr::from(rng.random::<u32>()).into(), 4000);
        let landmark = Landmark { contact: Contact { address: from, tag }, place: place(&lab, 3) };
        let message = match n % 5 {
            0 => Message::Ask(Ask {
                nonce: u64::from(n),
                tag,
                service: SERVICE.to_owned(),
                how: How::Near,
                count: 3,
                except: None,
                padding: vec![0; 100],
            }),
            1 => Message::Landmark(Talk::Gossip { from: landmark, known: vec![landmark], cookie: None }),
            2 => Message::Landmark(Talk::Probe { nonce: 1, tag, target: from.ip() }),
            3 => Message::Core(Core::Store { service: 0, replica: Stored { member: from, place: None, load: 0 } }),
            _ => {
                Message::Core(Core::Mapped { address: from.ip(), mapped: Mapped { place: place(&lab, 2), micros: 1 } })
            }
        };
        // What only core nodes may say comes from one that has gone mad.
        let from = if n % 5 > 2 { socket(1) } else { from };
        let bytes = encode(tag, &message).unwrap();
        server.input(at(u64::from(n / 100)), Input::Datagram { at: Port::unicast(4000), from, bytes: &bytes });
        let question = question("music.oasis.test", domain::base::Rtype::A, None, None);
        server.input(at(u64::from(n / 100)), Input::Datagram { at: Port::unicast(53), from, bytes: &question });
        let open = Stream::Open { at: Port::unicast(80), peer: from };
        server.input(at(u64::from(n / 100)), Input::Stream(StreamId::Theirs(u64::from(n)), open));
        outputs(&mut *server);
    }
    let tables = server.tables();
    println!("after a flood: {tables:?}, {} bytes", server.bytes());
    bounded(tables);
    assert!(server.bytes() < 16 << 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Bytes of any kind, and real messages with some bytes changed, from anybody, to a core node and to an agent.
    #[test]
    fn nobody_panics(seed: u64, raw in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..8)) {
        let lab = Lab { servers: 2, ..Lab::default() };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut server = lab.server(0, at(0));
        let mut agent = (ROW.agent)(lab.agent(9, SERVICE), at(0));
        agent.join(at(0));
        let templates = messages(&lab);
        for step in 0..120u64 {
            let now = at(step * 40);
            let message = &templates[rng.random_range(0..templates.len())];
            let tags = [lab.facts().tag(), Tag::of_agent("oasis", SERVICE)];
            let mut inputs: Vec<Vec<u8>> = tags.iter().filter_map(|tag| encode(*tag, message)).collect();
            inputs.push(question("music.oasis.test", domain::base::Rtype::A, Some((address(9), 24)), None));
            inputs.extend(raw.iter().cloned());
            for bytes in &mut inputs {
                if rng.random_bool(0.5) && bytes.len() > 10 {
                    for _ in 0..rng.random_range(1..4) {
                        let at = rng.random_range(9..bytes.len());
                        bytes[at] = rng.random();
                    }
                }
                let from = [socket(0), socket(1), socket(9), socket(77)][rng.random_range(0..4)];
                let port = Port::unicast([4000, 53, 7][rng.random_range(0..3)]);
                server.input(now, Input::Datagram { at: port, from, bytes });
                agent.datagram(now, port, from, bytes);
                let id = StreamId::Theirs(rng.random_range(0..6));
                let part = match rng.random_range(0..3) {
                    0 => Stream::Open { at: Port::unicast([53, 80][rng.random_range(0..2)]), peer: from },
                    1 => Stream::Bytes(&bytes[..]),
                    _ => Stream::Close,
                };
                server.input(now, Input::Stream(id, part));
                server.input(now, Input::Stream(StreamId::Ours(rng.random_range(0..6)), Stream::Close));
                agent.stream(now, StreamId::Ours(rng.random_range(0..6)), Stream::Close);
            }
            server.input(now, Input::Timer);
            agent.timer(now);
            outputs(&mut *server);
            while let Some(said) = agent.said() {
                prop_assert!(!matches!(said, Said::Announce(..)));
            }
        }
        bounded(server.tables());
        bounded(agent.tables());
    }
}

#[test]
fn what_bits_can_be_wrong_in_a_web_request_or_name_stays_there() {
    let lab = Lab { servers: 1, ..Lab::default() };
    let mut server = lab.server(0, at(0));
    let request = b"GET /music/a HTTP/1.1\r\nHost: music.oasis.test\r\n\r\n";
    for cut in 0..request.len() {
        let mut bytes = request.to_vec();
        bytes[cut] ^= 0x81;
        let id = StreamId::Theirs(cut as u64);
        server.input(at(1), Input::Stream(id, Stream::Open { at: Port::unicast(80), peer: socket(9) }));
        for part in bytes.chunks(7) {
            server.input(at(1), Input::Stream(id, Stream::Bytes(part)));
        }
        while let Some(output) = server.output() {
            if let Output::Stream(_, Stream::Bytes(bytes)) = output {
                let text = String::from_utf8(bytes).unwrap();
                assert_eq!(text.matches("\r\n\r\n").count(), 1, "one head: {text}");
                assert!(text.starts_with("HTTP/1.1 "), "{text}");
            }
        }
    }
}
