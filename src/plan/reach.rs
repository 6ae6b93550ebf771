//! Which routes every router should end up with, from the relations between ASes alone.

use std::collections::{BTreeSet, VecDeque};

use crate::topology::{AsId, Link, LinkKind, NodeId, NodeKind, Relation, Topology};

/// For each AS, the ASes whose routes reach it over a valley-free path (Gao and Rexford): up through
/// providers, across at most one peer link, down through customers.
///
/// The links in `cut` do not count.
pub fn valley_free(topology: &Topology, cut: &BTreeSet<usize>) -> Vec<BTreeSet<AsId>> {
    let neighbors = neighbors(topology, cut);
    let mut heard = vec![BTreeSet::new(); topology.ases.len()];
    for origin in 0..topology.ases.len() {
        for receiver in spread(&neighbors, origin) {
            heard[receiver].insert(AsId(origin));
        }
    }
    heard
}

/// Which nodes should reach each other, from relations and from the links that carry something.
pub struct Reachability {
    heard: Vec<BTreeSet<AsId>>,
    /// Nodes connected by links inside their AS.
    parts: Vec<usize>,
    /// Transit ASes whose routers are not all connected: what is beyond them cannot be said.
    split: bool,
}

impl Reachability {
    /// The links in `dead` do not count.
    pub fn of(topology: &Topology, dead: &BTreeSet<usize>) -> Self {
        let mut parts: Vec<usize> = (0..topology.nodes.len()).collect();
        let inner = topology.links.iter().enumerate().filter(|(index, link)| {
            !matches!(link.kind, LinkKind::External(_) | LinkKind::Port) && !dead.contains(index)
        });
        for (_, link) in inner {
            let (kept, merged) = (parts[link.a.0], parts[link.b.0]);
            parts.iter_mut().filter(|part| **part == merged).for_each(|part| *part = kept);
        }
        let whole = |routers: &[NodeId]| routers.iter().all(|r| parts[r.0] == parts[routers[0].0]);
        let split = topology.ases.iter().any(|a| !a.stub && !whole(&a.routers));
        Self { heard: valley_free(topology, dead), parts, split }
    }

    /// Whether the two should reach each other; `None`: that cannot be said. Transit routers have no
    /// address that other ASes know.
    pub fn expects(&self, topology: &Topology, a: NodeId, b: NodeId) -> Option<bool> {
        let (of_a, of_b) = (topology.node(a).as_id, topology.node(b).as_id);
        if of_a == of_b {
            return Some(self.parts[a.0] == self.parts[b.0]);
        }
        if !topology.ases[of_a.0].stub || !topology.ases[of_b.0].stub {
            return Some(false);
        }
        // Of a gateway without hosts, other ASes know no address.
        if ![a, b].iter().all(|node| is_known(topology, *node)) {
            return Some(false);
        }
        let whole = |own: AsId| {
            let mut parts = topology.ases[own.0].routers.iter().map(|router| self.parts[router.0]);
            let first = parts.next();
            parts.all(|part| Some(part) == first)
        };
        if self.split || !whole(of_a) || !whole(of_b) {
            return None;
        }
        let at_gateway = |node: NodeId, own: AsId| self.parts[node.0] == self.parts[topology.ases[own.0].routers[0].0];
        let hear = self.heard[of_a.0].contains(&of_b) && self.heard[of_b.0].contains(&of_a);
        Some(hear && at_gateway(a, of_a) && at_gateway(b, of_b))
    }
}

fn is_known(topology: &Topology, node: NodeId) -> bool {
    let access = |link: &Link| link.kind == LinkKind::Access && link.a == node;
    topology.node(node).kind.is_host() || topology.links.iter().any(access)
}

/// `[as] = (neighbor, what the neighbor is to the AS)`.
fn neighbors(topology: &Topology, cut: &BTreeSet<usize>) -> Vec<Vec<(usize, Relation)>> {
    let mut all = vec![Vec::new(); topology.ases.len()];
    for (index, link) in topology.links.iter().enumerate() {
        if let LinkKind::External(relation) = link.kind
            && !topology.is_exchange(link.b)
            && !cut.contains(&index)
        {
            let (a, b) = (topology.node(link.a).as_id.0, topology.node(link.b).as_id.0);
            all[a].push((b, relation));
            all[b].push((a, relation.reversed()));
        }
    }
    // Who speaks to a route server is the peer of all who do.
    for exchange in topology.of_kind(|kind| kind == NodeKind::Exchange) {
        let spoken = topology.ports(exchange).filter(|(id, port)| port.kind != LinkKind::Port && !cut.contains(&id.0));
        let members: Vec<usize> = spoken.map(|(_, port)| topology.node(port.a).as_id.0).collect();
        for member in &members {
            all[*member].extend(members.iter().filter(|other| *other != member).map(|other| (*other, Relation::Peer)));
        }
    }
    all
}

/// Everyone who hears a route of `origin`. A route climbs (state 0) until it has crossed a peer link
/// or gone down once (state 1); from then on it only goes down.
fn spread(neighbors: &[Vec<(usize, Relation)>], origin: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::from([(origin, 0)]);
    let mut queue = VecDeque::from([(origin, 0)]);
    while let Some((at, state)) = queue.pop_front() {
        for (next, relation) in &neighbors[at] {
            let step = match (relation, state) {
                (Relation::Provider, 0) => Some((*next, 0)),
                (Relation::Peer, 0) | (Relation::Customer, _) => Some((*next, 1)),
                _ => None,
            };
            if let Some(step) = step
                && seen.insert(step)
            {
                queue.push_back(step);
            }
        }
    }
    seen.into_iter().map(|(receiver, _)| receiver).collect()
}
