//! A lab file's timeline, played by simulated overlays: the record is as a lab's, and judged like one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::batch::{Batch, Searching};
use super::options::Network;
use super::ways::Ways;
use super::world::World;
use crate::anycast::{self, Command, NodeConfig, ServerConfig};
use crate::overlay::Time;
use crate::overlay::id::Id;
use crate::record::{Event, LabFacts, NodeDid, PLAYED, What, told};
use crate::scenario::damage::Damage;
use crate::scenario::keys::Keys;
use crate::scenario::{Entry, Expectation, Scenario, Value};
use crate::topology::{LinkId, NodeId, Overlay, Topology};

/// From a node's wish to announce until the network follows it: what a small lab needs.
const PROPAGATION: Duration = Duration::from_millis(50);

/// Whether a simulation can tell: it has overlays, but no routers and no clients.
pub fn can_judge(expectation: &Expectation) -> bool {
    let other = match &expectation.value {
        Value::Metric(other) => other.row.simulated,
        _ => true,
    };
    other && expectation.metric.row.simulated
}

/// What the nodes of an overlay are told, by its members, and the servers of its infrastructure.
pub struct Played {
    pub nodes: Vec<NodeConfig>,
    pub servers: Vec<ServerConfig>,
}

/// Plays a checked timeline in which nothing is refused. `facts` is the record's first line; `configs` has,
/// for each overlay, what each of its members' nodes is told. Time 0 of the record is the play's begin.
pub fn play(topology: &Topology, scenario: &Scenario, facts: LabFacts, configs: &[Played]) -> Vec<Event> {
    let mut events = inflicted(topology, scenario);
    for (overlay, Played { nodes, servers }) in configs.iter().enumerate() {
        events.extend(Player::new(topology, overlay, nodes.clone(), servers.clone()).play(scenario));
    }
    events.sort_by_key(|e| e.at);
    let end = events.last().map_or(0, |e| e.at).max(nanos(scenario.duration));
    let first = [What::Lab(Box::new(facts)), What::Play].map(|what| Event { at: 0, what });
    let last = Event { at: end, what: What::End { reason: PLAYED.to_owned() } };
    first.into_iter().chain(events).chain([last]).collect()
}

pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Every fault, and what it did to links. Faults are done to all overlays at once.
fn inflicted(topology: &Topology, scenario: &Scenario) -> Vec<Event> {
    let (mut damage, mut events) = (Damage::default(), Vec::new());
    for Entry { at, action, origin } in scenario.timeline.iter().filter(|e| e.action.is_fault()) {
        let (before, at) = (damage.clone(), nanos(*at));
        if let Err(reason) = damage.apply(action, *origin, topology) {
            let action = action.display(topology).to_string();
            events.push(Event { at, what: What::Refused { action, reason } });
            continue;
        }
        let (text, verb) = (action.display(topology).to_string(), action.verb().to_owned());
        let target = action.target(topology).to_owned();
        events.push(Event {
            at,
            what: What::Fault { action: text, verb, target, deed: Some(action.deed()), done: at, live: false },
        });
        for index in 0..topology.links.len() {
            let (was, is) = (before.link(LinkId(index), topology), damage.link(LinkId(index), topology));
            if was != is {
                let link = topology.links[index].name.clone();
                events.push(Event { at, what: What::Link { link, up: is.up, egress: is.egress } });
            }
        }
    }
    events
}

/// Hosts of an overlay's nodes, and after them those of its infrastructure's servers.
pub(super) fn hosts(topology: &Topology, overlay: &Overlay) -> Vec<NodeId> {
    let servers = overlay.via.map(|via| topology.infrastructures[via].hosts.as_slice()).unwrap_or_default();
    overlay.members.iter().chain(servers).copied().collect()
}

/// One overlay, from the play's begin to its end.
pub(super) struct Player<'a> {
    pub(super) topology: &'a Topology,
    pub(super) overlay: &'a Overlay,
    pub(super) index: usize,
    pub(super) world: World,
    pub(super) damage: Damage,
    pub(super) draws: ChaCha8Rng,
    pub(super) names: BTreeMap<Id, String>,
    /// Told to be members, and not to leave; by place among the overlay's hosts.
    pub(super) wanted: BTreeSet<usize>,
    /// Keys that were stored.
    pub(super) keys: Keys,
    pub(super) batches: VecDeque<Batch>,
    pub(super) searching: VecDeque<Searching>,
    pub(super) next_token: u64,
    pub(super) events: Vec<Event>,
}

