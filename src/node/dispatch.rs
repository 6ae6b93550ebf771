//! Whose a datagram is. A host's nodes share its sockets, and each datagram is opened by the one node that it is for:
//! on a shared port by the overlay's tag, elsewhere by who uses the port at that address. Probes are for the host,
//! which answers each of them once.
//!
//! All of it is one machine: a host without its sockets, clock and routing daemon.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use super::announce::GroupConfig;
use super::channel::Hosted;
use crate::anycast::{Command, Digest, Event, Node, PORT, probe};
use crate::machine::{Input, Machine, Need, Output, Part, Port, Stream, StreamId, Time, Via};
use crate::overlay::wire::Tag;

/// Ports that nodes of overlays use.
const NEEDS: &[Need] = &[Need::Tagged(PORT)];

/// A host's nodes. Groups are counted as the host's configuration lists them.
pub struct Dispatch {
    host: String,
    residents: Vec<Resident>,
    /// Who has which of the streams that others have opened.
    streams: BTreeMap<StreamId, usize>,
    /// Its own: answers to probes, and ends of streams that nobody wants.
    own: VecDeque<Output<Did>>,
    /// Datagrams that were nobody's: every node counts them among those that it dropped.
    foreign: u64,
}

struct Resident {
    overlay: String,
    tag: Tag,
    needs: &'static [Need],
    node: Box<dyn Node>,
    /// Which of the host's groups are its own, and what they are to it.
    groups: Vec<(Part, Part)>,
}

/// What the node of an overlay did.
#[derive(Clone, Debug, PartialEq)]
pub struct Did {
    pub overlay: String,
    pub what: Event,
}

