//! Nodes in the simulated network, without what finds them for each other.

mod announcing;
mod hostile;
mod islands;
mod keeping;
mod learning;
mod walking;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::machine::sim::{Conditions, Sim};
use crate::machine::{Input, Machine, Output, Port};
use crate::overlay::key::Value;
use crate::overlay::{Answer, Ask, LookupMode, OverlayNode, Token, Values};

const PORT: u16 = 4000;

pub(super) enum Order {
    Begin,
    Join(usize),
    Merge(usize),
    Leave,
    Ask(u64, Ask),
}

/// A node with nothing around it.
pub(super) struct Bare {
    pub(super) node: Freenet,
}

pub(super) fn peer(host: usize) -> Peer {
    Peer { id: Id::of_node(1, "freenet", &host.to_string()), address: address(host) }
}

pub(super) fn address(host: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, (host / 250) as u8, (host % 250) as u8 + 1], PORT))
}

impl Machine for Bare {
    type Order = Order;
    type Fact = Did;

    fn input(&mut self, now: Time, input: Input<'_, Order>) {
        match input {
            Input::Datagram { from, bytes, .. } => self.node.handle(now, from, bytes),
            Input::Timer => self.node.handle_timeout(now),
            Input::Order(Order::Begin) => self.node.begin(now),
            Input::Order(Order::Join(through)) => self.node.join(now, peer(through)),
            Input::Order(Order::Merge(through)) => self.node.merge(now, peer(through)),
            Input::Order(Order::Leave) => self.node.leave(now),
            Input::Order(Order::Ask(token, ask)) => self.node.ask(now, Token::Command(token), ask),
            Input::Stream(..) | Input::Routing { .. } => {}
        }
    }

    fn output(&mut self) -> Option<Output<Did>> {
        if let Some((to, bytes)) = self.node.poll_transmit() {
            return Some(Output::Datagram { from: Port::unicast(PORT), to, bytes });
        }
        self.node.poll_event().map(Output::Said)
    }

    fn due(&self) -> Option<Time> {
        self.node.poll_timeout()
    }
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
    pub(super) sim: Sim<Bare>,
    pub(super) hosts: usize,
    next: u64,
}

impl World {
    /// All hosts 10 ms apart.
    pub(super) fn new(hosts: usize, seed: u64, values: &Values, common: Common) -> Self {
        let settings = Conditions {
            seed,
            hosts: (0..hosts).map(address).collect(),
            groups: Vec::new(),
            delay: Box::new(|_, _| Duration::from_millis(10)),
            loss: 0.0,
            propagation: Duration::ZERO,
        };
        let values = values.clone();
        let make = move |host, _, _| Bare { node: bare(host, seed, &values, common) };
        Self { sim: Sim::new(settings, make), hosts, next: 0 }
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
            self.sim.command(*host, Order::Join(hosts[n * 7 % n]));
            let host = *host;
            let joined = |sim: &Sim<Bare>| sim.machine(host).is_some_and(|bare| bare.node.phase() == Phase::Member);
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
        let answer = |sim: &Sim<Bare>| {
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
