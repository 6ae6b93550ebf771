//! Whatever is sent, proxies and agents stand, their tables have limits, and nobody is answered with more than they
//! sent before they have shown their address.

use proptest::prelude::*;

use super::super::message::{Between, Data, Draw, How, Jap, Message, Opening, Reply, Request, Step, What, encode};
use super::super::ports::{BLOCK, NAT, RELAY};
use super::*;
use crate::anycast::member::Cookie;
use crate::anycast::{Served, Server};
use crate::machine::Via;
use crate::overlay::wire::Tag;

const LIMITS: [(&str, usize); 9] = [
    ("targets", 4096),
    ("questions", 1024),
    ("streams", 2048),
    ("counts", 4 * GROUPS),
    ("told", GROUPS),
    ("listed", GROUPS * 128),
    ("entries", 8192),
    ("exits", 8192),
    ("nat", 8192),
];

fn plan() -> Plan {
    Plan::random(4, 4, 0, 60)
}

fn server() -> Box<dyn Server> {
    let config = ServerConfig { facts: plan().facts(), host: "h0".into(), seed: 1 };
    let row = Infrastructure::named("pias").unwrap();
    (row.server.as_ref().unwrap().make)(config, Time::default())
}

fn outputs(server: &mut dyn Server) -> Vec<Output<Served>> {
    std::iter::from_fn(|| server.output()).collect()
}

fn bounded(server: &dyn Server) {
    for (name, entries) in server.tables() {
        let (_, most) = LIMITS.iter().find(|(of, _)| *of == name).expect("every table has a limit");
        assert!(entries <= *most, "{name}: {entries}");
    }
}

fn group_tag() -> Tag {
    Tag::of_agent("proxies", "g1")
}

fn request(cookie: Cookie, what: What) -> Message<'static> {
    Message::Request(Request { tag: group_tag(), token: 7, cookie, group: 1, what })
}

/// One of each message to a proxy.
fn messages() -> Vec<Vec<u8>> {
    let (client, japs) =
        (address(200, 5), vec![Jap { server: 1, count: 3, flows: 1 }, Jap { server: 60, count: 9, flows: 0 }]);
    let requests = [
        What::Register { port: 8080, plain: true },
        What::Leave { port: 8080 },
        What::Neighbors { port: 8080, count: 255 },
        What::Draw { port: 8080, how: How::Idle },
        What::Here { port: 8080, count: 9 },
        What::Pong,
    ];
    let between = [
        Between::Beat { stamp: 1, distances: vec![1, 2, 3] },
        Between::Echo { stamp: u64::MAX },
        Between::Count { group: 1, count: u32::MAX, flows: u32::MAX },
        Between::Ask { group: 1 },
        Between::List { group: 1, japs, chosen: Some((client, 9)) },
        Between::Gone { group: 1, client, empty: true },
        Between::Members { query: 1, group: 1, count: 255, but: client },
        Between::Draw(Draw { query: 1, group: 1, how: How::Uniform, origin: 900, hops: 2 }),
        Between::Pick(Draw { query: 1, group: 1, how: How::Uniform, origin: 2, hops: 0 }),
        Between::Are { query: 1, members: vec![client; 40] },
    ];
    let data = |step, hops| Data { group: 1, client, step, iap: 2, past: Some(1), hops, payload: b"payload" };
    let data = [data(Step::Find, 4), data(Step::Deliver, 0), data(Step::Deliver, 3)];
    let tag = plan().facts().tag();
    let all = requests.into_iter().map(|what| request([0; 16], what)).chain(between.into_iter().map(Message::Proxy));
    let all = all.chain(data.into_iter().map(Message::Data));
    let opening = encode(tag, &Opening { group: 1, client }).unwrap();
    all.map(|message| encode(tag, &message).unwrap()).chain([opening]).collect()
}

fn replies() -> Vec<Vec<u8>> {
    let members = vec![address(9, 1); 5];
    let all = [
        Reply::Challenge { token: 1, cookie: [1; 16] },
        Reply::Registered { token: 1, lease_ms: u64::MAX },
        Reply::Left { token: 1 },
        Reply::Members { token: 1, members },
        Reply::Ping { token: 1 },
        Reply::Data { client: address(9, 1), payload: b"payload" },
    ];
    all.iter().map(|reply| encode(group_tag(), reply).unwrap()).collect()
}

