//! Whose a datagram is. A host's tenants (nodes of overlays, servers of infrastructures, programs' agents) share its
//! sockets, and each datagram is opened by the one that it is for:
//! on a shared port by the overlay's tag, elsewhere by who uses the port at that address. Probes are for the host,
//! which answers each of them once.
//!
//! All of it is one machine: a host without its sockets, clock and routing daemon.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::config::PORT;
use super::endpoint::Call;
use super::event::{Command, Digest, Event};
use super::inquiry::{Inquiry, Reply};
use super::probe;
use super::resident::{Deed, Resident, Told};
use super::tenants::{Hosted, Offered, Serving, Tenants};
use crate::machine::{Input, Machine, Need, Output, Part, Port, Stream, StreamId, Time, Via};
use crate::overlay::wire::Tag;

/// A host's nodes. Groups are counted as the host's configuration lists them.
pub struct Dispatch {
    host: String,
    tenants: Vec<Tenant>,
    /// Who has which of the streams that others have opened.
    streams: BTreeMap<StreamId, usize>,
    /// Its own: answers to probes, and ends of streams that nobody wants.
    own: VecDeque<Output<Did>>,
    /// Datagrams that were nobody's: every node counts them among those that it dropped.
    foreign: u64,
    /// Questions of one tenant to another, by number: which tenant asked, and its own number for it.
    passed_on: BTreeMap<u64, (usize, u64)>,
    next: u64,
    /// When something came last.
    now: Time,
}

/// Most questions among tenants at once, and most hosts that one is told of when it joins.
const MAX_PASSED_ON: usize = 4096;
const MAX_KNOWN: usize = 8;

struct Tenant {
    /// The overlay's, the service's or the infrastructure's.
    name: String,
    /// What is for it bears one of these.
    tags: Vec<Tag>,
    /// Ports at its unicast address, or at those of its groups.
    ports: Vec<(Port, Need)>,
    resident: Resident,
    /// Which of the host's groups are its own, and what they are to it.
    groups: Vec<(Part, Part)>,
}

/// What a resident did.
#[derive(Clone, Debug, PartialEq)]
pub struct Did {
    /// The overlay, the service or the infrastructure.
    pub of: String,
    pub what: Deed,
}

impl Tenant {
    /// The node of an overlay.
    fn node(Hosted { infrastructure, node }: &Hosted, addresses: &[Vec<IpAddr>], now: Time) -> Self {
        let groups = place(node.groups.iter().map(|(part, address)| (*part, *address)), addresses);
        let vias = groups.iter().map(|(_, part)| Via::Group(*part)).chain([Via::Unicast]);
        let shared = vias.map(|via| (Port { via, number: PORT }, Need::Tagged(PORT)));
        let own = (node.protocol.protocol.needs)(&node.protocol).into_iter();
        let own = own.map(|need| (Port::unicast(need.port()), need));
        Self {
            name: node.overlay.clone(),
            tags: vec![Tag::of_overlay(&node.overlay), node.agent().tag()],
            ports: shared.chain(own).collect(),
            groups,
            resident: Resident::Node(infrastructure.node(node.clone(), now)),
        }
    }

    /// A server.
    fn server(Serving { infrastructure, server }: &Serving, addresses: &[Vec<IpAddr>], now: Time) -> Option<Self> {
        let row = infrastructure.server.as_ref()?;
        let facts = &server.facts;
        let block = facts.block.map(|block| (Part(0), SocketAddr::new(block, PORT)));
        let groups = facts.groups.iter().map(|group| (group.part, group.address));
        let groups = place(block.into_iter().chain(groups), addresses);
        let own = [Via::Unicast, Via::Group(Part(0))].map(|via| (Port { via, number: PORT }, Need::Tagged(PORT)));
        Some(Self {
            name: facts.name.clone(),
            tags: vec![facts.tag()],
            ports: own.into_iter().chain((row.ports)(facts)).collect(),
            groups,
            resident: infrastructure.server(server.clone(), now),
        })
    }

