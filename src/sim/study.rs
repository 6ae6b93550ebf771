//! One simulation from its beginning to what is said about it: joins, time to settle, lookups.

use std::time::Duration;

use serde::Serialize;

use super::joins::Joins;
use super::lookups::Lookups;
use super::options::Options;
use super::sample::Sample;
use super::world::World;
use crate::overlay::{LookupMode, Protocol, Proximity};

/// Usual stabilization intervals from the last join to the first lookup: enough to look every finger up once
/// more, now that all are there.
pub const SETTLE_ROUNDS: u32 = 10;
/// Most nodes of which everyone can be told of everyone.
pub const MOST_IDEAL: usize = 1000;

/// Which neighbors a node prefers, of those that serve as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// The first that it hears of.
    None,
    /// Near ones that its lookups find.
    Probed,
    /// And those that answered at the anycast addresses, and their neighbors.
    Anycast,
    /// The nearest there are: an oracle tells it of all nodes.
    Ideal,
}

impl Choice {
    /// What the nodes are configured with.
    pub fn proximity(self) -> Proximity {
        match self {
            Self::None => Proximity::None,
            Self::Probed => Proximity::Probed,
            Self::Anycast | Self::Ideal => Proximity::Anycast,
        }
    }
}

/// What is to be simulated.
#[derive(Clone, Debug)]
pub struct Study {
    pub options: Options,
    pub choice: Choice,
    /// Time from the last join to the first lookup.
    pub settle: Duration,
    pub lookups: usize,
}

/// What was found. The same study finds the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Studied {
    pub protocol: Protocol,
    pub nodes: usize,
    pub seed: u64,
    pub proximity: Choice,
    pub lookup_mode: LookupMode,
    pub loss: f64,
    pub stabilize_seconds: f64,
    /// Nodes that were members when the lookups began.
    pub members: usize,
    pub islands: usize,
    pub joins: Joins,
    /// Neighbors of a member, of any kind.
    pub neighbors: Option<Sample>,
    pub lookups: Lookups,
    /// All datagrams, and their payload.
    pub datagrams: u64,
    pub bytes: u64,
    /// Datagrams a second that a member sent while the overlay settled.
    pub upkeep: f64,
    pub virtual_seconds: f64,
    /// A hash of all datagrams that arrived: equal for equal courses.
    pub trace: String,
}

impl Study {
    /// Plays it; `progress` is told what has been done.
    pub fn run(&self, mut progress: impl FnMut(&str)) -> Studied {
        let mut world = World::new(&self.options);
        world.join_and_say(&mut progress);
        let members = world.members().len();
        if self.choice == Choice::Ideal {
            world.introduce_all();
            progress("everyone has been told of everyone");
        }
        let before = world.sim().datagrams();
        world.run_for(self.settle);
        let sent = (world.sim().datagrams() - before) as f64;
        let rounds = self.settle.as_secs_f64() / self.options.stabilize_every.as_secs_f64();
        progress(&format!("{rounds:.0} rounds later {} lookups begin", self.lookups));
        let neighbors = world.neighbors();
        let islands = world.islands().len();
        let lookups = world.lookups(self.lookups);
        self.found(&world, neighbors, islands, lookups, sent / members.max(1) as f64 / self.settle.as_secs_f64())
    }

    fn found(
        &self,
        world: &World,
        neighbors: Option<Sample>,
        islands: usize,
        lookups: Lookups,
        upkeep: f64,
    ) -> Studied {
        let options = &self.options;
        let seconds = |d: Duration| super::sample::rounded(d.as_secs_f64());
        Studied {
            protocol: options.protocol.protocol,
            nodes: options.nodes,
            seed: options.seed,
            proximity: self.choice,
            lookup_mode: options.lookup,
            loss: options.network.loss,
            stabilize_seconds: seconds(options.stabilize_every),
            members: world.members().len(),
            islands,
            joins: Joins::of(world.joins(), world.failed_joins(), world.delays()),
            neighbors,
            lookups,
            datagrams: world.sim().datagrams(),
            bytes: world.sim().bytes(),
            upkeep: super::sample::rounded(upkeep),
            virtual_seconds: seconds(world.now().0),
            trace: format!("{:016x}", world.sim().trace()),
        }
    }
}
