//! What servers of infrastructures, and agents, do with what they hear.
//!
//! The first byte chooses the infrastructure, and the rest are steps, each a byte and what it takes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anybed::anycast::{
    AgentConfig, Call, Deed, Facts, Heard, Infrastructure, PORT, Place, Question, Resident, ServerConfig, Shared, Site,
    Target, Told, Transport,
};
use anybed::machine::{Input, Machine, Output, Part, Port, Stream, StreamId, Time, Via};
use anybed::overlay::Peer;
use anybed::overlay::id::Id;
use anybed::overlay::wire::{self, Tag};

use super::members::Bytes;

const SERVERS: usize = 3;
const AGENTS: usize = 2;
/// The longest datagram of any: what a tunnel carries fills an Ethernet frame.
const LONGEST: usize = 1472;
/// Where something may be listening: of names, of the web, what refuses, relays, a program's, what is shared.
const PORTS: [u16; 7] = [PORT, 53, 80, 9, 4002, 4100, 8080];

/// Steps: a server or an agent hears something, or what was said before with some bits turned; something happens in a
/// stream; an agent is told to do something; time passes; everybody talks.
pub(crate) fn servers(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let kinds: Vec<_> = Infrastructure::all().filter(|kind| kind.server.is_some()).collect();
    let mut room = Room::new(kinds[usize::from(bytes.one()) % kinds.len()]);
    for _ in 0..64 {
        if bytes.0.is_empty() {
            break;
        }
        match bytes.one() % 8 {
            0 | 1 => {
                let (whom, from, port, message) = (bytes.one(), bytes.one(), bytes.one(), bytes.some());
                room.told(whom, from, port, message);
            }
            2 => {
                let (which, from, damage) = (bytes.one(), bytes.one(), bytes.some());
                room.again(which, from, damage);
            }
            3 => {
                let (whom, what, place, message) = (bytes.one(), bytes.one(), bytes.one(), bytes.some());
                room.stream(usize::from(whom), what, place, message);
            }
            4 => room.pass(Duration::from_millis(u64::from(bytes.one()) * 20)),
            5 => {
                let (whom, what) = (bytes.one(), bytes.one());
                room.order(usize::from(whom) % AGENTS, what);
            }
            _ => room.talk(),
        }
    }
    room.pass(Duration::from_secs(2));
}

/// A datagram on its way.
#[derive(Clone)]
struct Way {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// Servers, then agents, and addresses from which anything may come.
struct Room {
    now: Time,
    facts: Facts,
    machines: Vec<Resident>,
    way: Vec<Way>,
    /// What was said last.
    said: Vec<Way>,
    /// Streams that machines have opened.
    opened: Vec<(usize, StreamId)>,
    found: Vec<Target>,
    tokens: u64,
}

impl Room {
    fn new(kind: Infrastructure) -> Self {
        let (now, facts) = (Time::default(), facts(kind));
        let server = |site: &Site| {
            let config = ServerConfig { facts: facts.clone(), host: site.host.clone(), seed: 1 };
            kind.server(config, now)
        };
        let mut machines: Vec<_> = facts.servers.iter().map(server).collect();
        machines.extend((0..AGENTS).map(|index| {
            let address = address(SERVERS + index);
            let config = AgentConfig {
                address: facts.groups.first().map(|group| group.address),
                facts: facts.clone(),
                group: "music".to_owned(),
                host: format!("h{index}"),
                seed: 1,
                peer: Peer { id: id(SERVERS + index), address },
                place: place(index),
                plain: false,
            };
            Resident::Endpoint(Box::new(kind.endpoint(config, now)))
        }));
        let mut room = Self {
            now,
            facts,
            machines,
            way: Vec::new(),
            said: Vec::new(),
            opened: Vec::new(),
            found: Vec::new(),
            tokens: 0,
        };
        room.pass(Duration::from_secs(3));
        room.order(0, 0);
        room.pass(Duration::from_secs(2));
        room
    }

