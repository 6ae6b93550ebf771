//! Which servers are near: the landmarks, by which a member says where it is, and the gateway.
//!
//! The landmarks' round trips are measured when an agent is first asked something, and anew when it has another address.
//! For a gateway the agent finds out who is responsible for some random identifiers, and keeps the nearest (§4.2 of the
//! paper). A server that does not answer is avoided for a while.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::ident::Ident;
use crate::machine::Time;
use crate::overlay::id::Id;

/// Answers of a landmark, of which the shortest round trip counts: one may have waited for a busy host.
const PINGS: u8 = 3;
/// Pings that were not answered are repeated after so long.
const AGAIN: Duration = Duration::from_millis(250);
/// By then it is clear which landmark is the nearest, if one has answered.
const SETTLED: Duration = Duration::from_millis(900);
/// Where a server did not answer it is not asked again for so long.
const AVOIDED: Duration = Duration::from_secs(3);
/// Nobody's answer takes longer.
const LOST: Duration = Duration::from_secs(3);

/// What it wants to be sent.
pub(super) enum Probe {
    Ping { to: SocketAddr, nonce: u64 },
    Where { to: SocketAddr, prefix: Id },
}

pub(super) struct Survey {
    servers: Vec<SocketAddr>,
    landmarks: usize,
    samples: usize,
    sampled: Vec<Sample>,
    pings: BTreeMap<u64, (SocketAddr, Time)>,
    /// The shortest round trip to each server that has answered, and how many answers there were.
    round_trips: BTreeMap<SocketAddr, (Duration, u8)>,
    avoided: BTreeMap<SocketAddr, Time>,
    /// The bin, if no landmark answers.
    chance: usize,
    begun: Option<Time>,
    settled: bool,
    next: Option<Time>,
}

struct Sample {
    ident: Ident,
    home: Option<SocketAddr>,
}

impl Survey {
    pub(super) fn new(servers: Vec<SocketAddr>, landmarks: usize, samples: usize) -> Self {
        Self {
            servers,
            landmarks,
            samples,
            sampled: Vec::new(),
            pings: BTreeMap::new(),
            round_trips: BTreeMap::new(),
            avoided: BTreeMap::new(),
            chance: 0,
            begun: None,
            settled: false,
            next: None,
        }
    }

    /// Measures, unless it has done so.
    pub(super) fn begin(&mut self, now: Time) {
        if self.begun.is_none() {
            self.begun = Some(now);
            self.next = Some(now);
        }
    }

    /// Forgets what was measured from another address.
    pub(super) fn anew(&mut self) {
        *self = Self::new(std::mem::take(&mut self.servers), self.landmarks, self.samples);
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.next
    }

