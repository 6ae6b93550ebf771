//! What a member does with streams that others open to it, and with messages of walks.
//!
//! Of a sequence the first byte chooses who hears it, and the rest are steps, each a byte and what it takes.

use std::collections::BTreeSet;
use std::time::Duration;

use anybed::anycast::{Command, Member};
use anybed::machine::{Input, Machine, Output, Port, Stream, StreamId};
use anybed::overlay::{Given, LookupMode, Protocol, Time};

use crate::targets::members::{Bytes, Room, address, config};

const GREETINGS: [&[u8]; 4] = [
    b"GNUTELLA CONNECT/0.4\n\n",
    b"GNUTELLA CONNECT/0.6\r\nX-Ultrapeer: True\r\n\r\n",
    b"GNUTELLA CONNECT/0.6\r\nX-Ultrapeer: False\r\nX-Query-Routing: 0.1\r\n\r\n",
    b"GNUTELLA/0.6 200 OK\r\n\r\n",
];
const KINDS: [u8; 8] = [0x00, 0x01, 0x02, 0x30, 0x40, 0x80, 0x81, 0x31];
/// Streams that a fuzzer opens.
const STREAMS: u8 = 8;

/// Whatever it hears in streams, its tables keep to their limits, and it says nothing in a stream that has ended.
pub(crate) fn streams(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let listening = Protocol::all().map(Given::of).filter(|given| given.protocol.tcp_ports(given).next().is_some());
    let kinds: Vec<Given> = listening.flat_map(|given| [given.clone().with("version", "0.4"), given]).collect();
    let mut heard = Heard::new(kinds[usize::from(bytes.one()) % kinds.len()].clone());
    for _ in 0..64 {
        if bytes.0.is_empty() {
            break;
        }
        let (what, stream) = (bytes.one(), u64::from(bytes.one() % STREAMS));
        let id = StreamId::Theirs(stream);
        match what % 8 {
            0 => heard.open(stream),
            1 => heard.say(id, GREETINGS[usize::from(bytes.one()) % GREETINGS.len()]),
            2 => heard.say(id, bytes.some()),
            3..=5 => {
                let (kind, ttl, hops) = (KINDS[usize::from(bytes.one()) % KINDS.len()], bytes.one(), bytes.one());
                let (guid, payload) = ([bytes.one(); 16], bytes.some());
                let length = (payload.len() as u32).to_le_bytes();
                heard.say(id, &[&guid[..], &[kind, ttl, hops], &length, payload].concat());
            }
            6 => heard.end(id, what & 8 == 0),
            _ => heard.order(bytes.one()),
        }
    }
    heard.pass(Duration::from_secs(20));
}

struct Heard {
    now: Time,
    member: Member,
    port: u16,
    open: BTreeSet<StreamId>,
    tokens: u64,
}

impl Heard {
    fn new(given: Given) -> Self {
        let port = given.protocol.tcp_ports(&given).next().expect("it listens");
        let now = Time::default();
        let member = Member::plain(config(0, given, LookupMode::Recursive), now);
        let mut heard = Self { now, member, port, open: BTreeSet::new(), tokens: 0 };
        heard.input(Input::Order(Command::Join { found: true }));
        heard.pass(Duration::from_secs(5));
        heard.input(Input::Order(Command::Share { token: 0, name: "red fox".into() }));
        heard
    }

    fn input(&mut self, input: Input<'_, Command>) {
        self.member.input(self.now, input);
        while let Some(output) = self.member.output() {
            let Output::Stream(id, part) = output else { continue };
            match part {
                Stream::Open { .. } => assert!(self.open.insert(id), "{id:?} is opened twice"),
                Stream::Bytes(bytes) => assert!(self.open.contains(&id) && !bytes.is_empty(), "{id:?} has ended"),
                // One that the other end has ended is ended here too.
                Stream::Close | Stream::Lost => drop(self.open.remove(&id)),
            }
        }
        for (name, entries) in self.member.tables() {
            assert!(entries <= 16 * 1024, "{name}: {entries}");
        }
    }

    fn open(&mut self, stream: u64) {
        let id = StreamId::Theirs(stream);
        if self.open.insert(id) {
            let peer = std::net::SocketAddr::new(address(2 + stream as usize % 6).ip(), 50_000 + stream as u16);
            self.input(Input::Stream(id, Stream::Open { at: Port::unicast(self.port), peer }));
        }
    }

    fn say(&mut self, id: StreamId, bytes: &[u8]) {
        if self.open.contains(&id) && !bytes.is_empty() {
            self.input(Input::Stream(id, Stream::Bytes(bytes)));
        }
    }

    fn end(&mut self, id: StreamId, politely: bool) {
        if self.open.remove(&id) {
            self.input(Input::Stream(id, if politely { Stream::Close } else { Stream::Lost }));
        }
    }

    fn order(&mut self, what: u8) {
        self.tokens += 1;
        let token = self.tokens;
        match what % 4 {
            0 => self.input(Input::Order(Command::Search { token, words: "fox".into() })),
            1 => self.input(Input::Order(Command::Share { token, name: format!("item {what}") })),
            2 if what > 250 => self.input(Input::Order(Command::Leave)),
            _ => self.pass(Duration::from_millis(u64::from(what) * 20)),
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        let mut woken = 0;
        while let Some(next) = self.member.due().filter(|next| *next <= end) {
            assert!(next > self.now || woken < 1000, "it is woken again and again at {next:?}");
            woken = if next > self.now { 0 } else { woken + 1 };
            self.now = next.max(self.now);
            self.input(Input::Timer);
        }
        self.now = end;
    }
}

/// Messages of nodes that send walks, well formed as far as who sent them: two members that know each other hear
/// them, what they ask is answered, and time passes.
pub(crate) fn walks(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let walking = Protocol::named("freenet").expect("there is one");
    let mut room = Room::new(Given::of(walking).with("store_size", 4).with("routing_size", 6), LookupMode::Recursive);
    for _ in 0..64 {
        if bytes.0.is_empty() {
            break;
        }
        let what = bytes.one();
        match what % 8 {
            0..=4 => {
                let (from, call) = (usize::from(bytes.one() % 5), bytes.one() & 0x7f);
                room.tell(from, call, bytes.some());
            }
            5 => room.talk(),
            6 => room.order(bytes.one() % 80),
            _ => room.pass(Duration::from_millis(u64::from(what) * 20)),
        }
        room.holds(&[("things", 4), ("entries", 6)]);
    }
    room.pass(Duration::from_secs(30));
}
