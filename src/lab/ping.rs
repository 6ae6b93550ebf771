//! Measures round trips between nodes.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;

use super::Lab;
use super::verify::Pair;
use super::walk::Walker;
use crate::event::What;
use crate::topology::{LinkId, NodeId};

/// Echoes per pair.
const ROUNDS: usize = 10;
/// Between two echoes: they shall not wait for one another.
const GAP: Duration = Duration::from_millis(2);

/// Pings every pair and records what it finds.
pub(super) async fn ping(lab: &Lab, nodes: &BTreeSet<NodeId>) {
    let pairs: Vec<Pair> = nodes.iter().flat_map(|a| nodes.iter().filter(move |b| a < *b).map(|b| (*a, *b))).collect();
    if let Err(error) = measure(lab, &pairs).await {
        lab.fail(format!("ping: {error:#}"));
    }
}

async fn measure(lab: &Lab, pairs: &[Pair]) -> Result<()> {
    // All rounds in one go: a pair that does not answer is waited for once.
    let times = lab.echo(&pairs.repeat(ROUNDS), GAP).await?;
    let mut round_trips = vec![Vec::new(); pairs.len()];
    for round in times.chunks(pairs.len()) {
        for (found, time) in round_trips.iter_mut().zip(round) {
            found.push(*time);
        }
    }
    let damage = lab.damage.lock().await.clone();
    let mut walker = Walker::new(lab, &damage).await?;
    let name = |node: NodeId| lab.topology.node(node).name.clone();
    let names = |links: Option<Vec<LinkId>>| -> Vec<String> {
        links.unwrap_or_default().iter().map(|link| lab.topology.links[link.0].name.clone()).collect()
    };
    for ((a, b), round_trips) in pairs.iter().zip(round_trips) {
        let (there, back) = (names(walker.walk(*a, *b).await?), names(walker.walk(*b, *a).await?));
        lab.recorder.now(What::Ping { from: name(*a), to: name(*b), there, back, round_trips });
    }
    Ok(())
}
