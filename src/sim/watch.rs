//! Looking on while nodes join: when their neighbors come to know them, and how many Hellos members get.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use super::world::World;
use crate::anycast::Event;
use crate::machine::Part;
use crate::overlay::id::Id;
use crate::overlay::oracle::Told;
use crate::overlay::{Neighbors, Protocol, Time};

/// How often what does not tell of itself is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// So many looks are a second.
const SECOND: usize = 10;
/// The first group of an overlay is that through which it is joined.
const JOINABLE: Event = Event::Announced { group: Part(0) };

pub(super) struct Watch {
    protocol: Protocol,
    hosts: HashMap<Id, usize>,
    ids: Vec<Id>,
    /// What each node said of its neighbors last.
    told: HashMap<Id, Neighbors>,
    /// Since when a node's neighbors know it; one that was known before the watch began is there too.
    noticed: BTreeMap<usize, Time>,
    /// Since when others can find it, as it has been told.
    findable: BTreeMap<usize, Time>,
    /// Hellos that each host's node had, at each look of the last second.
    hellos: VecDeque<Vec<u64>>,
    most_hellos: u64,
    next_look: Time,
}

impl Watch {
    pub(super) fn new(world: &World) -> Self {
        let ids: Vec<Id> = world.configs().iter().map(|c| c.id).collect();
        let told = |host: &usize| Some((ids[*host], world.node(*host)?.neighbors()));
        Self {
            protocol: world.protocol(),
            hosts: ids.iter().enumerate().map(|(host, id)| (*id, host)).collect(),
            told: world.members().iter().filter_map(told).collect(),
            noticed: world.members().iter().map(|host| (*host, world.now())).collect(),
            findable: BTreeMap::new(),
            ids,
            hellos: VecDeque::new(),
            most_hellos: 0,
            next_look: world.now(),
        }
    }

    /// Plays until then.
    pub(super) fn run_to(&mut self, world: &mut World, at: Time) {
        while world.now() < at {
            let next = self.next_look.max(world.now()).min(at);
            world.run_for(next - world.now());
            self.take_in(world);
            if self.next_look <= world.now() {
                self.next_look = world.now() + LOOK_EVERY;
                self.look(world);
            }
        }
    }

    /// Plays until every node that runs has joined, has been noticed, and has the neighbors that it should have; at
    /// most so long. Since when they have, without a break.
    pub(super) fn run_until_well(&mut self, world: &mut World, patience: Duration) -> Option<Time> {
        let (end, mut whole) = (world.now() + patience, None);
        loop {
            let is_whole = world.is_whole(&world.members().clone());
            whole = if is_whole { whole.or(Some(world.now())) } else { None };
            let running = || world.running();
            let well = running().all(|h| world.members().contains(&h) && self.noticed.contains_key(&h));
            if (is_whole && well) || world.now() >= end {
                return whole;
            }
            self.run_to(world, (world.now() + LOOK_EVERY).min(end));
        }
    }

    pub(super) fn noticed(&self, host: usize) -> Option<Time> {
        self.noticed.get(&host).copied()
    }

    pub(super) fn findable(&self, host: usize) -> Option<Time> {
        self.findable.get(&host).copied()
    }

    /// Of one member within one second.
    pub(super) fn most_hellos(&self) -> u64 {
        self.most_hellos
    }

    fn take_in(&mut self, world: &mut World) {
        for happening in world.take_happenings() {
            if happening.event == JOINABLE {
                self.findable.entry(happening.host).or_insert(happening.at);
            }
            let Event::Neighbors(neighbors) = happening.event else { continue };
            let id = self.ids[happening.host];
            let concerned: Vec<Id> = std::iter::once(id).chain(neighbors.all().copied()).collect();
            self.told.insert(id, neighbors);
            for id in concerned {
                let Some(host) = self.hosts.get(&id).filter(|host| !self.noticed.contains_key(host)) else { continue };
                let Some(neighbors) = self.told.get(&id) else { continue };
                let alone = neighbors.all().next().is_none();
                if !alone && self.protocol.oracle.noticed(Told { id, neighbors }, &|other| self.told.get(&other)) {
                    self.noticed.insert(*host, happening.at);
                }
            }
        }
    }

    fn look(&mut self, world: &World) {
        let hellos = |host: usize| world.node(host).map_or(0, |node| node.tally().hellos);
        let now: Vec<u64> = (0..self.ids.len()).map(hellos).collect();
        if let Some(before) = self.hellos.front() {
            let more = now.iter().zip(before).map(|(now, before)| now.saturating_sub(*before)).max();
            self.most_hellos = self.most_hellos.max(more.unwrap_or(0));
        }
        self.hellos.push_back(now);
        if self.hellos.len() > SECOND {
            self.hellos.pop_front();
        }
    }
}
