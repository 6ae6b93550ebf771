//! A simulated network under virtual time, for machines of any protocol.
//!
//! Datagrams take the delay between two hosts, may be lost, and do not cross a partition. Streams take it too, and
//! lose nothing: one that a partition, a crash or a change of routes has cut ends at the end that sends next. What is
//! sent to a group's address goes to the nearest host that announces it and can be reached; a host
//! that announces a group reaches only itself there, as with real anycast. One seed, one course of
//! events.

mod course;
mod due;
mod queue;
mod streams;
mod trace;

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Input, Machine, Time};
use due::Due;
use queue::Queue;
use streams::Streams;
use trace::Trace;

/// How often [`Sim::run_until`] looks, in virtual time.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One-way delay between two hosts.
pub type Delay = Box<dyn Fn(usize, usize) -> Duration>;

/// What is common to all hosts of a simulation.
pub struct Conditions {
    pub seed: u64,
    /// Unicast addresses, one per host, all different.
    pub hosts: Vec<SocketAddr>,
    /// Addresses of the groups, in the order of their [`Part`].
    pub groups: Vec<SocketAddr>,
    pub delay: Delay,
    /// Probability that a datagram is lost.
    pub loss: f64,
    /// Time from a routing request until all of the network follows it.
    pub propagation: Duration,
}

/// Something a machine did.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened<E> {
    pub at: Time,
    pub host: usize,
    pub event: E,
}

/// The network and the machines in it.
pub struct Sim<M: Machine> {
    settings: Conditions,
    make: Box<dyn Fn(usize, SocketAddr, Time) -> M>,
    now: Time,
    rng: ChaCha8Rng,
    hosts: Vec<Host<M>>,
    by_address: HashMap<IpAddr, usize>,
    by_group: HashMap<IpAddr, usize>,
    announcers: Vec<BTreeSet<usize>>,
    /// (group, asker) to the nearest announcer, valid while the group's version is this.
    nearest: HashMap<(usize, usize), (u64, Option<usize>)>,
    versions: Vec<u64>,
    sides: u32,
    queue: Queue<Due>,
    streams: Streams,
    events: Vec<Happened<M::Fact>>,
    datagrams: u64,
    bytes: u64,
    /// Parts of streams, and their bytes.
    streamed: (u64, u64),
    trace: Trace,
}

struct Host<M> {
    address: SocketAddr,
    machine: Option<Box<M>>,
    /// Counts restarts: what was meant for a former life does not reach the next.
    life: u32,
    side: u32,
    /// When it wants to be woken.
    wake: Option<Time>,
    /// Its earliest timer in the queue.
    timer: Option<Time>,
    /// Datagrams it sent.
    sent: u64,
}

impl<M: Machine> Sim<M> {
    /// A network of running machines that have been told nothing yet. `make` builds the machine of
    /// a host, at the start and after each restart.
    pub fn new(settings: Conditions, make: impl Fn(usize, SocketAddr, Time) -> M + 'static) -> Self {
        let now = Time::default();
        let host = |(host, address): (usize, &SocketAddr)| {
            let machine = Some(Box::new(make(host, *address, now)));
            Host { address: *address, machine, life: 0, side: 0, wake: None, timer: None, sent: 0 }
        };
        let hosts: Vec<_> = settings.hosts.iter().enumerate().map(host).collect();
        let mut sim = Self {
            make: Box::new(make),
            now,
            rng: ChaCha8Rng::seed_from_u64(settings.seed),
            hosts,
            by_address: settings.hosts.iter().enumerate().map(|(i, a)| (a.ip(), i)).collect(),
            by_group: settings.groups.iter().enumerate().map(|(i, a)| (a.ip(), i)).collect(),
            announcers: vec![BTreeSet::new(); settings.groups.len()],
            nearest: HashMap::new(),
            versions: vec![0; settings.groups.len()],
            sides: 0,
            queue: Queue::new(),
            streams: Streams::default(),
            events: Vec::new(),
            datagrams: 0,
            bytes: 0,
            streamed: (0, 0),
            trace: Trace::default(),
            settings,
        };
        // Some want to be woken without having been told anything.
        (0..sim.hosts.len()).for_each(|host| sim.drive(host, |_| {}));
        sim
    }

    pub fn now(&self) -> Time {
        self.now
    }

    /// The machine of a host, unless it has crashed.
    pub fn machine(&self, host: usize) -> Option<&M> {
        self.hosts[host].machine.as_deref()
    }

    /// Hosts whose machine runs, with it.
    pub fn machines(&self) -> impl Iterator<Item = (usize, &M)> {
        self.hosts.iter().enumerate().filter_map(|(i, h)| h.machine.as_deref().map(|m| (i, m)))
    }

    /// The machine of a host, to be told something outside the simulated network; what it wants is carried
    /// out afterwards.
    pub fn tell(&mut self, host: usize, tell: impl FnOnce(&mut M)) {
        self.drive(host, tell);
    }

