//! A core node.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;

use super::base::Base;
use super::dns;
use super::landmarks::REFUSES;
use super::meridian::node::Node;
use super::meridian::wish::Wish;
use super::message::{Contact, Core, Landmark, Message, Registration, Stored};
use super::pending::{Asker, Pending};
use crate::anycast::config::PORT;
use crate::anycast::member::cookie::Jar;
use crate::anycast::server::{Served, Server, ServerConfig};
use crate::machine::{Input, Machine, Output, Port, Stream, StreamId, Time, Via};
use crate::overlay::wire::decode;

/// How long a cookie is good at least.
const COOKIES: Duration = Duration::from_secs(30);

pub(super) struct CoreNode {
    base: Base,
    jar: Jar,
    /// Services of which it knows the replicas.
    mine: BTreeSet<u16>,
    started: Time,
    tick_at: Time,
}

impl CoreNode {
    pub(super) fn new(config: ServerConfig, now: Time) -> Self {
        let mut base = Base::new(config, now);
        let jar = Jar::new(base.rng.random(), COOKIES);
        let tick_at = now + base.settings.gossip.mul_f64(base.rng.random_range(0.0..1.0));
        Self { base, jar, mine: BTreeSet::new(), started: now, tick_at }
    }

    fn datagram(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        let Ok(message) = decode::<Message>(self.base.facts().tag(), bytes) else { return };
        match message {
            Message::Ping { nonce, tag } => self.base.answer(from, tag, bytes.len(), &Message::Pong { nonce }),
            Message::Pong { nonce } => {
                if let Some(node) = &mut self.base.meridian {
                    node.pong(now, from, nonce);
                }
            }
            Message::Register(registration) => self.register(now, from, registration, bytes.len(), true),
            Message::Unregister(registration) => self.register(now, from, registration, bytes.len(), false),
            Message::Ask(ask) => self.base.asked(now, from, ask, bytes.len()),
            Message::Landmark(talk) => {
                let trusted = self.base.is_core_node(from);
                if let Some(node) = &mut self.base.meridian {
                    node.hear(now, from, trusted, talk);
                }
            }
            Message::Core(message) if self.base.is_core_node(from) => self.core(now, from, message),
            Message::Core(_) | Message::Challenge { .. } | Message::Registered { .. } | Message::Found { .. } => {}
        }
    }

    /// A replica is there, or is not any more. It has to prove that the address is its own.
    fn register(&mut self, now: Time, from: SocketAddr, said: Registration, room: usize, there: bool) {
        let Some(service) = self.base.service(&said.service).filter(|_| said.member.ip() == from.ip()) else { return };
        if !said.cookie.is_some_and(|cookie| self.jar.accepts(now, from, &said.nonce.to_be_bytes(), &cookie)) {
            let cookie = self.jar.issue(now, from, &said.nonce.to_be_bytes());
            let challenge = Message::Challenge { nonce: said.nonce, cookie };
            return self.base.answer(from, said.tag, room, &challenge);
        }
        let member = said.member;
        if there && let Some((node, place)) = self.base.meridian.as_mut().zip(said.place) {
            node.learn(Landmark { contact: Contact { address: from, tag: said.tag }, place });
        }
        let place = said.place.or_else(|| self.base.place_of_host(now, from.ip()));
        let stored = Stored { member, place, load: said.load };
        for node in self.base.knowing(service) {
            match (there, node == self.base.me) {
                (true, true) => self.store(now, service, stored),
                (true, false) => self.base.tell(node, Core::Store { service, replica: stored }),
                (false, true) => self.drop(service, member),
                (false, false) => self.base.tell(node, Core::Drop { service, member }),
            }
        }
        self.base.answer(from, said.tag, room, &Message::Registered { nonce: said.nonce });
    }

    fn store(&mut self, now: Time, service: u16, stored: Stored) {
        if usize::from(service) < self.base.facts().groups.len()
            && self.base.services.store(now, service, stored, self.base.settings.lease)
        {
            self.base.said("registered", Some(service), stored.member.to_string());
        }
    }

    fn drop(&mut self, service: u16, member: SocketAddr) {
        if self.base.services.drop(service, member) {
            self.base.said("left", Some(service), member.to_string());
        }
    }

    /// What another core node says.
    fn core(&mut self, now: Time, from: SocketAddr, message: Core) {
        match message {
            Core::Gossip { versions } => self.base.view.hear(now, &versions),
            Core::Store { service, replica } => self.store(now, service, replica),
            Core::Drop { service, member } => self.drop(service, member),
            Core::Mapped { address, mapped } => self.base.map(now, address, mapped),
            Core::Locate { id, address } => {
                let found = self.base.prefixes.look(address);
                self.base.probe_if_stale(now, address);
                let tag = self.base.facts().tag();
                let located = Core::Located { id, block: found.block, mapped: found.mapped };
                self.base.send(from, tag, &Message::Core(located));
            }
            Core::Located { id, block, mapped } => self.base.located(now, id, block, mapped),
            Core::Select { id, wanted } => {
                let members = self.base.select(now, &wanted);
                let tag = self.base.facts().tag();
                self.base.send(from, tag, &Message::Core(Core::Selected { id, members }));
            }
            Core::Selected { id, members } => self.base.selected(now, id, members),
        }
    }

