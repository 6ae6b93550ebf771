//! An infrastructure, its members and those who look for them, under virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::ground::Ground;
use crate::anycast::{
    AgentConfig, Call, Deed, Facts, Heard, Infrastructure, PATIENCE, PORT, Question, Resident, ServerConfig, Shared,
    Site, Target, Told, Transport,
};
use crate::machine::sim::{Conditions, Sim};
use crate::machine::{Part, Time};
use crate::overlay::Peer;
use crate::overlay::id::Id;

/// Every client can be asked to send, and everybody to settle, in so much virtual time.
const SETTLE: Duration = Duration::from_secs(20);
/// From a wish to announce until the network follows it.
const PROPAGATION: Duration = Duration::from_millis(500);
/// After the last datagram of interest has been sent.
const QUIET: Duration = Duration::from_secs(3);

/// Who is where: indices of places.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) servers: Vec<usize>,
    pub(super) members: Vec<usize>,
    pub(super) clients: Vec<usize>,
    /// Groups that the infrastructure has; members are in them by turns, and clients look for those of the first.
    pub(super) groups: usize,
}

/// The simulated network with all of them.
pub(super) struct Arena {
    sim: Sim<Resident>,
    places: Vec<usize>,
    ground: Ground,
    layout: Layout,
    token: u64,
}

/// A question, and where the datagram went that was sent to what it found.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) host: usize,
    /// Until it was answered.
    pub(super) took: Option<Duration>,
    /// For each target, the member that got the datagram and how long that took; in the order of the answer.
    pub(super) reached: Vec<(usize, Duration)>,
    /// The infrastructure cannot do it.
    pub(super) unavailable: bool,
}

impl Arena {
    /// Servers first, then members, then clients. Nobody has joined yet.
    pub(super) fn new(kind: Infrastructure, ground: &Ground, layout: Layout, seed: u64) -> Self {
        let servers = if kind.server.is_some() { layout.servers.clone() } else { Vec::new() };
        let layout = Layout { servers, groups: layout.groups.max(1), ..layout };
        let everybody = layout.servers.iter().chain(&layout.members).chain(&layout.clients);
        let places: Vec<usize> = everybody.copied().collect();
        let addresses: Vec<SocketAddr> = places.iter().enumerate().map(|(host, place)| address(*place, host)).collect();
        let facts = facts(ground, &layout, &addresses);
        let groups = match kind.server.as_ref().is_some_and(|server| server.announces) {
            true => std::iter::once(block(0)).chain(facts.groups.iter().map(|group| group.address)).collect(),
            false => facts.groups.iter().map(|group| group.address).collect(),
        };
        let (delays, at) = (ground.delays.clone(), places.clone());
        let conditions = Conditions {
            seed,
            hosts: addresses.clone(),
            groups,
            // Of two hosts at one place, the delay between hosts of it.
            delay: Box::new(move |a, b| between(&delays, &at, a, b)),
            loss: 0.0,
            propagation: PROPAGATION,
        };
        let (served, known, told) = (layout.servers.len(), ground.places.clone(), places.clone());
        let (members, groups_of) = (layout.members.len(), layout.groups);
        let make = move |host: usize, address: SocketAddr, now: Time| {
            let name = format!("h{host}");
            if host < served {
                return kind.server(ServerConfig { facts: facts.clone(), host: name, seed }, now);
            }
            let config = AgentConfig {
                address: facts
                    .groups
                    .get(if host < served + members { (host - served) % groups_of } else { 0 })
                    .map(|g| g.address),
                facts: facts.clone(),
                group: group_name(if host < served + members { (host - served) % groups_of } else { 0 }),
                seed,
                peer: Peer { id: Id::of_node(seed, "arena", &name), address },
                place: known[told[host]],
                plain: false,
                host: name,
            };
            Resident::Endpoint(Box::new(kind.endpoint(config, now)))
        };
        Self { sim: Sim::new(conditions, make), places, ground: ground.clone(), layout, token: 0 }
    }

    /// Hosts of the members.
    pub(super) fn members(&self) -> std::ops::Range<usize> {
        let first = self.layout.servers.len();
        first..first + self.layout.members.len()
    }

    pub(super) fn clients(&self) -> std::ops::Range<usize> {
        self.members().end..self.places.len()
    }

