//! What all parts of a member work with: its overlay, what it announces, what it sends and tells.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::asks::{Asks, Why};
use super::cookie::Jar;
use super::message::{Message, PADDING};
use super::sealed::Envelope;
use crate::anycast::config::NodeConfig;
use crate::anycast::event::Event;
use crate::machine::{Output, Part};
use crate::overlay::id::Id;
use crate::overlay::{MAX_PEERS, OverlayNode, Peer, Phase, Time, Transmit};

pub(super) struct Core {
    pub(super) config: NodeConfig,
    pub(super) rng: ChaCha8Rng,
    pub(super) overlay: Box<dyn OverlayNode>,
    pub(super) envelope: Envelope,
    pub(super) jar: Jar,
    pub(super) asks: Asks,
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
    pub(super) fn new(config: NodeConfig, now: Time) -> Self {
        // The time is part of the seed: a restarted node must not repeat its former self's numbers.
        let stream = Id::hash(&[
            b"member",
            &config.seed.to_be_bytes(),
            &config.id.0.to_be_bytes(),
            &now.0.as_nanos().to_be_bytes(),
        ]);
        let mut seed = [0; 32];
        seed[..16].copy_from_slice(&stream.0.to_be_bytes());
        let mut rng = ChaCha8Rng::from_seed(seed);
        let jar = Jar::new(rng.random());
        let rng_below = ChaCha8Rng::from_seed(rng.random());
        let overlay = (config.protocol.protocol.node)(config.peer(), &config.protocol, config.settings(), rng_below);
        Self {
            envelope: Envelope::new(&config, now),
            config,
            rng,
            overlay,
            jar,
            asks: Asks::default(),
            color: None,
            own: Vec::new(),
            announced: Vec::new(),
            departing: false,
            dropped: 0,
            hellos: 0,
            out: VecDeque::new(),
            said: VecDeque::new(),
        }
    }

    /// Whether it takes part and may be pointed out to others.
    pub(super) fn is_member(&self) -> bool {
        self.overlay.phase() == Phase::Member
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

    /// Asks who is there.
    pub(super) fn ask(&mut self, now: Time, to: SocketAddr, why: Why) {
        let nonce = self.rng.random();
        self.asks.add(now, nonce, why);
        self.send(to, &Message::hello(nonce));
    }

    /// Someone asks whether there is a member here. The cookie is no larger than the question.
    pub(super) fn greeted(&mut self, now: Time, from: SocketAddr, nonce: u64, padding: &[u8]) {
        self.hellos += 1;
        if padding.len() < PADDING {
            self.dropped += 1;
        } else if self.is_member() {
            let cookie = self.jar.issue(now, from, nonce);
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

    /// Asks the driver to announce a group.
    pub(super) fn announce(&mut self, group: Part) {
        if !self.own.contains(&group) {
            self.own.push(group);
            self.said.push_back(Output::Announce(group, true));
        }
    }

    /// Asks the driver to withdraw a group; whether it was announced.
    pub(super) fn withdraw(&mut self, group: Part) -> bool {
        let before = self.own.len();
        self.own.retain(|g| *g != group);
        let was = self.own.len() < before;
        if was {
            self.said.push_back(Output::Announce(group, false));
        }
        was
    }
}