    /// Everything that happened since the events were last taken, in order.
    pub fn events(&self) -> &[Happened<M::Fact>] {
        &self.events
    }

    /// Takes these events away. Of a long simulation with many hosts they would not fit into memory.
    pub fn take_events(&mut self) -> Vec<Happened<M::Fact>> {
        std::mem::take(&mut self.events)
    }

    /// Datagrams sent so far.
    pub fn datagrams(&self) -> u64 {
        self.datagrams
    }

    /// Their payload.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Parts of streams that had bytes, so far, and how many those were.
    pub fn streamed(&self) -> (u64, u64) {
        self.streamed
    }

    /// Datagrams that this host sent so far.
    pub fn sent_by(&self, host: usize) -> u64 {
        self.hosts[host].sent
    }

    /// A hash of every datagram that arrived so far: equal for equal courses of events.
    pub fn trace(&self) -> u64 {
        self.trace.value()
    }

    /// What the delays are between two hosts.
    pub fn delay(&self, from: usize, to: usize) -> Duration {
        (self.settings.delay)(from, to)
    }

    /// They are others from now on; what is under way arrives when it would have.
    pub fn set_delay(&mut self, delay: Delay) {
        self.settings.delay = delay;
        self.rerouted();
    }

    pub fn set_loss(&mut self, loss: f64) {
        self.settings.loss = loss;
    }

    pub fn command(&mut self, host: usize, command: M::Order) {
        let now = self.now;
        self.drive(host, |machine| machine.input(now, Input::Order(command)));
    }

    /// Cuts these hosts off from all others, also from those that were cut off before.
    pub fn partition(&mut self, hosts: &[usize]) {
        self.sides += 1;
        for host in hosts {
            self.hosts[*host].side = self.sides;
        }
        self.rerouted();
    }

    /// Cuts the network into these parts; who is in none of them is in another.
    pub fn split(&mut self, parts: &[&[usize]]) {
        for (side, hosts) in (1..).zip(parts) {
            for host in *hosts {
                self.hosts[*host].side = side;
                self.sides = self.sides.max(side);
            }
        }
        self.rerouted();
    }

    /// Undoes every partition.
    pub fn heal(&mut self) {
        for host in &mut self.hosts {
            host.side = 0;
        }
        self.rerouted();
    }

    /// Hosts of different sides are cut off from each other; one number for each host.
    pub fn set_sides(&mut self, sides: &[u32]) {
        for (host, side) in self.hosts.iter_mut().zip(sides) {
            host.side = *side;
            self.sides = self.sides.max(*side);
        }
        self.rerouted();
    }

    fn rerouted(&mut self) {
        self.versions.iter_mut().for_each(|version| *version += 1);
    }

    /// The machine is gone at once; routing notices after the propagation delay.
    pub fn crash(&mut self, host: usize) {
        self.hosts[host].machine = None;
        self.hosts[host].wake = None;
        self.streams.forget(host);
        let life = self.hosts[host].life;
        for group in 0..self.announcers.len() {
            let at = self.now + self.settings.propagation;
            self.queue.push(at, Due::Routing { host, life, group, announce: false });
        }
    }

    /// The host has another address; what is under way to the old one is lost. Its machine has to be told.
    pub fn renumber(&mut self, host: usize, address: SocketAddr) {
        let old = std::mem::replace(&mut self.hosts[host].address, address);
        self.by_address.remove(&old.ip());
        self.by_address.insert(address.ip(), host);
    }

    /// A new machine, which has been told nothing yet.
    pub fn restart(&mut self, host: usize) {
        let machine = (self.make)(host, self.hosts[host].address, self.now);
        self.streams.forget(host);
        let h = &mut self.hosts[host];
        h.machine = Some(Box::new(machine));
        h.life += 1;
        h.wake = None;
        self.drive(host, |_| {});
    }

    /// Plays for this long.
    pub fn run_for(&mut self, time: Duration) {
        self.play(self.now + time);
    }

    /// Plays until the condition holds, at most for this long; whether it held.
    pub fn run_until(&mut self, at_most: Duration, mut holds: impl FnMut(&Self) -> bool) -> bool {
        let deadline = self.now + at_most;
        while !holds(self) {
            if self.now >= deadline {
                return false;
            }
            self.play((self.now + LOOK_EVERY).min(deadline));
        }
        true
    }

    /// Who receives what `from` sends to the group.
    pub fn catchment(&mut self, group: usize, from: usize) -> Option<usize> {
        let version = self.versions[group];
        if let Some((_, nearest)) = self.nearest.get(&(group, from)).filter(|(v, _)| *v == version) {
            return *nearest;
        }
        let announcers = &self.announcers[group];
        let reachable = announcers.iter().copied().filter(|a| self.hosts[*a].side == self.hosts[from].side);
        let nearest = if announcers.contains(&from) {
            Some(from)
        } else {
            reachable.min_by_key(|a| ((self.settings.delay)(from, *a), *a))
        };
        self.nearest.insert((group, from), (version, nearest));
        nearest
    }
}
