//! What BGP will make of a lab, worked out from its configs alone: every router's best route, and who answers whom.
//!
//! - `what_if`: changes of what sites announce, ranked; `distance`: how long ways are
//! - `route`: a route, and which of two is better; `rules`: what filters do; `network`: sessions and OSPF's distances;
//!   `spread`: one prefix, until all is quiet; `walk`: where packets go then
//!
//! The inputs are those that configs are rendered from ([`crate::plan::speakers`]), so what is predicted is what the
//! configs say, not what the lab file meant. Times are not predicted, nor what depends on them: a route whose place
//! depends on the order of messages is named as such.

mod distance;
mod network;
mod route;
mod rules;
mod spread;
mod state;
#[cfg(test)]
mod tests;
mod walk;
pub mod what_if;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::plan::speakers;
use crate::routing::speaker::Speaker;
use crate::topology::{Family, GroupId, NodeId, NodeKind, Topology};
pub use distance::Distance;
use network::Network;
pub use route::Step;
use spread::{Spread, Table};
pub use state::State;

/// What is predicted of one prefix.
#[derive(Clone, Debug)]
pub struct Prediction {
    pub prefix: IpNet,
    pub group: GroupId,
    /// By router, gateway and route server; those without a route are not there.
    pub best: BTreeMap<NodeId, Best>,
    /// By client: the members that answer it. Several: equal ways, of which its packets take one.
    pub catchments: BTreeMap<NodeId, BTreeSet<NodeId>>,
    /// By client that is answered: how long the way to its member is.
    pub distances: BTreeMap<NodeId, Distance>,
    /// Routers whose choice depends on which of several routes came first.
    pub by_order: BTreeSet<NodeId>,
}

/// The route that a router uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Best {
    /// As BGP writes it: nearest AS first, without the own.
    pub path: Vec<u32>,
    /// Who brought it: a neighbor, another router of the AS, or a host.
    pub from: NodeId,
    /// The rule that set it apart from the next best one.
    pub step: Step,
    /// How many routes there are.
    pub of: usize,
}

/// A path as a daemon shows it.
pub fn written(path: &[u32]) -> String {
    path.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}

/// Why nothing can be said.
#[derive(Clone, Debug, thiserror::Error)]
#[error("routing does not settle: {router} changes its mind about {prefix} again and again")]
pub struct Unsettled {
    pub router: String,
    pub prefix: IpNet,
}

/// Predicts all groups, if every host announces that `announces`, and nothing is broken.
///
/// # Errors
/// Policies that have no stable outcome.
pub fn predict(topology: &Topology, announces: &dyn Fn(NodeId, GroupId) -> bool) -> Result<Vec<Prediction>, Unsettled> {
    predict_as_it_fell(topology, announces, &|_, _| None)
}

/// As [`predict`], but where only their order tells routes apart, a router uses the path that it is known to use.
///
/// # Errors
/// As [`predict`].
pub fn predict_as_it_fell(
    topology: &Topology,
    announces: &dyn Fn(NodeId, GroupId) -> bool,
    fell: &dyn Fn(NodeId, IpNet) -> Option<Vec<u32>>,
) -> Result<Vec<Prediction>, Unsettled> {
    predict_in(topology, &State { about: &|_| true, announces, silent: &BTreeSet::new(), cut: &BTreeSet::new(), fell })
}

/// Predicts the groups that the state is about.
///
/// # Errors
/// As [`predict`].
pub fn predict_in(topology: &Topology, state: &State<'_>) -> Result<Vec<Prediction>, Unsettled> {
    let announces = state.announces;
    let speakers: Vec<Option<Speaker>> = speakers::all(topology);
    let mut all = Vec::new();
    for family in topology.family.families() {
        let network = Network::of(topology, &speakers, *family, state);
        let mut tables: BTreeMap<IpNet, Vec<Option<Table>>> = BTreeMap::new();
        for prefix in prefixes(topology, *family, state.about) {
            let fell = |router| (state.fell)(router, prefix);
            let told = Spread::of(&network, prefix, &|host| announced(topology, host, prefix, announces), &fell);
            tables.insert(prefix, told.map_err(|id| Unsettled { router: topology.node(id).name.clone(), prefix })?);
        }
        for (index, group) in topology.groups.iter().enumerate().filter(|(index, _)| (state.about)(GroupId(*index))) {
            for (prefix, address) in group.prefixes().zip(&group.addresses) {
                if Family::of(*address) == *family {
                    let ways = ways(&tables, (*address).into());
                    all.push(prediction(topology, &network, prefix, GroupId(index), &tables[&prefix], &ways));
                }
            }
            // What somebody announces of it besides, as who takes it by halves does.
            for prefix in besides(topology, GroupId(index), *family) {
                let ways = ways(&tables, prefix);
                all.push(prediction(topology, &network, prefix, GroupId(index), &tables[&prefix], &ways));
            }
        }
    }
    Ok(all)
}