    pub(super) fn tables(&self) -> [(&'static str, usize); 3] {
        let Self { pings, round_trips, avoided, .. } = self;
        [("pings", pings.len()), ("measured", round_trips.len()), ("avoided", avoided.len())]
    }

    pub(super) fn is_server(&self, address: SocketAddr) -> bool {
        self.servers.contains(&address)
    }

    /// Whether it is clear which landmark is the nearest.
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// The number of the nearest landmark; of several the first. If none answers, but other servers do, any.
    pub(super) fn bin(&self) -> Option<usize> {
        let landmarks = self.servers.iter().take(self.landmarks).enumerate();
        let measured = landmarks.filter_map(|(index, server)| Some((self.round_trip(*server)?, index)));
        let nearest = measured.min().map_or(self.chance, |(_, index)| index);
        (self.settled && self.landmarks > 0).then_some(nearest)
    }

    pub(super) fn timer(&mut self, now: Time, rng: &mut ChaCha8Rng) -> Vec<Probe> {
        let mut probes = Vec::new();
        let (Some(begun), true) = (self.begun, self.next.is_some_and(|next| next <= now)) else { return probes };
        self.pings.retain(|_, (_, sent)| now - *sent < LOST);
        let vain = now - begun >= SETTLED * 2 && self.sampled.iter().all(|sample| sample.home.is_none());
        if self.sampled.is_empty() || vain {
            self.sampled.clear();
            self.chance = rng.random_range(0..self.landmarks.max(1));
            let mut order: Vec<usize> = (0..self.servers.len()).collect();
            order.shuffle(rng);
            for index in order.iter().cycle().take(self.samples) {
                let ident = Ident::new(Id(rng.random()), rng.random());
                self.sampled.push(Sample { ident, home: None });
                probes.push(Probe::Where { to: self.servers[*index], prefix: ident.prefix() });
            }
        }
        self.settle(now);
        self.next = None;
        if !self.settled {
            let asked =
                |server: &SocketAddr| self.pings.values().any(|(to, sent)| to == server && now - *sent < AGAIN / 2);
            let silent = |server: &&SocketAddr| !self.is_measured(**server) && !asked(server);
            let silent: Vec<_> = self.servers.iter().take(self.landmarks).filter(silent).copied().collect();
            for server in silent {
                probes.push(self.ping(now, server, rng));
            }
            let pause = if now - begun < SETTLED { AGAIN } else { AGAIN * 4 };
            self.next = Some(now + pause.mul_f64(rng.random_range(0.9..1.1)));
        }
        probes
    }

    fn ping(&mut self, now: Time, to: SocketAddr, rng: &mut ChaCha8Rng) -> Probe {
        let nonce = rng.random();
        self.pings.insert(nonce, (to, now));
        Probe::Ping { to, nonce }
    }

    fn settle(&mut self, now: Time) {
        let landmarks = || self.servers.iter().take(self.landmarks);
        let late = |times| self.begun.is_some_and(|begun| now - begun >= SETTLED * times);
        let all = landmarks().all(|server| self.is_measured(*server));
        let any = landmarks().any(|server| self.round_trips.contains_key(server));
        self.settled |= all || late(1) && any || late(2) && !self.round_trips.is_empty();
    }

    fn is_measured(&self, server: SocketAddr) -> bool {
        self.round_trips.get(&server).is_some_and(|(_, answers)| *answers >= PINGS)
    }

    fn round_trip(&self, server: SocketAddr) -> Option<Duration> {
        self.round_trips.get(&server).map(|(shortest, _)| *shortest)
    }

    /// A server has answered a ping. A landmark is asked on.
    pub(super) fn ponged(&mut self, now: Time, from: SocketAddr, nonce: u64, rng: &mut ChaCha8Rng) -> Option<Probe> {
        let (_, sent) = self.pings.get(&nonce).copied().filter(|(to, _)| *to == from)?;
        self.pings.remove(&nonce);
        let took = now - sent;
        let (shortest, answers) = self.round_trips.entry(from).or_insert((took, 0));
        (*shortest, *answers) = (took.min(*shortest), answers.saturating_add(1));
        self.settle(now);
        let is_landmark = self.servers.iter().take(self.landmarks).any(|server| *server == from);
        (is_landmark && !self.settled && !self.is_measured(from)).then(|| self.ping(now, from, rng))
    }

    /// A server says that it is responsible for a prefix: a sample's is measured.
    pub(super) fn home(&mut self, now: Time, from: SocketAddr, prefix: Id, rng: &mut ChaCha8Rng) -> Option<Probe> {
        let sample = self.sampled.iter_mut().find(|sample| sample.ident.prefix() == prefix)?;
        sample.home = Some(from);
        let known = self.round_trips.contains_key(&from) || self.pings.values().any(|(to, _)| *to == from);
        (!known).then(|| self.ping(now, from, rng))
    }

    /// The sample whose server is the nearest.
    pub(super) fn nearest_sample(&self, now: Time) -> Option<(Ident, SocketAddr)> {
        let known = self.sampled.iter().filter_map(|sample| {
            let home = sample.home.filter(|home| self.is_usable(now, *home))?;
            Some((self.round_trip(home)?, sample.ident, home))
        });
        known.min().map(|(_, ident, home)| (ident, home))
    }

    /// Through whom to send what is for a server that is not known: the nearest of the samples; while there are none the
    /// nearest of all that have answered, else any.
    pub(super) fn gateway(&self, now: Time, rng: &mut ChaCha8Rng) -> Option<SocketAddr> {
        let sampled = self.nearest_sample(now).map(|(_, home)| home);
        let measured = || {
            let usable = self.round_trips.iter().filter(|(server, _)| self.is_usable(now, **server));
            usable.min_by_key(|(_, (took, _))| *took).map(|(server, _)| *server)
        };
        let usable =
            |now| self.servers.iter().copied().filter(|server| self.is_usable(now, *server)).collect::<Vec<_>>();
        sampled
            .or_else(measured)
            .or_else(|| usable(now).choose(rng).copied())
            .or_else(|| self.servers.choose(rng).copied())
    }

    pub(super) fn is_usable(&self, now: Time, server: SocketAddr) -> bool {
        self.avoided.get(&server).is_none_or(|until| *until <= now)
    }

    /// It did not answer, or nobody did through it.
    pub(super) fn failed(&mut self, now: Time, server: SocketAddr) {
        self.avoided.retain(|_, until| *until > now);
        if self.is_server(server) {
            self.avoided.insert(server, now + AVOIDED);
        }
    }

    pub(super) fn answered(&mut self, server: SocketAddr) {
        self.avoided.remove(&server);
    }
}
