//! A whole overlay under virtual time: the nodes, the network between them, and what is done to both.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::addresses::{groups, of_servers};
use super::delay::Delays;
use super::islands::islands;
use super::joins::Join;
use super::options::{Network, Options};
use super::owners::Owners;
use crate::anycast::{Command, Deed, Event, Infrastructure, Node, NodeConfig, Resident, ServerConfig, Told};
use crate::machine::sim::{Conditions, Happened, Sim};
use crate::overlay::id::Id;
use crate::overlay::{Answer, Phase, Protocol, Time};

/// What happened, and to whom.
pub type Happening = Happened<Event>;

/// Virtual time in which nothing is looked at.
const SLICE: Duration = Duration::from_millis(200);
/// A lookup, put or get without an outcome after this long has none.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// The ChaCha stream of what the world itself draws: who asks what, when who joins.
const DRAWS: u64 = u64::from_be_bytes(*b"draws\0\0\0");

/// The same nodes as on a lab's hosts, without sockets: their datagrams take what
/// [`super::Delays`] say. One seed, one course of events.
pub struct World {
    pub(super) sim: Sim<Resident>,
    pub(super) configs: Vec<NodeConfig>,
    /// Whose node has an id: a host keeps its own, whatever its address.
    hosts: HashMap<Id, usize>,
    pub(super) delays: Delays,
    pub(super) rng: ChaCha8Rng,
    growth: f64,
    stabilize_every: Duration,
    /// When each host was told to join, until it has; with whether it may begin an overlay.
    joining: BTreeMap<usize, (Time, bool)>,
    joins: Vec<Join>,
    failed_joins: usize,
    /// Whether a join that was given up is begun again.
    persistent: bool,
    pub(super) members: BTreeSet<usize>,
    /// Commands whose outcome is waited for, by token.
    pub(super) waiting: BTreeSet<u64>,
    pub(super) outcomes: BTreeMap<u64, Answer>,
    pub(super) next_token: u64,
    pub(super) keys: BTreeMap<String, String>,
    /// Since they were last taken, if somebody wants them.
    kept: Option<VecDeque<Happening>>,
    /// Addresses given to renumbered hosts.
    renumbered: u32,
}

impl World {
    /// Nodes that are all alike and have been told nothing yet; servers of their infrastructure know each other.
    pub fn new(options: &Options) -> Self {
        let (kind, nodes, servers) = (options.deployed.kind, options.configs(), options.servers());
        let mut world = Self::served(kind, nodes, servers, options.seed, &options.network);
        world.growth = options.growth;
        world.run_for(options.deployed.settles_in());
        world
    }

    /// Nodes that are told these, one a host. Their groups are the first one's.
    pub fn of(infrastructure: Infrastructure, configs: Vec<NodeConfig>, seed: u64, network: &Network) -> Self {
        Self::served(infrastructure, configs, Vec::new(), seed, network)
    }

