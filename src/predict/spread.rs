//! One prefix, told from router to router until nobody has anything new to say.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use ipnet::IpNet;

use super::network::{Kind, Network, Node};
use super::route::{Exit, Learned, Route, Source, Step, best, ties};
use super::rules::{Told, heard, may_leave, of_host, passed_on, taken, told};
use crate::routing::speaker::RouterKind;
use crate::topology::NodeId;

/// Turns of one router after which nothing will settle any more.
const MOST_TURNS: usize = 1000;

/// What a router has in the end.
pub(super) struct Table {
    pub(super) routes: Vec<Route>,
    pub(super) best: Option<(Route, Step)>,
    /// Whether another order of the same messages could have led elsewhere.
    pub(super) in_any_order: bool,
}

/// A message to a peer.
#[derive(Clone, PartialEq)]
enum Message {
    External(Told),
    Internal(Route),
}

pub(super) struct Spread<'n, 's> {
    network: &'n Network<'s>,
    prefix: IpNet,
    /// By router, by session: several where all are told that may be.
    heard: Vec<BTreeMap<usize, Vec<Route>>>,
    sent: Vec<BTreeMap<usize, Vec<Message>>>,
    fell: &'n dyn Fn(NodeId) -> Option<Vec<u32>>,
}

impl<'n, 's> Spread<'n, 's> {
    /// # Errors
    /// The router that keeps changing its mind.
    pub(super) fn of(
        network: &'n Network<'s>,
        prefix: IpNet,
        announces: &dyn Fn(NodeId) -> bool,
        fell: &'n dyn Fn(NodeId) -> Option<Vec<u32>>,
    ) -> Result<Vec<Option<Table>>, NodeId> {
        let count = network.routers.len();
        let (heard, sent) = (vec![BTreeMap::new(); count], vec![BTreeMap::new(); count]);
        let mut spread = Self { network, prefix, heard, sent, fell };
        let mut queue: VecDeque<NodeId> = VecDeque::new();
        for (index, node) in network.routers.iter().enumerate() {
            let Some(node) = node else { continue };
            for (number, end) in node.sessions.iter().enumerate() {
                let sites = end.kind == Kind::Host && end.session.groups.contains(&prefix);
                if sites && announces(end.peer) {
                    let kept = end.session.kept.contains(&prefix);
                    let route = of_host(end.session.asn, kept, base(node, number));
                    spread.heard[index].insert(number, vec![route]);
                }
            }
            queue.push_back(NodeId(index));
        }
        let mut turns = vec![0; count];
        while let Some(id) = queue.pop_front() {
            turns[id.0] += 1;
            if turns[id.0] > MOST_TURNS {
                return Err(id);
            }
            for changed in spread.turn(id) {
                if !queue.contains(&changed) {
                    queue.push_back(changed);
                }
            }
        }
        Ok((0..count).map(|index| spread.table(NodeId(index))).collect())
    }

    fn routes(&self, id: NodeId) -> Vec<Route> {
        let Some(node) = self.network.node(id) else { return Vec::new() };
        let own = node.originate.contains(&self.prefix).then(|| Route {
            path: Vec::new(),
            learned: Learned::Own,
            source: Source::Static,
            exit: Exit::Here,
            session: usize::MAX,
            ..base(node, usize::MAX)
        });
        let of_groups = node.groups.iter().filter(|(origin, _)| origin.prefix == self.prefix);
        let of_groups = of_groups.map(|(origin, host)| Route {
            path: origin.claims.into_iter().collect(),
            communities: origin.communities.iter().copied().collect(),
            learned: Learned::Own,
            source: Source::Static,
            exit: host.map_or(Exit::Here, Exit::Host),
            session: usize::MAX,
            ..base(node, usize::MAX)
        });
        own.into_iter().chain(of_groups).chain(self.heard[id.0].values().flatten().cloned()).collect()
    }

