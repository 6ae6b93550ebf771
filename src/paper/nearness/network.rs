//! Networks that experiments are done in.

use std::time::Duration;

use anyhow::{Result, anyhow};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::paper::setup::{Setup, read_network};
use crate::sim::{Delays, between_routers, read_round_trips};

/// The ChaCha stream that says who is where.
const DRAW: u64 = u64::from_be_bytes(*b"places\0\0");
/// Of a plane, and at most of measured hosts.
const NODES: usize = 300;
/// Nodes at each place of a Topology Zoo network.
const NODES_A_PLACE: usize = 4;

/// A network and what to call it.
pub(super) struct Network {
    pub(super) name: String,
    kind: Kind,
}

enum Kind {
    /// So many random points.
    Plane(usize),
    /// Hosts that somebody measured, of which so many have a node: another seed draws others.
    Hosts(Delays, usize),
    /// Routers, with several nodes at each.
    Routers(Delays),
}

impl Network {
    /// A plane, and what `--network` and `--rtt` name.
    pub(super) fn all(setup: &Setup) -> Result<Vec<Self>> {
        let mut networks = vec![Self { name: "a plane".into(), kind: Kind::Plane(setup.pick(NODES, 40)) }];
        for path in &setup.networks {
            let name =
                path.file_stem().map_or_else(|| path.display().to_string(), |s| s.to_string_lossy().into_owned());
            networks.push(Self { name, kind: Kind::Routers(between_routers(&read_network(path)?)) });
        }
        if let Some(path) = &setup.rtt {
            let delays = read_round_trips(path).map_err(|found| anyhow!("{found}"))?;
            let nodes = setup.pick(NODES, 40).min(delays.places());
            networks.push(Self { name: format!("{} hosts", delays.places()), kind: Kind::Hosts(delays, nodes) });
        }
        Ok(networks)
    }

    /// How many nodes it has place for.
    pub(super) fn nodes(&self) -> usize {
        match &self.kind {
            Kind::Plane(nodes) | Kind::Hosts(_, nodes) => *nodes,
            Kind::Routers(delays) => delays.places() * NODES_A_PLACE,
        }
    }

    /// Whether no two nodes are at the same place.
    pub(super) fn is_spread(&self) -> bool {
        !matches!(self.kind, Kind::Routers(_))
    }

    /// Whether its file says who is listed next to whom.
    pub(super) fn is_listed(&self) -> bool {
        matches!(self.kind, Kind::Hosts(..))
    }

    /// So many nodes at its places, drawn by the seed; the first joins first.
    pub(super) fn drawn(&self, nodes: usize, seed: u64) -> Delays {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(DRAW);
        match &self.kind {
            Kind::Plane(_) => Delays::random(nodes, seed),
            Kind::Hosts(delays, _) => {
                let mut order: Vec<usize> = (0..delays.places()).collect();
                order.shuffle(&mut rng);
                order.truncate(nodes);
                reordered(delays, &order)
            }
            // Host n is at place n modulo their number: whole rounds of places, the same in every round.
            Kind::Routers(delays) => {
                let mut order: Vec<usize> = (0..delays.places()).collect();
                order.shuffle(&mut rng);
                reordered(delays, &order)
            }
        }
    }

    /// Its nodes in the order of its file: neighbors in the file are often neighbors.
    pub(super) fn listed(&self, nodes: usize) -> Delays {
        match &self.kind {
            Kind::Plane(_) => Delays::random(nodes, 1),
            Kind::Hosts(delays, _) => reordered(delays, &(0..nodes.min(delays.places())).collect::<Vec<_>>()),
            Kind::Routers(delays) => delays.clone(),
        }
    }
}

fn reordered(delays: &Delays, order: &[usize]) -> Delays {
    // From a place to itself it is not looked at.
    let far = |a: usize, b: usize| if a == b { Duration::ZERO } else { delays.between(a, b) };
    Delays::of_one_way(order.len(), order.iter().flat_map(|a| order.iter().map(move |b| far(*a, *b))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_of_the_network_and_of_its_seed() {
        let all = Delays::of_round_trips(4, &(0..16).map(f64::from).collect::<Vec<f64>>());
        let network = Network { name: "four".into(), kind: Kind::Hosts(all.clone(), 4) };
        let three: Vec<Delays> = (1..=20).map(|seed| network.drawn(3, seed)).collect();
        let ways = |d: &Delays, n: usize| {
            let pairs = (0..n).flat_map(|a| (0..n).filter(move |b| *b != a).map(move |b| (a, b)));
            pairs.map(|(a, b)| d.between(a, b)).collect::<std::collections::BTreeSet<_>>()
        };
        assert!(three.iter().all(|d| d.places() == 3 && ways(d, 3).is_subset(&ways(&all, 4))));
        assert!(three.iter().any(|d| d.between(0, 1) != three[0].between(0, 1)));
    }
}
