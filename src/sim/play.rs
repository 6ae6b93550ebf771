//! A lab file's timeline, played by simulated overlays: the record is as a lab's, and judged like one.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::batch::{Batch, Searching};
use super::options::Network;
use super::town::{Settled, Town};
use super::ways::Ways;
use crate::anycast::{self, Command, Deed, Did};
use crate::machine::sim::Happened;
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

/// Plays a checked timeline in which nothing is refused. `facts` is the record's first line; `settled` has the hosts,
/// and what lives on each. Time 0 of the record is the play's begin.
pub fn play(topology: &Topology, scenario: &Scenario, facts: LabFacts, settled: Vec<(NodeId, Settled)>) -> Vec<Event> {
    let players = (0..topology.overlays.len()).map(|overlay| Player::new(topology, overlay)).collect();
    let (hosts, settled): (Vec<NodeId>, Vec<Settled>) = settled.into_iter().unzip();
    let ways = Ways::between(&hosts, topology, &Damage::default());
    let network = Network { delays: ways.delays, loss: 0.0, propagation: PROPAGATION };
    let overlays = topology.overlays.iter().map(|overlay| overlay.name.clone()).collect();
    let groups = topology.groups.iter().map(|group| group.addresses.clone()).collect();
    let mut town = Town::new(settled, overlays, groups, topology.seed, &network);
    town.set_sides(&ways.sides);
    let (damage, events) = (Damage::default(), inflicted(topology, scenario));
    let mut stage = Stage { topology, town, hosts, damage, players, events };
    stage.play(scenario);
    let mut events = stage.events;
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

/// All overlays, from the play's begin to its end.
pub(super) struct Stage<'a> {
    pub(super) topology: &'a Topology,
    pub(super) town: Town,
    /// The nodes that are its hosts.
    pub(super) hosts: Vec<NodeId>,
    pub(super) damage: Damage,
    pub(super) players: Vec<Player<'a>>,
    pub(super) events: Vec<Event>,
}

/// What is done with one overlay.
pub(super) struct Player<'a> {
    pub(super) overlay: &'a Overlay,
    draws: ChaCha8Rng,
    /// Told to be members, and not to leave; by place in the town.
    pub(super) wanted: BTreeSet<usize>,
    /// Keys that were stored, and items shared.
    pub(super) keys: Keys,
    pub(super) batches: VecDeque<Batch>,
    pub(super) searching: VecDeque<Searching>,
    /// When the next random lookup is, and how much later the one after that.
    lookup: Option<(Duration, Duration)>,
}

impl<'a> Player<'a> {
    fn new(topology: &'a Topology, index: usize) -> Self {
        let overlay = &topology.overlays[index];
        let seed = Id::hash(&[&topology.seed.to_be_bytes(), overlay.name.as_bytes(), b"simulated"]);
        let rate = overlay.lookups_per_second;
        Self {
            overlay,
            draws: ChaCha8Rng::seed_from_u64(seed.0 as u64),
            wanted: BTreeSet::new(),
            keys: Keys::default(),
            batches: VecDeque::new(),
            searching: VecDeque::new(),
            lookup: (rate > 0.0).then(|| (Duration::ZERO, Duration::from_secs_f64(1.0 / rate))),
        }
    }
}

impl Stage<'_> {
    fn play(&mut self, scenario: &Scenario) {
        let mut entries = scenario.timeline.iter().peekable();
        loop {
            let action = entries.peek().map_or(Duration::MAX, |e| e.at);
            let lookup = self.players.iter().filter_map(|player| player.lookup).min().map_or(Duration::MAX, |l| l.0);
            let next = action.min(lookup).min(scenario.duration);
            self.run_to(next);
            if action <= next
                && let Some(entry) = entries.next()
            {
                self.act(entry);
            } else if lookup <= next && next < scenario.duration {
                self.look_up(next);
            } else {
                break;
            }
        }
        while self.players.iter().any(|player| !(player.batches.is_empty() && player.searching.is_empty())) {
            self.run_to(self.town.now().0 + Duration::from_millis(100));
        }
    }

    fn run_to(&mut self, at: Duration) {
        for Happened { at, host, event } in self.town.run_for(at.saturating_sub(self.town.now().0)) {
            let node = self.name(host);
            self.take_in(at, node, event);
        }
        self.conclude();
    }

    fn name(&self, host: usize) -> String {
        self.topology.node(self.hosts[host]).name.clone()
    }

    pub(super) fn place(&self, host: NodeId) -> Option<usize> {
        self.hosts.iter().position(|other| *other == host)
    }

    /// These hosts, whether they have joined or not, or all that have.
    pub(super) fn askers(&self, overlay: usize, from: &[NodeId]) -> Vec<usize> {
        if from.is_empty() {
            return self.town.members(overlay).iter().copied().collect();
        }
        let runs = |host: &usize| self.town.sim().machine(*host).is_some();
        from.iter().filter_map(|host| self.place(*host)).filter(runs).collect()
    }

    fn take_in(&mut self, at: Time, node: String, Did { of, what }: Did) {
        let what = match what {
            Deed::Node(event) => event,
            Deed::Server(did) => {
                let what = What::Server { node, infrastructure: of, did };
                return self.events.push(Event { at: nanos(at.0), what });
            }
            Deed::Endpoint(_) => return,
        };
        let Some(index) = self.town.overlay(&of) else { return };
        if let anycast::Event::Done { token, outcome, .. } = &what {
            self.ended(*token, outcome, at);
        }
        let name = |id: Id| self.town.host_of(id).map_or_else(|| id.to_string(), |host| self.name(host));
        let group = |part| self.topology.group_name(index, part);
        let did = match what {
            anycast::Event::Announced { group: g } => Some(NodeDid::Announced { group: group(g) }),
            anycast::Event::Withdrew { group: g } => Some(NodeDid::Withdrew { group: group(g) }),
            other => told(other, name),
        };
        let at = nanos(at.0);
        self.events.extend(did.map(|did| Event { at, what: What::Node { node, overlay: of, did } }));
    }

    /// The random lookups that are due.
    fn look_up(&mut self, now: Duration) {
        for (index, player) in self.players.iter_mut().enumerate() {
            let Some((at, every)) = player.lookup.filter(|(at, _)| *at <= now) else { continue };
            player.lookup = Some((at + every, every));
            let members: Vec<usize> = self.town.members(index).iter().copied().collect();
            if !members.is_empty() {
                let host = members[player.draws.random_range(0..members.len())];
                let key = Id(player.draws.random());
                self.town.command(index, host, Command::Lookup { token: 0, key });
            }
        }
    }
}
