//! A server: it keeps triggers, and passes packets on to who keeps others.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use serde::Serialize;

use super::homes::Homes;
use super::ident::{Ident, prefix_of};
use super::message::{Ask, CREDIT, MAX_STACK, Packet, Request, ToAgent, ToServer, Wish};
use super::ring::Ring;
use super::settings::Settings;
use super::triggers::{Goal, Triggers};
use super::waiting::{Waiting, Work};
use crate::anycast::config::PORT;
use crate::anycast::life::draws;
use crate::anycast::member::cookie::{Cookie, Jar};
use crate::anycast::server::{Served, Server, ServerConfig};
use crate::machine::{Input, Machine, Output, Port, Time};
use crate::overlay::id::Id;
use crate::overlay::wire::{self, Tag};
use crate::overlay::{Answer, Did, Peer};

/// How long a cookie is good at least.
const COOKIES: Duration = Duration::from_secs(60);

pub(super) struct Keeper {
    config: ServerConfig,
    settings: Settings,
    me: Peer,
    ring: Ring,
    triggers: Triggers,
    jar: Jar,
    /// Who is responsible for what, to pass packets on without a lookup.
    homes: Homes,
    waiting: Waiting,
    groups: BTreeMap<Id, String>,
    out: VecDeque<Output<Served>>,
}

impl Keeper {
    pub(super) fn new(config: ServerConfig, now: Time) -> Self {
        let settings = Settings::of(&config.facts);
        let mut rng = draws(&[b"i3 server", &config.seed.to_be_bytes(), config.host.as_bytes()], now);
        let nobody = Peer { id: Id::hash(&[config.host.as_bytes()]), address: SocketAddr::from(([0, 0, 0, 0], PORT)) };
        let me = config.facts.server(&config.host).map_or(nobody, |site| site.peer);
        let jar = Jar::new(rng.random(), COOKIES);
        Self {
            ring: Ring::new(me, &config.facts, &settings, now, rng),
            triggers: Triggers::default(),
            jar,
            homes: Homes::new(settings.belief()),
            waiting: Waiting::default(),
            groups: config.facts.groups.iter().map(|group| (prefix_of(&group.name), group.name.clone())).collect(),
            out: VecDeque::new(),
            me,
            settings,
            config,
        }
    }

    fn served(&mut self, what: &str, group: Option<Id>, who: Option<String>) {
        let group = group.and_then(|prefix| self.groups.get(&prefix).cloned());
        self.out.push_back(Output::Said(Served { what: what.to_owned(), group, who }));
    }

    fn send(&mut self, to: SocketAddr, tag: Tag, message: &impl Serialize) {
        if let Some(bytes) = wire::encode(tag, message) {
            self.out.push_back(Output::Datagram { from: Port::unicast(PORT), to, bytes });
        }
    }

    fn heard(&mut self, now: Time, from: SocketAddr, message: ToServer<'_>) {
        let tag = self.config.facts.tag();
        match message {
            ToServer::Ping { tag, nonce } => self.send(from, tag, &ToAgent::Pong { nonce }),
            ToServer::Request(request) => self.route(now, from, CREDIT, request, true),
            // Everything else is between servers.
            _ if !self.ring.is_server(from) => {}
            ToServer::Routed { from: asker, credit, request } => {
                self.route(now, asker, credit.min(CREDIT), request, false);
            }
            ToServer::Ring(message) => self.ring.heard(now, from, message),
            ToServer::Hail => self.send(from, tag, &ToServer::Hailed { member: self.ring.is_member() }),
            ToServer::Hailed { member } => self.ring.hailed(from, member),
            ToServer::Locate { nonce, key } => {
                if self.ring.is_member() && self.waiting.add(now, key, Work::Tell { to: from, nonce }) {
                    self.ring.find(now, key);
                }
            }
            ToServer::Located { nonce, owner } => self.ring.located(now, from, nonce, owner),
        }
    }

