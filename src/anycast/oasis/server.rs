//! A core node.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::dns::{Limiter, Zone};
use super::hashing::Circle;
use super::meridian::node::{Node, Wish};
use super::message::{Contact, Core, Landmark, Message, Registration, Stored};
use super::prefixes::Prefixes;
use super::query::Pending;
use super::services::Services;
use super::settings::Settings;
use super::streams::Streams;
use super::view::View;
use super::{dns, streams};
use crate::anycast::config::PORT;
use crate::anycast::facts::{Facts, Place};
use crate::anycast::member::cookie::Jar;
use crate::anycast::server::{Served, Server, ServerConfig};
use crate::machine::{Input, Machine, Output, Port, Stream, StreamId, Time, Via};
use crate::overlay::id::Id;
use crate::overlay::wire::{Tag, decode, encode};

/// The port at which nobody is expected (RFC 863): a host refuses a stream to it.
pub(super) const REFUSES: u16 = 9;

pub(super) struct CoreNode {
    pub(super) config: ServerConfig,
    pub(super) settings: Settings,
    pub(super) me: usize,
    pub(super) place: Option<Place>,
    pub(super) view: View,
    pub(super) circle: Circle,
    /// A landmark, if it is known where it stands.
    pub(super) meridian: Option<Node>,
    pub(super) services: Services,
    pub(super) prefixes: Prefixes,
    pub(super) pending: BTreeMap<u64, Pending>,
    pub(super) streams: Streams,
    pub(super) zone: Zone,
    pub(super) limiter: Limiter,
    jar: Jar,
    /// Searches of its own: which address, since when.
    pub(super) searches: BTreeMap<u64, (IpAddr, Time)>,
    pub(super) vain: BTreeMap<ipnet::IpNet, Time>,
    /// Services of which it knows the replicas.
    mine: BTreeSet<u16>,
    pub(super) rng: ChaCha8Rng,
    started: Time,
    tick_at: Time,
    pub(super) out: VecDeque<Output<Served>>,
}

impl CoreNode {
    pub(super) fn new(config: ServerConfig, now: Time) -> Self {
        let settings = Settings::of(&config.facts);
        let facts = &config.facts;
        let me = facts.servers.iter().position(|site| site.host == config.host).unwrap_or(usize::MAX);
        let site = facts.servers.get(me);
        let stream = Id::hash(&[
            b"core node",
            &config.seed.to_be_bytes(),
            config.host.as_bytes(),
            &now.0.as_nanos().to_be_bytes(),
        ]);
        let mut seed = [0; 32];
        seed[..16].copy_from_slice(&stream.0.to_be_bytes());
        let mut rng = ChaCha8Rng::from_seed(seed);
        let place = site.and_then(|site| site.place);
        let meridian = site.zip(place).map(|(site, place)| {
            let contact = Contact { address: site.peer.address, tag: facts.tag() };
            let below = ChaCha8Rng::from_seed(rng.random());
            let mut node = Node::new(Landmark { contact, place }, settings, below, now);
            landmarks(facts).for_each(|landmark| node.keep(landmark));
            node
        });
        Self {
            me,
            place,
            view: View::new(me, facts.servers.len(), settings.silence, now),
            circle: Circle::new(facts.servers.iter().map(|site| &site.peer)),
            meridian,
            services: Services::default(),
            prefixes: Prefixes::new(&facts.prefixes),
            pending: BTreeMap::new(),
            streams: Streams::default(),
            zone: Zone::new(facts),
            limiter: Limiter::default(),
            jar: Jar::new(rng.random()),
            searches: BTreeMap::new(),
            vain: BTreeMap::new(),
            mine: BTreeSet::new(),
            started: now,
            tick_at: now + settings.gossip.mul_f64(rng.random_range(0.0..1.0)),
            rng,
            settings,
            out: VecDeque::new(),
            config,
        }
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.config.facts
    }

    pub(super) fn service(&self, name: &str) -> Option<u16> {
        let at = self.facts().groups.iter().position(|group| group.name == name)?;
        u16::try_from(at).ok()
    }

    /// Core nodes that know a service's replicas, as this one sees it.
    pub(super) fn knowing(&self, service: u16) -> Vec<usize> {
        let Some(group) = self.facts().groups.get(usize::from(service)) else { return Vec::new() };
        self.circle.owners(Circle::of_service(&group.name), self.settings.rendezvous, self.view.alive())
    }

    /// Core nodes that look after the prefix of this address.
    pub(super) fn keeping(&self, address: IpAddr) -> Vec<usize> {
        let key = Circle::of_prefix(&self.prefixes.root(address));
        self.circle.owners(key, self.settings.rendezvous, self.view.alive())
    }

    pub(super) fn send(&mut self, to: SocketAddr, tag: Tag, message: &Message) {
        if let Some(bytes) = encode(tag, message) {
            self.out.push_back(Output::Datagram { from: Port::unicast(PORT), to, bytes });
        }
    }

