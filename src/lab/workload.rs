//! What the overlays are asked all the time while a lab plays: lookups.

use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::{MissedTickBehavior, interval};

use super::Lab;
use crate::overlay::id::Id;

/// Looks random keys up from random members of an overlay, at its rate, for ever.
pub(super) async fn look_up(lab: Arc<Lab>, overlay: usize) {
    let overlay = &lab.topology.overlays[overlay];
    if overlay.lookups_per_second <= 0.0 {
        return;
    }
    let mut rng = stream_of(&lab, &overlay.name, "lookups");
    let mut ticks = interval(Duration::from_secs_f64(1.0 / overlay.lookups_per_second));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let members = lab.nodes.members(&overlay.name);
        if !members.is_empty() {
            let from = &members[rng.random_range(0..members.len())];
            lab.nodes.look_up(&overlay.name, from, Id(rng.random()));
        }
    }
}

/// A stream of random numbers for one purpose of one overlay.
fn stream_of(lab: &Lab, overlay: &str, purpose: &str) -> ChaCha8Rng {
    let seed = Id::hash(&[&lab.topology.seed.to_be_bytes(), overlay.as_bytes(), purpose.as_bytes()]);
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&seed.0.to_be_bytes());
    ChaCha8Rng::from_seed(bytes)
}
