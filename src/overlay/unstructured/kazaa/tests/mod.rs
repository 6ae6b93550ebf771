//! Nodes in the simulated network, with a group at which only supernodes are found.

mod hostile;
mod islands;
mod roles;
mod searching;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::machine::sim::{Conditions, Sim};
use crate::machine::{Input, Machine, Output, Part, Port, Via};
use crate::overlay::key::Value;
use crate::overlay::oracle::{Oracle, Told};
use crate::overlay::truth::Sought;
pub(super) use crate::overlay::unstructured::bare::{address, common};
use crate::overlay::unstructured::connected::Connected;
use crate::overlay::{Answer, Ask, Hit, OverlayNode, Token, Values};

const NUMBER: u16 = 4000;

pub(super) enum Order {
    Begin,
    /// Through whoever is found at the group.
    Join,
    Merge(usize),
    Leave,
    Ask(u64, Ask),
}

/// A node, and as much of a member around it as it takes to be found and to find.
pub(super) struct Bare {
    pub(super) node: Kazaa,
    asked: BTreeMap<u8, Time>,
    next: u8,
    joining: bool,
    leaving: bool,
    /// Who has asked this one at the group.
    pub(super) greeted: u32,
    out: VecDeque<Output<Did>>,
}

fn group() -> SocketAddr {
    SocketAddr::from(([10, 200, 0, 1], NUMBER))
}

/// The first have the lowest capacity.
pub(super) fn id(host: usize, hosts: usize) -> Id {
    Id((u128::MAX / hosts as u128) * host as u128 + 1)
}

impl Bare {
    fn seek(&mut self, now: Time) {
        self.next = self.next.wrapping_add(1);
        self.asked.insert(self.next, now);
        self.out.push_back(Output::Datagram { from: Port::unicast(NUMBER), to: group(), bytes: vec![0xf0, self.next] });
    }

    fn datagram(&mut self, now: Time, via: Via, from: SocketAddr, bytes: &[u8]) {
        match bytes {
            [0xf0, number] if via != Via::Unicast => {
                self.greeted += 1;
                if self.node.phase() == Phase::Member {
                    let bytes = [&[0xf1, *number], &self.node.me.id.0.to_be_bytes()[..]].concat();
                    self.out.push_back(Output::Datagram { from: Port::unicast(NUMBER), to: from, bytes });
                }
            }
            [0xf1, number, id @ ..] => {
                let Some(sent) = self.asked.remove(number) else { return };
                let id = Id(u128::from_be_bytes(id.try_into().expect("an id")));
                let peer = Peer { id, address: from };
                if std::mem::take(&mut self.joining) {
                    self.node.join(now, peer);
                } else {
                    self.node.meet(now, peer, now - sent);
                }
            }
            _ => self.node.handle(now, from, bytes),
        }
    }
}

impl Machine for Bare {
    type Order = Order;
    type Fact = Did;

    fn input(&mut self, now: Time, input: Input<'_, Order>) {
        match input {
            Input::Datagram { at, from, bytes } => self.datagram(now, at.via, from, bytes),
            Input::Stream(..) => {}
            Input::Timer => self.node.handle_timeout(now),
            Input::Order(Order::Begin) => {
                self.node.begin(now);
                self.out.push_back(Output::Announce(Part(0), true));
            }
            Input::Order(Order::Join) => {
                self.joining = true;
                self.seek(now);
            }
            Input::Order(Order::Merge(through)) => {
                let peer = Peer { id: Id(1 << 127 | through as u128), address: address(through) };
                self.node.merge(now, peer);
            }
            Input::Order(Order::Leave) => {
                self.leaving = self.node.retire(now);
                if !self.leaving {
                    self.out.push_back(Output::Announce(Part(0), false));
                    self.node.leave(now);
                }
            }
            Input::Order(Order::Ask(token, ask)) => self.node.ask(now, Token::Command(token), ask),
            Input::Routing { .. } => {}
        }
        while let Some(did) = self.node.poll_event() {
            match &did {
                Did::Seeks => self.seek(now),
                Did::JoinFailed => {
                    self.joining = true;
                    self.seek(now);
                }
                Did::Serves(on) => {
                    self.out.push_back(Output::Announce(Part(0), *on));
                    if self.leaving {
                        self.node.leave(now);
                    }
                }
                _ => {}
            }
            self.out.push_back(Output::Said(did));
        }
    }

    fn output(&mut self) -> Option<Output<Did>> {
        if let Some((to, bytes)) = self.node.poll_transmit() {
            return Some(Output::Datagram { from: Port::unicast(NUMBER), to, bytes });
        }
        self.out.pop_front()
    }

    fn due(&self) -> Option<Time> {
        self.node.poll_timeout()
    }
}

pub(super) fn values() -> Values {
    Values::of(ROW.keys)
}

pub(super) fn node(host: usize, hosts: usize, seed: u64, values: &Values) -> Kazaa {
    let me = Peer { id: id(host, hosts), address: address(host) };
    Kazaa::new(me, common(), Settings::of(values), ChaCha8Rng::seed_from_u64(seed * 1000 + host as u64))
}

pub(super) struct World {
    pub(super) sim: Sim<Bare>,
    pub(super) hosts: usize,
    next: u64,
    items: Vec<(usize, String)>,
}