    /// The same, if it is not larger than what it answers.
    pub(super) fn answer(&mut self, to: SocketAddr, tag: Tag, room: usize, message: &Message) {
        if let Some(bytes) = encode(tag, message).filter(|bytes| bytes.len() <= room) {
            self.out.push_back(Output::Datagram { from: Port::unicast(PORT), to, bytes });
        }
    }

    /// To another core node.
    pub(super) fn tell(&mut self, node: usize, message: Core) {
        let Some(site) = self.facts().servers.get(node) else { return };
        let (to, tag) = (site.peer.address, self.facts().tag());
        self.send(to, tag, &Message::Core(message));
    }

    fn is_core_node(&self, address: SocketAddr) -> bool {
        self.facts().servers.iter().any(|site| site.peer.address == address)
    }

    pub(super) fn said(&mut self, what: &str, service: Option<u16>, who: String) {
        let group = service.and_then(|s| self.facts().groups.get(usize::from(s))).map(|group| group.name.clone());
        self.out.push_back(Output::Said(Served { what: what.to_owned(), group, who: Some(who) }));
    }

    fn datagram(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        let Ok(message) = decode::<Message>(self.facts().tag(), bytes) else { return };
        match message {
            Message::Ping { nonce, tag } => self.answer(from, tag, bytes.len(), &Message::Pong { nonce }),
            Message::Pong { nonce } => {
                if let Some(node) = &mut self.meridian {
                    node.pong(now, from, nonce);
                }
            }
            Message::Register(registration) => self.register(now, from, registration, bytes.len(), true),
            Message::Unregister(registration) => self.register(now, from, registration, bytes.len(), false),
            Message::Ask(ask) => self.asked(now, from, ask, bytes.len()),
            Message::Landmark(talk) => {
                let trusted = self.is_core_node(from);
                if let Some(node) = &mut self.meridian {
                    node.hear(now, from, trusted, talk);
                }
            }
            Message::Core(message) if self.is_core_node(from) => self.core(now, from, message),
            Message::Core(_) | Message::Challenge { .. } | Message::Registered { .. } | Message::Found { .. } => {}
        }
    }

    /// A replica is there, or is not any more. It has to prove that the address is its own.
    fn register(&mut self, now: Time, from: SocketAddr, said: Registration, room: usize, there: bool) {
        let Some(service) = self.service(&said.service).filter(|_| said.member.ip() == from.ip()) else { return };
        if !said.cookie.is_some_and(|cookie| self.jar.accepts(now, from, said.nonce, &cookie)) {
            let cookie = self.jar.issue(now, from, said.nonce);
            let challenge = Message::Challenge { nonce: said.nonce, cookie };
            return self.answer(from, said.tag, room, &challenge);
        }
        let member = said.member;
        if there && let Some((node, place)) = self.meridian.as_mut().zip(said.place) {
            node.learn(Landmark { contact: Contact { address: from, tag: said.tag }, place });
        }
        let place = said.place.or_else(|| self.place_of_host(now, from.ip()));
        let stored = Stored { member, place, load: said.load };
        for node in self.knowing(service) {
            match (there, node == self.me) {
                (true, true) => self.store(now, service, stored),
                (true, false) => self.tell(node, Core::Store { service, replica: stored }),
                (false, true) => self.drop(service, member),
                (false, false) => self.tell(node, Core::Drop { service, member }),
            }
        }
        self.answer(from, said.tag, room, &Message::Registered { nonce: said.nonce });
    }

    fn store(&mut self, now: Time, service: u16, stored: Stored) {
        if usize::from(service) < self.facts().groups.len()
            && self.services.store(now, service, stored, self.settings.lease)
        {
            self.said("registered", Some(service), stored.member.to_string());
        }
    }

    fn drop(&mut self, service: u16, member: SocketAddr) {
        if self.services.drop(service, member) {
            self.said("left", Some(service), member.to_string());
        }
    }

    /// What another core node says.
    fn core(&mut self, now: Time, from: SocketAddr, message: Core) {
        match message {
            Core::Gossip { versions } => self.view.hear(now, &versions),
            Core::Store { service, replica } => self.store(now, service, replica),
            Core::Drop { service, member } => self.drop(service, member),
            Core::Mapped { address, mapped } => self.map(now, address, mapped),
            Core::Locate { id, address } => {
                let found = self.prefixes.look(address);
                self.probe_if_stale(now, address);
                let tag = self.facts().tag();
                let located = Core::Located { id, block: found.block, mapped: found.mapped };
                self.send(from, tag, &Message::Core(located));
            }
            Core::Located { id, block, mapped } => self.located(now, id, block, mapped),
            Core::Select { id, wanted } => {
                let members = self.select(now, &wanted);
                let tag = self.facts().tag();
                self.send(from, tag, &Message::Core(Core::Selected { id, members }));
            }
            Core::Selected { id, members } => self.selected(now, id, members),
        }
    }

