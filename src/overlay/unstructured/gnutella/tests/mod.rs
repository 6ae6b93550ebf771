//! Servents in the simulated network, without what finds them for each other.

mod flooding;
mod hostile;
mod islands;
mod roles;

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::machine::sim::Sim;
use crate::overlay::id::Id;
use crate::overlay::key::Value;
use crate::overlay::unstructured::bare::{Bare, Order, address, common, conditions};
use crate::overlay::{Answer, Ask, Hit, OverlayNode, Token, Values};

pub(super) const PORT: u16 = 6346;

/// In the order of the hosts: the first so many ids are of ultrapeers.
pub(super) fn id(host: usize, hosts: usize) -> Id {
    Id((u128::MAX / hosts as u128) * host as u128 + 1)
}

/// To join through: ids are asked for.
pub(super) fn peer(host: usize) -> Peer {
    Peer { id: Id(1), address: address(host) }
}

pub(super) fn values() -> Values {
    Values::of(ROW.keys)
}

pub(super) fn servent(host: usize, hosts: usize, seed: u64, values: &Values) -> Gnutella {
    let me = Peer { id: id(host, hosts), address: address(host) };
    Gnutella::new(me, common(), Settings::of(values), ChaCha8Rng::seed_from_u64(seed * 1000 + host as u64))
}

pub(super) struct World {
    pub(super) sim: Sim<Bare<Gnutella>>,
    pub(super) hosts: usize,
    next: u64,
}

impl World {
    pub(super) fn new(hosts: usize, seed: u64, values: &Values) -> Self {
        let values = values.clone();
        let make = move |host, _, _| Bare { node: servent(host, hosts, seed, &values) };
        Self { sim: Sim::new(conditions(hosts, seed), make), hosts, next: 0 }
    }

    /// The first begins, the others join through it, or through one before them.
    pub(super) fn joined(hosts: usize, seed: u64, values: &Values) -> Self {
        let mut world = Self::new(hosts, seed, values);
        world.join(&(0..hosts).collect::<Vec<_>>());
        world
    }

    /// The first of these begins, and the others join through members.
    pub(super) fn join(&mut self, hosts: &[usize]) {
        self.sim.command(hosts[0], Order::Begin);
        for (n, host) in hosts.iter().enumerate().skip(1) {
            self.sim.command(*host, Order::Join(peer(hosts[n * 7 % n.min(5)])));
            self.sim.run_for(Duration::from_millis(200));
        }
        self.sim.run_for(Duration::from_secs(20));
        for host in hosts {
            assert_eq!(self.node(*host).phase(), Phase::Member, "{host}");
        }
    }

    pub(super) fn node(&self, host: usize) -> &Gnutella {
        &self.sim.machine(host).expect("it runs").node
    }

    fn host_of(&self, wanted: Id) -> usize {
        (0..self.hosts).find(|host| id(*host, self.hosts) == wanted).expect("a host")
    }

    pub(super) fn share(&mut self, host: usize, name: &str) {
        self.sim.command(host, Order::Ask(0, Ask::Share { name: name.to_owned() }));
    }

    /// The answer to a search by this host.
    pub(super) fn search(&mut self, host: usize, words: &str) -> (Vec<Hit>, u32) {
        self.next += 1;
        let token = self.next;
        self.sim.command(host, Order::Ask(token, Ask::Search { words: words.to_owned() }));
        let answer = |sim: &Sim<Bare<Gnutella>>| {
            sim.events().iter().find_map(|happened| match &happened.event {
                Did::Done { token: Token::Command(t), outcome: Answer::Searched { hits, hops, .. } } if *t == token => {
                    Some((hits.clone(), *hops))
                }
                _ => None,
            })
        };
        assert!(self.sim.run_until(Duration::from_secs(120), |sim| answer(sim).is_some()), "a search without an end");
        answer(&self.sim).expect("it has ended")
    }

    /// The hosts at which a search found something.
    pub(super) fn found(&mut self, host: usize, words: &str) -> BTreeSet<usize> {
        let (hits, _) = self.search(host, words);
        hits.iter().map(|hit| self.host_of(hit.at)).collect()
    }

    /// Links that are up, by number of hosts.
    pub(super) fn links(&self, host: usize) -> BTreeSet<usize> {
        let of = |ip| (0..self.hosts).find(|other| address(*other).ip() == std::net::IpAddr::V4(ip));
        self.node(host).links.values().filter(|link| link.is_up()).filter_map(|link| of(link.ip())).collect()
    }

    /// Who is at most so many hops away.
    pub(super) fn within(&self, from: usize, hops: usize) -> BTreeSet<usize> {
        let (mut reached, mut left) = (BTreeSet::from([from]), VecDeque::from([(from, 0)]));
        while let Some((host, far)) = left.pop_front() {
            if far < hops {
                left.extend(
                    self.links(host).into_iter().filter(|next| reached.insert(*next)).map(|next| (next, far + 1)),
                );
            }
        }
        reached
    }

    pub(super) fn total(&self, of: impl Fn(&Counts) -> u64) -> u64 {
        self.sim.machines().map(|(_, bare)| of(&bare.node.counts)).sum()
    }
}
