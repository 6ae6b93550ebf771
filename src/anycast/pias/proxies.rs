//! The proxies: who is alive, how far they are from each other, and who is responsible for a group.

use std::net::SocketAddr;
use std::time::Duration;

use crate::anycast::facts::Facts;
use crate::machine::Time;
use crate::overlay::id::Id;

/// Most servers whose distances a proxy tells.
const MAX_DISTANCES: usize = 512;

/// In tenths of a millisecond.
const UNKNOWN: u16 = u16::MAX;

#[derive(Debug)]
pub(super) struct Proxies {
    pub(super) me: usize,
    all: Vec<Other>,
    /// One that was not heard for so long is dead.
    patience: Duration,
}

#[derive(Debug)]
struct Other {
    id: Id,
    address: SocketAddr,
    heard: Time,
    /// Smoothed, in tenths of a millisecond.
    round_trip: Option<f64>,
    /// From it to all.
    distances: Vec<u16>,
}

impl Proxies {
    /// At first all are believed to be alive.
    pub(super) fn new(facts: &Facts, host: &str, heartbeat: Duration, now: Time) -> Self {
        let other = |address, id| Other { id, address, heard: now, round_trip: None, distances: Vec::new() };
        Self {
            me: facts.servers.iter().position(|site| site.host == host).unwrap_or_default(),
            all: facts.servers.iter().map(|site| other(site.peer.address, site.peer.id)).collect(),
            patience: heartbeat * 7 / 2,
        }
    }

    pub(super) fn address(&self, server: usize) -> Option<SocketAddr> {
        self.all.get(server).map(|other| other.address)
    }

    /// Which server sends from this address.
    pub(super) fn by(&self, address: SocketAddr) -> Option<usize> {
        self.all.iter().position(|other| other.address == address)
    }

    pub(super) fn has_host(&self, address: SocketAddr) -> bool {
        self.all.iter().any(|other| other.address.ip() == address.ip())
    }

    pub(super) fn others(&self) -> impl Iterator<Item = usize> + use<> {
        let me = self.me;
        (0..self.all.len()).filter(move |server| *server != me)
    }

    pub(super) fn alive(&self, now: Time, server: usize) -> bool {
        server == self.me || self.all.get(server).is_some_and(|other| now - other.heard <= self.patience)
    }

    /// Who is responsible for a key: the first that is alive from there on, around the ring of ids (consistent
    /// hashing: when one dies only its own groups move).
    pub(super) fn responsible(&self, now: Time, key: Id) -> usize {
        let alive = (0..self.all.len()).filter(|server| self.alive(now, *server));
        alive.min_by_key(|server| (key.to(self.all[*server].id), *server)).unwrap_or(self.me)
    }

    pub(super) fn heard(&mut self, now: Time, server: usize, distances: Vec<u16>) {
        if let Some(other) = self.all.get_mut(server) {
            other.heard = now;
            other.distances = distances;
            other.distances.truncate(MAX_DISTANCES);
        }
    }

    /// An answer to what was sent there.
    pub(super) fn echoed(&mut self, now: Time, server: usize, sent: Time) {
        if let Some(other) = self.all.get_mut(server).filter(|_| sent <= now) {
            let sample = now.millis_since(sent) * 10.0;
            let smoothed = other.round_trip.map_or(sample, |before| before + (sample - before) / 8.0);
            other.round_trip = Some(smoothed);
        }
    }

    /// From this one to all.
    pub(super) fn distances(&self) -> Vec<u16> {
        (0..self.all.len().min(MAX_DISTANCES)).map(|server| self.own_distance(server)).collect()
    }

    /// From this one.
    fn own_distance(&self, server: usize) -> u16 {
        if server == self.me {
            return 0;
        }
        let round_trip = self.all.get(server).and_then(|other| other.round_trip);
        round_trip.map_or(UNKNOWN, |tenths| tenths.min(f64::from(UNKNOWN - 1)) as u16)
    }

    /// The round trip between two servers, in tenths of a millisecond, as the first has told it.
    pub(super) fn distance(&self, from: usize, to: usize) -> u16 {
        if from == to {
            0
        } else if from == self.me {
            self.own_distance(to)
        } else {
            self.all.get(from).and_then(|other| other.distances.get(to)).copied().unwrap_or(UNKNOWN)
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.all.iter().map(|other| size_of::<Other>() + size_of_val(&other.distances[..])).sum()
    }
}