    fn timer(&mut self, now: Time) {
        if let Some(node) = &mut self.base.meridian
            && node.due() <= now
        {
            node.timer(now);
        }
        self.base.late(now);
        for id in self.base.streams.late(now) {
            self.base.hang_up(id);
        }
        if self.tick_at > now {
            return;
        }
        self.tick_at = now + self.base.settings.gossip.mul_f64(self.base.rng.random_range(0.75..1.25));
        self.base.view.count(now);
        for node in self.base.view.partners(&mut self.base.rng) {
            let versions = self.base.view.versions(&mut self.base.rng);
            self.base.tell(node, Core::Gossip { versions });
        }
        for (service, member) in self.base.services.expire(now) {
            self.base.said("expired", Some(service), member.to_string());
        }
        self.look_around(now);
        self.base.give_up(now);
    }

    /// Core nodes come and go: services move with them.
    fn look_around(&mut self, now: Time) {
        // Before the first gossip has come round, every core node is alone.
        let settled = now - self.started > self.base.settings.silence;
        let changed = self.base.view.look(now);
        for (node, alive) in changed.iter().filter(|_| settled) {
            let Some(host) = self.base.facts().servers.get(*node).map(|site| site.host.clone()) else { continue };
            self.base.said(if *alive { "met" } else { "missed" }, None, host);
        }
        let count = u16::try_from(self.base.facts().groups.len()).unwrap_or(u16::MAX);
        let mine: BTreeSet<u16> =
            (0..count).filter(|service| self.base.knowing(*service).contains(&self.base.me)).collect();
        let before = std::mem::replace(&mut self.mine, mine.clone());
        for service in mine.difference(&before).filter(|_| settled) {
            let host = self.base.config.host.clone();
            self.base.said("took over", Some(*service), host);
        }
    }

    fn wishes(&mut self, now: Time) {
        while let Some(wish) = self.base.meridian.as_mut().and_then(Node::wish) {
            match wish {
                Wish::Send(to, message) => self.base.send(to.address, to.tag, &message),
                Wish::Open(stream, target) => {
                    let open = Stream::Open { at: Port::unicast(0), peer: SocketAddr::new(target, REFUSES) };
                    self.base.out.push_back(Output::Stream(StreamId::Ours(stream), open));
                }
                Wish::Close(stream) => self.base.out.push_back(Output::Stream(StreamId::Ours(stream), Stream::Close)),
                Wish::Ended(ended) => self.base.ended(now, ended),
            }
        }
    }
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
                self.base.name_asked(now, Asker::Datagram(from), from.ip(), bytes);
            }
            Input::Stream(StreamId::Ours(stream), part @ (Stream::Close | Stream::Lost)) => {
                if let Some(node) = &mut self.base.meridian {
                    node.closed(now, stream, part == Stream::Close);
                }
            }
            Input::Stream(id @ StreamId::Theirs(_), part) => self.base.stream(now, id, part),
            Input::Timer => self.timer(now),
            Input::Datagram { .. } | Input::Stream(..) | Input::Order(()) | Input::Routing { .. } => {}
        }
        self.wishes(now);
    }

    fn output(&mut self) -> Option<Output<Served>> {
        self.base.out.pop_front()
    }

    fn due(&self) -> Option<Time> {
        let pending = self.base.pending.values().map(|pending| pending.until).min();
        let others = [pending, self.base.streams.due(), self.base.meridian.as_ref().map(Node::due)];
        others.into_iter().flatten().chain([self.tick_at]).min()
    }
}

impl Server for CoreNode {
    fn config(&self) -> &ServerConfig {
        &self.base.config
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        let own = [
            ("core nodes", self.base.view.len()),
            ("core nodes alive", self.base.view.alive().iter().filter(|alive| **alive).count()),
            ("replicas", self.base.services.len()),
            ("prefixes", self.base.prefixes.len()),
            ("questions", self.base.pending.len()),
            ("streams", self.base.streams.len()),
            ("own searches", self.base.searches.len()),
            ("in vain", self.base.vain.len()),
            ("limited", self.base.limiter.len()),
        ];
        own.into_iter().chain(self.base.meridian.iter().flat_map(Node::tables)).collect()
    }

    fn bytes(&self) -> usize {
        let meridian = self.base.meridian.as_ref().map_or(0, Node::bytes);
        let view = self.base.view.len() * size_of::<(u64, Time)>();
        let pending = self.base.pending.len() * size_of::<Pending>();
        self.base.services.bytes() + self.base.prefixes.bytes() + self.base.streams.bytes() + view + pending + meridian
    }
}
