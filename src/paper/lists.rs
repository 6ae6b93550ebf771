//! Neighbor lists: how good they are, and how good theory expects them to be.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::network::Network;
use crate::anycast::Coloring;
use crate::overlay::{Protocol, Proximity};
use crate::sim::{Options, World, settings};

/// Of how many nearest neighbors the recall is.
const NEAREST: usize = 8;
/// Length of copied lists.
const LIST: usize = 16;

/// How good the lists of all members are, on average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    /// Share of members whose true nearest neighbor is on their list.
    pub(super) nearest: f64,
    /// Rank of the nearest on the list among all others, 1 being the nearest of all.
    pub(super) rank: f64,
    /// How many of the eight nearest are on the list.
    pub(super) recall: f64,
}

/// Lists that are copied at the join.
pub(super) struct Model {
    pub(super) told: bool,
    pub(super) found: Found,
}

/// What theory expects of `k` random colors and ideal anycast: the j-th nearest is found if it has another
/// color than oneself and is the first of its color, (1 − 1/k)^j.
pub(super) fn predicted(k: u16) -> Found {
    let k = f64::from(k);
    let recall = (k - 1.0) * (1.0 - (1.0 - 1.0 / k).powi(NEAREST as i32));
    Found { nearest: 1.0 - 1.0 / k, rank: k / (k - 1.0), recall }
}

/// Joins the overlay node by node in the simulated network and looks at what each member's questions to
/// the colors it does not announce are answered by.
pub(super) fn measured(network: &Network, colors: u16, coloring: Coloring, seed: u64) -> Found {
    let mut options = Options::of(network.nodes, settings(Protocol::default(), Proximity::None), seed);
    options.network.delays = network.delays.clone();
    options.colors = colors;
    options.coloring = coloring;
    let mut world = World::new(&options);
    world.join_all();
    world.run_for(Duration::from_secs(5));
    let announced: BTreeMap<usize, u16> =
        world.members().iter().filter_map(|host| Some((*host, world.sim().machine(*host)?.digest().color?))).collect();
    let lists = announced.iter().map(|(&host, own)| {
        // As the simulated network delivers: to the nearest that announces it.
        let answers = (0..colors).filter(|c| c != own).filter_map(|color| {
            let of = announced.iter().filter(|(_, c)| **c == color).map(|(host, _)| *host);
            of.min_by_key(|other| (network.delays.between(host, *other), *other))
        });
        (host, answers.collect::<Vec<usize>>())
    });
    let lists: Vec<(usize, Vec<usize>)> = lists.collect();
    judged(network, &lists)
}

/// Nodes join one after another, each through the nearest member, and copy its list.
pub(super) fn inherited(network: &Network, told: bool, seed: u64) -> Model {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..network.nodes).collect();
    order.shuffle(&mut rng);
    let by_distance = |from: usize, list: &mut Vec<usize>| {
        list.sort_by_key(|other| (network.delays.round_trip(from, *other), *other));
        list.dedup();
        list.truncate(LIST);
    };
    let mut lists: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &joiner in &order {
        let nearest = lists.keys().copied().min_by_key(|m| (network.delays.between(joiner, *m), *m));
        let mut list: Vec<usize> = nearest.into_iter().chain(nearest.iter().flat_map(|n| lists[n].clone())).collect();
        by_distance(joiner, &mut list);
        if told {
            for other in &list {
                let theirs = lists.entry(*other).or_default();
                theirs.push(joiner);
                by_distance(*other, theirs);
            }
        }
        lists.insert(joiner, list);
    }
    let lists: Vec<(usize, Vec<usize>)> = lists.into_iter().collect();
    Model { told, found: judged(network, &lists) }
}

/// Judges lists by the true distances. Of two that are equally near either is the nearer.
fn judged(network: &Network, lists: &[(usize, Vec<usize>)]) -> Found {
    let mut found = Found { nearest: 0.0, rank: 0.0, recall: 0.0 };
    let mut counted = 0.0;
    for (host, list) in lists {
        let distance = |other: &usize| network.delays.between(*host, *other);
        let mut all: Vec<Duration> = lists.iter().map(|(o, _)| o).filter(|o| *o != host).map(distance).collect();
        all.sort_unstable();
        let (Some(nearest), Some(best)) = (all.first(), list.iter().map(distance).min()) else { continue };
        let eighth = all[NEAREST.min(all.len()) - 1];
        counted += 1.0;
        found.nearest += f64::from(u8::from(best <= *nearest));
        found.rank += all.partition_point(|d| *d < best) as f64 + 1.0;
        let near = list.iter().filter(|o| distance(o) <= eighth).count();
        found.recall += near.min(NEAREST) as f64;
    }
    let mean = |sum: f64| if counted > 0.0 { sum / counted } else { 0.0 };
    Found { nearest: mean(found.nearest), rank: mean(found.rank), recall: mean(found.recall) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Delays;

    #[test]
    fn closed_forms() {
        let four = predicted(4);
        assert_eq!((four.nearest, four.rank), (0.75, 4.0 / 3.0));
        assert!((four.recall - 2.70).abs() < 0.01);
    }

    #[test]
    fn lists_are_judged_by_the_true_distances() {
        let points = (0..12).map(|n| (f64::from(n), 0.0)).collect();
        let network = Network { name: "a line".into(), delays: Delays::of_points(points), nodes: 12 };
        let full: Vec<(usize, Vec<usize>)> = (0..12).map(|h| (h, (0..12).filter(|o| *o != h).collect())).collect();
        let Found { nearest, rank, recall } = judged(&network, &full);
        assert_eq!((nearest, rank), (1.0, 1.0));
        assert_eq!(recall, 8.0);
        let far: Vec<(usize, Vec<usize>)> = (0..12).map(|h| (h, vec![(h + 6) % 12])).collect();
        let poor = judged(&network, &far);
        assert!(poor.nearest == 0.0 && poor.rank > 4.0 && poor.recall < 1.0, "{poor:?}");
    }
}
