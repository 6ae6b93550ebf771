//! Which core nodes are alive, as one of them knows it: by gossip, and by nothing else.
//!
//! Each counts its own version up, and tells others the newest that it has heard of each. Who has not counted up for
//! a while is gone, until it does.

use std::time::Duration;

use rand::Rng;
use rand::seq::IteratorRandom;

use crate::machine::Time;

/// Most versions in a message.
const MOST: usize = 64;
/// Most core nodes that one has a view of.
pub(super) const MAX_NODES: usize = 1024;

pub(super) struct View {
    me: usize,
    silence: Duration,
    /// The newest version of each, and when it was heard of.
    heard: Vec<Option<(u64, Time)>>,
    alive: Vec<bool>,
}

impl View {
    /// Of so many core nodes, of which it knows only itself.
    pub(super) fn new(me: usize, nodes: usize, silence: Duration, now: Time) -> Self {
        let nodes = nodes.min(MAX_NODES);
        let mut view = Self { me, silence, heard: vec![None; nodes], alive: vec![false; nodes] };
        view.count(now);
        if let Some(alive) = view.alive.get_mut(me) {
            *alive = true;
        }
        view
    }

    /// Its own version: the time, so that it grows over a restart.
    pub(super) fn count(&mut self, now: Time) {
        let Some(own) = self.heard.get_mut(self.me) else { return };
        let next = own.map_or(0, |(version, _)| version + 1);
        *own = Some((next.max(u64::try_from(now.0.as_millis()).unwrap_or(u64::MAX / 2)), now));
    }

    pub(super) fn versions(&self, rng: &mut impl Rng) -> Vec<(u16, u64)> {
        let own = self.heard.get(self.me).copied().flatten().map(|(version, _)| (self.me as u16, version));
        let heard = self.heard.iter().enumerate().filter(|(node, _)| *node != self.me);
        let others = heard.filter_map(|(node, heard)| heard.map(|(version, _)| (node as u16, version)));
        own.into_iter().chain(others.sample(rng, MOST - 1)).collect()
    }

    pub(super) fn hear(&mut self, now: Time, versions: &[(u16, u64)]) {
        for (node, version) in versions.iter().take(MOST) {
            let node = usize::from(*node);
            if node == self.me {
                continue;
            }
            if let Some(heard) = self.heard.get_mut(node)
                && heard.is_none_or(|(newest, _)| newest < *version)
            {
                *heard = Some((*version, now));
            }
        }
    }

    /// Looks who is gone and who is back: those, and whether they are alive.
    pub(super) fn look(&mut self, now: Time) -> Vec<(usize, bool)> {
        let mut changed = Vec::new();
        for (node, (heard, alive)) in self.heard.iter().zip(&mut self.alive).enumerate() {
            let is = node == self.me || heard.is_some_and(|(_, at)| now - at < self.silence);
            if is != *alive {
                *alive = is;
                changed.push((node, is));
            }
        }
        changed
    }

    pub(super) fn alive(&self) -> &[bool] {
        &self.alive
    }

    /// Two to gossip with: one that is alive, and any, who may be alive without its knowing.
    pub(super) fn partners(&self, rng: &mut impl Rng) -> Vec<usize> {
        let others = || (0..self.heard.len()).filter(|node| *node != self.me);
        let alive = others().filter(|node| self.alive[*node]).choose(rng);
        let any = others().filter(|node| Some(*node) != alive).choose(rng);
        alive.into_iter().chain(any).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.heard.iter().flatten().count()
    }
}