impl<'a> Player<'a> {
    fn new(topology: &'a Topology, index: usize, configs: Vec<NodeConfig>, servers: Vec<ServerConfig>) -> Self {
        let overlay = &topology.overlays[index];
        let hosts = hosts(topology, overlay);
        let ways = Ways::between(&hosts, topology, &Damage::default());
        let names = configs.iter().map(|c| (c.id, c.host.clone())).collect();
        let network = Network { delays: ways.delays, loss: 0.0, propagation: PROPAGATION };
        let kind = topology.infrastructure(overlay);
        let mut world = World::served(kind, configs, servers, topology.seed, &network);
        world.keep_happenings();
        world.set_sides(&ways.sides);
        let seed = Id::hash(&[&topology.seed.to_be_bytes(), overlay.name.as_bytes(), b"simulated"]);
        Self {
            topology,
            overlay,
            index,
            world,
            damage: Damage::default(),
            draws: ChaCha8Rng::seed_from_u64(seed.0 as u64),
            names,
            wanted: BTreeSet::new(),
            keys: Keys::default(),
            batches: VecDeque::new(),
            searching: VecDeque::new(),
            next_token: 1,
            events: Vec::new(),
        }
    }

    fn play(mut self, scenario: &Scenario) -> Vec<Event> {
        let rate = self.overlay.lookups_per_second;
        let every = (rate > 0.0).then(|| Duration::from_secs_f64(1.0 / rate));
        let mut lookup = every.map(|_| Duration::ZERO);
        let mut entries = scenario.timeline.iter().peekable();
        loop {
            let action = entries.peek().map(|e| e.at).unwrap_or(Duration::MAX);
            let next = action.min(lookup.unwrap_or(Duration::MAX)).min(scenario.duration);
            self.run_to(next);
            if action <= next
                && let Some(entry) = entries.next()
            {
                self.act(entry);
            } else if lookup.is_some_and(|at| at <= next) && next < scenario.duration {
                self.look_up();
                lookup = lookup.zip(every).map(|(at, every)| at + every);
            } else {
                break;
            }
        }
        while !(self.batches.is_empty() && self.searching.is_empty()) {
            self.run_to(self.world.now().0 + Duration::from_millis(100));
        }
        self.events
    }

    fn run_to(&mut self, at: Duration) {
        let now = self.world.now();
        self.world.run_for(Time(at) - now);
        for happening in self.world.take_happenings() {
            if let anycast::Event::Done { token, outcome } = &happening.event {
                self.ended(*token, outcome, happening.at);
            }
            let name = |id: Id| self.names.get(&id).cloned().unwrap_or_else(|| id.to_string());
            let group = |part| self.topology.group_name(self.index, part);
            let did = match happening.event {
                anycast::Event::Announced { group: g } => Some(NodeDid::Announced { group: group(g) }),
                anycast::Event::Withdrew { group: g } => Some(NodeDid::Withdrew { group: group(g) }),
                other => told(other, name),
            };
            let (node, overlay) = (self.name(happening.host), self.overlay.name.clone());
            let at = nanos(happening.at.0);
            self.events.extend(did.map(|did| Event { at, what: What::Node { node, overlay, did } }));
        }
        self.conclude();
    }

    pub(super) fn name(&self, host: usize) -> String {
        self.topology.node(self.overlay.members[host]).name.clone()
    }

    pub(super) fn place(&self, host: NodeId) -> Option<usize> {
        self.overlay.members.iter().position(|m| *m == host)
    }

    fn look_up(&mut self) {
        let members: Vec<usize> = self.world.members().iter().copied().collect();
        if !members.is_empty() {
            let host = members[self.draws.random_range(0..members.len())];
            let key = Id(self.draws.random());
            self.world.command(host, Command::Lookup { token: 0, key });
        }
    }
}
