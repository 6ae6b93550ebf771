//! What would become of clients if a site announced its group otherwise: each change by itself, ranked.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::distance::shortest;
use super::{Distance, State, Unsettled, predict_in};
use crate::topology::{
    AsId, Community, Direction, GroupId, LinkId, NodeId, NodeKind, Pattern, Policy, Then, Topology, Which, jain,
};

/// The most times that a site repeats its AS number: playbooks go no further, and paths in the Internet are shorter.
const MOST_PREPENDS: u8 = 5;

/// What a site does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It announces the group to nobody.
    Withdraw { site: AsId },
    /// It tells one neighbor otherwise.
    Tell { gateway: NodeId, link: LinkId, how: How },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Prepend(u8),
    /// The neighbor keeps it to itself (RFC 1997).
    NoExport,
    /// It is not told.
    Nothing,
}

/// What becomes of the clients of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The share of all clients that each site's members answer; several for one client divide it.
    pub loads: BTreeMap<AsId, f64>,
    pub unanswered: usize,
    /// Clients with other members than without the change.
    pub moved: usize,
    /// Jain's index of the loads of all sites that there are without the change.
    pub fairness: f64,
    /// Of the clients that are answered: how long the way to their member is, one way.
    pub delay: Duration,
    pub links: f64,
    /// That over the shortest way to any member, whatever routing says; of delays, or of links where there are none.
    pub stretch: f64,
    /// Where each client's packets come to.
    pub catchments: BTreeMap<NodeId, BTreeSet<NodeId>>,
}

/// By what changes are ranked, after how many clients are left without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// The fairest loads first.
    Balance,
    /// The shortest ways first.
    Distance,
}

/// Every change that sites of the group can make by themselves: each withdraws, and each tells each of its neighbors.
pub fn changes(topology: &Topology, group: GroupId) -> Vec<Change> {
    let mut all = Vec::new();
    for site in sites(topology, group) {
        all.push(Change::Withdraw { site });
        for link in topology.spoken(site) {
            let Some(gateway) = topology.gateway_at(site, link) else { continue };
            let prepends = (1..=MOST_PREPENDS).map(How::Prepend);
            let hows = prepends.chain([How::NoExport, How::Nothing]);
            all.extend(hows.map(|how| Change::Tell { gateway, link, how }));
        }
    }
    all
}

fn sites(topology: &Topology, group: GroupId) -> BTreeSet<AsId> {
    topology.groups[group.0].members.iter().map(|member| topology.node(*member).as_id).collect()
}

/// What there is without a change, and with each that routing settles after, the best first.
///
/// # Errors
/// Without a change routing does not settle.
pub fn rank(topology: &Topology, group: GroupId, aim: Aim) -> Result<(Outcome, Vec<(Change, Outcome)>), Unsettled> {
    let case = Case::of(topology, group);
    let now = case.outcome(topology, None, None)?;
    let mut ranked = Vec::new();
    for change in changes(topology, group) {
        // One that leads to no stable outcome is no advice.
        if let Ok(found) = case.after(&change, &now) {
            ranked.push((change, found));
        }
    }
    // In thousandths: what differs by less is equal, and stays in the order of the changes.
    let thousandths = |value: f64| (value * 1000.0).round() as i64;
    ranked.sort_by_cached_key(|(_, found)| {
        let (fair, far) = (Reverse(thousandths(found.fairness)), (found.delay, thousandths(found.links)));
        let fair_first = (aim == Aim::Balance).then_some(fair);
        (found.unanswered, fair_first, far, fair, found.moved)
    });
    Ok((now, ranked))
}

/// What is the same whatever is changed.
struct Case<'t> {
    topology: &'t Topology,
    group: GroupId,
    sites: BTreeSet<AsId>,
    /// From each client to every node.
    far: BTreeMap<NodeId, BTreeMap<NodeId, Distance>>,
}

impl<'t> Case<'t> {
    fn of(topology: &'t Topology, group: GroupId) -> Self {
        let clients = topology.of_kind(|kind| kind == NodeKind::Client);
        let far = clients.map(|client| (client, shortest(topology, client))).collect();
        Self { topology, group, sites: sites(topology, group), far }
    }

