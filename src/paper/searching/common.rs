//! What all parts of the page have in common.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::anycast::NodeConfig;
use crate::overlay::{Given, Protocol, Proximity};
use crate::paper::estimate::Estimate;
use crate::sim::{Options, World, settings};

/// The overlay that floods, in its older version: all nodes alike, and so many links opened by each.
pub(super) fn flooding(links: u64) -> Given {
    given("gnutella").with("version", "0.4").with("connections", links)
}

/// The same with ultrapeers and leaves.
pub(super) fn tiered(links: u64) -> Given {
    given("gnutella").with("connections", links)
}

/// The overlay in which requests walk.
pub(super) fn walking() -> Given {
    given("freenet")
}

/// Nodes that open links to whomever they hear of, wherever that is.
pub(super) fn given(protocol: &str) -> Given {
    settings(Protocol::named(protocol).unwrap_or_default(), Proximity::None)
}

/// A network of nodes of which each may be told something else, and that have joined and settled for ten rounds.
pub(super) fn grown(options: &Options, tell: impl Fn(usize, &mut NodeConfig)) -> World {
    let mut configs = options.configs();
    configs.iter_mut().enumerate().for_each(|(host, config)| tell(host, config));
    let mut world = World::of(options.deployed.kind, configs, options.seed, &options.network);
    world.join_all();
    world.run_for(options.stabilize_every * 10);
    world
}

/// What a part draws itself.
pub(super) fn draws(seed: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::from_be_bytes(*b"searches"));
    rng
}

/// One of these at random.
pub(super) fn any<T: Copy>(rng: &mut ChaCha8Rng, of: &[T]) -> T {
    of[rng.random_range(0..of.len())]
}

/// The mean over runs, of those that have a value.
pub(super) fn mean<R>(runs: &[R], value: impl Fn(&R) -> Option<f64>) -> Option<Estimate> {
    Estimate::mean(runs.iter().filter_map(value))
}

/// The mean of some numbers of one run.
pub(super) fn of_run(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    crate::measure::mean(values)
}