/// A message, or a damaged one, or anything.
fn bytes(of: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let (real, damaged) = (prop::sample::select(of.clone()), prop::sample::select(of));
    let damages = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6);
    let damaged = (damaged, damages, any::<bool>()).prop_map(|(mut bytes, damages, cut)| {
        for (index, byte) in damages {
            // The head stays: else it would not be read at all.
            let at = 9 + index.index(bytes.len().saturating_sub(9).max(1));
            if cut {
                bytes.truncate(at);
            } else if let Some(old) = bytes.get_mut(at) {
                *old = byte;
            }
        }
        bytes
    });
    prop_oneof![real, damaged, prop::collection::vec(any::<u8>(), 0..1500)]
}

fn port() -> impl Strategy<Value = Port> {
    prop_oneof![
        Just(Port::unicast(4000)),
        Just(Port { via: Via::Group(BLOCK), number: 4000 }),
        Just(Port { via: Via::Group(Part(1)), number: GROUP_PORT }),
        Just(Port { via: Via::Group(Part(900)), number: GROUP_PORT }),
        Just(Port::unicast(NAT + 1)),
        Just(Port::unicast(RELAY)),
    ]
}

proptest! {
    #[test]
    fn a_proxy_stands_whatever_it_is_sent(
        sent in prop::collection::vec((port(), 0usize..8, bytes(messages()), 0u64..400), 1..80),
    ) {
        let (mut server, mut now) = (server(), Time::default());
        server.input(now, Input::Timer);
        for (index, (at, from, bytes, pause)) in sent.iter().enumerate() {
            now = now + Duration::from_millis(*pause);
            server.input(now, Input::Datagram { at: *at, from: address(*from, 4000), bytes });
            let id = StreamId::Theirs(index as u64 / 3);
            let part = match index % 4 {
                0 => Stream::Open { at: *at, peer: address(*from, 4000) },
                3 => Stream::Close,
                _ => Stream::Bytes(&bytes[..]),
            };
            server.input(now, Input::Stream(id, part));
            server.input(now, Input::Timer);
            for output in outputs(&mut *server) {
                if let Output::Datagram { bytes, .. } = output {
                    prop_assert!(bytes.len() <= 1500);
                }
            }
            bounded(&*server);
        }
    }

    #[test]
    fn an_agent_stands_whatever_it_is_sent(
        sent in prop::collection::vec((0usize..8, bytes(replies()), 0u64..900, any::<bool>()), 1..80),
    ) {
        let (plan, mut now) = (plan(), Time::default());
        let mut agent = plan.being(5, now);
        for (from, bytes, pause, join) in sent {
            now = now + Duration::from_millis(pause);
            let call = if join { Call::Join } else { Call::Ask { token: 1, question: Question::Random } };
            agent.input(now, Input::Order(Wish::Told(Told::Endpoint(call))));
            agent.input(now, Input::Datagram { at: Port::unicast(4000), from: address(from, 4000), bytes: &bytes });
            agent.input(now, Input::Timer);
            while agent.output().is_some() {}
            let endpoint = agent.being.resident.as_ref().unwrap().endpoint().unwrap();
            for (name, entries) in endpoint.tables() {
                prop_assert!(entries <= if name == "requests" { 64 } else { 4 }, "{} {}", name, entries);
            }
        }
    }

    /// Who is no proxy and has shown no cookie gets at most one datagram for one, and no longer one.
    #[test]
    fn nothing_is_amplified_before_an_address_is_proven(
        bytes in bytes(messages()),
        at in prop_oneof![Just(Port::unicast(4000)), Just(Port { via: Via::Group(BLOCK), number: 4000 })],
    ) {
        let mut server = server();
        server.input(Time::default(), Input::Timer);
        outputs(&mut *server);
        let from = address(200, 4000);
        server.input(Time::default(), Input::Datagram { at, from, bytes: &bytes });
        let answers: Vec<_> = outputs(&mut *server).into_iter().filter_map(|output| match output {
            Output::Datagram { to, bytes, .. } => Some((to, bytes.len())),
            _ => None,
        }).collect();
        prop_assert!(answers.len() <= 1, "{:?}", answers);
        for (to, length) in answers {
            prop_assert!(to == from && length <= bytes.len(), "{} for {}", length, bytes.len());
        }
    }
}

