//! A simulated network under virtual time, for machines of any protocol.
//!
//! Datagrams take the delay between two hosts, may be lost, and do not cross a partition. What is
//! sent to a group's address goes to the nearest host that announces it and can be reached; a host
//! that announces a group reaches only itself there, as with real anycast. One seed, one course of
//! events.

use std::cmp::Reverse;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Time, Transmit, Via};

/// How often [`Sim::run_until`] looks, in virtual time.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A protocol node without sockets or clock.
pub trait Machine {
    type Command;
    type Event;

    fn handle(&mut self, now: Time, from: SocketAddr, via: Via, bytes: &[u8]);
    fn command(&mut self, now: Time, command: Self::Command);
    fn handle_timeout(&mut self, now: Time);
    fn poll_transmit(&mut self) -> Option<Transmit>;
    fn poll_timeout(&self) -> Option<Time>;
    fn poll_event(&mut self) -> Option<Self::Event>;
    /// Whether the event asks the driver to announce (true) or withdraw (false) a group.
    fn routing_request(event: &Self::Event) -> Option<(usize, bool)>;
    /// The driver has done so.
    fn routing_done(&mut self, now: Time, group: usize, announced: bool);
}

/// What is common to all hosts of a simulation.
pub struct Settings {
    pub seed: u64,
    /// Unicast addresses, one per host, all different.
    pub hosts: Vec<SocketAddr>,
    /// Addresses of the groups, in the order of [`Via::Group`].
    pub groups: Vec<SocketAddr>,
    /// One-way delay between two hosts.
    pub delay: Box<dyn Fn(usize, usize) -> Duration>,
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
    settings: Settings,
    make: Box<dyn Fn(usize, SocketAddr, Time) -> M>,
    now: Time,
    rng: ChaCha8Rng,
    hosts: Vec<Host<M>>,
    by_address: HashMap<SocketAddr, usize>,
    by_group: HashMap<SocketAddr, usize>,
    announcers: Vec<BTreeSet<usize>>,
    /// (group, asker) to the nearest announcer, valid while `routes_version` is this.
    nearest: HashMap<(usize, usize), (u64, Option<usize>)>,
    routes_version: u64,
    queue: BinaryHeap<Reverse<(Time, u64, Due)>>,
    next: u64,
    events: Vec<Happened<M::Event>>,
    datagrams: u64,
    trace: DefaultHasher,
}

struct Host<M> {
    address: SocketAddr,
    machine: Option<M>,
    /// Counts restarts: what was meant for a former life does not reach the next.
    life: u32,
    side: u32,
    timer: Option<Time>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Arrival { from: usize, source: SocketAddr, to: usize, target: SocketAddr, group: Option<usize>, bytes: Vec<u8> },
    Timer { host: usize },
    Routing { host: usize, life: u32, group: usize, announce: bool },
}

impl<M: Machine> Sim<M> {
    /// A network of running machines that have been told nothing yet. `make` builds the machine of
    /// a host, at the start and after each restart.
    pub fn new(settings: Settings, make: impl Fn(usize, SocketAddr, Time) -> M + 'static) -> Self {
        let now = Time::default();
        let host = |(host, address): (usize, &SocketAddr)| {
            let machine = Some(make(host, *address, now));
            Host { address: *address, machine, life: 0, side: 0, timer: None }
        };
        let hosts = settings.hosts.iter().enumerate().map(host).collect();
        Self {
            make: Box::new(make),
            now,
            rng: ChaCha8Rng::seed_from_u64(settings.seed),
            hosts,
            by_address: settings.hosts.iter().enumerate().map(|(i, a)| (*a, i)).collect(),
            by_group: settings.groups.iter().enumerate().map(|(i, a)| (*a, i)).collect(),
            announcers: vec![BTreeSet::new(); settings.groups.len()],
            nearest: HashMap::new(),
            routes_version: 0,
            queue: BinaryHeap::new(),
            next: 0,
            events: Vec::new(),
            datagrams: 0,
            trace: DefaultHasher::new(),
            settings,
        }
    }

    pub fn now(&self) -> Time {
        self.now
    }

    /// The machine of a host, unless it has crashed.
    pub fn machine(&self, host: usize) -> Option<&M> {
        self.hosts[host].machine.as_ref()
    }

    /// Hosts whose machine runs, with it.
    pub fn machines(&self) -> impl Iterator<Item = (usize, &M)> {
        self.hosts.iter().enumerate().filter_map(|(i, h)| h.machine.as_ref().map(|m| (i, m)))
    }

    /// Everything that happened so far, in order.
    pub fn events(&self) -> &[Happened<M::Event>] {
        &self.events
    }

    /// Datagrams sent so far.
    pub fn datagrams(&self) -> u64 {
        self.datagrams
    }

    /// A hash of every datagram that arrived so far: equal for equal courses of events.
    pub fn trace(&self) -> u64 {
        self.trace.finish()
    }

    pub fn set_loss(&mut self, loss: f64) {
        self.settings.loss = loss;
    }

    pub fn command(&mut self, host: usize, command: M::Command) {
        let now = self.now;
        self.drive(host, |machine| machine.command(now, command));
    }