impl World {
    /// Hosts on a line, a millisecond apart.
    pub(super) fn new(hosts: usize, seed: u64, values: &Values) -> Self {
        Self::placed(hosts, seed, values, |host| host as u64)
    }

    /// Hosts at these milliseconds of a line.
    pub(super) fn placed(hosts: usize, seed: u64, values: &Values, at: impl Fn(usize) -> u64 + 'static) -> Self {
        let settings = Conditions {
            seed,
            hosts: (0..hosts).map(address).collect(),
            groups: vec![group()],
            delay: Box::new(move |a, b| Duration::from_millis(1 + at(a).abs_diff(at(b)))),
            loss: 0.0,
            propagation: Duration::from_millis(100),
        };
        let values = values.clone();
        let make = move |host, _, _| Bare {
            node: node(host, hosts, seed, &values),
            asked: BTreeMap::new(),
            next: 0,
            joining: false,
            leaving: false,
            greeted: 0,
            out: VecDeque::new(),
        };
        Self { sim: Sim::new(settings, make), hosts, next: 0, items: Vec::new() }
    }

    /// The last, which can do most, begins; the others join.
    pub(super) fn joined(hosts: usize, seed: u64, values: &Values) -> Self {
        let mut world = Self::new(hosts, seed, values);
        world.join(&(0..hosts).rev().collect::<Vec<_>>());
        world
    }

    pub(super) fn join(&mut self, hosts: &[usize]) {
        self.sim.command(hosts[0], Order::Begin);
        self.run(0.5);
        for host in &hosts[1..] {
            self.sim.command(*host, Order::Join);
            self.run(0.3);
        }
        self.run(30.0);
        for host in hosts {
            assert_eq!(self.node(*host).phase(), Phase::Member, "{host}");
        }
    }

    pub(super) fn run(&mut self, seconds: f64) {
        self.sim.run_for(Duration::from_secs_f64(seconds));
    }

    pub(super) fn node(&self, host: usize) -> &Kazaa {
        &self.sim.machine(host).expect("it runs").node
    }

    pub(super) fn host_of(&self, of: Id) -> usize {
        (0..self.hosts).find(|host| id(*host, self.hosts) == of).expect("a host")
    }

    pub(super) fn supernodes(&self) -> BTreeSet<usize> {
        self.sim.machines().filter(|(_, bare)| bare.node.is_supernode()).map(|(host, _)| host).collect()
    }

    pub(super) fn parent(&self, host: usize) -> Option<usize> {
        self.node(host).parent.as_ref().map(|parent| self.host_of(parent.peer.id))
    }

    /// Whether all of these are one island that nothing is wrong with.
    pub(super) fn whole(&self, of: impl Fn(usize) -> bool) -> bool {
        let told: Vec<(Id, Neighbors)> = self
            .sim
            .machines()
            .filter(|(host, bare)| of(*host) && bare.node.phase() == Phase::Member)
            .map(|(_, bare)| (bare.node.me.id, bare.node.neighbors_now()))
            .collect();
        let each = || told.iter().map(|(id, neighbors)| Told { id: *id, neighbors });
        let find = |id| told.iter().find(|(own, _)| *own == id).map(|(_, neighbors)| neighbors);
        let oracle = Connected { either_way: false };
        oracle.whole(&mut each()) && each().all(|one| oracle.noticed(one, &find))
    }

    pub(super) fn share(&mut self, host: usize, name: &str) {
        self.items.push((host, name.to_owned()));
        self.sim.command(host, Order::Ask(0, Ask::Share { name: name.to_owned() }));
    }

    pub(super) fn ask(&mut self, host: usize, words: &str) -> u64 {
        self.next += 1;
        self.sim.command(host, Order::Ask(self.next, Ask::Search { words: words.to_owned() }));
        self.next
    }

    pub(super) fn answered(sim: &Sim<Bare>, token: u64) -> Option<(Vec<Hit>, u32)> {
        sim.events().iter().find_map(|happened| match &happened.event {
            Did::Done { token: Token::Command(t), outcome: Answer::Searched { hits, hops, .. } } if *t == token => {
                Some((hits.clone(), *hops))
            }
            _ => None,
        })
    }

    pub(super) fn search(&mut self, host: usize, words: &str) -> (Vec<Hit>, u32) {
        let token = self.ask(host, words);
        let ended = self.sim.run_until(Duration::from_secs(60), |sim| Self::answered(sim, token).is_some());
        assert!(ended, "a search of {host} without an end");
        Self::answered(&self.sim, token).expect("it has ended")
    }

    /// The hosts at which a search found something.
    pub(super) fn found(&mut self, host: usize, words: &str) -> BTreeSet<usize> {
        let (hits, _) = self.search(host, words);
        hits.iter().map(|hit| self.host_of(hit.at)).collect()
    }

    /// What these hits are beside what is shared by nodes that run, of which `near` are in the asker's island.
    pub(super) fn judge(&self, asked: &str, hits: &[Hit], near: impl Fn(usize) -> bool) -> Sought {
        let stored = self.items.iter().filter(|(host, _)| self.sim.machine(*host).is_some());
        let stored = stored.map(|(host, name)| (id(*host, self.hosts), &name[..]));
        Sought::judge(asked, hits, stored, |id| near(self.host_of(id)))
    }

    pub(super) fn total(&self, of: impl Fn(&Counts) -> u64) -> u64 {
        self.sim.machines().map(|(_, bare)| of(&bare.node.counts)).sum()
    }
}