    /// The same, with the servers of their infrastructure on the hosts that follow.
    pub fn served(
        infrastructure: Infrastructure,
        configs: Vec<NodeConfig>,
        servers: Vec<ServerConfig>,
        seed: u64,
        network: &Network,
    ) -> Self {
        let delays = network.delays.clone();
        let at = |server: &ServerConfig| server.facts.server(&server.host).map(|site| site.peer.address);
        let settings = Conditions {
            seed,
            hosts: configs.iter().map(|c| c.address).chain(servers.iter().filter_map(at)).collect(),
            groups: match servers.first() {
                Some(server) => of_servers(&server.facts),
                None => configs.first().map(groups).unwrap_or_default(),
            },
            delay: Box::new(move |from, to| delays.between(from, to)),
            loss: network.loss,
            propagation: network.propagation,
        };
        let told = configs.clone();
        let make = move |host: usize, address, now| match told.get(host) {
            Some(told) => Resident::Node(infrastructure.node(NodeConfig { address, ..told.clone() }, now)),
            None => infrastructure.server(servers[host - told.len()].clone(), now),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(DRAWS);
        Self {
            sim: Sim::new(settings, make),
            delays: network.delays.clone(),
            rng,
            growth: 0.5,
            stabilize_every: configs.first().map_or(Duration::ZERO, |c| c.stabilize_every),
            joining: BTreeMap::new(),
            joins: Vec::new(),
            failed_joins: 0,
            persistent: false,
            members: BTreeSet::new(),
            waiting: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            next_token: 0,
            keys: BTreeMap::new(),
            kept: None,
            renumbered: 0,
            hosts: configs.iter().enumerate().map(|(host, c)| (c.id, host)).collect(),
            configs,
        }
    }

    pub fn now(&self) -> Time {
        self.sim.now()
    }

    /// The network and the machines, to look at.
    pub fn sim(&self) -> &Sim<Resident> {
        &self.sim
    }

    /// The node of a host, unless it has crashed.
    pub fn node(&self, host: usize) -> Option<&dyn Node> {
        self.sim.machine(host)?.node()
    }

    /// Hosts whose node runs.
    pub fn running(&self) -> impl Iterator<Item = usize> {
        self.sim.machines().filter(|(_, resident)| resident.node().is_some()).map(|(host, _)| host)
    }

    /// What each host's node is told, by host.
    pub fn configs(&self) -> &[NodeConfig] {
        &self.configs
    }

    /// One-way delays between the hosts.
    pub fn delays(&self) -> &Delays {
        &self.delays
    }

    pub fn protocol(&self) -> Protocol {
        // Without nodes it does not matter.
        self.configs.first().map_or_else(Protocol::default, |c| c.protocol.protocol)
    }

    /// Hosts whose nodes have joined and neither left nor crashed.
    pub fn members(&self) -> &BTreeSet<usize> {
        &self.members
    }

    /// The joins that succeeded so far, in order.
    pub fn joins(&self) -> &[Join] {
        &self.joins
    }

    /// Joins that were given up; from [`World::join_all`] on, such a join is begun again.
    pub fn failed_joins(&self) -> usize {
        self.failed_joins
    }

    /// From now on, keeps everything that happens for [`World::take_happenings`].
    pub fn keep_happenings(&mut self) {
        self.kept.get_or_insert_default();
    }

    pub fn take_happenings(&mut self) -> VecDeque<Happening> {
        self.kept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Plays for this long.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now() + time;
        while self.now() < end {
            self.sim.run_for(SLICE.min(end - self.now()));
            self.look();
        }
    }

    /// Plays until it holds, at most for this long; whether it held.
    pub fn run_until(&mut self, at_most: Duration, mut holds: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now() + at_most;
        self.look();
        while !holds(self) {
            if self.now() >= end {
                return false;
            }
            self.run_for(SLICE.min(end - self.now()));
        }
        true
    }

    /// Takes in what has happened.
    pub(super) fn look(&mut self) {
        for Happened { at, host, event } in self.sim.take_events() {
            let Deed::Node(event) = event else { continue };
            let happening = Happened { at, host, event };
            self.take_in(&happening);
            if let Some(kept) = &mut self.kept {
                kept.push_back(happening);
            }
        }
    }

    fn take_in(&mut self, Happened { at, host, event }: &Happening) {
        match event {
            Event::Joined { served_by, milliseconds, attempts, redirected } => {
                self.joining.remove(host);
                if self.members.insert(*host) {
                    let hops = self.node(*host).map_or(0, |node| node.tally().join_hops);
                    self.joins.push(Join {
                        at: *at,
                        host: *host,
                        served_by: served_by.and_then(|id| self.host_of(id)),
                        milliseconds: *milliseconds,
                        attempts: *attempts,
                        redirected: *redirected,
                        hops,
                    });
                }
            }
            Event::JoinFailed { .. } => {
                self.failed_joins += 1;
                if let Some((_, found)) = self.joining.get(host).copied().filter(|_| self.persistent) {
                    self.sim.command(*host, Told::Node(Command::Join { found }));
                }
            }
            Event::Left => drop(self.members.remove(host)),
            Event::Done { token, outcome, .. } if self.waiting.remove(token) => {
                self.outcomes.insert(*token, outcome.clone());
            }
            _ => {}
        }
    }

    /// The host whose node has this id.
    pub fn host_of(&self, id: Id) -> Option<usize> {
        self.hosts.get(&id).copied()
    }

    /// Tells a node something.
    pub fn command(&mut self, host: usize, command: Command) {
        match &command {
            Command::Join { found } => drop(self.joining.insert(host, (self.now(), *found))),
            Command::Leave => drop(self.joining.remove(&host)),
            _ => {}
        }
        self.sim.command(host, Told::Node(command));
    }

    /// Host 0 begins the overlay, the others join one after another at random times, the faster the more
    /// there are ([`Options::growth`]); waits until all are members. False: some are not after ten more minutes
    /// of virtual time.
    pub fn join_all(&mut self) -> bool {
        self.join_first(self.configs.len())
    }

    /// The same of the first so many hosts.
    pub fn join_first(&mut self, hosts: usize) -> bool {
        self.persistent = true;
        self.command(0, Command::Join { found: true });
        self.run_until(PATIENCE, |world| world.members.contains(&0));
        self.run_for(Duration::from_secs(2));
        for host in 1..hosts {
            // Between arrivals that do not know of each other the time is exponential.
            let gap = self.stabilize_every.as_secs_f64() / (self.growth * host as f64);
            let gap = -gap * self.rng.random_range(f64::MIN_POSITIVE..1.0_f64).ln();
            self.run_for(Duration::from_secs_f64(gap).min(self.stabilize_every));
            self.command(host, Command::Join { found: false });
        }
        self.run_until(Duration::from_secs(600), |world| world.members.len() == hosts)
    }

    /// The machine is gone at once; routing notices after the propagation time.
    pub fn crash(&mut self, host: usize) {
        self.look();
        self.sim.crash(host);
        self.members.remove(&host);
        self.joining.remove(&host);
    }

    /// A new machine on the host, which has been told nothing yet.
    pub fn restart(&mut self, host: usize) {
        self.sim.restart(host);
    }

    /// The host has another address, one that nobody has had, and its node is told so.
    pub fn renumber(&mut self, host: usize) {
        self.renumbered += 1;
        let [_, a, b, c] = self.renumbered.to_be_bytes();
        let address = SocketAddr::from(([11, a, b, c], 4000));
        self.sim.renumber(host, address);
        self.configs[host].address = address;
        self.command(host, Command::Renumber { address });
    }

    /// One node, and only this one, joins another's island.
    pub fn link(&mut self, host: usize, other: usize) {
        let (now, peer) = (self.now(), self.configs[other].peer());
        self.tell(host, |node| node.link(now, peer));
    }

    /// Whether each of these hosts' nodes has the right neighbors for an overlay of them alone: on a ring the
    /// right successor, in a CAN zones that cover the space.
    pub fn is_whole(&self, hosts: &BTreeSet<usize>) -> bool {
        self.owners(hosts).are_whole()
    }

    /// Cuts these hosts off from all others.
    pub fn partition(&mut self, hosts: &[usize]) {
        self.sim.partition(hosts);
    }

    /// Undoes every partition.
    pub fn heal(&mut self) {
        self.sim.heal();
    }

    /// Cuts hosts of different sides off from each other; one number for each host.
    pub fn set_sides(&mut self, sides: &[u32]) {
        self.sim.set_sides(sides);
    }

    pub fn set_loss(&mut self, loss: f64) {
        self.sim.set_loss(loss);
    }

    /// The delays are others from now on.
    pub fn set_delays(&mut self, delays: Delays) {
        self.delays = delays.clone();
        self.sim.set_delay(Box::new(move |from, to| delays.between(from, to)));
    }

    /// Tells every member of every other, with their true round trip: what no protocol could know. Costs the
    /// square of their number.
    pub fn introduce_all(&mut self) {
        let members: Vec<usize> = self.members.iter().copied().collect();
        let now = self.now();
        for &host in &members {
            for &other in members.iter().filter(|o| **o != host) {
                let round_trip = self.delays.round_trip(host, other);
                let peer = self.configs[other].peer();
                self.tell(host, |node| node.introduce(now, peer, round_trip));
            }
        }
    }

    /// Who owns a key among these hosts' nodes.
    pub fn owners(&self, hosts: &BTreeSet<usize>) -> Owners {
        Owners::among(self.protocol(), hosts.iter().filter_map(|h| Some((*h, self.node(*h)?))))
    }

    /// The host whose node owns the key now, among all members.
    pub fn owner(&self, key: Id) -> Option<usize> {
        self.owners(&self.members).of(key)
    }

    /// Connected components of the members' neighbor links, the largest first.
    pub fn islands(&self) -> Vec<BTreeSet<usize>> {
        islands(&self.members, |host| {
            let peers = self.node(host).map(|node| node.peers()).unwrap_or_default();
            peers.iter().filter_map(|peer| self.host_of(peer.id)).collect()
        })
    }

    pub(super) fn tell(&mut self, host: usize, tell: impl FnOnce(&mut dyn Node)) {
        self.sim.tell(host, |resident| {
            if let Some(node) = resident.node_mut() {
                tell(node);
            }
        });
    }

    /// Whether the node takes part, by its own account.
    pub fn is_member(&self, host: usize) -> bool {
        self.node(host).is_some_and(|node| node.phase() == Phase::Member)
    }
}
