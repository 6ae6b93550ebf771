//! A flood of strangers: requests of every kind, each from another id and another address. A member's
//! tables keep to their limits, its memory does not grow with the flood, and it goes on.
//!
//! `ANYBED_FLOOD=1000000` floods with so many ids, and the resident memory is printed: `scripts/flood-ids`.

use std::net::SocketAddr;
use std::time::Duration;

use anybed::anycast::{Command, Means, Member};
use anybed::machine::{Part, Via};
use anybed::overlay::auth::{Key, Seal};
use anybed::overlay::id::Id;
use anybed::overlay::store::{Digest, Item, MAX_KEYS, Stamp};
use anybed::overlay::structured::dht::message::{Body, Envelope, Query, Request, Response, Route};
use anybed::overlay::wire::{Tag, encode};
use anybed::overlay::{Peer, Time, Transmit};
use anybed::topology::{Healing, LookupMode};
use serde::Serialize;

use crate::world::{self, Options, address, group};

const TICK: Duration = Duration::from_micros(50);

/// The protocol's messages are an overlay's own: for a stranger they are bytes.
type Said = Envelope<OwnAsk, (), OwnPlace>;

/// Chord's own requests, as they are encoded.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
enum OwnAsk {
    State,
    Notify,
    Fingers,
    Leaving(OwnPlace),
}

#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
struct OwnPlace {
    predecessor: Option<Peer>,
    successors: Vec<Peer>,
}

/// The envelope of all members' messages, as it is encoded.
#[derive(Serialize)]
enum Message<'a> {
    Hello { nonce: u64, padding: Vec<u8> },
    Cookie { nonce: u64, cookie: [u8; 16] },
    Echo { nonce: u64, cookie: [u8; 16], join: Option<u8> },
    Elsewhere { nonce: u64, peer: Peer },
    Welcome { nonce: u64, id: Id, place: Id, color: Option<u16>, size: u32, neighbors: Vec<Peer> },
    Met { id: Id, place: Id, by: Means, color: Option<u16> },
    Load { id: Id, joins: u32 },
    Contact { flood: u64, peer: Peer },
    Overlay(&'a [u8]),
}

/// What the `n`-th stranger says; its id and its address are its own.
fn said(n: u64, kind: u64, me: Peer) -> Vec<u8> {
    let sender = me.id;
    let (nonce, flood) = (n, n);
    let place = OwnPlace { predecessor: Some(me), successors: vec![me; 8] };
    let query = || Query { key: Id::hash(&[&n.to_be_bytes()]), last: n.is_multiple_of(2), avoid: vec![sender] };
    let item = |n: u64| Item {
        key: format!("{n:064}"),
        value: "x".repeat(256),
        stamp: Stamp { version: n, writer: sender },
        owner: sender,
        replaces: Vec::new(),
        others: Vec::new(),
    };
    let request = |request| {
        let said: Said = Envelope { sender, body: Body::Request { rpc: n, request } };
        postcard::to_stdvec(&Message::Overlay(&postcard::to_stdvec(&said).expect("it is short"))).expect("it is short")
    };
    let other = |message: Message<'_>| postcard::to_stdvec(&message).expect("it is short");
    match kind {
        0 => other(Message::Hello { nonce, padding: vec![0; 48] }),
        1 => other(Message::Cookie { nonce, cookie: [n as u8; 16] }),
        2 => other(Message::Echo { nonce, cookie: [n as u8; 16], join: Some(0) }),
        3 => other(Message::Welcome {
            nonce,
            id: sender,
            place: sender,
            color: Some(3),
            size: 5,
            neighbors: vec![me; 16],
        }),
        4 => other(Message::Met { id: sender, place: sender, by: Means::Color, color: Some((n % 8) as u16) }),
        5 if n.is_multiple_of(2) => other(Message::Load { id: sender, joins: n as u32 }),
        5 => other(Message::Contact { flood, peer: me }),
        6 => request(Request::Ping),
        7 => request(Request::Step(query())),
        8 => request(Request::Route(Route { origin: me, lookup: n, hops: 0, query: query() })),
        9 => request(Request::Put { key: format!("{n:064}"), value: "x".repeat(256) }),
        10 => request(Request::Get { key: format!("key {}", n % 20) }),
        11 => request(Request::Keep { items: vec![item(n), item(n + 1), item(n + 2)] }),
        12 => request(Request::Compare { from: sender, to: Id(n.into()), digest: Digest::default(), whole: true }),
        13 => request(Request::Pull { ids: vec![Id::of_key("key 3"), sender] }),
        14 => request(Request::Own(OwnAsk::State)),
        15 => request(Request::Own(OwnAsk::Notify)),
        16 => request(Request::Own(OwnAsk::Fingers)),
        17 => request(Request::Own(OwnAsk::Leaving(place))),
        18 => {
            let said: Said = Envelope { sender, body: Body::Response { rpc: n, response: Response::Done } };
            other(Message::Overlay(&postcard::to_stdvec(&said).expect("it is short")))
        }
        19 => other(Message::Elsewhere { nonce, peer: me }),
        20 => other(Message::Load { id: sender, joins: n as u32 }),
        _ => {
            let said: Said = Envelope { sender, body: Body::Found { lookup: n, hops: 1, at: place } };
            other(Message::Overlay(&postcard::to_stdvec(&said).expect("it is short")))
        }
    }
}