    fn timer(&mut self, now: Time) {
        if let Some(node) = &mut self.meridian
            && node.due() <= now
        {
            node.timer(now);
        }
        self.late(now);
        for id in self.streams.late(now) {
            self.hang_up(id);
        }
        if self.tick_at > now {
            return;
        }
        self.tick_at = now + self.settings.gossip.mul_f64(self.rng.random_range(0.75..1.25));
        self.view.count(now);
        for node in self.view.partners(&mut self.rng) {
            let versions = self.view.versions(&mut self.rng);
            self.tell(node, Core::Gossip { versions });
        }
        for (service, member) in self.services.expire(now) {
            self.said("expired", Some(service), member.to_string());
        }
        self.look_around(now);
        self.give_up(now);
    }

    /// Core nodes come and go: services move with them.
    fn look_around(&mut self, now: Time) {
        // Before the first gossip has come round, every core node is alone.
        let settled = now - self.started > self.settings.silence;
        let changed = self.view.look(now);
        for (node, alive) in changed.iter().filter(|_| settled) {
            let Some(host) = self.facts().servers.get(*node).map(|site| site.host.clone()) else { continue };
            self.said(if *alive { "met" } else { "missed" }, None, host);
        }
        let count = u16::try_from(self.facts().groups.len()).unwrap_or(u16::MAX);
        let mine: BTreeSet<u16> = (0..count).filter(|service| self.knowing(*service).contains(&self.me)).collect();
        let before = std::mem::replace(&mut self.mine, mine.clone());
        for service in mine.difference(&before).filter(|_| settled) {
            let host = self.config.host.clone();
            self.said("took over", Some(*service), host);
        }
    }

    fn wishes(&mut self, now: Time) {
        while let Some(wish) = self.meridian.as_mut().and_then(Node::wish) {
            match wish {
                Wish::Send(to, message) => self.send(to.address, to.tag, &message),
                Wish::Open(stream, target) => {
                    let open = Stream::Open { at: Port::unicast(0), peer: SocketAddr::new(target, REFUSES) };
                    self.out.push_back(Output::Stream(StreamId::Ours(stream), open));
                }
                Wish::Close(stream) => self.out.push_back(Output::Stream(StreamId::Ours(stream), Stream::Close)),
                Wish::Ended(ended) => self.ended(now, ended),
            }
        }
    }
}

/// All core nodes that are landmarks.
pub(super) fn landmarks(facts: &Facts) -> impl Iterator<Item = Landmark> + '_ {
    facts.servers.iter().filter_map(|site| {
        let contact = Contact { address: site.peer.address, tag: facts.tag() };
        site.place.map(|place| Landmark { contact, place })
    })
}

impl Machine for CoreNode {
    type Order = ();
    type Fact = Served;

    fn input(&mut self, now: Time, input: Input<'_, ()>) {
        match input {
            Input::Datagram { at: Port { via: Via::Unicast, number: PORT }, from, bytes } => {
                self.datagram(now, from, bytes);
            }
            Input::Datagram { at: Port { via: Via::Unicast, number: dns::PORT }, from, bytes } => {
                self.name_asked(now, streams::Asker::Datagram(from), from.ip(), bytes);
            }
            Input::Stream(StreamId::Ours(stream), part @ (Stream::Close | Stream::Lost)) => {
                if let Some(node) = &mut self.meridian {
                    node.closed(now, stream, part == Stream::Close);
                }
            }
            Input::Stream(id @ StreamId::Theirs(_), part) => self.stream(now, id, part),
            Input::Timer => self.timer(now),
            Input::Datagram { .. } | Input::Stream(..) | Input::Order(()) | Input::Routing { .. } => {}
        }
        self.wishes(now);
    }

    fn output(&mut self) -> Option<Output<Served>> {
        self.out.pop_front()
    }

    fn due(&self) -> Option<Time> {
        let pending = self.pending.values().map(Pending::until).min();
        let others = [pending, self.streams.due(), self.meridian.as_ref().map(Node::due)];
        others.into_iter().flatten().chain([self.tick_at]).min()
    }
}

impl Server for CoreNode {
    fn config(&self) -> &ServerConfig {
        &self.config
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        let own = [
            ("core nodes", self.view.len()),
            ("core nodes alive", self.view.alive().iter().filter(|alive| **alive).count()),
            ("replicas", self.services.len()),
            ("prefixes", self.prefixes.len()),
            ("questions", self.pending.len()),
            ("streams", self.streams.len()),
            ("own searches", self.searches.len()),
            ("in vain", self.vain.len()),
            ("limited", self.limiter.len()),
        ];
        own.into_iter().chain(self.meridian.iter().flat_map(Node::tables)).collect()
    }

    fn bytes(&self) -> usize {
        let meridian = self.meridian.as_ref().map_or(0, Node::bytes);
        let view = self.view.len() * size_of::<(u64, Time)>();
        let pending = self.pending.len() * size_of::<Pending>();
        self.services.bytes() + self.prefixes.bytes() + self.streams.bytes() + view + pending + meridian
    }
}
