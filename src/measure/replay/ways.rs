//! Whole ways of packets by the kernels' routes, hop by hop, and where they end.
//!
//! Hosts forward nothing: a packet that gets to one stays there.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::measure::replay::index::Node;
use crate::measure::replay::network::Network;
use crate::scenario::Target;

/// Equal-cost routes multiply; more ways than this to one target are not told apart.
const MOST_WAYS: usize = 64;
/// Nor are more looked at for those that turn in no circle.
const MOST_TRIED: usize = 1024;

/// How a way ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Arrived,
    /// At its last node, which has no route, or is a host but not the one.
    NoRoute,
    /// At its last node, whose next hop is nobody known.
    Unknown,
    /// Its last node is on it already.
    Loop,
}

/// One way of a packet: the nodes on it, its ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) nodes: Vec<Node>,
    pub(crate) end: End,
}

/// Ways from one node, in the order of the routes' next hops.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    pub(crate) found: Vec<Way>,
    /// There are more than were asked for.
    pub(crate) more: bool,
}

impl Ways {
    fn of(mut all: impl Iterator<Item = Way>, most: usize) -> Self {
        let found = all.by_ref().take(most).collect();
        Self { found, more: all.next().is_some() }
    }

    /// All of them, if there are no more and every one arrives.
    pub(crate) fn arriving(self) -> Option<Vec<Vec<Node>>> {
        let fine = !self.more && self.found.iter().all(|way| way.end == End::Arrived);
        fine.then(|| self.found.into_iter().map(|way| way.nodes).collect())
    }
}

impl Network<'_> {
    /// The ways that the routes lead packets from a node to an address, one after the other.
    fn each_way(&self, from: Node, address: IpAddr, arrives: impl Fn(Node) -> bool) -> impl Iterator<Item = Way> {
        let mut open = vec![(vec![from], None)];
        std::iter::from_fn(move || {
            loop {
                let (nodes, end) = open.pop()?;
                let node = nodes[nodes.len() - 1];
                let next = if end.is_some() || arrives(node) || (nodes.len() > 1 && self.is_host(node)) {
                    Vec::new()
                } else {
                    self.next(node, address)
                };
                if next.is_empty() {
                    let reached = if arrives(node) { End::Arrived } else { End::NoRoute };
                    return Some(Way { nodes, end: end.unwrap_or(reached) });
                }
                open.extend(next.into_iter().rev().map(|next| match next {
                    None => (nodes.clone(), Some(End::Unknown)),
                    Some(next) => {
                        let end = nodes.contains(&next).then_some(End::Loop);
                        ([&nodes[..], &[next]].concat(), end)
                    }
                }));
            }
        })
    }

    /// To a group's address: they arrive at any host but the first node.
    fn each_way_to_host(&self, from: Node, address: IpAddr) -> impl Iterator<Item = Way> {
        self.each_way(from, address, move |node| self.is_host(node) && node != from)
    }

    /// The ways from a node to a group's address, `most` at most.
    pub(crate) fn ways_to_host(&self, from: Node, address: IpAddr, most: usize) -> Ways {
        Ways::of(self.each_way_to_host(from, address), most)
    }

    /// Those of them that turn in no circle: the nodes on each.
    pub(crate) fn straight_to_host(&self, from: Node, address: IpAddr, most: usize) -> Vec<Vec<Node>> {
        let tried = self.each_way_to_host(from, address).take(MOST_TRIED);
        tried.filter(|way| way.end != End::Loop).map(|way| way.nodes).take(most).collect()
    }

    /// Hosts that packets from a router to an address may reach; none if any branch ends before one, or
    /// where it leads is not known.
    pub(crate) fn ends(&self, from: Node, address: IpAddr) -> BTreeSet<Node> {
        let (mut open, mut met, mut ends) = (vec![from], BTreeSet::new(), BTreeSet::new());
        while let Some(node) = open.pop() {
            if !met.insert(node) {
                continue;
            }
            if self.is_host(node) {
                ends.insert(node);
                continue;
            }
            let next: Option<Vec<Node>> = self.next(node, address).into_iter().collect();
            match next.filter(|next| !next.is_empty()) {
                Some(next) => open.extend(next),
                None => return BTreeSet::new(),
            }
        }
        ends
    }

    /// Every way to a target; none if one of them ends before it, turns in a circle, or is over a link that
    /// is down.
    pub(crate) fn to(&self, from: Node, target: &Target) -> Vec<Vec<Node>> {
        match target {
            Target::Group(group) => {
                let address = self.targets().iter().find(|t| t.group == group).map(|t| t.address);
                address.map_or_else(Vec::new, |address| self.over_links(self.ways_to_host(from, address, MOST_WAYS)))
            }
            Target::Node(to) => self.node(to).map_or_else(Vec::new, |to| self.to_node(from, to)),
        }
    }

    /// By whichever address of the node there is a route to: BGP does not carry all of a router's.
    fn to_node(&self, from: Node, to: Node) -> Vec<Vec<Node>> {
        let addresses = self.addresses(to);
        let of_family = addresses.iter().filter(|a| a.is_ipv4() == addresses[0].is_ipv4());
        let mut ways = of_family.map(|address| Ways::of(self.each_way(from, *address, |node| node == to), MOST_WAYS));
        ways.find_map(|ways| Some(self.over_links(ways)).filter(|ways| !ways.is_empty())).unwrap_or_default()
    }

    fn over_links(&self, ways: Ways) -> Vec<Vec<Node>> {
        let up =
            |ways: &Vec<Vec<Node>>| ways.iter().flat_map(|way| way.windows(2)).all(|w| self.links().up(w[0], w[1]));
        ways.arriving().filter(up).unwrap_or_default()
    }

    /// Whether packets get from a node to the target, and the answers back, on every way.
    pub(crate) fn reachable(&self, from: Node, target: &Target) -> bool {
        let there = self.to(from, target);
        let ends: BTreeSet<Node> = there.iter().filter_map(|way| way.last().copied()).collect();
        let mut back = ends.into_iter().map(|end| self.to_node(end, from));
        let carried = |way: &Vec<Node>| way.windows(2).all(|w| self.links().carry(w[0], w[1]));
        let fine = |ways: &[Vec<Node>]| !ways.is_empty() && ways.iter().all(carried);
        fine(&there) && back.all(|ways| fine(&ways))
    }
}