/// What packets to these addresses may follow, the longest prefix first.
fn ways(tables: &BTreeMap<IpNet, Vec<Option<Table>>>, to: IpNet) -> Vec<&[Option<Table>]> {
    let mut around: Vec<_> = tables.iter().filter(|(prefix, _)| prefix.contains(&to)).collect();
    around.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.prefix_len()));
    around.into_iter().map(|(_, tables)| &tables[..]).collect()
}

/// Prefixes that are announced for a group and are not its own.
fn besides(topology: &Topology, group: GroupId, family: Family) -> BTreeSet<IpNet> {
    let of_group = topology.originations.iter().filter(|it| it.group == group).map(|it| it.prefix);
    let own = &topology.groups[group.0];
    let others =
        of_group.filter(|prefix| Family::of(prefix.addr()) == family && own.prefixes().all(|own| own != *prefix));
    others.collect()
}

/// All that is announced and that packets to these groups may follow, by whomever.
fn prefixes(topology: &Topology, family: Family, about: &dyn Fn(GroupId) -> bool) -> BTreeSet<IpNet> {
    let wanted = topology.groups.iter().enumerate().filter(|(index, _)| about(GroupId(*index)));
    let wanted: Vec<IpAddr> = wanted.flat_map(|(_, group)| group.addresses.iter().copied()).collect();
    let groups = topology.groups.iter().flat_map(|group| group.prefixes().chain(group.at_hosts()));
    let gateways = topology.originations.iter().map(|origination| origination.prefix);
    let of_family = groups.chain(gateways).filter(|prefix| Family::of(prefix.addr()) == family);
    let leading = of_family.filter(|prefix| wanted.iter().any(|address| prefix.contains(address)));
    let about = (0..topology.groups.len()).map(GroupId).filter(|group| about(*group));
    leading.chain(about.flat_map(|group| besides(topology, group, family))).collect()
}

/// Whether a host announces a prefix: for one of its groups.
fn announced(topology: &Topology, host: NodeId, prefix: IpNet, announces: &dyn Fn(NodeId, GroupId) -> bool) -> bool {
    speakers::groups_of(topology, host)
        .any(|group| topology.groups[group.0].at_hosts().any(|own| own == prefix) && announces(host, group))
}

fn prediction(
    topology: &Topology,
    network: &Network<'_>,
    prefix: IpNet,
    group: GroupId,
    tables: &[Option<Table>],
    ways: &[&[Option<Table>]],
) -> Prediction {
    let mut best = BTreeMap::new();
    let mut by_order = BTreeSet::new();
    for (index, table) in tables.iter().enumerate() {
        let Some(table) = table else { continue };
        if !table.in_any_order {
            by_order.insert(NodeId(index));
        }
        if let Some((route, step)) = &table.best {
            let node = network.node(NodeId(index)).and_then(|node| node.sessions.get(route.session));
            let from = node.map_or(NodeId(index), |end| end.peer);
            let (path, of) = (route.path.clone(), table.routes.len());
            best.insert(NodeId(index), Best { path, from, step: *step, of });
        }
    }
    let gateways = topology.gateways();
    let clients = || topology.of_kind(|kind| kind == NodeKind::Client);
    let catchments = clients().map(|client| (client, walk::sites(topology, network, ways, gateways[&client])));
    let distance = |client| Some((client, walk::distance(topology, network, ways, client, gateways[&client])?));
    let distances = clients().filter_map(distance).collect();
    Prediction { prefix, group, best, catchments: catchments.collect(), distances, by_order }
}