    fn after(&self, change: &Change, now: &Outcome) -> Result<Outcome, Unsettled> {
        let mut changed = self.topology.clone();
        match change {
            Change::Withdraw { site } => {
                let gateways = &self.topology.ases[site.0].routers;
                gateways.iter().for_each(|gateway| changed.stop_originating(*gateway, self.group));
                self.outcome(&changed, Some(*site), Some(now))
            }
            Change::Tell { gateway, link, how } => {
                let prefixes = self.topology.groups[self.group.0].prefixes();
                let prefixes = prefixes.map(|prefix| Pattern { prefix, longer: false }).collect();
                let (direction, which) = (Direction::Export, Which { prefixes, ..Which::default() });
                changed.policies.push(Policy { at: *gateway, link: *link, direction, which, then: how.then() });
                self.outcome(&changed, None, Some(now))
            }
        }
    }

    /// `gone`: a site that has withdrawn.
    fn outcome(&self, changed: &Topology, gone: Option<AsId>, before: Option<&Outcome>) -> Result<Outcome, Unsettled> {
        let group = &self.topology.groups[self.group.0];
        let site = |host: NodeId| self.topology.node(host).as_id;
        // Where the border announces, hosts go on telling it of their addresses.
        let announces = |host: NodeId, of: GroupId| of != self.group || group.by_border || gone != Some(site(host));
        let (none, about) = (BTreeSet::new(), |of: GroupId| of == self.group);
        let state =
            State { about: &about, announces: &announces, silent: &none, cut: &BTreeSet::new(), fell: &|_, _| None };
        // Clients probe the first family only.
        let found = predict_in(changed, &state)?.into_iter().next();
        let (catchments, distances) = found.map(|found| (found.catchments, found.distances)).unwrap_or_default();
        let mut loads: BTreeMap<AsId, f64> = self.sites.iter().map(|site| (*site, 0.0)).collect();
        let clients = catchments.len().max(1) as f64;
        for members in catchments.values() {
            for member in members {
                *loads.entry(site(*member)).or_default() += 1.0 / (members.len() as f64 * clients);
            }
        }
        let there = group.members.iter().copied().filter(|host| gone != Some(site(*host)));
        let there: BTreeSet<NodeId> = there.chain(catchments.values().flatten().copied()).collect();
        let nearest = |client: &NodeId| there.iter().filter_map(|member| self.far[client].get(member).copied()).min();
        let least = distances.keys().filter_map(nearest).reduce(|a, b| a + b);
        let answered = distances.len().max(1);
        let total = distances.values().copied().reduce(|a, b| a + b);
        let (delay, links) = total.map_or((Duration::ZERO, 0), |total| (total.delay, total.links));
        let stretch = match least {
            Some(least) if !least.delay.is_zero() => delay.as_secs_f64() / least.delay.as_secs_f64(),
            Some(least) => f64::from(links) / f64::from(least.links.max(1)),
            None => 1.0,
        };
        let is_moved = |(client, members): &(&NodeId, &BTreeSet<NodeId>)| {
            before.is_some_and(|before| before.catchments.get(client) != Some(members))
        };
        Ok(Outcome {
            unanswered: catchments.values().filter(|members| members.is_empty()).count(),
            moved: catchments.iter().filter(is_moved).count(),
            fairness: self.fairness(&loads),
            loads,
            delay: delay / u32::try_from(answered).unwrap_or(u32::MAX),
            links: f64::from(links) / answered as f64,
            stretch,
            catchments,
        })
    }

    /// Jain's index. A host that answers for the prefix of another group has a load, and is no site of this one.
    fn fairness(&self, loads: &BTreeMap<AsId, f64>) -> f64 {
        jain(self.sites.iter().map(|site| loads[site])).unwrap_or(0.0)
    }
}

impl How {
    fn then(self) -> Then {
        match self {
            Self::Prepend(prepend) => Then { prepend, ..Then::default() },
            Self::NoExport => Then { add: vec![Community::NO_EXPORT], ..Then::default() },
            Self::Nothing => Then { reject: true, ..Then::default() },
        }
    }
}
