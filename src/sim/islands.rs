//! Which hosts are of one island.

use std::collections::{BTreeMap, BTreeSet};

use crate::measure::Connectivity;

/// Connected components of members' links to others, the largest first. Whom a member links to and who is none does not
/// count.
pub(super) fn islands(members: &BTreeSet<usize>, links: impl Fn(usize) -> Vec<usize>) -> Vec<BTreeSet<usize>> {
    let mut graph = Connectivity::new(members.last().map_or(0, |last| last + 1));
    members.iter().for_each(|host| graph.insert(*host));
    for &host in members {
        links(host).into_iter().filter(|other| members.contains(other)).for_each(|other| graph.link(host, other));
    }
    let mut islands: BTreeMap<Option<usize>, BTreeSet<usize>> = BTreeMap::new();
    for &host in members {
        islands.entry(graph.component(host)).or_default().insert(host);
    }
    let mut islands: Vec<BTreeSet<usize>> = islands.into_values().collect();
    islands.sort_by_key(|island| (std::cmp::Reverse(island.len()), island.first().copied()));
    islands
}
