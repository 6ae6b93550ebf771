//! What members of an overlay do with what they hear.
//!
//! Of a sequence the first byte chooses the protocol, and the rest are steps, each a byte and what it takes.

use std::net::SocketAddr;
use std::time::Duration;

use anybed::anycast::{
    Asked, Bootstrap, Coloring, Command, Drain, Facts, Healing, Infrastructure, Member, NodeConfig, Redirect,
    Rendezvous,
};
use anybed::machine::{Part, Via};
use anybed::overlay::auth::{Key, Opened, Seal};
use anybed::overlay::id::Id;
use anybed::overlay::wire::{self, MAX_DATAGRAM, Tag};
use anybed::overlay::{Given, LookupMode, Protocol, Time, Transmit};

/// The protocols, and both ways to look up.
pub(crate) fn protocols() -> Vec<(Given, LookupMode)> {
    let each = Protocol::all().map(|protocol| Given::of(protocol).with("successors", 4));
    each.flat_map(|p| [(p.clone(), LookupMode::Recursive), (p, LookupMode::Iterative)]).collect()
}

/// Whatever a member hears, it sends nothing too long, and its tables keep to their limits.
pub(crate) fn datagram(bytes: &[u8]) {
    for (protocol, lookup) in protocols() {
        let mut room = Room::new(protocol, lookup);
        room.hear(3, Via::Unicast, bytes);
        room.pass(Duration::from_secs(3));
    }
}

/// Steps: something is heard, a request is answered, time passes, members talk to one another, a command is given.
pub(crate) fn life(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let protocols = protocols();
    let (protocol, lookup) = protocols[usize::from(bytes.one()) % protocols.len()].clone();
    let mut room = Room::new(protocol, lookup);
    for _ in 0..64 {
        if bytes.0.is_empty() {
            break;
        }
        match bytes.one() % 6 {
            0 => {
                let (from, via) = (bytes.one(), bytes.one() % 4);
                let via = if via == 0 { Via::Group(Part(u16::from(from) % 4)) } else { Via::Unicast };
                let message = bytes.some();
                room.hear(usize::from(from % 5), via, &[&room.head[..], message].concat());
            }
            1 => {
                let (which, answer) = (bytes.one(), bytes.some());
                room.answer(which, answer);
            }
            2 => room.pass(Duration::from_millis(u64::from(bytes.one()) * 20)),
            3 => room.talk(),
            4 => {
                // What it has said itself comes back, perhaps from elsewhere.
                let (which, from) = (bytes.one(), bytes.one());
                room.echo(which, usize::from(from % 5));
            }
            _ => room.order(bytes.one()),
        }
    }
    room.pass(Duration::from_secs(2));
}

/// Two members that know each other, and addresses from which anything may come.
pub(crate) struct Room {
    now: Time,
    members: Vec<Member>,
    head: Vec<u8>,
    /// What the first member said last to nodes that are not here.
    said: Vec<Transmit>,
    tokens: u64,
}

impl Room {
    pub(crate) fn new(protocol: Given, lookup: LookupMode) -> Self {
        let now = Time::default();
        let members = (0..2).map(|host| Member::plain(config(host, protocol.clone(), lookup), now)).collect();
        let mut head = wire::encode(Tag::of_overlay("music"), &0u8).expect("it is short");
        head.pop();
        let mut room = Self { now, members, head, said: Vec::new(), tokens: 0 };
        for found in [true, false] {
            room.members[usize::from(!found)].command(now, Command::Join { found });
            for _ in 0..12 {
                room.talk();
                room.pass(Duration::from_millis(100));
            }
        }
        room
    }

    fn hear(&mut self, from: usize, via: Via, bytes: &[u8]) {
        self.members[0].handle(self.now, address(from), via, bytes);
        self.check();
    }

