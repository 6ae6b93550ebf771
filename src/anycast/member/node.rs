//! The complete overlay node: which of its parts an input concerns.

use std::net::SocketAddr;
use std::time::Duration;

use super::asks::{Welcome, Why};
use super::color::Palette;
use super::cookie::Cookie;
use super::core::Core;
use super::desk::{Asker, Desk};
use super::heal::Healer;
use super::join::Joining;
use super::leave::Departure;
use super::message::Message;
use super::parts::JOIN;
use super::renumber::renumber;
use super::sealed::Content;
use super::served::Served;
use super::streams;
use crate::anycast::config::{NodeConfig, PORT};
use crate::anycast::event::{Command, Digest, Event};
use crate::anycast::face::{Agent, Question, Said};
use crate::anycast::inquiry::{Inquiry, MOST_HOPS};
use crate::anycast::means::Means;
use crate::anycast::probe;
use crate::machine::{Output, Part, Port, Via};
use crate::overlay::wire::Tag;
use crate::overlay::{Answer, Ask, Did, Peer, Time, Token, Transmit};

/// An overlay node without sockets or clock.
pub struct Member {
    pub(super) core: Core,
    pub(super) joining: Joining,
    palette: Palette,
    pub(super) served: Served,
    pub(super) healer: Healer,
    pub(super) departure: Departure,
    desk: Desk,
}

impl Member {
    /// `agent`: the end of its infrastructure, which [`NodeConfig::agent`] is told.
    pub fn new(config: NodeConfig, agent: Box<dyn Agent>, now: Time) -> Self {
        Self {
            core: Core::new(config, agent, now),
            joining: Joining::default(),
            palette: Palette::default(),
            served: Served::default(),
            healer: Healer::default(),
            departure: Departure::default(),
            desk: Desk::default(),
        }
    }

    pub fn config(&self) -> &NodeConfig {
        &self.core.config
    }

    pub fn digest(&self) -> Digest {
        let Core { config, overlay, color, announced, dropped, .. } = &self.core;
        Digest {
            host: config.host.clone(),
            id: config.id,
            phase: overlay.phase(),
            neighbors: overlay.neighbors(),
            keys: overlay.keys(),
            conflicts: overlay.conflicts(),
            color: *color,
            island: overlay.size(),
            announced: announced.clone(),
            met: self.joining.met.iter().map(|(id, met)| (*id, met.milliseconds)).collect(),
            heard: self.joining.heard.iter().map(|(color, id)| (*color, *id)).collect(),
            dropped: *dropped,
            spent: overlay.spent(),
            counts: overlay.counts().into_iter().map(|(what, count)| (what.to_owned(), count)).collect(),
        }
    }

