//! Streams that say anything at all.

use std::net::SocketAddrV4;
use std::time::Duration;

use proptest::prelude::*;

use super::message::{HIT, Head, MAX_PAYLOAD, PING, PONG, QUERY, ROUTES, frame, query};
use super::*;
use crate::machine::{Port, Stream, StreamId};

fn now(milliseconds: u64) -> Time {
    Time(Duration::from_millis(milliseconds))
}

/// A member on its own, with the streams that others have opened to it.
fn alone(version: &'static str) -> Gnutella {
    let mut node = servent(0, 10, 1, &values().with("version", version));
    node.begin(now(0));
    node
}

fn open(node: &mut Gnutella, stream: u64) -> StreamId {
    let id = StreamId::Theirs(stream);
    let peer = SocketAddr::from(([10, 7, (stream / 200) as u8, (stream % 200) as u8 + 1], 50_000));
    node.stream(now(0), id, Stream::Open { at: Port::unicast(PORT), peer });
    id
}

/// What it said in a stream since it was asked last, and whether it has ended it.
fn said(node: &mut Gnutella, id: StreamId) -> (Vec<u8>, bool) {
    let (mut bytes, mut closed) = (Vec::new(), false);
    while let Some((of, part)) = node.poll_stream() {
        match part {
            Stream::Bytes(more) if of == id => bytes.extend(more),
            Stream::Close if of == id => closed = true,
            _ => {}
        }
    }
    (bytes, closed)
}

/// A link that is up.
fn linked(node: &mut Gnutella, stream: u64, greeting: &str) -> StreamId {
    let id = open(node, stream);
    node.stream(now(1), id, Stream::Bytes(greeting.as_bytes()));
    let (answer, closed) = said(node, id);
    assert!(answer.starts_with(b"GNUTELLA") && !closed, "{}", String::from_utf8_lossy(&answer));
    if greeting.contains("0.6") {
        node.stream(now(2), id, Stream::Bytes(b"GNUTELLA/0.6 200 OK\r\n\r\n"));
    }
    said(node, id);
    id
}

const OLD: &str = "GNUTELLA CONNECT/0.4\n\n";
const NEW: &str = "GNUTELLA CONNECT/0.6\r\nX-Ultrapeer: True\r\n\r\n";

#[test]
fn whoever_speaks_another_language_is_shown_out() {
    for version in ["0.4", "0.6"] {
        let mut node = alone(version);
        let id = open(&mut node, 1);
        node.stream(now(1), id, Stream::Bytes(b"GET / HTTP/1.1\r\n\r\n"));
        assert!(said(&mut node, id).1);
        let id = linked(&mut node, 2, OLD);
        let mut long = frame(Head { guid: [1; 16], kind: PING, ttl: 1, hops: 0 }, &[]);
        long[19..23].copy_from_slice(&(MAX_PAYLOAD as u32 + 1).to_le_bytes());
        node.stream(now(3), id, Stream::Bytes(&long));
        assert!(said(&mut node, id).1, "{version}: a message too long");
        let id = linked(&mut node, 3, OLD);
        for strike in 1..=link::STRIKES {
            assert!(!said(&mut node, id).1, "{version}: {strike}");
            let head = Head { guid: [strike; 16], kind: HIT, ttl: 1, hops: 0 };
            node.stream(now(3), id, Stream::Bytes(&frame(head, b"no hit")));
        }
        assert!(said(&mut node, id).1, "{version}: malformed once too often");
        assert_eq!((node.counts.nonsense, node.links.len()), (3, 0));
        let id = open(&mut node, 4);
        node.handle_timeout(now(60_000));
        assert!(said(&mut node, id).1, "{version}: nothing said");
    }
}

#[test]
fn a_third_party_is_answered_byte_by_byte() {
    let mut node = alone("0.6");
    node.ask(now(0), Token::Command(1), Ask::Share { name: "red fox".into() });
    let id = linked(&mut node, 1, NEW);
    let head = Head { guid: [9; 16], kind: QUERY, ttl: 3, hops: 0 };
    node.stream(now(3), id, Stream::Bytes(&frame(head, &query("fox"))));
    let (bytes, _) = said(&mut node, id);
    let (hit, payload) = message::first(&bytes).unwrap().expect("a whole message");
    assert_eq!(hit, Head { guid: [9; 16], kind: HIT, ttl: 2, hops: 0 });
    let hits = message::Hits::read(payload).expect("a hit");
    assert_eq!((hits.results, hits.at), (vec![(0, "red fox".to_owned())], node.at()));
    // A kind that nobody here knows is passed over.
    node.stream(now(3), id, Stream::Bytes(&frame(Head { kind: 0x31, ..head }, &[1, 2, 3])));
    node.stream(now(3), id, Stream::Bytes(&frame(Head { guid: [8; 16], kind: PING, ttl: 1, hops: 0 }, &[])));
    let (bytes, closed) = said(&mut node, id);
    let (pong, _) = message::first(&bytes).unwrap().expect("a whole message");
    assert!(!closed && pong.kind == PONG && pong.guid == [8; 16]);
}

