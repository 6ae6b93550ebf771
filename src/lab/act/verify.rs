//! Whether a partition parts and a heal heals: shown by packets, and by the kernels' routes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Result, bail};
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use tokio::time::{Instant, sleep};

use super::ping::Pair;
use crate::lab::Lab;
use crate::lab::walk::Walker;
use crate::plan::reach::Reachability;
use crate::record::What;
use crate::scenario::damage::{Damage, ProcessState};
use crate::scenario::scope::members;
use crate::scenario::{Action, LinkAct};
use crate::topology::NodeId;

/// More pairs than this are drawn by the seed.
const MOST_PAIRS: usize = 4000;
/// Between two rounds of echoes to pairs that do not answer yet.
const AGAIN: Duration = Duration::from_millis(250);
/// The ChaCha stream of the draw.
const DRAW: u64 = u64::from_be_bytes(*b"verify\0\0");

impl Lab {
    /// Looks, in the background, whether a partition or its undo has taken effect; if not, the lab fails.
    pub(super) fn verify(self: &Arc<Self>, action: &Action, damage: &Damage) {
        let (parts, apart) = match action {
            Action::Link(LinkAct::Partition { parts, .. }) => (parts, true),
            Action::Link(LinkAct::Heal { parts }) => (parts, false),
            _ => return,
        };
        let side = members(parts, &self.topology);
        let (lab, action, damage) = (self.clone(), action.clone(), damage.clone());
        let number = self.faults.load(Ordering::Relaxed);
        self.background(async move {
            let begun = Instant::now();
            let done =
                if apart { lab.are_apart(&side, &damage, number).await } else { lab.are_whole(&damage, number).await };
            let text = action.display(&lab.topology).to_string();
            match done {
                Ok(found) => {
                    let seconds = begun.elapsed().as_secs_f64();
                    lab.recorder.now(What::Verified { action: text, seconds, found });
                }
                Err(error) => lab.fail(format!("`{text}` has not taken effect: {error:#}")),
            }
        });
    }

    /// Every pair across answers no echo, and no path of routes over living links leads across.
    async fn are_apart(&self, side: &BTreeSet<NodeId>, damage: &Damage, number: u64) -> Result<String> {
        let across = |a: NodeId, b: NodeId| side.contains(&a) != side.contains(&b);
        let pairs = self.draw_pairs(across);
        let answers = self.echo(&pairs, Duration::ZERO, damage).await?;
        if number != self.faults.load(Ordering::Relaxed) {
            return Ok("not verified: another fault came before the answers".to_owned());
        }
        if let Some(((a, b), _)) = pairs.iter().zip(&answers).find(|(_, answer)| answer.is_some()) {
            let names = [a, b].map(|id| &self.topology.node(*id).name);
            bail!("{} still answers {}", names[1], names[0]);
        }
        let mut walker = Walker::new(self, damage).await?;
        for (a, b) in &pairs {
            if let Some(path) = walker.walk(*a, *b).await? {
                let names: Vec<_> = path.iter().map(|link| &*self.topology.links[link.0].name).collect();
                bail!("routes lead across: {}", names.join(", "));
            }
        }
        Ok(format!("{} pairs: no echo, no path", pairs.len()))
    }

    /// Every pair that should reach each other does, as soon as routing has had its time.
    async fn are_whole(&self, damage: &Damage, number: u64) -> Result<String> {
        if let Some(name) = self.without_routing(damage) {
            return Ok(format!("not verified: the {} of {name} does not run", self.fleet.title()));
        }
        let reach = Reachability::of(&self.topology, &damage.unanswering_links(&self.topology));
        let expected = |a: NodeId, b: NodeId| reach.expects(&self.topology, a, b) == Some(true);
        let mut missing = self.draw_pairs(expected);
        let all = missing.len();
        let limit = self.routing_takes_at_most();
        let deadline = Instant::now() + limit;
        loop {
            let answers = self.echo(&missing, Duration::ZERO, damage).await?;
            if number != self.faults.load(Ordering::Relaxed) {
                return Ok("not verified: another fault came before routing had converged".to_owned());
            }
            let silent = missing.into_iter().zip(answers).filter(|(_, answer)| answer.is_none());
            missing = silent.map(|(pair, _)| pair).collect();
            let Some((a, b)) = missing.first() else { return Ok(format!("{all} of {all} pairs answer")) };
            if Instant::now() > deadline {
                let names = [a, b].map(|id| &self.topology.node(*id).name);
                let (silent, limit) = (missing.len(), limit.as_secs());
                bail!("{silent} of {all} pairs do not answer within {limit} s, such as {} to {}", names[0], names[1]);
            }
            sleep(AGAIN).await;
        }
    }

    fn without_routing(&self, damage: &Damage) -> Option<&str> {
        let runs = |id: &NodeId| damage.routing(*id, &self.topology) == ProcessState::Running;
        let stopped = self.topology.of_kind(|k| k.speaks_bgp()).find(|id| !runs(id))?;
        Some(&self.topology.node(stopped).name)
    }

    /// The pairs meant, each once, or some of them drawn by the seed.
    fn draw_pairs(&self, meant: impl Fn(NodeId, NodeId) -> bool) -> Vec<Pair> {
        let all = self.topology.ids().flat_map(|a| self.topology.ids().filter(move |b| a < *b).map(move |b| (a, b)));
        let pairs: Vec<Pair> = all.filter(|(a, b)| meant(*a, *b)).collect();
        if pairs.len() <= MOST_PAIRS {
            return pairs;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.topology.seed);
        rng.set_stream(DRAW);
        pairs.sample(&mut rng, MOST_PAIRS).copied().collect()
    }
}