    /// The best route, by which rule, and whether it is so in any order.
    fn best<'r>(&self, id: NodeId, routes: &'r [Route]) -> Option<(&'r Route, Step, bool)> {
        let (found, step, in_any_order) = best(routes)?;
        let fell = || (self.fell)(id);
        // What tells equal ones apart is which came first.
        let as_it_fell = if in_any_order {
            None
        } else {
            fell().and_then(|path| ties(found, routes).find(|route| route.path == path))
        };
        Some((as_it_fell.unwrap_or(found), step, in_any_order))
    }

    fn table(&self, id: NodeId) -> Option<Table> {
        self.network.node(id)?;
        let routes = self.routes(id);
        let (best, in_any_order) = match self.best(id, &routes) {
            Some((best, step, alone)) => (Some((best.clone(), step)), alone),
            None => (None, true),
        };
        Some(Table { routes, best, in_any_order })
    }

    /// A router decides, and tells; returns who has something new to think about.
    fn turn(&mut self, id: NodeId) -> Vec<NodeId> {
        let Some(node) = self.network.node(id) else { return Vec::new() };
        let routes = self.routes(id);
        let now = self.best(id, &routes).map(|(best, ..)| best);
        let mut changed = Vec::new();
        for (number, end) in node.sessions.iter().enumerate() {
            if end.kind == Kind::Host || end.other == usize::MAX {
                continue;
            }
            let messages: Vec<Message> = if node.router.kind == RouterKind::RouteServer {
                serve(node, number, &routes).into_iter().collect()
            } else {
                let all = routes.iter().filter(|_| end.session.add_paths);
                let told = all.chain(now.filter(|_| !end.session.add_paths));
                told.filter_map(|route| self.message(node, id, number, route)).collect()
            };
            let sent = self.sent[id.0].entry(number).or_default();
            if *sent == messages {
                continue;
            }
            sent.clone_from(&messages);
            let routes = messages.into_iter().filter_map(|message| self.receive(end.peer, end.other, message));
            let routes: Vec<Route> = routes.collect();
            let had = self.heard[end.peer.0].entry(end.other).or_default();
            if *had != routes {
                *had = routes;
                changed.push(end.peer);
            }
        }
        changed
    }

    /// What a session is told of a route; nothing: that it is not there.
    fn message(&self, node: &Node<'_>, id: NodeId, number: usize, route: &Route) -> Option<Message> {
        let end = &node.sessions[number];
        // BIRD tells nobody what it has from him.
        if route.session == number || !may_leave(route, end.kind == Kind::External) {
            return None;
        }
        if end.kind == Kind::External {
            return told(route, &self.prefix, end.session, node.router).map(Message::External);
        }
        let from = node.sessions.get(route.session);
        let mut route = route.clone();
        if route.source == Source::Internal {
            // A reflector tells its clients everything, and others what its clients have (RFC 4456).
            let from_client = from.is_some_and(|from| from.session.client);
            if !from_client && !end.session.client {
                return None;
            }
            route.clusters.insert(0, node.router.router_id);
        } else {
            // Next hop self.
            route.exit = Exit::Border(id);
            route.router_id = node.router.router_id;
            route.clusters.clear();
        }
        Some(Message::Internal(route))
    }

    fn receive(&self, at: NodeId, number: usize, message: Message) -> Option<Route> {
        let node = self.network.node(at)?;
        let end = &node.sessions[number];
        match message {
            Message::External(said) => {
                let exit = said.across.map_or(Exit::Session(number), Exit::Across);
                let base = Route { exit, source: Source::External, ..base(node, number) };
                if node.router.kind == RouterKind::RouteServer {
                    return taken(said, node.router, base);
                }
                heard(said, &self.prefix, end.session, node, base)
            }
            Message::Internal(said) => {
                let looped = said.router_id == node.router.router_id || said.clusters.contains(&node.router.router_id);
                let Exit::Border(border) = said.exit else { return None };
                let distance = *node.distances.get(&border)?;
                if looped {
                    return None;
                }
                Some(Route {
                    source: Source::Internal,
                    weight: 0,
                    session: number,
                    distance,
                    neighbor: end.session.neighbor?,
                    ..said
                })
            }
        }
    }
}

/// A route server tells each client the best that it has of others: of what a client is not told, the next best.
fn serve(node: &Node<'_>, number: usize, routes: &[Route]) -> Option<Message> {
    let of_others = routes.iter().filter(|route| route.session != number && may_leave(route, true));
    let of_others: Vec<Route> = of_others.cloned().collect();
    let (best, ..) = best(&of_others)?;
    let from = node.sessions.get(best.session)?.peer;
    Some(Message::External(passed_on(best, from, node.router)))
}

/// A route that came over a session of a router, before anything else is known of it.
fn base(node: &Node<'_>, session: usize) -> Route {
    let end = node.sessions.get(session);
    let nobody = IpAddr::from([0, 0, 0, 0]);
    Route {
        path: Vec::new(),
        weight: 0,
        local_pref: 100,
        med: 0,
        communities: Default::default(),
        otc: None,
        learned: Learned::Own,
        source: Source::External,
        exit: Exit::Here,
        session,
        compare_med: node.router.compare_med,
        prefer_older: node.router.prefer_older,
        distance: 0,
        router_id: end.map_or(nobody, |end| end.peer_id),
        clusters: Vec::new(),
        neighbor: end.and_then(|end| end.session.neighbor).unwrap_or(nobody),
    }
}
