//! A simulated network under virtual time, for machines of any protocol.
//!
//! Datagrams take the delay between two hosts, may be lost, and do not cross a partition. What is
//! sent to a group's address goes to the nearest host that announces it and can be reached; a host
//! that announces a group reaches only itself there, as with real anycast. One seed, one course of
//! events.

mod damage;
mod queue;
mod trace;

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Time, Transmit, Via};
use queue::Queue;
use trace::Trace;

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

/// One-way delay between two hosts.
pub type Delay = Box<dyn Fn(usize, usize) -> Duration>;

/// What is common to all hosts of a simulation.
pub struct Settings {
    pub seed: u64,
    /// Unicast addresses, one per host, all different.
    pub hosts: Vec<SocketAddr>,
    /// Addresses of the groups, in the order of [`Via::Group`].
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
    settings: Settings,
    make: Box<dyn Fn(usize, SocketAddr, Time) -> M>,
    now: Time,
    rng: ChaCha8Rng,
    hosts: Vec<Host<M>>,
    by_address: HashMap<SocketAddr, usize>,
    by_group: HashMap<SocketAddr, usize>,
    announcers: Vec<BTreeSet<usize>>,
    /// (group, asker) to the nearest announcer, valid while the group's version is this.
    nearest: HashMap<(usize, usize), (u64, Option<usize>)>,
    versions: Vec<u64>,
    sides: u32,
    queue: Queue<Due>,
    events: Vec<Happened<M::Event>>,
    datagrams: u64,
    bytes: u64,
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
}

#[derive(Debug)]
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
            let machine = Some(Box::new(make(host, *address, now)));
            Host { address: *address, machine, life: 0, side: 0, wake: None, timer: None }
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
            versions: vec![0; settings.groups.len()],
            sides: 0,
            queue: Queue::new(),
            events: Vec::new(),
            datagrams: 0,
            bytes: 0,
            trace: Trace::default(),
            settings,
        }
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
    pub fn events(&self) -> &[Happened<M::Event>] {
        &self.events
    }

    /// Takes these events away. Of a long simulation with many hosts they would not fit into memory.
    pub fn take_events(&mut self) -> Vec<Happened<M::Event>> {
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

    pub fn command(&mut self, host: usize, command: M::Command) {
        let now = self.now;
        self.drive(host, |machine| machine.command(now, command));
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
        while let Some((at, due)) = self.queue.pop(end) {
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
                for word in [now.0.as_nanos() as u64, from as u64, to as u64] {
                    self.trace.add(word);
                }
                self.trace.add_bytes(&bytes);
                let via = group.map_or(Via::Unicast, Via::Group);
                self.drive(to, |machine| machine.handle(now, source, via, &bytes));
            }
            Due::Timer { host } => self.ring(host),
            Due::Routing { host, life, group, announce } => {
                if announce && self.hosts[host].life == life && self.hosts[host].machine.is_some() {
                    self.announcers[group].insert(host);
                } else if !announce {
                    self.announcers[group].remove(&host);
                }
                self.versions[group] += 1;
                if self.hosts[host].life == life {
                    self.drive(host, |machine| machine.routing_done(now, group, announce));
                }
            }
        }
    }

    /// A host's timer has come, which may be earlier than it wants to be woken by now: most timers are
    /// for answers that arrive in time.
    fn ring(&mut self, host: usize) {
        let now = self.now;
        let h = &mut self.hosts[host];
        if h.timer == Some(now) {
            h.timer = None;
        }
        if h.wake.is_some_and(|wake| wake <= now) {
            h.wake = None;
            self.drive(host, |machine| machine.handle_timeout(now));
        } else {
            self.set_timer(host);
        }
    }

    /// Sees to it that a timer is due when the host wants to be woken, or before.
    fn set_timer(&mut self, host: usize) {
        let h = &mut self.hosts[host];
        if let Some(wake) = h.wake
            && h.timer.is_none_or(|timer| wake < timer)
        {
            h.timer = Some(wake);
            self.queue.push(wake, Due::Timer { host });
        }
    }

    /// Gives a machine one input and carries out what it wants.
    fn drive(&mut self, host: usize, input: impl FnOnce(&mut M)) {
        let Some(mut machine) = self.hosts[host].machine.take() else { return };
        input(&mut machine);
        while let Some(transmit) = machine.poll_transmit() {
            self.transmit(host, transmit);
        }
        let life = self.hosts[host].life;
        while let Some(event) = machine.poll_event() {
            if let Some((group, announce)) = M::routing_request(&event) {
                let at = self.now + self.settings.propagation;
                self.queue.push(at, Due::Routing { host, life, group, announce });
            }
            self.events.push(Happened { at: self.now, host, event });
        }
        self.hosts[host].wake = machine.poll_timeout().map(|t| t.max(self.now));
        self.hosts[host].machine = Some(machine);
        self.set_timer(host);
    }

    fn transmit(&mut self, from: usize, Transmit { to, bytes }: Transmit) {
        self.datagrams += 1;
        self.bytes += bytes.len() as u64;
        let (receiver, group) = match self.by_group.get(&to).copied() {
            Some(group) => (self.catchment(group, from), Some(group)),
            None => (self.by_address.get(&to).copied(), None),
        };
        let lost = self.settings.loss > 0.0 && self.rng.random_bool(self.settings.loss);
        if let Some(receiver) = receiver.filter(|_| !lost) {
            let at = self.now + (self.settings.delay)(from, receiver);
            let source = self.hosts[from].address;
            self.queue.push(at, Due::Arrival { from, source, to: receiver, target: to, group, bytes });
        }
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