    /// A datagram from `from` arrived on one of this node's addresses.
    pub fn handle(&mut self, now: Time, from: SocketAddr, via: Via, bytes: &[u8]) {
        let core = &mut self.core;
        core.envelope.tick(now);
        if Tag::of_datagram(bytes) == Some(core.agent_tag) {
            core.agent.datagram(now, Port { via, number: PORT }, from, bytes);
            return self.settle(now);
        }
        let to = match via {
            Via::Unicast => Some(core.config.address),
            Via::Group(group) => core.config.group(group),
        };
        let message = match core.envelope.open(from, to, via != Via::Unicast, bytes) {
            Ok(Content::Message(message)) => message,
            Ok(Content::Answer(bytes)) => return core.out.push_back(Transmit { to: from, bytes }),
            Err(_) => return core.dropped += 1,
        };
        match message {
            Message::Hello { nonce, padding } => core.greeted(now, from, nonce, &padding),
            // Everything else is between two nodes: it has no business at a shared address.
            _ if via != Via::Unicast => core.dropped += 1,
            Message::Cookie { nonce, cookie } => self.cookie(now, from, nonce, cookie),
            Message::Echo { nonce, cookie, join } => {
                let proven = core.is_found() && core.jar.accepts(now, from, &nonce.to_be_bytes(), &cookie);
                match join {
                    _ if !proven => core.dropped += 1,
                    Some(redirected) => self.served.serve_join(core, now, from, nonce, redirected),
                    None => core.welcome(from, nonce),
                }
            }
            Message::Elsewhere { nonce, peer } => {
                let joins = |why| matches!(why, Why::Join { .. });
                if let Some((Why::Join { redirected }, _)) = core.asks.take(nonce, from, joins) {
                    self.joining.sent_elsewhere(core, now, redirected, peer);
                }
            }
            Message::Welcome { nonce, id, place, color, size, neighbors } => {
                let peer = Peer { id, address: from };
                self.welcomed(now, nonce, &Welcome { peer, place, color, size, neighbors });
            }
            Message::Met { id, place, by, color } => {
                self.healer.met_by(core, now, Peer { id, address: from }, place, by, color);
            }
            Message::Load { id, joins } => self.served.told(core, now, id, joins),
            Message::Contact { flood, peer } => self.healer.contact(core, now, flood, peer),
            Message::Overlay(message) => core.overlay.handle(now, from, message),
            Message::Want { nonce, cookie, inquiry } => {
                if core.is_found() && core.jar.accepts(now, from, &nonce.to_be_bytes(), &cookie) {
                    self.desk.begin(core, now, Asker::Stranger { at: from, nonce }, inquiry);
                } else {
                    core.dropped += 1;
                }
            }
            Message::Wait { nonce } => self.desk.visits.waits(from, nonce),
            Message::Found { nonce, reply } => {
                if let Some(number) = self.desk.visits.answered(from, nonce, &reply) {
                    self.desk.visited(core, now, number, reply);
                }
            }
        }
        self.settle(now);
    }

    pub fn command(&mut self, now: Time, command: Command) {
        let core = &mut self.core;
        core.envelope.tick(now);
        match command {
            Command::Join { found } => self.joining.begin(core, &mut self.palette, now, found),
            Command::Leave => self.leave(now),
            Command::Renumber { address } => {
                renumber(core, now, address);
                if self.joining.is_under_way() {
                    self.joining.begin_anew(core, &mut self.palette, now);
                } else if core.is_member() {
                    core.emit(Event::Joining);
                }
            }
            Command::Lookup { token, key } => self.order(now, token, Ask::Find { key }),
            Command::Put { token, key, value } => self.order(now, token, Ask::Put { key, value }),
            Command::Get { token, key } => self.order(now, token, Ask::Get { key }),
            Command::Share { token, name } => core.overlay.ask(now, Token::Command(token), Ask::Share { name }),
            Command::Search { token, words } => self.order(now, token, Ask::Search { words }),
            Command::Acquaint { nearby } => self.joining.acquaint(core, nearby),
            Command::Inquire { token, inquiry } => self.desk.begin(core, now, Asker::Host(token), inquiry),
            Command::Replied { token, reply } => self.desk.replied(core, now, token, reply),
        }
        self.settle(now);
    }

    /// The driver has announced the group.
    pub fn announced(&mut self, now: Time, group: Part) {
        let core = &mut self.core;
        if core.own.contains(&group) && !core.announced.contains(&group) {
            core.announced.push(group);
            core.emit(Event::Announced { group });
        }
        self.settle(now);
    }

    /// The driver has withdrawn the group.
    pub fn withdrawn(&mut self, now: Time, group: Part) {
        self.core.announced.retain(|g| *g != group);
        self.core.emit(Event::Withdrew { group });
        self.departure.withdrew(&mut self.core, now, group);
        self.settle(now);
    }

