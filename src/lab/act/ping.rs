//! Echoes between nodes, and the round trips that they take.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;

use crate::kernel::ping::Pinger;
use crate::lab::Lab;
use crate::lab::walk::Walker;
use crate::physics::Egress;
use crate::record::What;
use crate::scenario::damage::Damage;
use crate::topology::{LinkId, NodeId};

/// Echoes per pair.
const ROUNDS: usize = 20;
/// Between two echoes: they shall not wait for one another.
const GAP: Duration = Duration::from_millis(2);

/// How long an echo may take besides the delays of the links, and how much of those is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(4);

pub(in crate::lab) type Pair = (NodeId, NodeId);

/// Pings every pair and records what it finds.
pub(super) async fn ping(lab: &Lab, nodes: &BTreeSet<NodeId>) {
    let pairs: Vec<Pair> = nodes.iter().flat_map(|a| nodes.iter().filter(move |b| a < *b).map(|b| (*a, *b))).collect();
    if let Err(error) = measure(lab, &pairs).await {
        lab.fail(format!("ping: {error:#}"));
    }
}

async fn measure(lab: &Lab, pairs: &[Pair]) -> Result<()> {
    let damage = lab.damage.lock().await.clone();
    // All rounds in one go: a pair that does not answer is waited for once.
    let times = lab.echo(&pairs.repeat(ROUNDS), GAP, &damage).await?;
    let mut round_trips = vec![Vec::new(); pairs.len()];
    for round in times.chunks(pairs.len()) {
        for (found, time) in round_trips.iter_mut().zip(round) {
            found.push(*time);
        }
    }
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

impl Lab {
    /// Round-trip times of one echo for each pair, in nanoseconds; the next one is sent `gap` later.
    pub(in crate::lab) async fn echo(
        &self,
        pairs: &[Pair],
        gap: Duration,
        damage: &Damage,
    ) -> Result<Vec<Option<u64>>> {
        let sources: Vec<NodeId> = pairs.iter().map(|(a, _)| *a).collect::<BTreeSet<_>>().into_iter().collect();
        let numbers: BTreeMap<NodeId, usize> = sources.iter().enumerate().map(|(i, node)| (*node, i)).collect();
        let bound = sources.iter().map(|node| (self.network.namespace(*node).clone(), self.address(*node))).collect();
        let pinger = Pinger::open(self.network.stepper(), bound).await?;
        let echoes = pairs.iter().map(|(a, b)| (numbers[a], self.address(*b))).collect();
        pinger.ping(echoes, gap, PATIENCE + self.longest_delay(damage)).await
    }

    /// The delays of all links, there and back, as they are now: more than any path has, and seldom much
    /// more than the longest.
    pub(in crate::lab) fn longest_delay(&self, damage: &Damage) -> Duration {
        let links = (0..self.topology.links.len()).map(|index| damage.link(LinkId(index), &self.topology));
        let delay = |egress: Egress| egress.impairment.delay + egress.impairment.jitter;
        links.map(|link| link.egress.map(delay).iter().sum::<Duration>()).sum::<Duration>().min(LONGEST)
    }

    pub(in crate::lab) fn address(&self, node: NodeId) -> IpAddr {
        self.plan().addresses.known(&self.topology, node, self.topology.family.families()[0])
    }
}