    /// The agent of a program, which is to make it known at once.
    fn service(Offered { infrastructure, agent }: &Offered, now: Time) -> Self {
        let mut endpoint = infrastructure.endpoint(agent.clone(), now);
        endpoint.input(now, Input::Order(Call::Join));
        Self {
            name: agent.group.clone(),
            tags: vec![agent.tag()],
            ports: vec![(Port::unicast(PORT), Need::Tagged(PORT))],
            groups: Vec::new(),
            resident: Resident::Endpoint(Box::new(endpoint)),
        }
    }

    /// What one of the host's groups is to it.
    fn own(&self, group: Part) -> Option<Part> {
        self.groups.iter().find(|(index, _)| *index == group).map(|(_, part)| *part)
    }

    /// What a port of the host is to it; `None`: it does not use it.
    fn inward(&self, at: Port, need: impl Fn(Need) -> bool) -> Option<Port> {
        let via = match at.via {
            Via::Unicast => Via::Unicast,
            Via::Group(group) => Via::Group(self.own(group)?),
        };
        let port = Port { via, ..at };
        self.ports.iter().any(|(own, n)| *own == port && need(*n)).then_some(port)
    }

    /// Whether whatever comes to this port is for it, tag or not.
    fn takes_all(&self, at: Port) -> bool {
        self.inward(at, |need| matches!(need, Need::Udp(_))).is_some()
    }

    fn group(&self, part: Part) -> Option<Part> {
        self.groups.iter().find(|(_, own)| *own == part).map(|(index, _)| *index)
    }

    fn outward(&self, port: Port) -> Option<Port> {
        let via = match port.via {
            Via::Unicast => Via::Unicast,
            Via::Group(part) => Via::Group(self.group(part)?),
        };
        Some(Port { via, ..port })
    }
}

/// Which of the host's groups have these addresses.
fn place(parts: impl Iterator<Item = (Part, SocketAddr)>, addresses: &[Vec<IpAddr>]) -> Vec<(Part, Part)> {
    let at = |(part, address): (Part, SocketAddr)| {
        let index = addresses.iter().position(|of_group| of_group.contains(&address.ip()))?;
        Some((Part::nth(index), part))
    };
    parts.filter_map(at).collect()
}

impl Dispatch {
    /// `addresses`: of all groups whose addresses the host may have.
    pub fn new(host: &str, tenants: &Tenants, addresses: &[Vec<IpAddr>], now: Time) -> Self {
        let Tenants { overlays, servers, services } = tenants;
        let nodes = overlays.iter().map(|hosted| Tenant::node(hosted, addresses, now));
        let servers = servers.iter().filter_map(|server| Tenant::server(server, addresses, now));
        let services = services.iter().map(|program| Tenant::service(program, now));
        Self {
            host: host.to_owned(),
            tenants: nodes.chain(servers).chain(services).collect(),
            streams: BTreeMap::new(),
            own: VecDeque::new(),
            foreign: 0,
            passed_on: BTreeMap::new(),
            next: 0,
            now,
        }
    }

    /// Every port that somebody uses here; the shared one in any case, for probes.
    pub fn needs(&self, groups: usize) -> BTreeSet<(Port, Need)> {
        let vias = (0..groups).map(|index| Via::Group(Part::nth(index))).chain([Via::Unicast]);
        let shared = vias.map(|via| (Port { via, number: PORT }, Need::Tagged(PORT)));
        let used = self
            .tenants
            .iter()
            .flat_map(|tenant| tenant.ports.iter().filter_map(|(port, need)| Some((tenant.outward(*port)?, *need))));
        // The shared port is there for all.
        let used = used.filter(|(port, need)| !(port.number == PORT && matches!(need, Need::Udp(_))));
        shared.chain(used).collect()
    }

    fn datagram(&mut self, now: Time, at: Port, from: SocketAddr, bytes: &[u8]) {
        let tag = Tag::of_datagram(bytes);
        let mut all = self.tenants.iter_mut();
        let found = all.find_map(|tenant| {
            let tagged = tag.is_some_and(|tag| tenant.tags.contains(&tag));
            let need = |need| if tagged { !matches!(need, Need::Tcp(_)) } else { matches!(need, Need::Udp(_)) };
            tenant.inward(at, need).map(|at| (tenant, at))
        });
        match found {
            Some((tenant, at)) => tenant.resident.input(now, Input::Datagram { at, from, bytes }),
            None => self.foreign += 1,
        }
    }