#[test]
fn an_ultrapeer_that_is_full_says_who_is_not() {
    let mut node = servent(0, 10, 1, &values().with("connections", 1u64).with("leaves", 2u64));
    node.begin(now(0));
    let leaf = "GNUTELLA CONNECT/0.6\r\nX-Ultrapeer: False\r\n\r\n";
    for stream in 1..3 {
        linked(&mut node, stream, leaf);
    }
    linked(&mut node, 3, "GNUTELLA CONNECT/0.6\r\nX-Ultrapeer: True\r\nListen-IP: 1.2.3.4:7000\r\n\r\n");
    let id = open(&mut node, 4);
    node.stream(now(3), id, Stream::Bytes(leaf.as_bytes()));
    let (answer, closed) = said(&mut node, id);
    let answer = String::from_utf8(answer).unwrap();
    assert!(closed && answer.starts_with("GNUTELLA/0.6 503 "), "{answer}");
    assert!(answer.contains("X-Try-Ultrapeers: 10.7.0.4:7000\r\n"), "{answer}");
    assert!(answer.contains("X-Ultrapeer-Needed: True\r\n"), "{answer}");
}

#[test]
fn floods_fill_no_table_beyond_its_limit() {
    let mut node = alone("0.6");
    for stream in 0..400 {
        open(&mut node, stream);
        assert!(node.links.len() <= 100);
    }
    node.handle_timeout(now(10_000));
    assert!(node.links.is_empty());
    let ids: Vec<StreamId> = (500..504).map(|stream| linked(&mut node, stream, NEW)).collect();
    for n in 0..20_000u32 {
        let mut guid = [7; 16];
        guid[..4].copy_from_slice(&n.to_be_bytes());
        let at = SocketAddrV4::new(n.into(), 6346);
        let (kind, payload) = match n % 4 {
            0 => (QUERY, query("fox")),
            1 => (PONG, message::Pong { at, files: 1, kilobytes: 1 }.bytes()),
            2 => (HIT, message::Hits { at, results: vec![(1, "fox".into())], servent: guid }.payloads().remove(0)),
            _ => (PING, Vec::new()),
        };
        let bytes = frame(Head { guid, kind, ttl: 7, hops: 0 }, &payload);
        node.stream(now(10_001), ids[n as usize / 4 % 4], Stream::Bytes(&bytes));
        while node.poll_stream().is_some() {}
    }
    for (table, held) in node.tables() {
        let most = match table {
            "hosts" => hosts::MAX_HOSTS,
            "pongs" => hosts::MAX_PONGS,
            "queries" | "pings" | "servents" => MAX_SEEN,
            _ => 100,
        };
        assert!(held <= most, "{table}: {held}");
    }
    for n in 0..1000 {
        node.ask(now(10_001), Token::Command(n), Ask::Search { words: "fox".into() });
    }
    assert_eq!(node.searches.len(), search::MAX_SEARCHES);
    (1..20).for_each(|minute| node.handle_timeout(now(minute * 60_000)));
    assert_eq!(std::iter::from_fn(|| node.poll_event()).filter(|did| matches!(did, Did::Done { .. })).count(), 1000);
}

/// Something like a message: most of it well formed.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop::sample::select(vec![PING, PONG, QUERY, HIT, ROUTES, message::PUSH, message::BYE, 0x31]);
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        "[a-f ]{0,20}".prop_map(|text| query(&text)),
        Just(vec![0, 0, 1, 0, 0, 2]),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|data| [&[1, 1, 1, 0, 4][..], &data].concat()),
    ];
    (any::<[u8; 16]>(), kinds, any::<u8>(), 0u8..9, payload)
        .prop_map(|(guid, kind, ttl, hops, payload)| frame(Head { guid, kind, ttl, hops }, &payload))
}

/// Plays these bytes in pieces, split anywhere, to a servent with another link; it must bear them.
fn play(version: &'static str, bytes: &[u8], cuts: &[usize]) -> Gnutella {
    let mut node = alone(version);
    node.ask(now(0), Token::Command(1), Ask::Share { name: "bad cafe".into() });
    linked(&mut node, 1, OLD);
    let id = open(&mut node, 2);
    let (mut rest, mut cuts) = (bytes, cuts.iter().cycle());
    while !rest.is_empty() {
        let (piece, more) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
        node.stream(now(5), id, Stream::Bytes(piece));
        rest = more;
        while node.poll_stream().is_some() || node.poll_transmit().is_some() {}
    }
    node
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn arbitrary_bytes_are_borne(
        bytes in prop::collection::vec(any::<u8>(), 0..3000),
        greeted in any::<bool>(),
        cuts in prop::collection::vec(1usize..200, 1..9),
    ) {
        for version in ["0.4", "0.6"] {
            let all = if greeted { [OLD.as_bytes(), &bytes].concat() } else { bytes.clone() };
            let mut node = play(version, &all, &cuts);
            let held: usize = node.links.values_mut().map(|link| link.inbox().len()).sum();
            prop_assert!(held <= 2 * (MAX_PAYLOAD + message::HEADER));
        }
    }

    #[test]
    fn what_is_said_does_not_depend_on_where_it_is_cut(
        messages in prop::collection::vec(message(), 0..30),
        cuts in prop::collection::vec(1usize..60, 1..9),
    ) {
        let all = [OLD.as_bytes(), &messages.concat()].concat();
        let (whole, cut) = (play("0.6", &all, &[all.len()]), play("0.6", &all, &cuts));
        prop_assert_eq!(whole.counts, cut.counts);
        prop_assert_eq!(whole.tables(), cut.tables());
    }

    #[test]
    fn mutated_messages_are_borne(
        messages in prop::collection::vec(message(), 1..30),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cuts in prop::collection::vec(1usize..60, 1..9),
    ) {
        let mut all = [NEW.as_bytes(), b"GNUTELLA/0.6 200 OK\r\n\r\n", &messages.concat()].concat();
        for (at, byte) in flips {
            let at = at.index(all.len());
            all[at] ^= byte;
        }
        play("0.6", &all, &cuts);
    }
}
