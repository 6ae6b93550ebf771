//! One simulation of an overlay that searches, from its beginning to what is said about it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::joins::Joins;
use super::options::Options;
use super::sample::{Sample, rounded};
use super::seeking::Sought;
use super::study::Choice;
use super::world::World;
use crate::overlay::{AskKind, Protocol};
use crate::scenario::items::{Items, Turn};

/// What is to be simulated.
#[derive(Clone, Debug)]
pub struct Hunt {
    pub options: Options,
    pub choice: Choice,
    /// Time from the last join until things are put there.
    pub settle: Duration,
    /// Things of different names: the first at all members, the second at half of them, the third at a third; where
    /// things are stored under keys, each inserted by one.
    pub items: u32,
    /// Searches, for things in turn, by members in turn.
    pub searches: u32,
}

/// What was found. The same hunt finds the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hunted {
    pub protocol: Protocol,
    pub nodes: usize,
    pub seed: u64,
    pub proximity: Choice,
    pub loss: f64,
    pub stabilize_seconds: f64,
    /// Nodes that were members when the searches began.
    pub members: usize,
    pub islands: usize,
    pub joins: Joins,
    /// Neighbors of a member, of any kind.
    pub neighbors: Option<Sample>,
    pub items: u32,
    /// Copies that were shared, or things that were inserted.
    pub placed: usize,
    pub searches: Searches,
    /// All datagrams and parts of streams, and their payload.
    pub carried: u64,
    pub bytes: u64,
    /// The same a second that a member sent while the overlay settled.
    pub upkeep: f64,
    pub virtual_seconds: f64,
    /// A hash of all that arrived: equal for equal courses.
    pub trace: String,
}

/// What became of searches, one after another, for what was there.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Searches {
    pub asked: usize,
    pub found: usize,
    /// Messages that one took: copies of queries or requests, and of what came back.
    pub messages: Option<Sample>,
    /// Nodes that one came to.
    pub reach: Option<Sample>,
    /// Nodes from who asked to the first hit; of requests by key, all that it came to.
    pub path: Option<Sample>,
    /// Nodes that had hits, of searches by keyword.
    pub hits: Option<Sample>,
    /// Milliseconds to the first hit.
    pub first_ms: Option<Sample>,
}

impl Searches {
    /// Hits, paths and times are those of searches that found something.
    pub fn of(all: &[Sought]) -> Self {
        let found = || all.iter().filter(|sought| sought.found);
        Self {
            asked: all.len(),
            found: found().count(),
            messages: Sample::of(all.iter().map(|sought| sought.spent.messages as f64)),
            reach: Sample::of(all.iter().map(|sought| sought.spent.heard as f64)),
            path: Sample::of(found().map(|sought| sought.path as f64)),
            hits: Sample::of(found().map(|sought| sought.hits.len() as f64).filter(|hits| *hits > 0.0)),
            first_ms: Sample::of(found().map(|sought| sought.milliseconds)),
        }
    }
}

impl Hunt {
    /// Plays it; `progress` is told what has been done.
    pub fn run(&self, mut progress: impl FnMut(&str)) -> Hunted {
        let mut world = World::new(&self.options);
        world.join_and_say(&mut progress);
        let carried = |world: &World| {
            (world.sim().datagrams() + world.sim().streamed().0, world.sim().bytes() + world.sim().streamed().1)
        };
        let (before, _) = carried(&world);
        world.run_for(self.settle);
        let sent = (carried(&world).0 - before) as f64;
        let (members, islands, neighbors) = (world.members().len(), world.islands().len(), world.neighbors());
        let (names, placed) = self.fill(&mut world);
        // Words of what was shared are told to others in the next round.
        world.run_for(self.options.stabilize_every * 2);
        progress(&format!("{placed} copies or things are there, {} searches begin", self.searches));
        let sought = self.hunt(&mut world, &names);
        let (carried, bytes) = carried(&world);
        Hunted {
            protocol: world.protocol(),
            nodes: self.options.nodes,
            seed: self.options.seed,
            proximity: self.choice,
            loss: self.options.network.loss,
            stabilize_seconds: rounded(self.options.stabilize_every.as_secs_f64()),
            members,
            islands,
            joins: Joins::of(world.joins(), world.failed_joins(), world.delays()),
            neighbors,
            items: self.items,
            placed,
            searches: Searches::of(&sought),
            carried,
            bytes,
            upkeep: rounded(sent / members.max(1) as f64 / self.settle.as_secs_f64()),
            virtual_seconds: rounded(world.now().0.as_secs_f64()),
            trace: format!("{:016x}", world.sim().trace()),
        }
    }

    /// The items, and how many copies of them there are.
    fn fill(&self, world: &mut World) -> (Items, usize) {
        let members: Vec<usize> = world.members().iter().copied().collect();
        let mut items = Items::default();
        let mut turns = items.fresh(self.items, members.len());
        if !world.protocol().may(AskKind::Share) {
            let mut first = BTreeSet::new();
            turns.retain(|turn| first.insert(turn.item.clone()));
        }
        let things: Vec<(usize, String)> =
            turns.into_iter().map(|Turn { item, member }| (members[member], item)).collect();
        let stored = world.place(&things);
        (items, stored.iter().flatten().count())
    }

    fn hunt(&self, world: &mut World, names: &Items) -> Vec<Sought> {
        let members: Vec<usize> = world.members().iter().copied().collect();
        let mut items = names.clone();
        let turns = items.searches(self.searches, members.len());
        turns.into_iter().map(|Turn { item, member }| world.seek(members[member], &item)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::Proximity;
    use crate::sim::settings;

    #[test]
    fn each_that_searches_finds_what_is_there_and_again_the_same() {
        for protocol in Protocol::all().filter(|protocol| !protocol.is_keyed() && !protocol.layered) {
            let options = Options::of(40, settings(protocol, Proximity::Anycast), 1);
            let settle = options.stabilize_every * 10;
            let hunt = Hunt { options, choice: Choice::Anycast, settle, items: 12, searches: 30 };
            let found = hunt.run(|_| {});
            assert_eq!((found.members, found.islands), (40, 1), "{protocol:?}");
            let Searches {
                asked: 30,
                found: there,
                messages: Some(messages),
                reach: Some(reach),
                path: Some(path),
                ..
            } = found.searches
            else {
                panic!("{:?}", found.searches)
            };
            assert!(there >= 28, "{protocol:?}: {there} of 30");
            assert!(
                messages.mean > 0.0 && reach.mean <= 40.0 && path.max <= 40.0,
                "{protocol:?}: {messages:?} {reach:?}"
            );
            assert_eq!(hunt.run(|_| {}).trace, found.trace, "{protocol:?}");
        }
    }
}
