//! The sessions between the routers of a lab, as their configs have them, and what OSPF makes of an AS.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;

use ipnet::IpNet;

use super::state::State;
use crate::routing::speaker::{Origin, Router, Session, Speaker};
use crate::topology::{Addresses, Family, LinkId, LinkKind, NodeId, Roa, Topology};

/// What there is in one address family.
pub(super) struct Network<'s> {
    /// By node; `None`: no router.
    pub(super) routers: Vec<Option<Node<'s>>>,
}

pub(super) struct Node<'s> {
    pub(super) router: &'s Router,
    pub(super) originate: &'s [IpNet],
    pub(super) roas: &'s [Roa],
    /// What it announces of groups, and the host that packets go to then.
    pub(super) groups: Vec<(&'s Origin, Option<NodeId>)>,
    pub(super) sessions: Vec<End<'s>>,
    /// OSPF's cost to each router of the AS that it reaches.
    pub(super) distances: BTreeMap<NodeId, u32>,
    /// The neighbors that are first on a shortest way to each.
    pub(super) first_hops: BTreeMap<NodeId, Vec<NodeId>>,
}

/// One end of a session.
pub(super) struct End<'s> {
    pub(super) session: &'s Session,
    pub(super) kind: Kind,
    pub(super) peer: NodeId,
    /// Its number at the peer; of a host's, nothing.
    pub(super) other: usize,
    pub(super) peer_id: IpAddr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    External,
    Host,
    Internal,
}

impl<'s> Network<'s> {
    pub(super) fn of(topology: &Topology, speakers: &'s [Option<Speaker>], family: Family, state: &State<'_>) -> Self {
        let over = links(topology, family);
        let id = |name: &str| topology.find(name).expect("speakers are named after nodes");
        let router_id = |node: NodeId| match &speakers[node.0] {
            Some(Speaker::Router(router)) => router.router_id,
            Some(Speaker::Host(host)) => host.router_id,
            None => IpAddr::from([0, 0, 0, 0]),
        };
        let mut routers: Vec<Option<Node<'_>>> = Vec::with_capacity(speakers.len());
        for (index, speaker) in speakers.iter().enumerate() {
            let Some(Speaker::Router(router)) = speaker.as_ref().filter(|_| !state.silent.contains(&NodeId(index)))
            else {
                routers.push(None);
                continue;
            };
            let (distances, first_hops) = shortest(topology, NodeId(index), state);
            let of_family = router.families.iter().find(|of| of.name == family);
            let mut sessions = Vec::new();
            let mut add = |all: &'s [Session], kind| {
                for session in all {
                    let peer = id(&session.peer);
                    let lives = match (kind, session.local.zip(session.neighbor).and_then(|ends| over.get(&ends))) {
                        (Kind::Internal, _) => distances.contains_key(&peer),
                        (_, link) => link.is_none_or(|link| !state.cut.contains(link)),
                    };
                    if !lives || state.silent.contains(&peer) {
                        continue;
                    }
                    sessions.push(End { session, kind, peer, other: usize::MAX, peer_id: router_id(peer) });
                }
            };
            if let Some(of) = of_family {
                add(&of.external, Kind::External);
                add(&of.hosts, Kind::Host);
                add(&of.internal, Kind::Internal);
            }
            let originate = of_family.map_or(&[][..], |of| &of.originate);
            let roas = of_family.map_or(&[][..], |of| &of.roas);
            let behind =
                |via: IpAddr| sessions.iter().find(|end| end.session.neighbor == Some(via)).map(|end| end.peer);
            let groups = of_family.map_or(&[][..], |of| &of.groups).iter();
            let groups = groups.map(|origin| (origin, origin.via.and_then(behind))).collect();
            routers.push(Some(Node { router, originate, roas, groups, sessions, distances, first_hops }));
        }
        let mut network = Self { routers };
        network.connect();
        network
    }

    /// Finds the other end of each session: the one with the same addresses.
    fn connect(&mut self) {
        let mut ends: BTreeMap<(IpAddr, IpAddr), usize> = BTreeMap::new();
        for node in self.routers.iter().flatten() {
            for (number, end) in node.sessions.iter().enumerate() {
                if let (Some(local), Some(neighbor)) = (end.session.local, end.session.neighbor) {
                    ends.insert((local, neighbor), number);
                }
            }
        }
        for end in self.routers.iter_mut().flatten().flat_map(|node| &mut node.sessions) {
            if let (Some(local), Some(neighbor)) = (end.session.local, end.session.neighbor)
                && let Some(other) = ends.get(&(neighbor, local))
            {
                end.other = *other;
            }
        }
    }

    pub(super) fn node(&self, id: NodeId) -> Option<&Node<'s>> {
        self.routers.get(id.0)?.as_ref()
    }
}

/// The link between two addresses, from either end.
fn links(topology: &Topology, family: Family) -> BTreeMap<(IpAddr, IpAddr), usize> {
    let addresses = Addresses::of(topology);
    let ends = (0..topology.links.len()).flat_map(|index| {
        let (a, b) = addresses.link(LinkId(index), family);
        [((a.addr(), b.addr()), index), ((b.addr(), a.addr()), index)]
    });
    ends.collect()
}

type Shortest = (BTreeMap<NodeId, u32>, BTreeMap<NodeId, Vec<NodeId>>);

/// Costs and first hops from one router to all of its AS (Dijkstra).
fn shortest(topology: &Topology, from: NodeId, state: &State<'_>) -> Shortest {
    let mut links: BTreeMap<NodeId, Vec<(NodeId, u32)>> = BTreeMap::new();
    for (index, link) in topology.links.iter().enumerate() {
        let speaks = ![link.a, link.b].iter().any(|end| state.silent.contains(end)) && !state.cut.contains(&index);
        if let LinkKind::Internal { cost } = link.kind
            && speaks
            && topology.node(link.a).as_id == topology.node(from).as_id
        {
            links.entry(link.a).or_default().push((link.b, cost));
            links.entry(link.b).or_default().push((link.a, cost));
        }
    }
    let mut far: BTreeMap<NodeId, u32> = BTreeMap::from([(from, 0)]);
    let mut first: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
    let mut open = BinaryHeap::from([Reverse((0, from))]);
    while let Some(Reverse((cost, at))) = open.pop() {
        if far.get(&at).is_some_and(|known| *known < cost) {
            continue;
        }
        for (next, step) in links.get(&at).into_iter().flatten() {
            let (there, known) = (cost + step, far.get(next).copied().unwrap_or(u32::MAX));
            let by = if at == from { vec![*next] } else { first.get(&at).cloned().unwrap_or_default() };
            if there < known {
                far.insert(*next, there);
                first.insert(*next, by);
                open.push(Reverse((there, *next)));
            } else if there == known && *next != from {
                let hops = first.entry(*next).or_default();
                hops.extend(by);
                hops.sort();
                hops.dedup();
            }
        }
    }
    (far, first)
}
