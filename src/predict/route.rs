//! A route as a router has it, and which of two a BIRD likes better.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use crate::topology::{Community, NodeId};

/// Where a route entered the AS: what the configs' large communities say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learned {
    Own,
    Customer,
    Peer,
    Provider,
}

/// Who brought it to this router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Its own config.
    Static,
    External,
    Internal,
}

/// Where packets leave this router's AS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Here,
    /// To a host behind this router, whatever that host says.
    Host(NodeId),
    /// Over a session of this router.
    Session(usize),
    /// To another router at an exchange, whose route came from the route server.
    Across(NodeId),
    /// At another router of the AS.
    Border(NodeId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) path: Vec<u32>,
    /// Of this router's alone: no session tells it on.
    pub(super) weight: u16,
    pub(super) local_pref: u32,
    pub(super) med: u32,
    pub(super) communities: BTreeSet<Community>,
    /// To customers only (RFC 9234).
    pub(super) otc: Option<u32>,
    pub(super) learned: Learned,
    pub(super) source: Source,
    pub(super) exit: Exit,
    /// The session that it came over.
    pub(super) session: usize,
    /// Its router compares MEDs whoever they are of.
    pub(super) compare_med: bool,
    /// Ties with other external routes go by age, of which nothing is known.
    pub(super) prefer_older: bool,
    /// OSPF's cost to the exit; 0 where it is this router.
    pub(super) distance: u32,
    /// Of the neighbor, or of the router that a reflected route came into the AS at.
    pub(super) router_id: IpAddr,
    /// Reflectors that it has passed.
    pub(super) clusters: Vec<IpAddr>,
    pub(super) neighbor: IpAddr,
}

/// The rule that tells two routes apart (RFC 4271 §9.1.2.2, as BIRD has it: `rte_better`, `bgp_rte_better`). Weights
/// come before all else where there are some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// There is one route only.
    Only,
    Weight,
    /// The router's own.
    Preference,
    LocalPreference,
    PathLength,
    Med,
    External,
    Distance,
    RouterId,
    Clusters,
    Neighbor,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Only => "the only route",
            Self::Weight => "weight",
            Self::Preference => "the router's own",
            Self::LocalPreference => "local preference",
            Self::PathLength => "length of the AS path",
            Self::Med => "MED",
            Self::External => "learned from another AS, not inside",
            Self::Distance => "distance to the exit",
            Self::RouterId => "lower router id",
            Self::Clusters => "fewer reflectors",
            Self::Neighbor => "lower address of the neighbor",
        })
    }
}

impl Route {
    /// Which is better (`Greater`: this one), and by which rule.
    pub(super) fn against(&self, other: &Self) -> (Ordering, Step) {
        let lower = |a: u32, b: u32| b.cmp(&a);
        let own = |route: &Self| route.source == Source::Static;
        let internal = |route: &Self| route.source == Source::Internal;
        let same_neighbor = self.path.first() == other.path.first();
        let rules = [
            (self.weight.cmp(&other.weight), Step::Weight),
            (own(self).cmp(&own(other)), Step::Preference),
            (self.local_pref.cmp(&other.local_pref), Step::LocalPreference),
            (other.path.len().cmp(&self.path.len()), Step::PathLength),
            (if same_neighbor || self.compare_med { lower(self.med, other.med) } else { Ordering::Equal }, Step::Med),
            (internal(other).cmp(&internal(self)), Step::External),
            (lower(self.distance, other.distance), Step::Distance),
            (other.router_id.cmp(&self.router_id), Step::RouterId),
            (other.clusters.len().cmp(&self.clusters.len()), Step::Clusters),
            (other.neighbor.cmp(&self.neighbor), Step::Neighbor),
        ];
        rules.into_iter().find(|(order, _)| order.is_ne()).unwrap_or((Ordering::Equal, Step::Neighbor))
    }

    /// Whether multipath uses both: equal in all that comes before router ids.
    pub(super) fn is_as_good_as(&self, other: &Self) -> bool {
        let (order, step) = self.against(other);
        order.is_eq() || step > Step::Distance
    }
}

/// The first among those that nothing but their order tells from the best, if these have several paths: those of one
/// neighbor that tells of all it has.
pub(super) fn ties<'r>(best: &'r Route, routes: &'r [Route]) -> impl Iterator<Item = &'r Route> {
    routes.iter().filter(move |route| route.against(best).0.is_eq())
}

/// The best of some routes, by which rule it beat the one that came nearest, and whether every other is worse by
/// itself: if not, as with MEDs of several neighbors, it depends on which came first.
pub(super) fn best(routes: &[Route]) -> Option<(&Route, Step, bool)> {
    let (first, rest) = routes.split_first()?;
    let best = rest.iter().fold(first, |best, route| if route.against(best).0.is_gt() { route } else { best });
    let others = routes.iter().filter(|route| !std::ptr::eq(*route, best));
    let against: Vec<_> = others.map(|route| best.against(route)).collect();
    let step = against.iter().map(|(_, step)| *step).max().unwrap_or(Step::Only);
    let others = routes.iter().filter(|route| !std::ptr::eq(*route, best));
    let by_age = |other: &Route, step: Step| {
        let external = [best, other].iter().all(|route| route.source == Source::External);
        best.prefer_older && external && step >= Step::RouterId
    };
    let clear = others.zip(&against).all(|(other, (order, step))| order.is_gt() && !by_age(other, *step));
    Some((best, step, clear))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(neighbor_as: u32, med: u32, id: u8) -> Route {
        Route {
            path: vec![neighbor_as, 9],
            weight: 0,
            local_pref: 100,
            med,
            communities: BTreeSet::new(),
            otc: None,
            learned: Learned::Customer,
            source: Source::External,
            exit: Exit::Here,
            session: 0,
            compare_med: false,
            prefer_older: false,
            distance: 0,
            router_id: IpAddr::from([10, 0, 0, id]),
            clusters: Vec::new(),
            neighbor: IpAddr::from([10, 1, 0, id]),
        }
    }

    #[test]
    fn where_age_decides_the_order_of_messages_does() {
        let routes = |older| [1, 2].map(|id| Route { prefer_older: older, ..route(u32::from(id), 0, id) });
        assert!(best(&routes(false)).is_some_and(|(_, _, clear)| clear));
        assert!(best(&routes(true)).is_some_and(|(_, _, clear)| !clear));
        let [first, second] = routes(true);
        let longer = Route { path: vec![2, 3, 9], ..second };
        assert!(best(&[first, longer]).is_some_and(|(_, _, clear)| clear), "their age is not asked for");
    }

    #[test]
    fn meds_of_several_neighbors_may_go_in_a_circle() {
        let (low, other, high) = (route(1, 20, 1), route(2, 0, 2), route(1, 10, 3));
        // The first beats the second by its id, the second the third, and the third the first by its MED.
        assert_eq!(low.against(&other), (Ordering::Greater, Step::RouterId));
        assert_eq!(other.against(&high), (Ordering::Greater, Step::RouterId));
        assert_eq!(high.against(&low), (Ordering::Greater, Step::Med));
        let (.., alone) = best(&[low.clone(), other.clone(), high]).expect("there are three");
        assert!(!alone);
        let pair = [low.clone(), other];
        let (first, step, alone) = best(&pair).expect("there are two");
        assert_eq!((first, step, alone), (&low, Step::RouterId, true));
    }
}