impl Resident {
    fn new(hosted: &Hosted, groups: &[GroupConfig], now: Time) -> Self {
        let Hosted { infrastructure, node } = hosted;
        let at = |(part, address): (&Part, &SocketAddr)| {
            let index = groups.iter().position(|g| g.addresses.contains(&address.ip()))?;
            Some((Part::nth(index), *part))
        };
        Self {
            overlay: node.overlay.clone(),
            tag: Tag::of_overlay(&node.overlay),
            needs: NEEDS,
            groups: node.groups.iter().filter_map(at).collect(),
            node: infrastructure.node(node.clone(), now),
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
        let uses = self.needs.iter().any(|n| need(*n) && n.port() == at.number);
        uses.then_some(Port { via, ..at })
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

impl Dispatch {
    /// `groups`: all that the host may announce.
    pub fn new(host: &str, hosted: &[Hosted], groups: &[GroupConfig], now: Time) -> Self {
        Self {
            host: host.to_owned(),
            residents: hosted.iter().map(|hosted| Resident::new(hosted, groups, now)).collect(),
            streams: BTreeMap::new(),
            own: VecDeque::new(),
            foreign: 0,
        }
    }

    /// Every port that somebody uses here; the shared one in any case, for probes.
    pub fn needs(&self, groups: usize) -> BTreeSet<(Port, Need)> {
        let vias = || (0..groups).map(|index| Via::Group(Part::nth(index))).chain([Via::Unicast]);
        let shared = vias().map(|via| (Port { via, number: PORT }, Need::Tagged(PORT)));
        let used = self.residents.iter().flat_map(|resident| {
            resident.needs.iter().flat_map(move |need| {
                let at = vias().map(|via| Port { via, number: need.port() });
                at.filter(|port| resident.inward(*port, |n| n == *need).is_some()).map(|port| (port, *need))
            })
        });
        shared.chain(used).collect()
    }

    fn datagram(&mut self, now: Time, at: Port, from: SocketAddr, bytes: &[u8]) {
        let tag = Tag::of_datagram(bytes);
        let mut all = self.residents.iter_mut();
        let found = all.find_map(|resident| {
            let tagged = Some(resident.tag) == tag;
            let need = |need| if tagged { !matches!(need, Need::Tcp(_)) } else { matches!(need, Need::Udp(_)) };
            resident.inward(at, need).map(|at| (resident, at))
        });
        match found {
            Some((resident, at)) => resident.node.input(now, Input::Datagram { at, from, bytes }),
            None => self.foreign += 1,
        }
    }

    fn stream(&mut self, now: Time, id: StreamId, part: Stream<&[u8]>) {
        let count = self.residents.len() as u64;
        let (whose, part) = match (part, id) {
            (Stream::Open { at, peer }, _) => {
                let is_tcp = |need| matches!(need, Need::Tcp(_));
                let mut all = self.residents.iter().enumerate();
                let found = all.find_map(|(index, resident)| Some((index, resident.inward(at, is_tcp)?)));
                let Some((index, at)) = found else { return self.own.push_back(Output::Stream(id, Stream::Close)) };
                self.streams.insert(id, index);
                (index, Stream::Open { at, peer })
            }
            (part, StreamId::Ours(number)) => ((number % count.max(1)) as usize, part),
            (Stream::Close, _) => match self.streams.remove(&id) {
                Some(index) => (index, Stream::Close),
                None => return,
            },
            (part, _) => match self.streams.get(&id) {
                Some(index) => (*index, part),
                None => return,
            },
        };
        let id = if let StreamId::Ours(number) = id { StreamId::Ours(number / count.max(1)) } else { id };
        if let Some(resident) = self.residents.get_mut(whose) {
            resident.node.input(now, Input::Stream(id, part));
        }
    }

    /// What a node wants, in the host's terms; `None`: what it has no right to.
    fn outward(&mut self, whose: usize, output: Output<Event>) -> Option<Output<Did>> {
        let (resident, count) = (&self.residents[whose], self.residents.len() as u64);
        let outer = |id| match id {
            StreamId::Ours(number) => StreamId::Ours(number * count + whose as u64),
            theirs => theirs,
        };
        Some(match output {
            Output::Datagram { from, to, bytes } => Output::Datagram { from: resident.outward(from)?, to, bytes },
            Output::Stream(id, Stream::Open { at, peer }) => {
                Output::Stream(outer(id), Stream::Open { at: resident.outward(at)?, peer })
            }
            Output::Stream(id, part) => {
                if part == Stream::Close {
                    self.streams.remove(&id);
                }
                Output::Stream(outer(id), part)
            }
            Output::Announce(part, on) => Output::Announce(resident.group(part)?, on),
            Output::Said(what) => Output::Said(Did { overlay: resident.overlay.clone(), what }),
        })
    }

    /// Tells the host's node of an overlay; whether there is one.
    pub fn order(&mut self, now: Time, overlay: &str, command: Command) -> bool {
        let found = self.residents.iter_mut().find(|resident| resident.overlay == overlay);
        found.map(|resident| resident.node.input(now, Input::Order(command))).is_some()
    }

    /// The host has another unicast address.
    pub fn renumber(&mut self, now: Time, address: SocketAddr) {
        for resident in &mut self.residents {
            resident.node.input(now, Input::Order(Command::Renumber { address }));
        }
    }

    /// The state of its node of an overlay; what was nobody's on this host counts as dropped.
    pub fn digest(&self, overlay: &str) -> Option<Digest> {
        let digest = self.residents.iter().find(|resident| resident.overlay == overlay)?.node.digest();
        Some(Digest { dropped: digest.dropped + self.foreign, ..digest })
    }
}

impl Machine for Dispatch {
    /// To the node of this overlay.
    type Order = (String, Command);
    type Fact = Did;

    fn input(&mut self, now: Time, input: Input<'_, (String, Command)>) {
        match input {
            Input::Datagram { at, from, bytes } => match probe::answer(&self.host, bytes) {
                Some(bytes) if at.number == PORT => {
                    self.own.push_back(Output::Datagram { from: Port::unicast(PORT), to: from, bytes });
                }
                _ => self.datagram(now, at, from, bytes),
            },
            Input::Stream(id, part) => self.stream(now, id, part),
            Input::Timer => {
                for Resident { node, .. } in &mut self.residents {
                    if node.due().is_some_and(|due| due <= now) {
                        node.input(now, Input::Timer);
                    }
                }
            }
            Input::Order((overlay, command)) => {
                self.order(now, &overlay, command);
            }
            // Of a group that is no node's nobody is told.
            Input::Routing { group, announced } => {
                for resident in &mut self.residents {
                    if let Some(group) = resident.own(group) {
                        resident.node.input(now, Input::Routing { group, announced });
                    }
                }
            }
        }
    }

    fn output(&mut self) -> Option<Output<Did>> {
        if let Some(own) = self.own.pop_front() {
            return Some(own);
        }
        for whose in 0..self.residents.len() {
            while let Some(output) = self.residents[whose].node.output() {
                if let Some(output) = self.outward(whose, output) {
                    return Some(output);
                }
            }
        }
        None
    }

    fn due(&self) -> Option<Time> {
        self.residents.iter().filter_map(|resident| resident.node.due()).min()
    }
}