    /// Somebody hears a message: in the form of its own, unless the port says that it is nobody's.
    fn told(&mut self, whom: u8, from: u8, port: u8, message: &[u8]) {
        let index = usize::from(whom) % self.machines.len();
        let (to, port) = (self.place(index, port), PORTS[usize::from(port >> 4) % PORTS.len()]);
        let tag = if index < SERVERS { self.facts.tag() } else { Tag::of_agent(&self.facts.name, "music") };
        let mut bytes = if port == PORT { wire::encode(tag, &()).expect("it is short") } else { Vec::new() };
        bytes.extend(message);
        self.hear(&Way { from: address(usize::from(from % 8)), to: SocketAddr::new(to, port), bytes });
    }

    /// Its own address, or one of the groups'.
    fn place(&self, index: usize, port: u8) -> IpAddr {
        let groups = self.facts.groups.iter().map(|group| group.address.ip());
        let shared: Vec<_> = self.facts.block.into_iter().chain(groups).collect();
        match port % 4 {
            0 if index == 0 => shared[usize::from(port / 4) % shared.len()],
            _ => address(index).ip(),
        }
    }

    fn again(&mut self, which: u8, from: u8, damage: &[u8]) {
        let Some(mut way) = self.said.get(usize::from(which) % self.said.len().max(1)).cloned() else { return };
        way.bytes.iter_mut().skip(9).zip(damage).for_each(|(byte, damage)| *byte ^= damage);
        if from < 128 {
            way.from = address(usize::from(from % 8));
        }
        self.hear(&way);
    }

    /// A datagram arrives. A stranger is not answered with more than it has sent, except about names.
    fn hear(&mut self, Way { from, to, bytes }: &Way) {
        let groups = self.facts.groups.iter().map(|group| (group.address.ip(), group.part));
        let block = self.facts.block.map(|block| (block, Part(0)));
        let part = block.into_iter().chain(groups).find(|(address, _)| *address == to.ip()).map(|(_, part)| part);
        let whom = (0..self.machines.len()).find(|index| address(*index).ip() == to.ip());
        let Some(index) = whom.or(part.map(|_| 0)) else { return };
        let via = part.map_or(Via::Unicast, Via::Group);
        // Agents have no other port.
        let number = if index < SERVERS { to.port() } else { PORT };
        self.machines[index].input(self.now, Input::Datagram { at: Port { via, number }, from: *from, bytes });
        let before = self.way.len();
        self.drain(index);
        let known = (0..self.machines.len()).any(|host| address(host) == *from);
        if !known && number != 53 {
            let back = self.way[before..].iter().filter(|way| way.to == *from);
            let back: usize = back.map(|way| way.bytes.len()).sum();
            assert!(back <= bytes.len(), "{back} bytes for {}", bytes.len());
        }
    }

    fn stream(&mut self, whom: usize, what: u8, place: u8, message: &[u8]) {
        let ours = self.opened.get(whom % self.opened.len().max(1)).copied();
        let theirs = (whom % SERVERS, StreamId::Theirs(u64::from(what >> 4)));
        let (index, id) = if what & 4 == 0 { theirs } else { ours.unwrap_or(theirs) };
        let via = if place & 32 == 0 { Via::Unicast } else { Via::Group(Part(u16::from(place >> 6))) };
        let at = Port { via, number: PORTS[usize::from(place % 32) % PORTS.len()] };
        let part = match what % 4 {
            0 | 1 if matches!(id, StreamId::Theirs(_)) => Stream::Open { at, peer: address(whom / 32) },
            3 => Stream::Close,
            _ => Stream::Bytes(message),
        };
        let opens = matches!(part, Stream::Open { .. });
        self.machines[index].input(self.now, Input::Stream(id, part));
        if opens {
            self.machines[index].input(self.now, Input::Stream(id, Stream::Bytes(message)));
        }
        self.drain(index);
    }

