//! What a simulated overlay is asked: lookups, puts and gets, judged by what it is.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::RngExt;

use super::lookups::{Ended, Lookups};
use super::sample::Sample;
use super::world::{PATIENCE, World};
use crate::anycast::Command;
use crate::overlay::id::Id;
use crate::overlay::{Answer, Spent};

impl World {
    /// Has all nodes join, and says how many have.
    pub(super) fn join_and_say(&mut self, progress: &mut impl FnMut(&str)) {
        let lacking = if self.join_all() { "" } else { ", not all of them" };
        let (members, minutes) = (self.members().len(), self.now().0.as_secs() / 60);
        progress(&format!("{members} nodes have joined{lacking} after {minutes} minutes of virtual time"));
    }

    /// Neighbors of a member, of any kind.
    pub(super) fn neighbors(&self) -> Option<Sample> {
        let members = self.members().iter().filter_map(|host| self.node(*host));
        Sample::of(members.map(|node| node.peers().len() as f64))
    }

    /// So many random members each look a random key up, one a second and member; judged by the members
    /// there are at the end.
    pub fn lookups(&mut self, count: usize) -> Lookups {
        self.lookups_among(&self.members.clone(), count)
    }

    /// The same among the members of one island.
    pub fn lookups_among(&mut self, hosts: &BTreeSet<usize>, count: usize) -> Lookups {
        self.ask_for(hosts, hosts, count, count as f64 / hosts.len().max(1) as f64)
    }

    /// Random ones of these members look so many random keys up within a second; judged as by [`Self::lookups`].
    pub fn lookups_by(&mut self, askers: &BTreeSet<usize>, count: usize) -> Lookups {
        self.ask_for(askers, &self.members.clone(), count, 1.0)
    }

    /// Evenly over so many seconds; judged by these `hosts`.
    fn ask_for(&mut self, askers: &BTreeSet<usize>, hosts: &BTreeSet<usize>, count: usize, seconds: f64) -> Lookups {
        let askers: Vec<usize> = askers.intersection(&self.members).copied().collect();
        if askers.is_empty() {
            return Lookups::of(count, &[], &self.delays);
        }
        let mut asked = Vec::with_capacity(count);
        let begin = self.now();
        for n in 0..count {
            let at = begin + Duration::from_secs_f64(seconds * n as f64 / count as f64);
            self.sim.run_for(at - self.now());
            let (asker, key) = (askers[self.rng.random_range(0..askers.len())], Id(self.rng.random()));
            let token = self.token();
            self.command(asker, Command::Lookup { token, key });
            asked.push((asker, token));
            if n % 256 == 0 {
                self.look();
            }
        }
        self.wait();
        let owners = self.owners(hosts);
        let ended = asked.iter().filter_map(|(asker, token)| {
            let Answer::Looked { key, owner, hops, milliseconds } = self.outcomes.remove(token)? else { return None };
            let owner = owner.and_then(|id| self.host_of(id));
            Some(Ended { asker: *asker, owner, right: owners.of(key), hops, milliseconds })
        });
        let ended: Vec<Ended> = ended.collect();
        Lookups::of(count, &ended, &self.delays)
    }

    /// What searches have cost all nodes that run.
    pub fn spent(&self) -> Spent {
        let nodes = self.sim.machines().filter_map(|(_, resident)| resident.node());
        nodes.fold(Spent::default(), |sum, node| sum + node.spent())
    }

    pub(super) fn token(&mut self) -> u64 {
        self.next_token += 1;
        self.waiting.insert(self.next_token);
        self.next_token
    }

    /// Until every command has its outcome.
    pub(super) fn wait(&mut self) {
        self.run_until(PATIENCE, |world| world.waiting.is_empty());
        self.waiting.clear();
    }

    /// Stores new keys through random members; how many were acknowledged, which are remembered for
    /// [`World::missing`].
    pub fn put(&mut self, count: usize) -> usize {
        let members: Vec<usize> = self.members.iter().copied().collect();
        let mut put = Vec::new();
        for _ in 0..if members.is_empty() { 0 } else { count } {
            let token = self.token();
            let (key, value) = (format!("key-{token}"), format!("value-{token}"));
            let through = members[self.rng.random_range(0..members.len())];
            self.command(through, Command::Put { token, key: key.clone(), value: value.clone() });
            put.push((token, key, value));
        }
        self.wait();
        let stored = |token: &u64| matches!(self.outcomes.get(token), Some(Answer::Put { stored: true, .. }));
        put.retain(|(token, ..)| stored(token));
        self.outcomes.clear();
        let stored = put.len();
        self.keys.extend(put.into_iter().map(|(_, key, value)| (key, value)));
        stored
    }

    /// Keys acknowledged once that a get through a random member does not return now.
    pub fn missing(&mut self) -> Vec<String> {
        let members: Vec<usize> = self.members.iter().copied().collect();
        let mut got = Vec::new();
        for (key, value) in self.keys.clone() {
            let token = self.token();
            if !members.is_empty() {
                let through = members[self.rng.random_range(0..members.len())];
                self.command(through, Command::Get { token, key: key.clone() });
            }
            got.push((token, key, value));
        }
        self.wait();
        let outcomes = std::mem::take(&mut self.outcomes);
        let right = |token: &u64, value: &String| matches!(outcomes.get(token), Some(Answer::Got { value: Some(v), .. }) if v == value);
        got.retain(|(token, _, value)| !right(token, value));
        got.into_iter().map(|(_, key, _)| key).collect()
    }
}