const KINDS: u64 = 22;

/// Whether the strangers know the overlay's key, if it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    NoKey,
    Outsiders,
    Insiders,
}

struct Flooded {
    tables: Vec<(&'static str, usize)>,
    /// Datagrams that the member sent meanwhile, and how many of them to strangers.
    sent: u64,
    to_strangers: u64,
    /// KiB of resident memory before, halfway, and afterwards.
    resident: [u64; 3],
}

/// The first member of three is flooded; what the others say to it comes through.
fn flood(ids: u64, kind: Kind) -> Flooded {
    let key = (kind != Kind::NoKey).then_some("correct horse");
    let options = Options { key, lookup: LookupMode::Recursive, healing: Healing::Colors, ..Options::default() };
    let mut now = Time::default();
    let mut members: Vec<Member> =
        (0..3).map(|host| Member::plain(world::config(options.clone(), host), now)).collect();
    for host in 0..3 {
        members[host].command(now, Command::Join { found: host == 0 });
        for _ in 0..600 {
            now = now + Duration::from_millis(5);
            exchange(&mut members, now, &mut |_| {});
        }
        assert!(world::is_member(&members[host]), "h{host}");
    }
    let mut flooded = Flooded { tables: Vec::new(), sent: 0, to_strangers: 0, resident: [resident(), 0, 0] };
    let insider = Key::new("correct horse").expect("it is long enough");
    for n in 0..ids {
        now = now + TICK;
        let from = SocketAddr::from(([11 + (n >> 24) as u8, (n >> 16) as u8, (n >> 8) as u8, n as u8], 4000));
        let me = Peer { id: Id::hash(&[b"stranger", &n.to_be_bytes()]), address: from };
        let message = said(n, n % KINDS, me);
        let via = if n.is_multiple_of(KINDS) { Via::Group(Part(0)) } else { Via::Unicast };
        let mut hear = |bytes: &[u8]| members[0].handle(now, from, via, bytes);
        let tag = Tag::of_overlay("music");
        match kind {
            Kind::NoKey | Kind::Outsiders => {
                // The tag and the message: what a member without a key would take.
                let mut bytes = encode(tag, &0u8).expect("it is short");
                bytes.pop();
                bytes.extend(message);
                hear(&bytes);
            }
            Kind::Insiders => {
                let to = if n.is_multiple_of(KINDS) { group(0) } else { address(0) };
                let mut seal = Seal::new(&insider, tag, &[&n.to_be_bytes()]);
                hear(&seal.seal(from, to, &Raw(&message)).expect("it is short"));
                // A challenge is answered: all of it comes in.
                if let Some(answer) = members[0].poll_transmit().filter(|t| t.to == from)
                    && let Ok(anybed::overlay::auth::Opened::Again(again)) = seal.open(address(0), from, &answer.bytes)
                {
                    members[0].handle(now, from, via, &again);
                }
            }
        }
        exchange(&mut members, now, &mut |to| {
            flooded.sent += 1;
            flooded.to_strangers += u64::from(to.ip().to_string().starts_with("11."));
        });
        for (name, entries) in members[0].tables() {
            let seen = flooded.tables.iter_mut().find(|(seen, _)| *seen == name);
            match seen {
                Some((_, most)) => *most = entries.max(*most),
                None => flooded.tables.push((name, entries)),
            }
        }
        if n == ids / 2 {
            flooded.resident[1] = resident();
        }
    }
    flooded.resident[2] = resident();
    let still = (0..2000).any(|_| {
        now = now + Duration::from_millis(5);
        exchange(&mut members, now, &mut |_| {});
        world::is_member(&members[0])
    });
    assert!(still, "it is a member afterwards");
    flooded
}

/// What is encoded already.
struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple;
        let mut tuple = s.serialize_tuple(self.0.len())?;
        self.0.iter().try_for_each(|byte| tuple.serialize_element(byte))?;
        tuple.end()
    }
}

