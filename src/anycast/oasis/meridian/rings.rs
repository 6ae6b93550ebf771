//! The rings of a node: others by their latency.

use std::time::Duration;

use rand::Rng;
use rand::seq::SliceRandom;

use super::volume::spread;

/// Outer radius of the innermost ring (α).
pub(in super::super) const INNERMOST: Duration = Duration::from_millis(1);
/// The radius of each is so many times that of the one inside it (s).
const GROWTH: u32 = 2;
/// The outermost has no outer radius.
pub(in super::super) const RINGS: usize = 10;

/// Which nodes of a ring are its primary members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Choice {
    /// Those whose latencies span the largest volume.
    Diverse,
    Random,
}

/// Nodes by latency: in ring `i` those of α·s^(i−1) to α·s^i, the latter included.
#[derive(Clone, Debug)]
pub(in super::super) struct Rings<T> {
    rings: Vec<Ring<T>>,
    /// Most primary members of a ring (k).
    most: usize,
}

#[derive(Clone, Debug)]
struct Ring<T> {
    /// Those that are asked.
    primary: Vec<(T, Duration)>,
    /// Those that could take their place, the longest known first.
    secondary: Vec<(T, Duration)>,
}

impl<T: Copy + Ord> Rings<T> {
    pub(in super::super) fn new(most: usize) -> Self {
        let ring = || Ring { primary: Vec::new(), secondary: Vec::new() };
        Self { rings: std::iter::repeat_with(ring).take(RINGS).collect(), most }
    }

    /// In which ring something of this latency is.
    pub(in super::super) fn ring(latency: Duration) -> usize {
        let mut outer = INNERMOST;
        let mut ring = 0;
        while latency > outer && ring < RINGS - 1 {
            outer *= GROWTH;
            ring += 1;
        }
        ring
    }

    /// Puts a node where it belongs by its latest latency.
    pub(in super::super) fn insert(&mut self, node: T, latency: Duration) {
        let index = Self::ring(latency);
        let known = |list: &mut Vec<(T, Duration)>| list.iter_mut().find(|(n, _)| *n == node).map(|e| e.1 = latency);
        let ring = &mut self.rings[index];
        if known(&mut ring.primary).or_else(|| known(&mut ring.secondary)).is_some() {
            return;
        }
        self.remove(node);
        let ring = &mut self.rings[index];
        if ring.primary.len() < self.most {
            return ring.primary.push((node, latency));
        }
        // As many in reserve as there are members (l).
        if ring.secondary.len() >= self.most {
            ring.secondary.remove(0);
        }
        ring.secondary.push((node, latency));
    }

    pub(in super::super) fn remove(&mut self, node: T) {
        for ring in &mut self.rings {
            let before = ring.primary.len();
            ring.primary.retain(|(n, _)| *n != node);
            ring.secondary.retain(|(n, _)| *n != node);
            if ring.primary.len() < before
                && let Some(next) = ring.secondary.pop()
            {
                ring.primary.push(next);
            }
        }
    }

    /// Primary members of these latencies, whichever rings they are in.
    pub(in super::super) fn within(&self, from: Duration, to: Duration) -> Vec<T> {
        self.primary().filter(|(_, latency)| (from..=to).contains(latency)).map(|(node, _)| node).collect()
    }

    pub(in super::super) fn primary(&self) -> impl Iterator<Item = (T, Duration)> {
        self.rings.iter().flat_map(|ring| ring.primary.iter().copied())
    }

    /// Primary members of each ring that has some.
    pub(in super::super) fn by_ring(&self) -> impl Iterator<Item = &[(T, Duration)]> {
        self.rings.iter().map(|ring| &ring.primary[..]).filter(|ring| !ring.is_empty())
    }

    pub(in super::super) fn latency(&self, node: T) -> Option<Duration> {
        let all = self.rings.iter().flat_map(|ring| ring.primary.iter().chain(&ring.secondary));
        all.filter(|(n, _)| *n == node).map(|(_, latency)| *latency).next()
    }

    /// All it knows of a ring that has more than it may have as primary members.
    pub(in super::super) fn crowded(&self, index: usize) -> Option<Vec<T>> {
        let ring = self.rings.get(index).filter(|ring| !ring.secondary.is_empty())?;
        Some(ring.primary.iter().chain(&ring.secondary).map(|(node, _)| *node).collect())
    }

    /// Chooses the primary members of a ring anew; `between`: latency between two of its nodes, if known.
    pub(in super::super) fn choose(
        &mut self,
        index: usize,
        choice: Choice,
        between: impl Fn(T, T) -> Option<Duration>,
        rng: &mut impl Rng,
    ) {
        let Some(ring) = self.rings.get_mut(index).filter(|ring| !ring.secondary.is_empty()) else { return };
        let mut all: Vec<_> = ring.primary.drain(..).chain(ring.secondary.drain(..)).collect();
        let chosen = match choice {
            Choice::Random => {
                all.shuffle(rng);
                (0..all.len().min(self.most)).collect()
            }
            Choice::Diverse => {
                // What is not known is as far as the ring is wide.
                let point = |(a, own): &(T, Duration)| {
                    let to = |(b, _): &(T, Duration)| {
                        if a == b { 0.0 } else { between(*a, *b).unwrap_or(*own).as_secs_f64() * 1e3 }
                    };
                    all.iter().map(to).collect::<Vec<f64>>()
                };
                spread(&all.iter().map(point).collect::<Vec<_>>(), self.most)
            }
        };
        for (at, node) in all.into_iter().enumerate() {
            let list = if chosen.contains(&at) { &mut ring.primary } else { &mut ring.secondary };
            list.push(node);
        }
    }

    pub(in super::super) fn len(&self) -> usize {
        self.rings.iter().map(|ring| ring.primary.len() + ring.secondary.len()).sum()
    }
}