    /// Serves a request that is for this server, and passes others on. A gateway may believe what it has heard of who is
    /// responsible; who was believed to be and is not asks the ring.
    fn route(&mut self, now: Time, from: SocketAddr, credit: u8, request: Request, gateway: bool) {
        let Some(prefix) = request.prefix() else { return };
        if self.ring.owns(prefix) {
            return self.serve(now, from, credit, request);
        }
        if credit == 0 || !self.ring.is_member() {
            return;
        }
        match self.homes.get(now, prefix).filter(|_| gateway) {
            Some(home) => self.pass(home, from, credit, request),
            None => {
                if self.waiting.add(now, prefix, Work::Pass { from, credit, request }) {
                    self.ring.find(now, prefix);
                }
            }
        }
    }

    fn pass(&mut self, home: SocketAddr, from: SocketAddr, credit: u8, request: Request) {
        let tag = self.config.facts.tag();
        self.send(home, tag, &ToServer::Routed { from, credit: credit.saturating_sub(1), request });
    }

    /// A lookup has ended.
    fn looked(&mut self, now: Time, key: Id, owner: Option<Id>) {
        let tag = self.config.facts.tag();
        let works = self.waiting.take(key);
        let Some(address) = owner.and_then(|owner| self.ring.address_of(owner)) else { return };
        if address != self.me.address {
            self.homes.learn(now, key, address);
        }
        for work in works {
            match work {
                Work::Tell { to, nonce } => {
                    if let Some(owner) = owner {
                        self.send(to, tag, &ToServer::Located { nonce, owner });
                    }
                }
                Work::Pass { from, credit, request } if address != self.me.address => {
                    self.pass(address, from, credit, request);
                }
                Work::Pass { from, credit, request } => self.serve(now, from, credit, request),
            }
        }
    }

    /// A request for which this server is responsible.
    fn serve(&mut self, now: Time, from: SocketAddr, credit: u8, request: Request) {
        let tag = request.tag;
        match request.ask {
            Ask::Where { prefix } => self.send(from, tag, &ToAgent::Home { prefix }),
            Ask::Insert { nonce, ident, goal, cookie } => {
                if self.proven(now, (from, tag), nonce, ident, cookie) {
                    let kept = self.insert(now, from, tag, ident, goal);
                    let answer = if kept { ToAgent::Inserted { nonce } } else { ToAgent::Refused { nonce } };
                    self.send(from, tag, &answer);
                }
            }
            Ask::Remove { nonce, ident, goal, cookie } => {
                if self.proven(now, (from, tag), nonce, ident, cookie) {
                    if self.triggers.remove(ident, &goal_of(goal, from, tag), from.ip()) {
                        self.served("removed", Some(ident.prefix()), Some(from.to_string()));
                    }
                    self.send(from, tag, &ToAgent::Removed { nonce });
                }
            }
            Ask::Packet(packet) => self.packet(now, from, tag, credit, packet),
        }
    }

    /// Whether the asker's address is its own; if that is not known it is challenged (§4.5 of the paper).
    fn proven(&mut self, now: Time, who: (SocketAddr, Tag), nonce: u64, ident: Ident, cookie: Option<Cookie>) -> bool {
        let (from, tag) = who;
        let proven = cookie.is_some_and(|cookie| self.jar.accepts(now, from, &ident.0, &cookie));
        if !proven {
            let cookie = self.jar.issue(now, from, &ident.0);
            self.send(from, tag, &ToAgent::Challenge { nonce, cookie });
        }
        proven
    }

    fn insert(&mut self, now: Time, from: SocketAddr, tag: Tag, ident: Ident, goal: Wish) -> bool {
        // One that leads back to its own identifiers would only send packets in circles.
        let fits = match &goal {
            Wish::Me => true,
            Wish::Stack(stack) => {
                (1..=MAX_STACK).contains(&stack.len()) && stack.iter().all(|next| next.prefix() != ident.prefix())
            }
        };
        let until = now + self.settings.lease;
        let kept = fits.then(|| self.triggers.insert(ident, goal_of(goal, from, tag), from.ip(), until));
        if let Some(Ok(true)) = kept {
            self.served("registered", Some(ident.prefix()), Some(from.to_string()));
        }
        matches!(kept, Some(Ok(_)))
    }