fn exchange(members: &mut [Member], now: Time, sent: &mut dyn FnMut(SocketAddr)) {
    for from in 0..members.len() {
        if members[from].poll_timeout().is_some_and(|t| t <= now) {
            members[from].handle_timeout(now);
        }
        while let Some(Transmit { to, bytes }) = members[from].poll_transmit() {
            if from == 0 {
                sent(to);
            }
            let (host, via) = if to == group(0) { (Some(0), Via::Group(Part(0))) } else { (host(to), Via::Unicast) };
            if let Some(host) = host.filter(|host| *host != from && *host < members.len()) {
                members[host].handle(now, address(from), via, &bytes);
            }
        }
        while members[from].poll_event().is_some() {}
    }
}

fn host(of: SocketAddr) -> Option<usize> {
    (0..3).find(|host| address(*host) == of)
}

/// KiB of this process's resident memory, by /proc/self/status.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Most entries of each table, whoever floods.
fn limit(table: &str) -> usize {
    match table {
        "keys" => MAX_KEYS,
        "sessions" | "known" => 4096,
        "calls" => 4096,
        "distrusted" | "measured" => 1024,
        "tasks" | "writes" => 512,
        "neighbors" => 192,
        _ => 64,
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "what `scripts/flood-ids` is for")]
fn a_flood_of_ids_fills_no_table_beyond_its_limit() {
    let given = std::env::var("ANYBED_FLOOD").ok().and_then(|n| n.parse().ok());
    for kind in [Kind::NoKey, Kind::Outsiders, Kind::Insiders] {
        let ids = given.unwrap_or(10_000);
        let flooded = flood(ids, kind);
        let [before, halfway, after] = flooded.resident;
        println!("{kind:?}: {ids} ids; resident KiB before {before}, halfway {halfway}, after {after}");
        println!("  sent {} datagrams, {} of them to strangers", flooded.sent, flooded.to_strangers);
        println!("  most entries: {:?}", flooded.tables);
        for (table, most) in &flooded.tables {
            assert!(*most <= limit(table), "{kind:?}: {most} {table}");
        }
        if kind == Kind::Outsiders {
            assert_eq!(flooded.to_strangers, 0);
            let keys = flooded.tables.iter().find(|(name, _)| *name == "keys");
            assert_eq!(keys, Some(&("keys", 0)), "nothing of theirs is kept");
        }
    }
}
