//! What filters do to a route: relations, and rules of sessions, as the configs have them.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::network::Node;
use super::route::{Exit, Learned, Route};
use crate::routing::speaker::{LIKING_HOST, LIKING_INVALID, Role, Router, RouterKind, Rule, Session, liking};
use crate::topology::{Community, NodeId, Relation, Rov, is_invalid};

/// What is said to a neighbor of another AS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) path: Vec<u32>,
    pub(super) med: u32,
    pub(super) communities: BTreeSet<Community>,
    /// To customers only (RFC 9234): the AS that said so.
    pub(super) otc: Option<u32>,
    /// Whose the next hop is, if not the speaker's: a route server's client.
    pub(super) across: Option<NodeId>,
}

/// Whether a route may be told at all (RFC 1997).
pub(super) fn may_leave(route: &Route, external: bool) -> bool {
    let bears = |community| route.communities.contains(&community);
    !(bears(Community::NO_ADVERTISE) || external && bears(Community::NO_EXPORT))
}

/// What a route server tells a client of another's route (RFC 7947 §2.2): all of it.
pub(super) fn passed_on(route: &Route, from: NodeId, router: &Router) -> Told {
    let Route { path, med, communities, .. } = route.clone();
    let otc = route.otc.or(router.roles.then_some(router.asn));
    Told { path, med, communities, otc, across: Some(from) }
}

/// What a route server makes of what a client tells it.
pub(super) fn taken(told: Told, router: &Router, base: Route) -> Option<Route> {
    // RFC 9234 §5: what is for customers only is not for route servers.
    if router.roles && told.otc.is_some() || told.path.contains(&router.asn) {
        return None;
    }
    let Told { path, med, communities, otc, .. } = told;
    Some(Route { path, med, communities, otc, ..base })
}

/// What an AS tells a neighbor that is `relation` to it.
pub(super) fn told(route: &Route, prefix: &IpNet, session: &Session, router: &Router) -> Option<Told> {
    let (relation, rules) = (session.relation?, &session.export);
    let (own, up) = (router.asn, relation != Relation::Customer);
    if up && !router.leaks && !matches!(route.learned, Learned::Own | Learned::Customer) {
        return None;
    }
    // RFC 9234 §5: whoever has a role does not pass on what is for customers only.
    if up && router.roles && route.otc.is_some() {
        return None;
    }
    let marks = router.roles && relation != Relation::Provider && session.role != Some(Role::RsClient);
    let otc = route.otc.or(marks.then_some(own));
    let mut path = route.path.clone();
    if router.kind == RouterKind::Gateway {
        path.retain(|asn| !(64512..=65534).contains(asn) && *asn < 4_200_000_000);
    }
    // A MED that was heard is not told to others (RFC 4271 §5.1.4).
    let mut said = Said { path, weight: 0, local_pref: 0, med: None, communities: route.communities.clone() };
    if !said.carry_out(rules, prefix, own) {
        return None;
    }
    let Said { mut path, med, communities, .. } = said;
    path.insert(0, own);
    Some(Told { path, med: med.unwrap_or(0), communities, otc, across: None })
}

/// What a router makes of what it is told.
pub(super) fn heard(told: Told, prefix: &IpNet, session: &Session, node: &Node<'_>, base: Route) -> Option<Route> {
    let (relation, rules, allowed) = (session.relation?, &session.import, session.guards.allow_own_as);
    let own = told.path.iter().filter(|asn| **asn == node.router.asn).count();
    if own > usize::from(allowed) {
        return None;
    }
    let invalid = node.router.rov != Rov::Off && is_invalid(node.roas, prefix, told.path.last().copied());
    if invalid && node.router.rov == Rov::Drop {
        return None;
    }
    let neighbor = Some(session.asn);
    let leaked = match relation {
        _ if session.role == Some(Role::RsClient) => false,
        Relation::Customer => told.otc.is_some(),
        Relation::Peer => told.otc.is_some() && told.otc != neighbor,
        Relation::Provider => false,
    };
    if node.router.roles && leaked {
        return None;
    }
    let marked = node.router.roles && relation != Relation::Customer;
    let otc = told.otc.or(neighbor.filter(|_| marked));
    let learned = match relation {
        Relation::Customer => Learned::Customer,
        Relation::Peer => Learned::Peer,
        Relation::Provider => Learned::Provider,
    };
    let leaves = told.communities.contains(&Community::GRACEFUL_SHUTDOWN);
    let liked = if invalid { LIKING_INVALID } else { liking(relation) };
    let local_pref = if leaves { 0 } else { liked };
    let Told { path, med, communities, .. } = told;
    let mut said = Said { path, weight: 0, local_pref, med: Some(med), communities };
    if !said.carry_out(rules, prefix, node.router.asn) {
        return None;
    }
    let Said { path, weight, local_pref, med, communities } = said;
    Some(Route { path, weight, local_pref, med: med.unwrap_or(0), communities, otc, learned, ..base })
}

/// What rules change.
struct Said {
    path: Vec<u32>,
    weight: u16,
    local_pref: u32,
    med: Option<u32>,
    communities: BTreeSet<Community>,
}

impl Said {
    /// False: rejected.
    fn carry_out(&mut self, rules: &[Rule], prefix: &IpNet, own: u32) -> bool {
        for Rule { which, then } in rules {
            let marked = which.communities.is_empty() || which.communities.iter().any(|c| self.communities.contains(c));
            let through = which.through.is_empty() || which.through.iter().any(|asn| self.path.contains(asn));
            if !(which.may_be(prefix) && marked && through) {
                continue;
            }
            self.path.splice(0..0, std::iter::repeat_n(own, usize::from(then.prepend)));
            self.weight = then.weight.unwrap_or(self.weight);
            self.local_pref = then.local_pref.unwrap_or(self.local_pref);
            self.med = then.med.or(self.med);
            self.communities.retain(|community| !then.remove.contains(community));
            self.communities.extend(&then.add);
            if then.reject {
                return false;
            }
        }
        true
    }
}

/// What a host's announcement is to its gateway, which may keep it to itself.
pub(super) fn of_host(host: u32, kept: bool, base: Route) -> Route {
    Route {
        path: vec![host],
        communities: kept.then_some(Community::NO_EXPORT).into_iter().collect(),
        local_pref: LIKING_HOST,
        learned: Learned::Customer,
        exit: Exit::Session(base.session),
        ..base
    }
}