    /// `i3_recv` of the paper's figure 8, as recalled: to all triggers that the first identifier finds; to what is left of the
    /// stack if it finds none.
    fn packet(&mut self, now: Time, from: SocketAddr, tag: Tag, credit: u8, packet: Packet) {
        let Packet { mut stack, wonders, reply, data } = packet;
        if stack.is_empty() || stack.len() > 2 * MAX_STACK {
            return;
        }
        let first = stack.remove(0);
        if wonders {
            self.send(from, tag, &ToAgent::Home { prefix: first.prefix() });
        }
        let onward = |stack, data| Request { tag, ask: Ask::Packet(Packet { stack, wonders: false, reply, data }) };
        let goals = self.triggers.matching(first);
        if goals.is_empty() && credit > 0 {
            return self.route(now, from, credit - 1, onward(stack, data), true);
        }
        // Copies share what is left of the credit, so that their number has a limit.
        let copies = goals.iter().filter(|goal| matches!(goal, Goal::Stack(_))).count().max(1);
        let share = usize::from(credit) / copies;
        for goal in goals {
            match goal {
                Goal::Address(to, tag) => {
                    let (stack, data) = (stack.clone(), data.clone());
                    self.send(to, tag, &ToAgent::Delivered { from, reply, stack, data });
                }
                Goal::Stack(next) if share > 0 => {
                    let stack = next.into_iter().chain(stack.iter().copied()).collect();
                    let credit = u8::try_from(share - 1).unwrap_or(CREDIT);
                    self.route(now, from, credit, onward(stack, data.clone()), true);
                }
                Goal::Stack(_) => {}
            }
        }
    }

    fn settle(&mut self, now: Time) {
        for (ident, goal) in self.triggers.expire(now) {
            let who = if let Goal::Address(address, _) = goal { Some(address.to_string()) } else { None };
            self.served("expired", Some(ident.prefix()), who);
        }
        while let Some(did) = self.ring.did(now) {
            match did {
                Did::Joined => self.served("joined", None, None),
                Did::Merged { ok: true } => {
                    self.homes.clear();
                    self.served("merged", None, None);
                }
                Did::Forgot(peer) => {
                    self.homes.forget(peer.address);
                    self.served("lost", None, Some(peer.address.to_string()));
                }
                Did::Done { outcome: Answer::Looked { key, owner, .. }, .. } => self.looked(now, key, owner),
                _ => {}
            }
        }
        let tag = self.config.facts.tag();
        while let Some((to, message)) = self.ring.transmit() {
            self.send(to, tag, &ToServer::Ring(&message));
        }
    }
}

fn goal_of(wish: Wish, from: SocketAddr, tag: Tag) -> Goal {
    match wish {
        Wish::Me => Goal::Address(from, tag),
        Wish::Stack(stack) => Goal::Stack(stack),
    }
}

impl Machine for Keeper {
    type Order = ();
    type Fact = Served;

    fn input(&mut self, now: Time, input: Input<'_, ()>) {
        match input {
            Input::Datagram { from, bytes, .. } => {
                if let Ok(message) = wire::decode(self.config.facts.tag(), bytes) {
                    self.heard(now, from, message);
                }
            }
            Input::Timer => {
                let tag = self.config.facts.tag();
                let mut said = Vec::new();
                self.ring.timer(now, |to, message| said.extend(wire::encode(tag, &message).map(|bytes| (to, bytes))));
                let from = Port::unicast(PORT);
                self.out.extend(said.into_iter().map(|(to, bytes)| Output::Datagram { from, to, bytes }));
            }
            // It has no groups of its own, opens no streams and takes none.
            Input::Order(()) | Input::Routing { .. } | Input::Stream(..) => {}
        }
        self.settle(now);
    }

    fn output(&mut self) -> Option<Output<Served>> {
        self.out.pop_front()
    }

    fn due(&self) -> Option<Time> {
        Some(self.triggers.due().map_or(self.ring.due(), |due| due.min(self.ring.due())))
    }
}

impl Server for Keeper {
    fn config(&self) -> &ServerConfig {
        &self.config
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        let own = [
            ("triggers", self.triggers.len()),
            ("owners", self.triggers.owners()),
            ("homes", self.homes.len()),
            ("waiting", self.waiting.len()),
        ];
        own.into_iter().chain(self.ring.tables()).collect()
    }

    fn bytes(&self) -> usize {
        let ring: usize = self.ring.tables().into_iter().map(|(_, entries)| entries * size_of::<(Peer, Time)>()).sum();
        self.triggers.bytes() + self.homes.len() * size_of::<(Id, SocketAddr, Time)>() + self.waiting.bytes() + ring
    }
}
