//! What the parts of an agent work with.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::chooser::Chooser;
use super::message::Message;
use super::settings::Settings;
use crate::anycast::face::{AgentConfig, Said};
use crate::anycast::life::draws;
use crate::machine::Time;
use crate::overlay::wire::{Tag, encode};

/// A core node that has not answered by now is asked again, or another.
pub(super) const ANSWER: Duration = Duration::from_millis(600);

pub(super) struct End {
    pub(super) config: AgentConfig,
    pub(super) settings: Settings,
    pub(super) tag: Tag,
    pub(super) rng: ChaCha8Rng,
    pub(super) chooser: Chooser,
    pub(super) said: VecDeque<Said>,
}

impl End {
    pub(super) fn new(config: AgentConfig, now: Time) -> Self {
        let names = [config.group.as_bytes(), config.host.as_bytes()];
        let mut rng = draws(&[b"oasis agent", &config.seed.to_be_bytes(), names[0], names[1]], now);
        Self {
            settings: Settings::of(&config.facts),
            tag: config.tag(),
            chooser: Chooser::new(&config.facts, &mut rng),
            said: VecDeque::new(),
            rng,
            config,
        }
    }

    pub(super) fn transmit(&mut self, to: SocketAddr, tag: Tag, message: &Message) {
        if let Some(bytes) = encode(tag, message) {
            self.said.push_back(Said::Datagram { to, bytes });
        }
    }

    pub(super) fn tell_core(&mut self, to: SocketAddr, message: &Message) {
        self.transmit(to, self.config.facts.tag(), message);
    }

    pub(super) fn is_core_node(&self, address: SocketAddr) -> bool {
        self.config.facts.servers.iter().any(|site| site.peer.address == address)
    }

    pub(super) fn jitter(&mut self, time: Duration) -> Duration {
        time.mul_f64(self.rng.random_range(0.75..1.25))
    }

    /// Pings the core nodes that it has to.
    pub(super) fn measure(&mut self, now: Time) {
        for (nonce, to) in self.chooser.measure(now, &mut self.rng) {
            self.tell_core(to, &Message::Ping { nonce, tag: self.tag });
        }
    }
}