    /// A response to a request that the first member has sent to somebody.
    fn answer(&mut self, which: u8, response: &[u8]) {
        let Some(Transmit { to, bytes }) = self.pick(which) else { return };
        // Head, "the protocol's own", length, sender, "a request", its number.
        let Some(number) = bytes.get(self.head.len() + 2 + 16 + 1..) else { return };
        let length = number.iter().take(10).take_while(|byte| **byte & 0x80 != 0).count() + 1;
        let number = number.get(..length).unwrap_or_default();
        let sender = (0..5).find(|host| address(*host) == to).map_or(Id(9), id);
        let body = [&sender.0.to_be_bytes()[..], &[1], number, response].concat();
        // Both are "the protocol's own".
        let mut message = bytes[..=self.head.len()].to_vec();
        message.extend([(body.len() & 0x7f) as u8 | 0x80, (body.len() >> 7) as u8]);
        message.extend(body);
        self.members[0].handle(self.now, to, Via::Unicast, &message);
        self.check();
    }

    /// A message of the protocol's own, from the node at this address, as far as that can be told.
    pub(crate) fn tell(&mut self, from: usize, call: u8, message: &[u8]) {
        let Some(own) = self.pick(0).and_then(|said| said.bytes.get(self.head.len()).copied()) else { return };
        let body = [&id(from).0.to_be_bytes()[..], &[call], message].concat();
        let length = [(body.len() & 0x7f) as u8 | 0x80, (body.len() >> 7) as u8];
        let datagram = [&self.head[..], &[own], &length, &body].concat();
        self.members[0].handle(self.now, address(from), Via::Unicast, &datagram);
        self.check();
    }

    /// Tables with limits of their own.
    pub(crate) fn holds(&self, most: &[(&str, usize)]) {
        for (name, entries) in self.members[0].tables() {
            let limit = most.iter().find(|(limited, _)| *limited == name).map(|(_, most)| *most);
            assert!(limit.is_none_or(|most| entries <= most), "{name}: {entries}");
        }
    }

    fn echo(&mut self, which: u8, from: usize) {
        if let Some(transmit) = self.pick(which) {
            self.hear(from, Via::Unicast, &transmit.bytes);
        }
    }

    fn pick(&self, which: u8) -> Option<Transmit> {
        self.said.get(usize::from(which) % self.said.len().max(1)).cloned()
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        let mut woken = 0;
        loop {
            let next = self.members.iter().filter_map(Member::poll_timeout).min().filter(|next| *next <= end);
            let Some(next) = next else { break };
            assert!(next > self.now || woken < 1000, "it is woken again and again at {next:?}");
            woken = if next > self.now { 0 } else { woken + 1 };
            self.now = next.max(self.now);
            let now = self.now;
            self.members.iter_mut().for_each(|m| m.handle_timeout(now));
            self.talk();
        }
        self.now = end;
    }

    /// What the members say to each other arrives.
    pub(crate) fn talk(&mut self) {
        for _ in 0..200 {
            let mut silent = true;
            for from in 0..2 {
                while let Some(transmit) = self.members[from].poll_transmit() {
                    silent = false;
                    assert!(transmit.bytes.len() <= MAX_DATAGRAM, "{} bytes", transmit.bytes.len());
                    let to = (0..2).find(|host| address(*host) == transmit.to);
                    let to = to.or((transmit.to == group(0) && from == 1).then_some(0));
                    if let Some(to) = to {
                        let via = if transmit.to == group(0) { Via::Group(Part(0)) } else { Via::Unicast };
                        self.members[to].handle(self.now, address(from), via, &transmit.bytes);
                    }
                    if from == 0 {
                        self.said.insert(0, transmit);
                    }
                }
                while self.members[from].poll_event().is_some() {}
            }
            if silent {
                break;
            }
        }
        self.said.truncate(32);
        self.check();
    }

    pub(crate) fn order(&mut self, what: u8) {
        self.tokens += 1;
        let (token, key) = (self.tokens, format!("key {}", what & 3));
        let command = match what >> 2 {
            0..=9 => Command::Put { token, key, value: "v".repeat(usize::from(what)) },
            10..=19 => Command::Get { token, key },
            20..=49 => Command::Lookup { token, key: Id(u128::from(what) << 120) },
            50..=53 => Command::Renumber { address: address(5 + usize::from(what & 1)) },
            54..=58 => Command::Join { found: what & 1 == 0 },
            _ => Command::Leave,
        };
        self.members[0].command(self.now, command);
        self.check();
    }

