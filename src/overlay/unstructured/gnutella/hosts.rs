//! Servents that a node has heard of: whom to open a link to, and whom to tell others of.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::message::Pong;
use crate::overlay::Time;

/// Most servents that are remembered.
pub(super) const MAX_HOSTS: usize = 200;
/// Most pongs kept for others.
pub(super) const MAX_PONGS: usize = 64;
/// Pongs in answer to one ping.
pub(super) const PONGS: usize = 10;

/// A servent.
#[derive(Clone, Copy, Debug)]
struct Host {
    heard: Time,
    round_trip: Option<Duration>,
    /// When it was asked who it is, to see how long that takes.
    asked: Option<Time>,
}

/// Servents by where they listen.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(BTreeMap<SocketAddrV4, Host>);

impl Hosts {
    /// Of a full table who has not been heard of for longest is forgotten.
    pub(super) fn heard(&mut self, now: Time, at: SocketAddrV4) {
        let new = Host { heard: now, round_trip: None, asked: None };
        self.0.entry(at).or_insert(new).heard = now;
        if self.0.len() > MAX_HOSTS
            && let Some(oldest) = self.0.iter().min_by_key(|(at, host)| (host.heard, **at)).map(|(at, _)| *at)
        {
            self.0.remove(&oldest);
        }
    }

    /// How long it takes to answer.
    pub(super) fn measured(&mut self, at: SocketAddrV4, round_trip: Duration) {
        if let Some(host) = self.0.get_mut(&at) {
            host.round_trip = Some(host.round_trip.map_or(round_trip, |before| before.min(round_trip)));
            host.asked = None;
        }
    }

    /// Whoever is at this address has answered.
    pub(super) fn answered(&mut self, now: Time, ip: Ipv4Addr) {
        let asked = |(at, host): (&SocketAddrV4, &Host)| (at.ip() == &ip).then_some((*at, host.asked?));
        if let Some((at, asked)) = self.0.iter().find_map(asked) {
            self.measured(at, now - asked);
        }
    }

    /// Some whose distance is not known, who are asked now.
    pub(super) fn unmeasured(&mut self, now: Time, most: usize, rng: &mut ChaCha8Rng) -> Vec<SocketAddrV4> {
        let unknown = self.0.iter().filter(|(_, host)| host.round_trip.is_none() && host.asked.is_none());
        let mut unknown: Vec<SocketAddrV4> = unknown.map(|(at, _)| *at).collect();
        let mut chosen = Vec::new();
        while chosen.len() < most && !unknown.is_empty() {
            let at = unknown.swap_remove(rng.random_range(0..unknown.len()));
            if let Some(host) = self.0.get_mut(&at) {
                host.asked = Some(now);
            }
            chosen.push(at);
        }
        chosen
    }

    /// Whether it has been heard of since then.
    pub(super) fn knows(&self, ip: Ipv4Addr, since: Time) -> bool {
        self.0.iter().any(|(at, host)| *at.ip() == ip && host.heard >= since)
    }

    /// How many have been heard of since then.
    pub(super) fn count(&self, since: Time) -> usize {
        self.0.values().filter(|host| host.heard >= since).count()
    }

    pub(super) fn forget(&mut self, ip: Ipv4Addr) {
        self.0.retain(|at, _| *at.ip() != ip);
    }

    /// The nearest of those at other addresses than these, or any of them.
    pub(super) fn pick(&self, not: &BTreeSet<Ipv4Addr>, nearest: bool, rng: &mut ChaCha8Rng) -> Option<SocketAddrV4> {
        let others: Vec<_> = self.0.iter().filter(|(at, _)| !not.contains(at.ip())).collect();
        let near = others.iter().filter_map(|(at, host)| Some((host.round_trip?, **at))).min();
        if let Some((_, at)) = near.filter(|_| nearest) {
            return Some(at);
        }
        (!others.is_empty()).then(|| *others[rng.random_range(0..others.len())].0)
    }

    /// Those heard of last.
    pub(super) fn latest(&self, most: usize) -> Vec<SocketAddrV4> {
        let mut all: Vec<_> = self.0.iter().map(|(at, host)| (host.heard, *at)).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.into_iter().take(most).map(|(_, at)| at).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Pongs that came of late, for who pings: a ping goes one hop, not seven ("Ping/Pong Scheme", Rohrs and Falco, 2001).
#[derive(Clone, Debug, Default)]
pub(super) struct Pongs(VecDeque<Cached>);

#[derive(Clone, Debug)]
struct Cached {
    at: Time,
    /// The link that it came by.
    by: u64,
    hops: u8,
    pong: Pong,
}

impl Pongs {
    pub(super) fn add(&mut self, now: Time, by: u64, hops: u8, pong: Pong) {
        self.0.retain(|cached| cached.pong.at != pong.at);
        self.0.push_back(Cached { at: now, by, hops, pong });
        if self.0.len() > MAX_PONGS {
            self.0.pop_front();
        }
    }

    /// For a ping that may go so far, of those that came since then by other links: the latest first, with their hops.
    pub(super) fn for_ping(&self, link: u64, ttl: u8, since: Time) -> Vec<(u8, Pong)> {
        let fresh = self.0.iter().rev().filter(|cached| cached.at >= since && cached.by != link && cached.hops < ttl);
        fresh.take(PONGS).map(|cached| (cached.hops, cached.pong)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn at(host: u32) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::from(host), 6346)
    }

    fn second(second: u64) -> Time {
        Time(Duration::from_secs(second))
    }

    #[test]
    fn the_nearest_or_any_other_is_picked_and_the_oldest_forgotten() {
        let (mut hosts, mut rng) = (Hosts::default(), ChaCha8Rng::seed_from_u64(1));
        (0..500).for_each(|host| hosts.heard(second(host.into()), at(host)));
        assert_eq!(hosts.len(), MAX_HOSTS);
        assert!(hosts.knows(*at(499).ip(), second(499)) && !hosts.knows(*at(1).ip(), second(0)));
        hosts.measured(at(400), Duration::from_millis(9));
        hosts.measured(at(401), Duration::from_millis(5));
        let none = BTreeSet::new();
        assert_eq!(hosts.pick(&none, true, &mut rng), Some(at(401)));
        assert_eq!(hosts.pick(&[*at(401).ip()].into(), true, &mut rng), Some(at(400)));
        let random: BTreeSet<_> = (0..100).filter_map(|_| hosts.pick(&none, false, &mut rng)).collect();
        assert!(random.len() > 20);
        assert_eq!(hosts.latest(2), [at(499), at(498)]);
        hosts.forget(*at(499).ip());
        assert_eq!((hosts.latest(1), hosts.count(second(490))), (vec![at(498)], 9));
        let asked = hosts.unmeasured(second(600), 3, &mut rng);
        hosts.answered(second(601), *asked[0].ip());
        assert_eq!(hosts.0[&asked[0]].round_trip, Some(Duration::from_secs(1)));
    }

    #[test]
    fn the_cache_of_pongs_is_bounded_and_fresh() {
        let mut pongs = Pongs::default();
        for n in 0..1000 {
            pongs.add(second(n.into()), u64::from(n % 3), 2, Pong { at: at(n), files: 0, kilobytes: 0 });
        }
        assert_eq!(pongs.len(), MAX_PONGS);
        let told = pongs.for_ping(0, 7, second(990));
        assert_eq!(told.len(), 6, "1000 seconds but for those of its own link");
        assert!(pongs.for_ping(9, 2, second(0)).is_empty() && pongs.for_ping(9, 7, second(0)).len() == PONGS);
    }
}
