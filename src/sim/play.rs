//! A lab file's timeline, played by simulated overlays: the record is as a lab's, and judged like one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::options::Network;
use super::ways::Ways;
use super::world::World;
use crate::anycast::{self, Bootstrap, Command, NodeConfig};
use crate::overlay::id::Id;
use crate::overlay::{Outcome, Time};
use crate::program::Process;
use crate::record::{Event, LabFacts, NodeDid, PLAYED, What, told};
use crate::scenario::damage::{Damage, ProcessState};
use crate::scenario::keys::{Keys, Write};
use crate::scenario::{Action, Entry, Expectation, OverlayAct, Scenario, Value};
use crate::topology::{LinkId, NodeId, Overlay, Topology};

/// A put or get without an outcome for this long has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// From a node's wish to announce until the network follows it: what a small lab needs.
const PROPAGATION: Duration = Duration::from_millis(50);

/// Why a simulation cannot do this; `None`: it can.
pub fn refuse(action: &Action) -> Option<String> {
    action.simulated().err()
}

/// Whether a simulation can tell: it has overlays, but no routers and no clients.
pub fn can_judge(expectation: &Expectation) -> bool {
    let other = match &expectation.value {
        Value::Metric(other) => other.row.simulated,
        _ => true,
    };
    other && expectation.metric.row.simulated
}

/// Plays a checked timeline in which nothing is refused. `facts` is the record's first line; `configs` has,
/// for each overlay, what each of its members' nodes is told. Time 0 of the record is the play's begin.
pub fn play(topology: &Topology, scenario: &Scenario, facts: LabFacts, configs: &[Vec<NodeConfig>]) -> Vec<Event> {
    let mut events = inflicted(topology, scenario);
    for (overlay, configs) in configs.iter().enumerate() {
        events.extend(Player::new(topology, overlay, configs.clone()).play(scenario));
    }
    events.sort_by_key(|e| e.at);
    let end = events.last().map_or(0, |e| e.at).max(nanos(scenario.duration));
    let first = [What::Lab(Box::new(facts)), What::Play].map(|what| Event { at: 0, what });
    let last = Event { at: end, what: What::End { reason: PLAYED.to_owned() } };
    first.into_iter().chain(events).chain([last]).collect()
}

fn nanos(time: Duration) -> u64 {
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

/// One overlay, from the play's begin to its end.
struct Player<'a> {
    topology: &'a Topology,
    overlay: &'a Overlay,
    index: usize,
    world: World,
    damage: Damage,
    draws: ChaCha8Rng,
    names: BTreeMap<Id, String>,
    /// Told to be members, and not to leave; by place among the overlay's hosts.
    wanted: BTreeSet<usize>,
    /// Keys that were stored.
    keys: Keys,
    batches: VecDeque<Batch>,
    next_token: u64,
    events: Vec<Event>,
}

#[derive(Clone, Copy, PartialEq)]
enum Purpose {
    Put,
    Overwrite,
    Audit,
}

/// Keys that are being stored or fetched.
struct Batch {
    purpose: Purpose,
    begun: Time,
    waiting: BTreeMap<u64, Write>,
    done: Vec<Write>,
    missing: Vec<String>,
    /// Keys of which another island wrote another value.
    conflicts: u32,
}

impl<'a> Player<'a> {
    fn new(topology: &'a Topology, index: usize, configs: Vec<NodeConfig>) -> Self {
        let overlay = &topology.overlays[index];
        let ways = Ways::between(&overlay.members, topology, &Damage::default());
        let names = configs.iter().map(|c| (c.id, c.host.clone())).collect();
        let network = Network { delays: ways.delays, loss: 0.0, propagation: PROPAGATION };
        let mut world = World::of(configs, topology.seed, &network);
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
        while !self.batches.is_empty() {
            self.run_to(self.world.now().0 + Duration::from_millis(100));
        }
        self.events
    }

