//! A proxy: which of its parts an input concerns, and what it does by itself.

use std::net::SocketAddr;
use std::time::Duration;

use super::core::Core;
use super::flows::Flows;
use super::message::{Between, Jap, MAX_NAMED, Message, Reply, Request, What, decode};
use super::ports::BLOCK;
use super::questions::{Asker, Questions, asked};
use super::streams::Streams;
use super::targets::{Registered, Registration};
use crate::anycast::config::PORT;
use crate::anycast::server::{Served, Server, ServerConfig};
use crate::machine::{Input, Machine, Output, Part, Port, Time, Via};

/// How often a proxy looks what has become old.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A proxy without sockets or clock.
pub(super) struct Proxy {
    pub(super) core: Core,
    flows: Flows,
    questions: Questions,
    streams: Streams,
    announced: bool,
    /// When to look, and to tell the others that it lives.
    look: Time,
    beat: Time,
}

impl Proxy {
    pub(super) fn new(config: ServerConfig, now: Time) -> Self {
        let core = Core::new(config, now);
        Self {
            flows: Flows::new(&core.settings),
            core,
            questions: Questions::default(),
            streams: Streams::default(),
            announced: false,
            look: now,
            beat: now,
        }
    }

    /// Announces the block. The groups' addresses are in it: where each has a route of its own, all of them.
    fn announce(&mut self) {
        if !std::mem::replace(&mut self.announced, true) {
            let groups: Vec<_> = self.core.groups.keys().copied().map(Part).collect();
            for part in [BLOCK].into_iter().chain(groups) {
                self.core.out.push_back(Output::Announce(part, true));
            }
        }
    }