    /// Servers first have time to find each other; then all members join.
    pub(super) fn join_all(&mut self) {
        self.sim.run_for(SETTLE / 2);
        self.call(self.members(), |_| Call::Join);
        self.sim.run_for(SETTLE);
        self.sim.take_events();
    }

    pub(super) fn call(&mut self, hosts: impl IntoIterator<Item = usize>, call: impl Fn(usize) -> Call) {
        for host in hosts {
            self.sim.command(host, Told::Endpoint(call(host)));
        }
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        self.sim.run_for(time);
    }

    /// Datagrams sent so far, by everybody.
    pub(super) fn datagrams(&self) -> u64 {
        self.sim.datagrams()
    }

    /// Bytes of state of each server.
    pub(super) fn state(&self) -> Vec<usize> {
        self.sim.machines().filter_map(|(_, resident)| Some(resident.server()?.bytes())).collect()
    }

    /// How long members of the first group take until others can find them, from a call to all of them on.
    pub(super) fn join_times(&mut self) -> Vec<Option<Duration>> {
        self.sim.run_for(SETTLE / 2);
        self.sim.take_events();
        let (begin, members) = (self.sim.now(), self.members());
        self.call(members.clone(), |_| Call::Join);
        self.sim.run_for(SETTLE);
        let joined: BTreeMap<usize, Duration> = self
            .sim
            .take_events()
            .into_iter()
            .filter(|happened| matches!(happened.event, Deed::Endpoint(Heard::Member { joined: true })))
            .map(|happened| (happened.host, happened.at - begin))
            .collect();
        members.map(|host| joined.get(&host).copied()).collect()
    }

    pub(super) fn round_trip(&self, a: usize, b: usize) -> Duration {
        let at = &self.places;
        between(&self.ground.delays, at, a, b) + between(&self.ground.delays, at, b, a)
    }

    /// Whether two hosts are at one place.
    pub(super) fn are_together(&self, a: usize, b: usize) -> bool {
        self.places[a] == self.places[b]
    }

    /// Members by their round trip from a host, the nearest first; itself left out.
    pub(super) fn nearest(&self, host: usize) -> Vec<usize> {
        let mut members: Vec<usize> = self.members().filter(|member| *member != host).collect();
        members.sort_by_key(|member| (self.round_trip(host, *member), *member));
        members
    }

    /// All of these ask, and send a datagram to every target of the answer, or to the first `most` of them.
    pub(super) fn ask(&mut self, asking: &[(usize, Question)], most: usize) -> Vec<Asked> {
        self.sim.take_events();
        let (first, begin) = (self.token, self.sim.now());
        for (host, question) in asking {
            let call = Call::Ask { token: self.token, question: question.clone() };
            self.token += 1;
            self.sim.command(*host, Told::Endpoint(call));
        }
        let one =
            |(host, _): &(usize, Question)| Asked { host: *host, took: None, reached: Vec::new(), unavailable: false };
        let mut asked: Vec<Asked> = asking.iter().map(one).collect();
        let mut targets: Vec<Vec<Target>> = vec![Vec::new(); asking.len()];
        let (mut open, deadline) = (asking.len(), begin + PATIENCE * 2);
        while open > 0 && self.sim.now() < deadline {
            self.sim.run_for(PATIENCE / 60);
            for happened in self.sim.take_events() {
                let (token, found) = match happened.event {
                    Deed::Endpoint(Heard::Found { token, targets }) => (token, Some(targets)),
                    Deed::Endpoint(Heard::Unavailable { token, .. }) => (token, None),
                    _ => continue,
                };
                let Some(at) = token.checked_sub(first).map(|at| at as usize).filter(|at| *at < asked.len()) else {
                    continue;
                };
                open -= 1;
                asked[at].unavailable = found.is_none();
                asked[at].took = found.is_some().then(|| happened.at - begin);
                targets[at] = found.unwrap_or_default();
            }
        }
        self.send(&mut asked, &targets, most);
        asked
    }

