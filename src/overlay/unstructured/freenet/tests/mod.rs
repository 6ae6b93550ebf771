//! Nodes in the simulated network, without what finds them for each other.

mod announcing;
mod hostile;
mod islands;
mod keeping;
mod learning;
mod walking;

use std::collections::BTreeSet;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::machine::sim::Sim;
use crate::overlay::key::Value;
use crate::overlay::unstructured::bare::{Bare, Order, address, conditions};
use crate::overlay::{Answer, Ask, LookupMode, OverlayNode, Token, Values};

pub(super) fn peer(host: usize) -> Peer {
    Peer { id: Id::of_node(1, "freenet", &host.to_string()), address: address(host) }
}

/// Rounds are seldom: what happens is what is asked for.
pub(super) fn common() -> Common {
    Common {
        replicas: 1,
        stabilize_every: Duration::from_secs(100_000),
        rpc_timeout: Duration::from_millis(200),
        rpc_tries: 3,
        lookup: LookupMode::Iterative,
    }
}

pub(super) fn values() -> Values {
    Values::of(ROW.keys)
}

pub(super) fn bare(host: usize, seed: u64, values: &Values, common: Common) -> Freenet {
    Freenet::new(peer(host), common, Settings::of(values), ChaCha8Rng::seed_from_u64(seed * 10_000 + host as u64))
}

pub(super) struct World {
    pub(super) sim: Sim<Bare<Freenet>>,
    pub(super) hosts: usize,
    next: u64,
}

impl World {
    pub(super) fn new(hosts: usize, seed: u64, values: &Values, common: Common) -> Self {
        let values = values.clone();
        let make = move |host, _, _| Bare { node: bare(host, seed, &values, common) };
        Self { sim: Sim::new(conditions(hosts, seed), make), hosts, next: 0 }
    }

    /// Members that know these others, by the keys that stand for them.
    pub(super) fn linked(mut self, knows: impl Fn(usize) -> Vec<usize>) -> Self {
        let keys: Vec<Id> = (0..self.hosts).map(|host| self.node(host).key).collect();
        for host in 0..self.hosts {
            self.sim.command(host, Order::Begin);
            let others = knows(host);
            self.sim.tell(host, |bare| {
                others.iter().for_each(|other| bare.node.learn(Time::default(), keys[*other], peer(*other)));
            });
        }
        self
    }

    /// A ring in which each knows the two on each side.
    pub(super) fn ring(hosts: usize, seed: u64, values: &Values) -> Self {
        Self::new(hosts, seed, values, common())
            .linked(|host| [1, 2, hosts - 2, hosts - 1].iter().map(|far| (host + far) % hosts).collect())
    }

    /// The first begins, the others join through one before them.
    pub(super) fn joined(hosts: usize, seed: u64, values: &Values, common: Common) -> Self {
        let mut world = Self::new(hosts, seed, values, common);
        world.join(&(0..hosts).collect::<Vec<_>>());
        world
    }

    pub(super) fn join(&mut self, hosts: &[usize]) {
        self.sim.command(hosts[0], Order::Begin);
        for (n, host) in hosts.iter().enumerate().skip(1) {
            self.sim.command(*host, Order::Join(peer(hosts[n * 7 % n])));
            let host = *host;
            let joined =
                |sim: &Sim<Bare<Freenet>>| sim.machine(host).is_some_and(|bare| bare.node.phase() == Phase::Member);
            assert!(self.sim.run_until(Duration::from_secs(20), joined), "{host} has not joined");
        }
        self.sim.run_for(Duration::from_secs(1));
    }

    pub(super) fn node(&self, host: usize) -> &Freenet {
        &self.sim.machine(host).expect("it runs").node
    }

    /// What an order ends with.
    pub(super) fn ask(&mut self, host: usize, ask: Ask) -> Answer {
        self.next += 1;
        let token = Token::Command(self.next);
        self.sim.take_events();
        self.sim.command(host, Order::Ask(self.next, ask));
        let answer = |sim: &Sim<Bare<Freenet>>| {
            sim.events().iter().find_map(|happened| match &happened.event {
                Did::Done { token: of, outcome } if *of == token => Some(outcome.clone()),
                _ => None,
            })
        };
        assert!(self.sim.run_until(Duration::from_secs(600), |sim| answer(sim).is_some()), "no end");
        answer(&self.sim).expect("it has ended")
    }

    /// The name by which it is to be had, if it was stored.
    pub(super) fn put(&mut self, host: usize, key: &str, value: &str) -> Option<String> {
        let answer = self.ask(host, Ask::Put { key: key.into(), value: value.into() });
        // What is stored goes on from node to node.
        self.sim.run_for(Duration::from_millis(500));
        let Answer::Put { key, stored } = answer else { panic!("{answer:?}") };
        stored.then_some(key)
    }

    pub(super) fn get(&mut self, host: usize, key: &str) -> Option<String> {
        let answer = self.ask(host, Ask::Get { key: key.into() });
        let Answer::Got { value, .. } = answer else { panic!("{answer:?}") };
        value
    }

    pub(super) fn total(&self, of: impl Fn(&Counts) -> u64) -> u64 {
        self.sim.machines().map(|(_, bare)| of(&bare.node.counts)).sum()
    }

    /// Hosts that store what has this key.
    pub(super) fn holders(&self, key: Id) -> BTreeSet<usize> {
        self.sim.machines().filter(|(_, bare)| bare.node.store.has(key)).map(|(host, _)| host).collect()
    }

    pub(super) fn events(&self, host: usize) -> impl Iterator<Item = &Did> {
        self.sim.events().iter().filter(move |happened| happened.host == host).map(|happened| &happened.event)
    }
}

/// The key of a text.
pub(super) fn key_of(text: &str) -> Id {
    content::Name::of(text).and_then(|name| name.key(|| SigningKey::from_bytes(&[0; 32]))).expect("a name")
}