    fn datagram(&mut self, now: Time, at: Port, from: SocketAddr, bytes: &[u8]) {
        match at {
            Port { via: Via::Group(part), .. } if part != BLOCK => {
                let group = self.core.group(part.0).filter(|group| group.port == at.number);
                match group.is_some() {
                    true => self.flows.arrived(&mut self.core, now, part.0, from, bytes),
                    false => self.core.dropped += 1,
                }
            }
            Port { via: Via::Unicast, number } if number != PORT => {
                self.flows.answered(&mut self.core, now, number, from, bytes);
            }
            _ => match decode::<Message<'_>>(self.core.tag, bytes) {
                Ok(Message::Request(request)) => self.request(now, from, &request),
                Ok(Message::Proxy(between)) => match self.other(at, from) {
                    Some(server) => self.between(now, server, between),
                    None => self.core.dropped += 1,
                },
                Ok(Message::Data(data)) => match self.other(at, from) {
                    Some(_) => self.flows.passed(&mut self.core, now, data),
                    None => self.core.dropped += 1,
                },
                Err(_) => self.core.dropped += 1,
            },
        }
    }

    /// Which other proxy has sent this. They send to unicast addresses only.
    fn other(&self, at: Port, from: SocketAddr) -> Option<usize> {
        let server = self.core.proxies.by(from).filter(|server| *server != self.core.proxies.me);
        server.filter(|_| at.via == Via::Unicast)
    }

    fn request(&mut self, now: Time, from: SocketAddr, request: &Request) {
        let Request { tag, token, cookie, group, what } = *request;
        let core = &mut self.core;
        if core.group(group).is_none() {
            return core.dropped += 1;
        }
        if what == What::Pong {
            return core.targets.answered(from, token);
        }
        if !core.jar.accepts(now, from, &[], &cookie) {
            let cookie = core.jar.issue(now, from, &[]);
            return core.reply(from, tag, &Reply::Challenge { token, cookie });
        }
        let asker = |port| Asker { agent: from, tag, token, member: SocketAddr::new(from.ip(), port), group };
        match what {
            What::Pong => {}
            What::Register { port, plain } => {
                let address = SocketAddr::new(from.ip(), port);
                self.register(now, token, &Registration { group, address, agent: from, tag, plain });
            }
            What::Leave { port } => {
                self.drop_target(now, group, SocketAddr::new(from.ip(), port), "left");
                self.core.reply(from, tag, &Reply::Left { token });
            }
            What::Neighbors { port, count } => self.questions.neighbors(core, now, asker(port), usize::from(count)),
            What::Draw { port, how } => self.questions.draw(core, now, asker(port), how),
            What::Here { port, count } => {
                let count = usize::from(count).min(MAX_NAMED);
                let members = core.targets.named(group, count, asker(port).member);
                core.reply(from, tag, &Reply::Members { token, members });
            }
        }
    }

    fn register(&mut self, now: Time, token: u64, new: &Registration) {
        let core = &mut self.core;
        let (lease, health) = (core.settings.lease, core.settings.health);
        match core.targets.register(now, new, lease, health) {
            Registered::Refused => return core.dropped += 1,
            Registered::New => {
                core.emit("registered", new.group, Some(new.address));
                core.report(now, new.group);
            }
            Registered::Refreshed => {}
        }
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        core.reply(new.agent, new.tag, &Reply::Registered { token, lease_ms });
    }

    fn drop_target(&mut self, now: Time, group: u16, address: SocketAddr, why: &str) {
        if self.core.targets.remove(group, address) {
            self.core.emit(why, group, Some(address));
            self.flows.bereft(&mut self.core, group, address);
            self.streams.bereft(&mut self.core, group, address);
            self.core.report(now, group);
        }
    }

    /// From another proxy.
    fn between(&mut self, now: Time, by: usize, between: Between) {
        let core = &mut self.core;
        match between {
            Between::Beat { stamp, distances } => {
                let back = !core.proxies.alive(now, by);
                core.proxies.heard(now, by, distances);
                core.tell(by, Between::Echo { stamp });
                if back {
                    core.report_all(now);
                }
            }
            Between::Echo { stamp } => core.proxies.echoed(now, by, Time(Duration::from_nanos(stamp))),
            Between::Count { group, count, flows } if core.group(group).is_some() => {
                let jap = Jap { server: by as u16, count, flows };
                core.lists.counted(now, group, jap, &core.settings);
            }
            Between::Ask { group } if core.group(group).is_some() => asked(core, now, by, group),
            Between::List { group, japs, chosen } if core.group(group).is_some() => {
                core.lists.heard(now, group, japs, core.settings.list);
                if let Some((client, jap)) = chosen {
                    self.flows.chosen(now, group, client, usize::from(jap));
                }
                self.questions.listed(core, now, group);
                self.streams.listed(core, now, group);
            }
            Between::Gone { group, client, empty } => self.flows.gone(core, (client, group), by, empty),
            Between::Members { query, group, count, but } => {
                let count = usize::from(count).min(MAX_NAMED);
                let members = core.targets.named(group, count, but);
                core.tell(by, Between::Are { query, members });
            }
            Between::Draw(draw) => self.questions.drawn(core, now, draw),
            Between::Pick(draw) => self.questions.picked(core, now, draw),
            Between::Are { query, members } => self.questions.told(core, now, by, query, members),
            Between::Count { .. } | Between::Ask { .. } | Between::List { .. } => core.dropped += 1,
        }
    }

    fn timer(&mut self, now: Time) {
        if now < self.look {
            return;
        }
        self.look = now + LOOK_EVERY;
        let core = &mut self.core;
        if self.beat <= now {
            self.beat = now + core.settings.heartbeat;
            let beat = Between::Beat { stamp: now.0.as_nanos() as u64, distances: core.proxies.distances() };
            for server in core.proxies.others() {
                core.tell(server, beat.clone());
            }
        }
        for (group, address) in core.targets.dead(now) {
            self.drop_target(now, group, address, "expired");
        }
        let core = &mut self.core;
        for (agent, tag, token) in core.targets.ask(now, core.settings.health, &mut core.rng) {
            core.reply(agent, tag, &Reply::Ping { token });
        }
        core.report_all(now);
        core.lists.expire(now);
        self.flows.expire(core, now);
        self.questions.expire(core, now);
        self.streams.expire(core, now);
    }
}

impl Machine for Proxy {
    type Order = ();
    type Fact = Served;

    fn input(&mut self, now: Time, input: Input<'_, ()>) {
        self.announce();
        match input {
            Input::Datagram { at, from, bytes } => self.datagram(now, at, from, bytes),
            Input::Stream(id, part) => self.streams.input(&mut self.core, now, id, part),
            Input::Timer => self.timer(now),
            Input::Order(()) | Input::Routing { .. } => {}
        }
    }

    fn output(&mut self) -> Option<Output<Served>> {
        self.core.out.pop_front()
    }

    fn due(&self) -> Option<Time> {
        Some(self.look)
    }
}

impl Server for Proxy {
    fn config(&self) -> &ServerConfig {
        &self.core.config
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        let core = &self.core;
        let own =
            [("targets", core.targets.len()), ("questions", self.questions.len()), ("streams", self.streams.len())];
        own.into_iter().chain(core.lists.tables()).chain(self.flows.tables()).collect()
    }

    fn bytes(&self) -> usize {
        let core = &self.core;
        core.proxies.bytes()
            + core.targets.bytes()
            + core.lists.bytes()
            + self.flows.bytes()
            + self.questions.bytes()
            + self.streams.bytes()
    }
}