    fn run_to(&mut self, at: Duration) {
        let now = self.world.now();
        self.world.run_for(Time(at) - now);
        for happening in self.world.take_happenings() {
            if let anycast::Event::Done { token, outcome } = &happening.event {
                self.ended(*token, outcome);
            }
            let name = |id: Id| self.names.get(&id).cloned().unwrap_or_else(|| id.to_string());
            let group = |group| format!("{}{group}", self.overlay.name);
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

    fn name(&self, host: usize) -> String {
        self.topology.node(self.overlay.members[host]).name.clone()
    }

    fn place(&self, host: NodeId) -> Option<usize> {
        self.overlay.members.iter().position(|m| *m == host)
    }

    fn act(&mut self, Entry { action, origin, .. }: &Entry) {
        match action {
            Action::Overlay(OverlayAct::Join { host, overlay }) if *overlay == self.index => {
                if let Some(host) = self.place(*host) {
                    self.join(host);
                }
            }
            Action::Overlay(OverlayAct::Leave { host, overlay }) if *overlay == self.index => {
                if let Some(host) = self.place(*host) {
                    self.wanted.remove(&host);
                    self.world.command(host, Command::Leave);
                }
            }
            Action::Overlay(OverlayAct::Put { overlay, keys }) if *overlay == self.index => {
                let writes = self.keys.fresh(*keys);
                self.begin_batch(Purpose::Put, writes, &[]);
            }
            Action::Overlay(OverlayAct::Overwrite { overlay, keys, from }) if *overlay == self.index => {
                let writes = self.keys.again(*keys);
                self.begin_batch(Purpose::Overwrite, writes, from);
            }
            Action::Overlay(OverlayAct::Audit { overlay }) if *overlay == self.index => {
                let writes = self.keys.stored();
                self.begin_batch(Purpose::Audit, writes, &[]);
            }
            action if action.is_fault() => {
                let before = self.damage.clone();
                // What cannot be done has been recorded as such.
                if self.damage.apply(action, *origin, self.topology).is_ok() {
                    self.inflict(&before);
                }
            }
            _ => {}
        }
    }

    /// The first of those who may begin the overlay does if nobody answers.
    fn join(&mut self, host: usize) {
        let may = |host: &usize| match self.overlay.bootstrap {
            Bootstrap::Anycast => true,
            Bootstrap::WellKnown => self.overlay.well_known.contains(&self.overlay.members[*host]),
        };
        let found = may(&host) && !self.wanted.iter().any(may);
        self.wanted.insert(host);
        self.world.command(host, Command::Join { found });
    }

    fn inflict(&mut self, before: &Damage) {
        let ways = Ways::between(&self.overlay.members, self.topology, &self.damage);
        self.world.set_sides(&ways.sides);
        self.world.set_delays(ways.delays);
        for host in 0..self.overlay.members.len() {
            let node = self.overlay.members[host];
            let state = |damage: &Damage| damage.process(node, Process::NODE);
            match (state(before), state(&self.damage)) {
                (was, is) if was == is => {}
                (_, ProcessState::Dead) => self.world.crash(host),
                (ProcessState::Dead, _) => {
                    self.world.restart(host);
                    // As in a lab, it joins again what it was a member of.
                    if self.wanted.remove(&host) {
                        self.join(host);
                    }
                }
                _ => {}
            }
        }
    }

    fn look_up(&mut self) {
        let members: Vec<usize> = self.world.members().iter().copied().collect();
        if !members.is_empty() {
            let host = members[self.draws.random_range(0..members.len())];
            let key = Id(self.draws.random());
            self.world.command(host, Command::Lookup { token: 0, key });
        }
    }

    /// Stores or fetches keys through members in turn: of these hosts, or of all.
    fn begin_batch(&mut self, purpose: Purpose, writes: Vec<Write>, from: &[NodeId]) {
        let may = |member: &usize| from.is_empty() || from.contains(&self.overlay.members[*member]);
        let members: Vec<usize> = self.world.members().iter().copied().filter(may).collect();
        let (waiting, done, missing) = Default::default();
        let begun = self.world.now();
        let mut batch = Batch { purpose, begun, waiting, done, missing, conflicts: 0 };
        let fetches = purpose == Purpose::Audit;
        for (index, write) in writes.into_iter().enumerate() {
            let token = self.next_token;
            self.next_token += 1;
            let Write { key, value, .. } = write.clone();
            batch.waiting.insert(token, write);
            // Another stride, so that few keys are asked of the node that stored them.
            let turn = if fetches { index * 7 + 3 } else { index };
            let Some(host) = members.get(turn % members.len().max(1)).copied() else { continue };
            let command = if fetches { Command::Get { token, key } } else { Command::Put { token, key, value } };
            self.world.command(host, command);
        }
        self.batches.push_back(batch);
    }

    fn ended(&mut self, token: u64, outcome: &Outcome) {
        for batch in &mut self.batches {
            let Some(write) = batch.waiting.remove(&token) else { continue };
            batch.conflicts += u32::from(matches!(outcome, Outcome::Got { others, .. } if !others.is_empty()));
            let fine = match outcome {
                Outcome::Put { stored, .. } => *stored,
                Outcome::Got { value, others, .. } => value.iter().chain(others).any(|value| *value == write.value),
                Outcome::Looked { .. } => false,
            };
            if fine { batch.done.push(write) } else { batch.missing.push(write.key) }
        }
    }

    /// Records the batches that are done, or take too long.
    fn conclude(&mut self) {
        let now = self.world.now();
        while let Some(batch) = self.batches.front() {
            if !batch.waiting.is_empty() && now - batch.begun < PATIENCE {
                return;
            }
            let Some(mut batch) = self.batches.pop_front() else { return };
            batch.missing.extend(std::mem::take(&mut batch.waiting).into_values().map(|write| write.key));
            batch.missing.sort();
            let (overlay, seconds) = (self.overlay.name.clone(), (now - batch.begun).as_secs_f64());
            let (done, missing) = (batch.done.len() as u32, batch.missing);
            let failed = missing.len() as u32;
            if batch.purpose != Purpose::Audit {
                batch.done.into_iter().for_each(|write| self.keys.acknowledged(write));
            }
            let what = match batch.purpose {
                Purpose::Put => What::Put { overlay, stored: done, failed, seconds },
                Purpose::Overwrite => What::Overwrite { overlay, stored: done, failed, seconds },
                Purpose::Audit => What::Audit { overlay, found: done, missing, conflicts: batch.conflicts, seconds },
            };
            self.events.push(Event { at: nanos(now.0), what });
        }
    }
}