    /// Cuts these hosts off from all others.
    pub fn partition(&mut self, hosts: &[usize]) {
        for host in hosts {
            self.hosts[*host].side = 1;
        }
        self.routes_version += 1;
    }

    /// Cuts the network into these parts; who is in none of them is in another.
    pub fn split(&mut self, parts: &[&[usize]]) {
        for (side, hosts) in (1..).zip(parts) {
            for host in *hosts {
                self.hosts[*host].side = side;
            }
        }
        self.routes_version += 1;
    }

    /// Undoes every partition.
    pub fn heal(&mut self) {
        for host in &mut self.hosts {
            host.side = 0;
        }
        self.routes_version += 1;
    }

    /// The machine is gone at once; routing notices after the propagation delay.
    pub fn crash(&mut self, host: usize) {
        self.hosts[host].machine = None;
        self.hosts[host].timer = None;
        let life = self.hosts[host].life;
        for group in 0..self.announcers.len() {
            let at = self.now + self.settings.propagation;
            self.schedule(at, Due::Routing { host, life, group, announce: false });
        }
    }

    /// The host has another address; what is under way to the old one is lost. Its machine has to be told.
    pub fn renumber(&mut self, host: usize, address: SocketAddr) {
        let old = std::mem::replace(&mut self.hosts[host].address, address);
        self.by_address.remove(&old);
        self.by_address.insert(address, host);
    }

    /// A new machine, which has been told nothing yet.
    pub fn restart(&mut self, host: usize) {
        let machine = (self.make)(host, self.hosts[host].address, self.now);
        let h = &mut self.hosts[host];
        h.machine = Some(machine);
        h.life += 1;
        h.timer = None;
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

    fn play(&mut self, end: Time) {
        while self.queue.peek().is_some_and(|Reverse((at, ..))| *at <= end)
            && let Some(Reverse((at, _, due))) = self.queue.pop()
        {
            self.now = at;
            self.happen(due);
        }
        self.now = end;
    }

    fn happen(&mut self, due: Due) {
        let now = self.now;
        match due {
            Due::Arrival { from, source, to, target, group, bytes } => {
                let moved = group.is_none() && self.hosts[to].address != target;
                if moved || self.hosts[from].side != self.hosts[to].side {
                    return;
                }
                (now, from, to, &bytes).hash(&mut self.trace);
                let via = group.map_or(Via::Unicast, Via::Group);
                self.drive(to, |machine| machine.handle(now, source, via, &bytes));
            }
            Due::Timer { host } => {
                // Superseded timers stay in the queue and are recognized here.
                if self.hosts[host].timer == Some(now) {
                    self.hosts[host].timer = None;
                    self.drive(host, |machine| machine.handle_timeout(now));
                }
            }
            Due::Routing { host, life, group, announce } => {
                if announce && self.hosts[host].life == life && self.hosts[host].machine.is_some() {
                    self.announcers[group].insert(host);
                } else if !announce {
                    self.announcers[group].remove(&host);
                }
                self.routes_version += 1;
                if self.hosts[host].life == life {
                    self.drive(host, |machine| machine.routing_done(now, group, announce));
                }
            }
        }
    }

    /// Gives a machine one input and carries out what it wants.
    fn drive(&mut self, host: usize, input: impl FnOnce(&mut M)) {
        let Some(machine) = &mut self.hosts[host].machine else { return };
        input(machine);
        let transmits: Vec<Transmit> = std::iter::from_fn(|| machine.poll_transmit()).collect();
        let events: Vec<M::Event> = std::iter::from_fn(|| machine.poll_event()).collect();
        let wake = machine.poll_timeout().map(|t| t.max(self.now));
        for transmit in transmits {
            self.transmit(host, transmit);
        }
        let life = self.hosts[host].life;
        for event in events {
            if let Some((group, announce)) = M::routing_request(&event) {
                let at = self.now + self.settings.propagation;
                self.schedule(at, Due::Routing { host, life, group, announce });
            }
            self.events.push(Happened { at: self.now, host, event });
        }
        if wake != self.hosts[host].timer {
            self.hosts[host].timer = wake;
            if let Some(at) = wake {
                self.schedule(at, Due::Timer { host });
            }
        }
    }

    fn transmit(&mut self, from: usize, Transmit { to, bytes }: Transmit) {
        self.datagrams += 1;
        let (receiver, group) = match self.by_group.get(&to).copied() {
            Some(group) => (self.catchment(group, from), Some(group)),
            None => (self.by_address.get(&to).copied(), None),
        };
        let lost = self.settings.loss > 0.0 && self.rng.random_bool(self.settings.loss);
        if let Some(receiver) = receiver.filter(|_| !lost) {
            let at = self.now + (self.settings.delay)(from, receiver);
            let source = self.hosts[from].address;
            self.schedule(at, Due::Arrival { from, source, to: receiver, target: to, group, bytes });
        }
    }

    /// Who receives what `from` sends to the group.
    pub fn catchment(&mut self, group: usize, from: usize) -> Option<usize> {
        let version = self.routes_version;
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

    fn schedule(&mut self, at: Time, due: Due) {
        self.queue.push(Reverse((at, self.next, due)));
        self.next += 1;
    }
}
