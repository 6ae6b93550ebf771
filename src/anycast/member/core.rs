//! What all parts of a member work with: its overlay, what it announces, what it sends and tells.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::asks::{Asks, Why};
use super::cookie::Jar;
use super::message::{Message, PADDING};
use super::parts::JOIN;
use super::sealed::Envelope;
use crate::anycast::config::NodeConfig;
use crate::anycast::event::Event;
use crate::anycast::face::{Agent, PATIENCE, Question, Target};
use crate::anycast::life::draws;
use crate::machine::{Output, Part, Port, Via};
use crate::overlay::wire::Tag;
use crate::overlay::{MAX_PEERS, OverlayNode, Peer, Phase, Time, Transmit};

/// Most questions to the infrastructure that are remembered.
const MAX_LOOKING: usize = 64;

/// How long a cookie is good at least.
const COOKIES: Duration = Duration::from_secs(30);

pub(super) struct Core {
    pub(super) config: NodeConfig,
    pub(super) rng: ChaCha8Rng,
    pub(super) overlay: Box<dyn OverlayNode>,
    pub(super) envelope: Envelope,
    pub(super) jar: Jar,
    pub(super) asks: Asks,
    /// The end of its infrastructure, and the tag of what is for that.
    pub(super) agent: Box<dyn Agent>,
    pub(super) agent_tag: Tag,
    /// Questions to the infrastructure, and why they were asked.
    looking: BTreeMap<u64, (Time, Why)>,
    pub(super) color: Option<u16>,
    /// Groups whose announcement was asked for and not withdrawn: nothing sent there would leave
    /// this host.
    pub(super) own: Vec<Part>,
    pub(super) announced: Vec<Part>,
    /// It is leaving, and its groups are being withdrawn.
    pub(super) departing: bool,
    pub(super) dropped: u64,
    /// Hellos that came.
    pub(super) hellos: u64,
    pub(super) out: VecDeque<Transmit>,
    /// What happened, and what the driver is asked to do.
    pub(super) said: VecDeque<Output<Event>>,
}

impl Core {
    pub(super) fn new(config: NodeConfig, agent: Box<dyn Agent>, now: Time) -> Self {
        let mut rng = draws(&[b"member", &config.seed.to_be_bytes(), &config.id.0.to_be_bytes()], now);
        let jar = Jar::new(rng.random(), COOKIES);
        let rng_below = ChaCha8Rng::from_seed(rng.random());
        let overlay = (config.protocol.protocol.node)(config.peer(), &config.protocol, config.settings(), rng_below);
        Self {
            envelope: Envelope::new(&config, now),
            rng,
            overlay,
            jar,
            asks: Asks::default(),
            agent_tag: config.agent().tag(),
            agent,
            looking: BTreeMap::new(),
            color: None,
            own: Vec::new(),
            announced: Vec::new(),
            departing: false,
            dropped: 0,
            hellos: 0,
            out: VecDeque::new(),
            said: VecDeque::new(),
            config,
        }
    }

    /// Whether it takes part and may be pointed out to others.
    pub(super) fn is_member(&self) -> bool {
        self.overlay.phase() == Phase::Member
    }

    /// Whether it tells others of the overlay that it is there. One that shall not be found any more does so until its
    /// groups are withdrawn: whoever still comes is sent on.
    pub(super) fn is_found(&self) -> bool {
        self.is_member() && (self.overlay.serves() || !self.announced.is_empty())
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.said.push_back(Output::Said(event));
    }

    pub(super) fn send(&mut self, to: SocketAddr, message: &Message<'_>) {
        match self.envelope.close(self.config.address, to, message) {
            Some(bytes) => self.out.push_back(Transmit { to, bytes }),
            None => tracing::error!(%to, "a message is too long for a datagram and was not sent"),
        }
    }

    /// Whether keys have owners, so that a lookup tells whether somebody is of this island.
    pub(super) fn is_keyed(&self) -> bool {
        self.config.protocol.protocol.is_keyed()
    }