    pub fn handle_timeout(&mut self, now: Time) {
        let core = &mut self.core;
        core.envelope.tick(now);
        if core.overlay.poll_timeout().is_some_and(|t| t <= now) {
            core.overlay.handle_timeout(now);
        }
        if core.agent.due().is_some_and(|t| t <= now) {
            core.agent.timer(now);
        }
        self.joining.timeout(core, &mut self.palette, now);
        if self.palette.timeout(core, now) {
            self.healer.start(core, now);
        }
        self.served.timeout(core, now);
        self.healer.timeout(core, now);
        self.departure.timeout(core, now);
        self.desk.timeout(core, now);
        self.settle(now);
    }

    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.core.out.pop_front()
    }

    /// What happened; what the driver is asked to do is passed over.
    pub fn poll_event(&mut self) -> Option<Event> {
        std::iter::from_fn(|| self.core.said.pop_front()).find_map(|output| match output {
            Output::Said(event) => Some(event),
            _ => None,
        })
    }

    pub fn poll_timeout(&self) -> Option<Time> {
        let membership =
            [self.joining.due(), self.departure.due(), self.palette.due(), self.served.due(), self.desk.due()];
        membership
            .into_iter()
            .chain([self.healer.due(), self.core.overlay.poll_timeout(), self.core.agent.due()])
            .flatten()
            .min()
    }

    /// Addresses of nodes that it knows, and their shortest round trips so far.
    pub fn round_trips(&self) -> Vec<(SocketAddr, Duration)> {
        let met = self.joining.met.values();
        let met = met.map(|met| (met.welcome.peer.address, Duration::from_secs_f64(met.milliseconds / 1e3)));
        self.core.overlay.round_trips().into_iter().chain(met).collect()
    }

    /// Numbers of entries in its tables and in its overlay's. Whoever sends what, none passes its limit.
    pub fn tables(&self) -> Vec<(&'static str, usize)> {
        let own = [("asks", self.core.asks.len()), ("met", self.joining.met.len())];
        let overlay = self.core.overlay.tables().into_iter();
        let around = self.core.envelope.tables().chain(self.core.agent.tables());
        overlay.chain(self.healer.tables()).chain(self.desk.tables()).chain(own).chain(around).collect()
    }

    /// A member has answered: from its unicast address, so it can be told apart from the others.
    fn cookie(&mut self, now: Time, from: SocketAddr, nonce: u64, cookie: Cookie) {
        let Some((why, milliseconds)) = self.core.asks.answered(now, nonce, from) else { return };
        let join = match why {
            Why::Join { redirected } => Some(redirected),
            Why::Meet { color } => {
                if let Some(color) = color {
                    self.palette.answered(color, milliseconds);
                }
                None
            }
            Why::Visit { number } => return self.desk.visits.there(&mut self.core, now, number, (from, nonce, cookie)),
            Why::Near | Why::Heal { .. } | Why::Verify { .. } => None,
        };
        self.core.send(from, &Message::Echo { nonce, cookie, join });
    }

    fn welcomed(&mut self, now: Time, nonce: u64, welcome: &Welcome) {
        let (core, peer) = (&mut self.core, welcome.peer);
        let Some((why, milliseconds)) = core.asks.take(nonce, peer.address, |_| true) else { return };
        if peer.id == core.config.id {
            return;
        }
        if let Why::Meet { color: Some(color) } | Why::Heal { color: Some(color), .. } = why {
            self.joining.heard.insert(color, peer.id);
        }
        match why {
            Why::Join { .. } => {
                self.joining.remember(welcome, milliseconds);
                self.joining.through(core, now, peer);
            }
            Why::Meet { color } => {
                self.joining.remember(welcome, milliseconds);
                if core.is_member() {
                    // From so far away that this node has joined meanwhile.
                    self.healer.lead(core, now, welcome, milliseconds, Means::Color, welcome.color.or(color));
                }
            }
            Why::Near => core.meet(now, peer, milliseconds),
            Why::Heal { by, color } => {
                self.healer.lead(core, now, welcome, milliseconds, by, welcome.color.or(color));
            }
            Why::Verify { watch } => self.healer.verified(core, now, watch, welcome),
            // It is told, not greeted.
            Why::Visit { .. } => {}
        }
    }

    /// It is a member: only now may others find it.
    fn joined(&mut self, now: Time) {
        let core = &mut self.core;
        let Some(served_by) = self.joining.joined(core, now) else { return };
        core.announce(now, JOIN);
        self.palette.take(core, now);
        self.healer.start(core, now);
        for (id, met) in &self.joining.met {
            if Some(*id) == served_by {
                core.meet(now, met.welcome.peer, met.milliseconds);
            } else {
                self.healer.lead(core, now, &met.welcome, met.milliseconds, Means::Color, met.welcome.color);
            }
        }
    }

    /// A command from outside: for the overlay, unless somebody else is to answer it.
    fn order(&mut self, now: Time, token: u64, ask: Ask) {
        let core = &mut self.core;
        let alone = core.config.beyond.gateways.is_empty() && core.config.protocol.protocol.may(ask.kind());
        if alone && core.is_member() {
            return core.overlay.ask(now, Token::Command(token), ask);
        }
        let inquiry = Inquiry::new(ask, core.config.beyond.hops);
        self.desk.begin(core, now, Asker::Command(token), inquiry);
    }

    /// Passes on what the overlay did since the last input.
    pub(super) fn settle(&mut self, now: Time) {
        while let Some(did) = self.core.overlay.poll_event() {
            let core = &mut self.core;
            match did {
                Did::Joined => self.joined(now),
                Did::JoinFailed => self.joining.failed(core, now),
                Did::Left => {
                    core.asks.clear();
                    core.emit(Event::Left);
                }
                Did::Serves(on) => self.serves(now, on),
                Did::Seeks => core.look(now, &Question::Nearest, Why::Near),
                Did::Neighbors(neighbors) => core.emit(Event::Neighbors(neighbors)),
                Did::Forgot(peer) => {
                    core.emit(Event::Forgot { peer: peer.id });
                    self.healer.bereaved(core, now, peer);
                }
                Did::Done { token: Token::Command(token), outcome } => {
                    core.emit(Event::Done { token, path: Vec::new(), outcome });
                }
                Did::Done { token: Token::Question(number), outcome } => {
                    self.desk.answered(core, now, number, outcome);
                }
                Did::Done { token: Token::Own(watch), outcome } => {
                    let owner = if let Answer::Looked { owner, .. } = outcome { owner } else { None };
                    self.healer.watched(core, now, watch, owner);
                }
                Did::Merged { ok } => self.healer.merged(core, now, ok),
                Did::Renewed { by, milliseconds } => {
                    // It had nobody to look for.
                    core.emit(Event::Joined { served_by: by, milliseconds, attempts: 0, redirected: 0 });
                }
            }
        }
        while let Some((number, ask)) = self.core.overlay.poll_below() {
            let inquiry = Inquiry::new(ask, MOST_HOPS);
            self.desk.begin(&mut self.core, now, Asker::Below(number), inquiry);
        }
        while let Some((to, message)) = self.core.overlay.poll_transmit() {
            self.core.send(to, &Message::Overlay(&message));
        }
        while let Some((id, part)) = self.core.overlay.poll_stream() {
            self.core.said.push_back(Output::Stream(streams::OVERLAY.outer(id), part));
        }
        while let Some(said) = self.core.agent.said() {
            self.heed(now, said);
        }
    }

    /// What the infrastructure's end wants, and what it has brought.
    fn heed(&mut self, now: Time, said: Said) {
        match said {
            Said::Datagram { to, bytes } => self.core.out.push_back(Transmit { to, bytes }),
            Said::Stream(id, part) => self.core.said.push_back(Output::Stream(streams::AGENT.outer(id), part)),
            Said::Announce(group, on) => self.core.said.push_back(Output::Announce(group, on)),
            Said::Member(true) => self.announced(now, JOIN),
            Said::Member(false) => self.withdrawn(now, JOIN),
            Said::Found { token, targets } => self.core.found(now, token, &targets),
            Said::Delivered { from, bytes } => match probe::answer(&self.core.config.host, &bytes) {
                Some(bytes) => self.core.out.push_back(Transmit { to: from, bytes }),
                None => self.handle(now, from, Via::Group(JOIN), &bytes),
            },
        }
    }
}