    fn order(&mut self, agent: usize, what: u8) {
        self.tokens += 1;
        let question = match what >> 4 {
            0..=3 => Question::Nearest,
            4..=6 => Question::Idle,
            7..=9 => Question::Neighbors(usize::from(what & 15) * 9),
            10..=12 => Question::Random,
            _ => Question::Region(format!("s{}", what & 3), 3),
        };
        let call = match what & 7 {
            0 | 1 => Call::Join,
            2 => Call::Leave,
            3..=5 => Call::Ask { token: self.tokens, question },
            6 => match self.found.get(usize::from(what >> 3) % self.found.len().max(1)) {
                Some(to) => Call::Send { to: *to, bytes: vec![what; usize::from(what)] },
                None => Call::Join,
            },
            _ => Call::Renumber { address: address(SERVERS + agent) },
        };
        self.machines[SERVERS + agent].input(self.now, Input::Order(Told::Endpoint(call)));
        self.drain(SERVERS + agent);
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        let mut woken = 0;
        loop {
            self.talk();
            let next = self.machines.iter().filter_map(Machine::due).min().filter(|next| *next <= end);
            let Some(next) = next else { break };
            assert!(next > self.now || woken < 1000, "it is woken again and again at {next:?}");
            woken = if next > self.now { 0 } else { woken + 1 };
            self.now = next.max(self.now);
            for index in 0..self.machines.len() {
                if self.machines[index].due().is_some_and(|due| due <= self.now) {
                    self.machines[index].input(self.now, Input::Timer);
                    self.drain(index);
                }
            }
        }
        self.now = end;
    }

    /// What was sent arrives.
    fn talk(&mut self) {
        for _ in 0..50 {
            if self.way.is_empty() {
                break;
            }
            for way in std::mem::take(&mut self.way) {
                self.hear(&way);
            }
        }
        self.check();
    }

    /// What a machine wants.
    fn drain(&mut self, index: usize) {
        while let Some(output) = self.machines[index].output() {
            match output {
                Output::Datagram { from, to, bytes } => {
                    assert!(bytes.len() <= LONGEST, "{} bytes", bytes.len());
                    let ip = match from.via {
                        Via::Unicast => address(index).ip(),
                        Via::Group(part) => {
                            let group = self.facts.groups.iter().find(|group| group.part == part);
                            group.map_or(address(index).ip(), |group| group.address.ip())
                        }
                    };
                    let way = Way { from: SocketAddr::new(ip, from.number), to, bytes };
                    self.said.insert(0, way.clone());
                    self.said.truncate(64);
                    // More than that is lost.
                    if self.way.len() < 512 {
                        self.way.push(way);
                    }
                }
                Output::Stream(id @ StreamId::Ours(_), Stream::Open { .. }) => {
                    self.opened.insert(0, (index, id));
                    self.opened.truncate(16);
                }
                Output::Said(Deed::Endpoint(Heard::Found { targets, .. })) => {
                    self.found.extend(targets);
                    let old = self.found.len().saturating_sub(16);
                    self.found.drain(..old);
                }
                Output::Stream(..) | Output::Announce(..) | Output::Said(_) => {}
            }
        }
    }

    fn check(&self) {
        for machine in &self.machines {
            let tables = machine.server().map(|server| server.tables());
            let tables = tables.or_else(|| machine.endpoint().map(|endpoint| endpoint.tables()));
            for (name, entries) in tables.into_iter().flatten() {
                assert!(entries <= 1024, "{name}: {entries}");
            }
        }
    }
}

fn id(host: usize) -> Id {
    Id::of_node(1, "served", &format!("h{host}"))
}

fn address(host: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, host as u8, 1], PORT))
}

fn place(host: usize) -> Option<Place> {
    Some(Place { lat: 40.0 + host as f64, lon: -100.0 + 5.0 * host as f64 })
}

fn facts(kind: Infrastructure) -> Facts {
    let announces = kind.server.as_ref().is_some_and(|server| server.announces);
    let site = |host: usize| Site {
        host: format!("s{host}"),
        peer: Peer { id: id(host), address: address(host) },
        place: place(host),
    };
    let group = |part: u8, name: &str, port, transport| Shared {
        name: name.to_owned(),
        part: Part(part.into()),
        address: SocketAddr::from(([198, 51, 100, 1 + part], port)),
        transport,
    };
    Facts {
        name: "servers".to_owned(),
        servers: (0..SERVERS).map(site).collect(),
        block: announces.then(|| IpAddr::from([198, 51, 100, 1])),
        groups: vec![group(1, "music", PORT, Transport::Udp), group(2, "www", 8080, Transport::Tcp)],
        prefixes: (0..8).map(|stub| format!("10.0.{stub}.0/24").parse().expect("it is a prefix")).collect(),
        ..Facts::default()
    }
}