    fn stream(&mut self, now: Time, id: StreamId, part: Stream<&[u8]>) {
        let count = self.tenants.len() as u64;
        let (whose, part) = match (part, id) {
            (Stream::Open { at, peer }, _) => {
                let is_tcp = |need| matches!(need, Need::Tcp(_));
                let mut all = self.tenants.iter().enumerate();
                let found = all.find_map(|(index, tenant)| Some((index, tenant.inward(at, is_tcp)?)));
                let Some((index, at)) = found else { return self.own.push_back(Output::Stream(id, Stream::Close)) };
                self.streams.insert(id, index);
                (index, Stream::Open { at, peer })
            }
            (part, StreamId::Ours(number)) => ((number % count.max(1)) as usize, part),
            (part @ (Stream::Close | Stream::Lost), _) => match self.streams.remove(&id) {
                Some(index) => (index, part),
                None => return,
            },
            (part, _) => match self.streams.get(&id) {
                Some(index) => (*index, part),
                None => return,
            },
        };
        let id = if let StreamId::Ours(number) = id { StreamId::Ours(number / count.max(1)) } else { id };
        if let Some(tenant) = self.tenants.get_mut(whose) {
            tenant.resident.input(now, Input::Stream(id, part));
        }
    }

    /// What a node wants, in the host's terms; `None`: what it has no right to.
    fn outward(&mut self, whose: usize, output: Output<Deed>) -> Option<Output<Did>> {
        let (tenant, count) = (&self.tenants[whose], self.tenants.len() as u64);
        let outer = |id| match id {
            StreamId::Ours(number) => StreamId::Ours(number * count + whose as u64),
            theirs => theirs,
        };
        Some(match output {
            Output::Datagram { from, to, bytes } => Output::Datagram { from: tenant.outward(from)?, to, bytes },
            Output::Stream(id, Stream::Open { at, peer }) => {
                Output::Stream(outer(id), Stream::Open { at: tenant.outward(at)?, peer })
            }
            Output::Stream(id, part) => {
                if part == Stream::Close {
                    self.streams.remove(&id);
                }
                Output::Stream(outer(id), part)
            }
            Output::Announce(part, on) => Output::Announce(tenant.group(part)?, on),
            Output::Said(Deed::Node(Event::Asks { token, overlay, inquiry })) => {
                self.pass_on(whose, token, &overlay, inquiry);
                return None;
            }
            Output::Said(Deed::Node(Event::Replies { token, reply })) => {
                if let Some((to, token)) = self.passed_on.remove(&token) {
                    self.tell(to, Command::Replied { token, reply });
                }
                return None;
            }
            Output::Said(what) => Output::Said(Did { of: tenant.name.clone(), what }),
        })
    }

    /// A tenant's question to another overlay: that one's node here asks for it, member or not.
    fn pass_on(&mut self, whose: usize, token: u64, overlay: &str, inquiry: Inquiry) {
        // Those whose node has died with its answer are the oldest.
        while self.passed_on.len() >= MAX_PASSED_ON {
            self.passed_on.pop_first();
        }
        match self.node_of(overlay) {
            Some(to) => {
                self.next += 1;
                self.passed_on.insert(self.next, (whose, token));
                self.tell(to, Command::Inquire { token: self.next, inquiry });
            }
            None => self.tell(whose, Command::Replied { token, reply: Reply::default() }),
        }
    }

    fn node_of(&self, overlay: &str) -> Option<usize> {
        self.tenants.iter().position(|tenant| tenant.name == overlay && tenant.resident.node().is_some())
    }

    fn tell(&mut self, whom: usize, command: Command) {
        self.tenants[whom].resident.input(self.now, Input::Order(Told::Node(command)));
    }

