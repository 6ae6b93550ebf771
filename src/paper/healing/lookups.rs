//! Lookups that go on while islands meet, judged as if all were one overlay.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::anycast::Command;
use crate::overlay::id::Id;
use crate::sim::World;

#[derive(Clone, Copy, Debug)]
pub(super) struct Lookup {
    /// Seconds since the end of the outage.
    pub(super) asked: f64,
    pub(super) ended: Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Right,
    Wrong,
    Failed,
}

/// Lookups under way and what became of them.
pub(super) struct Asking {
    rng: ChaCha8Rng,
    next: u64,
    /// By token, with when they were asked.
    waiting: BTreeMap<u64, (Id, f64)>,
    answered: Vec<(Id, f64, Option<Id>)>,
    lookups: Vec<Lookup>,
}

impl Asking {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(u64::from_be_bytes(*b"lookups\0"));
        // The world counts its own from 1.
        Self { rng, next: 1 << 63, waiting: BTreeMap::new(), answered: Vec::new(), lookups: Vec::new() }
    }

    pub(super) fn ask(&mut self, world: &mut World, count: usize, asked: f64) {
        let members: Vec<usize> = world.members().iter().copied().collect();
        for _ in 0..if members.is_empty() { 0 } else { count } {
            let (host, key) = (members[self.rng.random_range(0..members.len())], Id(self.rng.random()));
            self.next += 1;
            self.waiting.insert(self.next, (key, asked));
            world.command(host, Command::Lookup { token: self.next, key });
        }
    }

    pub(super) fn ended(&mut self, token: u64, owner: Option<Id>) {
        if let Some((key, asked)) = self.waiting.remove(&token) {
            self.answered.push((key, asked, owner));
        }
    }

    /// By who owns the keys now, at the end of the round in which they were answered.
    pub(super) fn judge(&mut self, world: &World, everybody: &BTreeSet<usize>) {
        let owners = world.owners(everybody);
        for (key, asked, owner) in self.answered.drain(..) {
            let ended = match owner {
                None => Ended::Failed,
                Some(id) if world.host_of(id) == owners.of(key) => Ended::Right,
                Some(_) => Ended::Wrong,
            };
            self.lookups.push(Lookup { asked, ended });
        }
    }

    /// What has not ended by now has failed, but for what was asked in the last round.
    pub(super) fn done(mut self) -> Vec<Lookup> {
        let last = self.waiting.values().map(|(_, asked)| *asked).fold(0.0, f64::max);
        let given_up = self.waiting.into_values().filter(|(_, asked)| *asked < last);
        self.lookups.extend(given_up.map(|(_, asked)| Lookup { asked, ended: Ended::Failed }));
        self.lookups.sort_by(|a, b| a.asked.total_cmp(&b.asked));
        self.lookups
    }
}
