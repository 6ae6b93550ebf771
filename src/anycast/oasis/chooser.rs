//! Which core node an agent asks: the nearest by its own measurement, of those that answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use rand::seq::IteratorRandom;
use rand_chacha::ChaCha8Rng;

use crate::anycast::facts::Facts;
use crate::machine::Time;

/// Core nodes that are measured, of all.
const MEASURED: usize = 32;
/// They are measured again so often, sooner while none has answered.
const AGAIN: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_millis(500);
/// One that did not answer so many times is avoided for so long.
const MISSES: u8 = 2;
const AVOID: Duration = Duration::from_secs(10);
/// A ping is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Chooser {
    /// Those that are measured.
    servers: Vec<Choice>,
    pings: BTreeMap<u64, (usize, Time)>,
    /// When they are measured next; `None`: nobody has asked for one yet.
    next: Option<Time>,
}

struct Choice {
    address: SocketAddr,
    round_trip: Option<Duration>,
    missed: u8,
    avoided: Time,
}

impl Chooser {
    pub(super) fn new(facts: &Facts, rng: &mut ChaCha8Rng) -> Self {
        let some = facts.servers.iter().map(|site| site.peer.address).sample(rng, MEASURED);
        let choice = |address| Choice { address, round_trip: None, missed: 0, avoided: Time::default() };
        Self { servers: some.into_iter().map(choice).collect(), pings: BTreeMap::new(), next: None }
    }

    /// One will be needed.
    pub(super) fn start(&mut self, now: Time) {
        self.next.get_or_insert(now);
    }

    /// None is needed any more.
    pub(super) fn stop(&mut self) {
        self.next = None;
        self.pings.clear();
    }

    /// The nearest that answers.
    pub(super) fn best(&self, now: Time) -> Option<SocketAddr> {
        let answer = self.servers.iter().filter(|server| server.avoided <= now);
        let measured = answer.filter_map(|server| server.round_trip.map(|time| (time, server.address)));
        measured.min().map(|(_, address)| address)
    }

    /// Whom to ping, and with which nonces.
    pub(super) fn measure(&mut self, now: Time, rng: &mut ChaCha8Rng) -> Vec<(u64, SocketAddr)> {
        let late: Vec<_> =
            self.pings.iter().filter(|(_, (_, since))| now - *since >= PATIENCE).map(|(n, p)| (*n, p.0)).collect();
        for (nonce, server) in late {
            self.pings.remove(&nonce);
            self.missed(now, server);
        }
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let wait = if self.best(now).is_some() { AGAIN } else { SOON };
        self.next = Some(now + wait.mul_f64(rng.random_range(0.75..1.25)));
        let mut pings = Vec::new();
        for (index, server) in self.servers.iter().enumerate() {
            let nonce = rng.random();
            if self.pings.len() < 4 * MEASURED {
                self.pings.insert(nonce, (index, now));
                pings.push((nonce, server.address));
            }
        }
        pings
    }

    /// An answer; whether it is one to a ping of this.
    pub(super) fn pong(&mut self, now: Time, from: SocketAddr, nonce: u64) -> bool {
        let Some((index, since)) = self.pings.get(&nonce).copied() else { return false };
        let Some(server) = self.servers.get_mut(index).filter(|server| server.address == from) else { return false };
        server.round_trip = Some(now - since);
        server.avoided = now;
        server.missed = 0;
        self.pings.remove(&nonce);
        true
    }

    /// It did not answer a request.
    pub(super) fn silent(&mut self, now: Time, address: SocketAddr) {
        if let Some(index) = self.servers.iter().position(|server| server.address == address) {
            self.missed(now, index);
        }
    }

    /// It did.
    pub(super) fn answered(&mut self, address: SocketAddr) {
        if let Some(server) = self.servers.iter_mut().find(|server| server.address == address) {
            server.missed = 0;
        }
    }

    fn missed(&mut self, now: Time, index: usize) {
        let Some(server) = self.servers.get_mut(index) else { return };
        server.missed = server.missed.saturating_add(1);
        if server.missed >= MISSES {
            server.avoided = now + AVOID;
        }
        // None is left: they are looked at again at once.
        if self.best(now).is_none() && self.next.is_some() {
            self.next = self.next.map(|next| next.min(now + SOON));
        }
    }

    pub(super) fn due(&self) -> Option<Time> {
        let pings = self.pings.values().map(|(_, since)| *since + PATIENCE).min();
        self.next.into_iter().chain(pings).min()
    }

    pub(super) fn len(&self) -> usize {
        self.pings.len()
    }
}