    /// Tells the host's node of an overlay; whether there is one.
    pub fn order(&mut self, now: Time, overlay: &str, command: Command) -> bool {
        self.now = now;
        let Some(whom) = self.node_of(overlay) else { return false };
        if matches!(command, Command::Join { .. }) {
            let nearby = self.known_besides(whom);
            self.tell(whom, Command::Acquaint { nearby });
        }
        self.tell(whom, command);
        true
    }

    /// The nearest nodes' addresses that the other overlays of this host know, each with the shortest round trip that
    /// any of them has seen.
    fn known_besides(&self, whom: usize) -> Vec<SocketAddr> {
        let others = self.tenants.iter().enumerate().filter(|(index, _)| *index != whom);
        let mut shortest: BTreeMap<SocketAddr, Duration> = BTreeMap::new();
        for (address, round_trip) in others.filter_map(|(_, t)| t.resident.node()).flat_map(|node| node.round_trips()) {
            shortest.entry(address).and_modify(|known| *known = round_trip.min(*known)).or_insert(round_trip);
        }
        let mut nearest: Vec<_> = shortest.into_iter().map(|(address, round_trip)| (round_trip, address)).collect();
        nearest.sort_unstable();
        nearest.into_iter().map(|(_, address)| address).take(MAX_KNOWN).collect()
    }

    /// The host has another unicast address.
    pub fn renumber(&mut self, now: Time, address: SocketAddr) {
        for tenant in &mut self.tenants {
            let told = match &tenant.resident {
                Resident::Node(_) => Told::Node(Command::Renumber { address }),
                // The program's port is its own.
                Resident::Endpoint(endpoint) => {
                    let port = endpoint.config().peer.address.port();
                    Told::Endpoint(Call::Renumber { address: SocketAddr::new(address.ip(), port) })
                }
                // Servers are known by their addresses.
                Resident::Server(_) | Resident::Nobody => continue,
            };
            tenant.resident.input(now, Input::Order(told));
        }
    }

    /// The state of its node of an overlay; what was nobody's on this host counts as dropped.
    pub fn digest(&self, overlay: &str) -> Option<Digest> {
        let of_it = self.tenants.iter().filter(|tenant| tenant.name == overlay);
        let digest = of_it.filter_map(|tenant| tenant.resident.node()).next()?.digest();
        Some(Digest { dropped: digest.dropped + self.foreign, ..digest })
    }
}

impl Machine for Dispatch {
    /// To the node of this overlay.
    type Order = (String, Command);
    type Fact = Did;

    fn input(&mut self, now: Time, input: Input<'_, (String, Command)>) {
        self.now = now;
        match input {
            Input::Datagram { at, from, bytes } => match probe::answer(&self.host, bytes) {
                // What is for a group that others serve travels on.
                Some(bytes) if at.number == PORT && !self.tenants.iter().any(|tenant| tenant.takes_all(at)) => {
                    self.own.push_back(Output::Datagram { from: Port::unicast(PORT), to: from, bytes });
                }
                _ => self.datagram(now, at, from, bytes),
            },
            Input::Stream(id, part) => self.stream(now, id, part),
            Input::Timer => {
                for Tenant { resident, .. } in &mut self.tenants {
                    if resident.due().is_some_and(|due| due <= now) {
                        resident.input(now, Input::Timer);
                    }
                }
            }
            Input::Order((overlay, command)) => {
                self.order(now, &overlay, command);
            }
            // Of a group that is no node's nobody is told.
            Input::Routing { group, announced } => {
                for tenant in &mut self.tenants {
                    if let Some(group) = tenant.own(group) {
                        tenant.resident.input(now, Input::Routing { group, announced });
                    }
                }
            }
        }
    }

    fn output(&mut self) -> Option<Output<Did>> {
        if let Some(own) = self.own.pop_front() {
            return Some(own);
        }
        for whose in 0..self.tenants.len() {
            while let Some(output) = self.tenants[whose].resident.output() {
                if let Some(output) = self.outward(whose, output) {
                    return Some(output);
                }
            }
        }
        None
    }

    fn due(&self) -> Option<Time> {
        self.tenants.iter().filter_map(|tenant| tenant.resident.due()).min()
    }
}