    fn send(&mut self, asked: &mut [Asked], targets: &[Vec<Target>], most: usize) {
        let begin = self.sim.now();
        let mut sent: BTreeSet<(u64, u64)> = BTreeSet::new();
        for (at, (one, targets)) in asked.iter().zip(targets).enumerate() {
            for (which, to) in targets.iter().take(most).enumerate() {
                let number = (at as u64, which as u64);
                sent.insert(number);
                let bytes = [number.0.to_be_bytes(), number.1.to_be_bytes()].concat();
                self.sim.command(one.host, Told::Endpoint(Call::Send { to: *to, bytes }));
            }
        }
        self.sim.run_for(QUIET);
        let mut reached: BTreeMap<(u64, u64), (usize, Duration)> = BTreeMap::new();
        for happened in self.sim.take_events() {
            let Deed::Endpoint(Heard::Delivered { bytes, .. }) = happened.event else { continue };
            let word = |at: usize| bytes.get(at..at + 8).and_then(|w| w.try_into().ok()).map(u64::from_be_bytes);
            if let Some(number) = word(0).zip(word(8)).filter(|number| sent.contains(number)) {
                reached.entry(number).or_insert((happened.host, happened.at - begin));
            }
        }
        for ((at, _), one) in reached {
            asked[at as usize].reached.push(one);
        }
    }
}

fn between(delays: &crate::sim::Delays, places: &[usize], a: usize, b: usize) -> Duration {
    let (count, at) = (delays.places().max(1), (places[a], places[b]));
    // Hosts of one place are told apart by adding rounds of places.
    if at.0 == at.1 && a != b { delays.between(at.0, at.1 + count) } else { delays.between(at.0, at.1) }
}

fn group_name(index: usize) -> String {
    format!("group-{index}")
}

/// Each place has a /24.
fn address(place: usize, host: usize) -> SocketAddr {
    let [_, _, high, low] = (place as u32).to_be_bytes();
    // Hosts of a place are told apart by their last byte: there are few at each.
    SocketAddr::from(([10 + (host >> 8) as u8, high, low, host as u8], PORT))
}

/// The n-th address of the block (RFC 2544's benchmarking prefix), or of a group.
fn block(number: usize) -> SocketAddr {
    let [_, _, high, low] = (number as u32).to_be_bytes();
    SocketAddr::from(([198, 18, high, low], PORT))
}

fn facts(ground: &Ground, layout: &Layout, addresses: &[SocketAddr]) -> Facts {
    let site = |(host, place): (usize, &usize)| {
        let name = format!("h{host}");
        let peer = Peer { id: Id::of_node(0, "servers", &name), address: addresses[host] };
        Site { host: name, peer, place: ground.places[*place] }
    };
    let shared = |index: usize| Shared {
        name: group_name(index),
        part: Part::nth(index + 1),
        address: block(index + 1),
        transport: Transport::Udp,
    };
    let nets = addresses.iter().filter_map(|address| ipnet::IpNet::new(address.ip(), 24).ok()).map(|net| net.trunc());
    let prefixes: BTreeSet<ipnet::IpNet> = nets.collect();
    Facts {
        name: "arena".into(),
        servers: layout.servers.iter().enumerate().map(site).collect(),
        block: Some(block(0).ip()),
        groups: (0..layout.groups).map(shared).collect(),
        settings: BTreeMap::default(),
        prefixes: prefixes.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_led_to_a_member_and_neighbors_are_others_where_there_are_any() {
        let ground = Ground::plane(16, 1);
        let layout =
            Layout { servers: (0..4).collect(), members: (4..10).collect(), clients: (10..16).collect(), groups: 1 };
        for kind in Infrastructure::all() {
            let mut arena = Arena::new(kind, &ground, layout.clone(), 1);
            arena.join_all();
            let (members, clients) = (arena.members(), arena.clients());
            let nearest: Vec<_> = clients.map(|client| (client, Question::Nearest)).collect();
            for one in arena.ask(&nearest, 1) {
                let led = one.reached.first().map(|(member, _)| *member);
                assert!(led.is_some_and(|member| members.contains(&member)), "{kind:?} {one:?}");
            }
            let neighbors: Vec<_> = members.clone().map(|member| (member, Question::Neighbors(3))).collect();
            for one in arena.ask(&neighbors, 3) {
                assert_eq!(one.unavailable, (kind.can)(&Question::Neighbors(3)).is_err(), "{kind:?}");
                assert!(
                    one.unavailable || one.reached.iter().any(|(member, _)| *member != one.host),
                    "{kind:?} {one:?}"
                );
            }
        }
    }
}
