//! Where packets go, from router to router, each by its own best route.

use std::collections::BTreeSet;
use std::time::Duration;

use super::distance::{Distance, step};
use super::network::{Kind, Network};
use super::route::{Exit, Route, Source};
use super::spread::Table;
use crate::topology::{NodeId, Topology};

/// The hosts that packets from this router may come to; none: nobody has a way, or they go in circles. Of `prefixes`,
/// the longest first, each router takes the first that it has a route to.
pub(super) fn sites(
    topology: &Topology,
    network: &Network<'_>,
    prefixes: &[&[Option<Table>]],
    from: NodeId,
) -> BTreeSet<NodeId> {
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::from([from]));
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        for next in next_hops(topology, network, prefixes, at) {
            match next {
                Hop::Site(host) => drop(found.insert(host)),
                Hop::Router(router) => {
                    if seen.insert(router) {
                        open.push(router);
                    }
                }
            }
        }
    }
    found
}

/// How far it is from a host of this router to the site that its packets come to: the way that `sites` would find
/// first, where there are several.
pub(super) fn distance(
    topology: &Topology,
    network: &Network<'_>,
    prefixes: &[&[Option<Table>]],
    host: NodeId,
    gateway: NodeId,
) -> Option<Distance> {
    let mut at = gateway;
    let mut total = Distance { delay: Duration::ZERO, links: 0 } + step(topology, host, at)?;
    let mut seen = BTreeSet::from([at]);
    loop {
        let next = next_hops(topology, network, prefixes, at).into_iter().next()?;
        let (Hop::Site(to) | Hop::Router(to)) = next;
        total = total + step(topology, at, to)?;
        match next {
            Hop::Site(_) => return Some(total),
            Hop::Router(_) if seen.insert(to) => at = to,
            Hop::Router(_) => return None,
        }
    }
}

enum Hop {
    Site(NodeId),
    Router(NodeId),
}

fn next_hops(topology: &Topology, network: &Network<'_>, prefixes: &[&[Option<Table>]], at: NodeId) -> Vec<Hop> {
    let tables = prefixes.iter().filter_map(|tables| tables.get(at.0)?.as_ref());
    let longest = tables.into_iter().find(|table| table.best.is_some());
    let (Some(node), Some(table)) = (network.node(at), longest) else { return Vec::new() };
    let hops = |(exit, session): (Exit, usize)| match exit {
        Exit::Here => Vec::new(),
        Exit::Host(host) => vec![Hop::Site(host)],
        Exit::Across(router) => vec![Hop::Router(router)],
        Exit::Session(_) => {
            let end = &node.sessions[session];
            vec![if end.kind == Kind::Host { Hop::Site(end.peer) } else { Hop::Router(end.peer) }]
        }
        Exit::Border(border) => {
            let first = node.first_hops.get(&border).cloned().unwrap_or_default();
            first.into_iter().map(Hop::Router).collect()
        }
    };
    ways(topology, table, at).into_iter().flat_map(hops).collect()
}

/// Where a router sends packets: its best route's way, or with multipath all that are as good.
fn ways(topology: &Topology, table: &Table, router: NodeId) -> Vec<(Exit, usize)> {
    let Some((best, _)) = &table.best else { return Vec::new() };
    let multipath = topology.ases[topology.node(router).as_id.0].multipath.on;
    let as_good = |route: &Route| multipath && route.source != Source::Static && route.is_as_good_as(best);
    let used = table.routes.iter().filter(|route| *route == best || as_good(route));
    used.map(|route| (route.exit, route.session)).collect()
}