    fn check(&self) {
        for (name, entries) in self.members[0].tables() {
            assert!(entries <= 1024, "{name}: {entries}");
        }
    }
}

fn id(host: usize) -> Id {
    Id::of_node(1, "music", &format!("h{host}"))
}

pub(crate) fn address(host: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host as u8 + 1], 4000))
}

fn group(index: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, index], 4000))
}

pub(crate) fn config(host: usize, protocol: Given, lookup: LookupMode) -> NodeConfig {
    NodeConfig {
        beyond: Default::default(),
        overlay: "music".into(),
        host: format!("h{host}"),
        seed: 1,
        id: id(host),
        address: address(host),
        infrastructure: Facts::plain(),
        place: None,
        groups: Infrastructure::default().addresses(&Asked { colors: 3, rendezvous: true }, |part| group(part.0 as u8)),
        color: Some(host as u16),
        bootstrap: Bootstrap::Anycast,
        well_known: Vec::new(),
        healing: Healing::ColorsAndRendezvous,
        coloring: Coloring::Random,
        remember: Duration::from_secs(60),
        rendezvous: Some(Rendezvous { epoch: Duration::from_secs(20), listen: Duration::from_secs(1) }),
        redirect: Redirect::LeastLoaded,
        join_capacity: 2,
        drain: Some(Drain { above: 4, below: 1 }),
        heal_every: Duration::from_secs(2),
        lookup,
        protocol,
        replicas: 2,
        stabilize_every: Duration::from_millis(500),
        rpc_timeout: Duration::from_millis(200),
        rpc_tries: 2,
        key: None,
    }
}

/// A sender and a receiver with one key, and a network that loses, repeats, delays and damages. What is
/// taken as fresh was sent, and is taken once in a life.
pub(crate) fn sealed(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let key = Key::new("correct horse").expect("it is long enough");
    let new = |life: u32| Seal::new(&key, Tag::of_overlay("music"), &[&life.to_be_bytes()]);
    let (mut alice, mut bob, mut lives) = (new(1), new(2), 2);
    let mut wires: [Vec<Vec<u8>>; 2] = Default::default();
    let (mut sent, mut taken) = (0u32, std::collections::BTreeSet::new());
    while !bytes.0.is_empty() {
        let (what, which) = (bytes.one(), usize::from(bytes.one()));
        match what % 8 {
            0..=2 => {
                sent += 1;
                wires[0].extend(alice.seal(address(0), address(1), &sent));
            }
            3..=5 if !wires[0].is_empty() => {
                let mut datagram = wires[0][which % wires[0].len()].clone();
                let damage = bytes.some();
                datagram.iter_mut().zip(damage).for_each(|(byte, damage)| *byte ^= damage);
                let intact = wires[0].contains(&datagram);
                match bob.open(address(0), address(1), &datagram) {
                    Ok(Opened::Fresh(message)) => {
                        let number: u32 = wire::read(message).expect("it was sent like that");
                        assert!(number <= sent && intact, "{number} of {sent}, intact: {intact}");
                        assert!(taken.insert(number), "{number} is taken twice");
                    }
                    Ok(Opened::Unproven { challenge, .. }) => {
                        assert!(challenge.len() <= datagram.len());
                        wires[1].push(challenge);
                    }
                    Ok(Opened::Again(_)) | Err(_) => {}
                }
            }
            6 if !wires[1].is_empty() => {
                let challenge = &wires[1][which % wires[1].len()];
                if let Ok(opened) = alice.open(address(1), address(0), challenge) {
                    let Opened::Again(again) = opened else { panic!("{opened:?} is no answer to a challenge") };
                    wires[0].push(again);
                }
            }
            7 if which < 8 => {
                // Another life: it may be sent, within two seconds, what its former self has taken.
                lives += 1;
                bob = new(lives);
                taken.clear();
            }
            _ => alice.tick(Time(Duration::from_millis(u64::from(what) * 20))),
        }
    }
}

/// Input, byte by byte; zeros when it has ended.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn one(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// As many as the first says.
    pub(crate) fn some(&mut self) -> &'a [u8] {
        let length = usize::from(self.one()).min(self.0.len());
        let (some, rest) = self.0.split_at(length);
        self.0 = rest;
        some
    }
}