    /// Whether its overlay's protocol has others open streams to this port.
    pub(super) fn listens(&self, at: Port) -> bool {
        let given = &self.config.protocol;
        at.via == Via::Unicast && given.protocol.tcp_ports(given).any(|port| port == at.number)
    }

    /// Asks who is there.
    pub(super) fn ask(&mut self, now: Time, to: SocketAddr, why: Why) {
        let nonce = self.rng.random();
        self.asks.add(now, nonce, why);
        self.send(to, &Message::hello(nonce));
    }

    /// Asks the infrastructure for members, if it can tell, and them who they are.
    pub(super) fn look(&mut self, now: Time, question: &Question, why: Why) {
        self.looking.retain(|_, (since, _)| now - *since <= PATIENCE);
        let token = self.rng.random();
        if self.looking.len() < MAX_LOOKING && self.agent.ask(now, token, question).is_ok() {
            self.looking.insert(token, (now, why));
        }
    }

    /// The infrastructure has answered. To join, one member is enough.
    pub(super) fn found(&mut self, now: Time, token: u64, targets: &[Target]) {
        let Some((_, why)) = self.looking.remove(&token) else { return };
        let most = if matches!(why, Why::Meet { .. }) { MAX_PEERS } else { 1 };
        for target in targets.iter().take(most).filter(|target| **target != Target::Address(self.config.address)) {
            let nonce = self.rng.random();
            // A name stands for the group.
            let to = if let Target::Address(to) = target { Some(*to) } else { self.config.group(JOIN) };
            let Some(to) = to else { continue };
            if let Some(bytes) = self.envelope.close(self.config.address, to, &Message::hello(nonce)) {
                self.asks.add(now, nonce, why);
                self.agent.send(now, *target, bytes);
            }
        }
    }

    /// Someone asks whether there is a member here. The cookie is no larger than the question.
    pub(super) fn greeted(&mut self, now: Time, from: SocketAddr, nonce: u64, padding: &[u8]) {
        self.hellos += 1;
        if padding.len() < PADDING {
            self.dropped += 1;
        } else if self.is_found() {
            let cookie = self.jar.issue(now, from, &nonce.to_be_bytes());
            self.send(from, &Message::Cookie { nonce, cookie });
        }
    }

    pub(super) fn welcome(&mut self, to: SocketAddr, nonce: u64) {
        let mut neighbors = self.overlay.peers();
        neighbors.truncate(MAX_PEERS);
        let (id, place, size) = (self.config.id, self.overlay.place(), self.overlay.size());
        self.send(to, &Message::Welcome { nonce, id, place, color: self.color, size, neighbors });
    }

    /// Tells the overlay of a node that may be worth knowing better.
    pub(super) fn meet(&mut self, now: Time, peer: Peer, milliseconds: f64) {
        self.overlay.meet(now, peer, Duration::from_secs_f64(milliseconds / 1e3));
    }

    /// Whether a datagram to this group would leave the host: what a node announces, its own kernel
    /// answers.
    pub(super) fn can_reach(&self, group: Part) -> bool {
        !self.own.contains(&group)
    }

    /// Has a group brought to this node: the first by its infrastructure, others by their routes. Not to one that its
    /// overlay does not want to be found.
    pub(super) fn announce(&mut self, now: Time, group: Part) {
        if self.own.contains(&group) || !self.overlay.serves() {
            return;
        }
        self.own.push(group);
        if group == JOIN {
            self.agent.join(now);
        } else {
            self.said.push_back(Output::Announce(group, true));
        }
    }

    /// Takes that back; whether there was anything to take back.
    pub(super) fn withdraw(&mut self, now: Time, group: Part) -> bool {
        let before = self.own.len();
        self.own.retain(|g| *g != group);
        let was = self.own.len() < before;
        if was && group == JOIN {
            self.agent.leave(now);
        } else if was {
            self.said.push_back(Output::Announce(group, false));
        }
        was
    }
}
