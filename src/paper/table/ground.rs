//! Networks in which infrastructures are compared: places, and how far apart they are.

use std::path::Path;

use anyhow::{Result, anyhow};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::anycast::Place;
use crate::paper::setup::{Setup, read_network};
use crate::sim::{Delays, SIDE_MS, between_routers, read_round_trips};
use crate::topology::NodeKind;

/// The ChaCha stream of random places.
const PLACES: u64 = u64::from_be_bytes(*b"ground\0\0");

/// A network, and what to call it.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) name: String,
    pub(super) delays: Delays,
    /// By place; empty if nobody knows.
    pub(super) places: Vec<Option<Place>>,
}

impl Ground {
    /// Random points, as far apart as they are.
    pub(super) fn plane(count: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(PLACES);
        let mut coordinate = || rng.random_range(0.0..SIDE_MS);
        let points: Vec<(f64, f64)> = (0..count).map(|_| (coordinate(), coordinate())).collect();
        let delays = Delays::of_points(points);
        Self { name: "a plane".into(), places: (0..count).map(|place| delays.place(place)).collect(), delays }
    }

    /// What `--network` and `--rtt` name.
    pub(super) fn given(setup: &Setup) -> Result<Vec<Self>> {
        let mut all = setup.networks.iter().map(|path| Self::of_graphml(path)).collect::<Result<Vec<_>>>()?;
        if let Some(path) = &setup.rtt {
            let delays = read_round_trips(path).map_err(|found| anyhow!("{found}"))?;
            all.push(Self { name: format!("{} hosts", delays.places()), places: vec![None; delays.places()], delays });
        }
        Ok(all)
    }

    fn of_graphml(path: &Path) -> Result<Self> {
        let topology = read_network(path)?;
        let places: Vec<_> = topology.of_kind(NodeKind::is_router).map(|router| topology.place(router)).collect();
        let name = path.file_stem().map_or_else(|| path.display().to_string(), |s| s.to_string_lossy().into_owned());
        Ok(Self { name, delays: between_routers(&topology), places })
    }

    pub(super) fn count(&self) -> usize {
        self.delays.places()
    }

    /// Whether all places are known.
    pub(super) fn has_places(&self) -> bool {
        self.places.iter().all(Option::is_some)
    }

    /// All places in random order.
    pub(super) fn shuffled(&self, seed: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.count()).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(PLACES);
        order.shuffle(&mut rng);
        order
    }
}