/// The cookie that a proxy gives this address.
fn cookie(server: &mut dyn Server, from: SocketAddr) -> Cookie {
    send(server, from, &request([0; 16], What::Leave { port: 1 }));
    let tag = group_tag();
    let cookies = outputs(server).into_iter().find_map(|output| match output {
        Output::Datagram { to, bytes, .. } if to == from => match super::super::message::decode(tag, &bytes) {
            Ok(Reply::Challenge { cookie, .. }) => Some(cookie),
            _ => None,
        },
        _ => None,
    });
    cookies.expect("a challenge")
}

fn send(server: &mut dyn Server, from: SocketAddr, message: &Message<'_>) {
    let bytes = encode(plan().facts().tag(), message).unwrap();
    server.input(Time::default(), Input::Datagram { at: Port::unicast(4000), from, bytes: &bytes });
}

fn table(server: &dyn Server, name: &str) -> usize {
    server.tables().iter().find(|(of, _)| *of == name).unwrap().1
}

#[test]
fn a_flood_of_registrations_fills_no_more_than_there_is_room_for() {
    let mut server = server();
    // Of forged addresses: nothing is kept.
    for host in 0..20_000 {
        send(&mut *server, address(host, 4000), &request([3; 16], What::Register { port: 80, plain: true }));
    }
    outputs(&mut *server);
    assert_eq!(table(&*server, "targets"), 0);
    let other = address(30_001, 4000);
    let proof = cookie(&mut *server, other);
    let register = What::Register { port: 80, plain: false };
    send(
        &mut *server,
        other,
        &Message::Request(Request { tag: group_tag(), token: 7, cookie: proof, group: 2, what: register }),
    );
    assert_eq!(table(&*server, "targets"), 1);
    // Of one address: some. Of many that are real: as many as there is room for.
    let one = address(30_000, 4000);
    let proof = cookie(&mut *server, one);
    for port in 1..1000 {
        send(&mut *server, one, &request(proof, What::Register { port, plain: false }));
    }
    assert_eq!(table(&*server, "targets"), 65);
    for host in 100..6000 {
        let proof = cookie(&mut *server, address(host, 4000));
        send(&mut *server, address(host, 4000), &request(proof, What::Register { port: 80, plain: false }));
    }
    outputs(&mut *server);
    assert_eq!(table(&*server, "targets"), 4096);
    // Flows, questions and streams.
    let at = Port { via: Via::Group(Part(2)), number: GROUP_PORT };
    for host in 0..10_000 {
        server.input(Time::default(), Input::Datagram { at, from: address(host, 9), bytes: b"x" });
    }
    for _ in 0..1100 {
        send(&mut *server, one, &request(proof, What::Neighbors { port: 1, count: 200 }));
        send(&mut *server, one, &request(proof, What::Draw { port: 1, how: How::Uniform }));
    }
    for id in 0..2500 {
        let open = Stream::Open { at: Port { number: GROUP_PORT, ..at }, peer: address(id as usize, 9) };
        server.input(Time::default(), Input::Stream(StreamId::Theirs(id), open));
    }
    bounded(&*server);
    assert_eq!(table(&*server, "entries"), 8192);
    let bytes = server.bytes();
    show!("a proxy under floods: {bytes} bytes, {:?}", server.tables());
    assert!(bytes < 8 << 20, "{bytes}");
}

#[test]
fn only_proxies_are_believed_to_be_proxies() {
    let mut server = server();
    let count = Message::Proxy(Between::Count { group: 1, count: 5, flows: 0 });
    for from in [address(77, 4000), address(1, 4001), address(0, 4000)] {
        send(&mut *server, from, &count);
        assert_eq!(table(&*server, "counts"), 0, "{from}");
    }
    let bytes = encode(plan().facts().tag(), &count).unwrap();
    let block = Port { via: Via::Group(BLOCK), number: 4000 };
    server.input(Time::default(), Input::Datagram { at: block, from: address(1, 4000), bytes: &bytes });
    assert_eq!(table(&*server, "counts"), 0, "proxies do not send to the block");
    send(&mut *server, address(1, 4000), &count);
    assert_eq!(table(&*server, "counts"), 1);
}
