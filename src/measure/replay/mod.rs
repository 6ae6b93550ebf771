//! The network as the record has it: one replay for everything that asks where packets went.
//!
//! - `network`: the nodes' addresses, interfaces and tables; where a node sends packets next.
//! - `links`: what links do with frames. `hosts`: who answers packets to a group.
//! - `ways`: whole ways, hop by hop, and their ends.
//!
//! The kernels' routes decide where packets go, links whether they arrive, hosts whether they are answered;
//! each asker says which of these it wants to know. `docs/decisions/0021-one-replay.md` has the doubtful cases.

mod hosts;
mod index;
mod links;
mod network;
mod ways;

pub(crate) use index::{Change, Node, Target};
pub(crate) use links::Links;
pub(crate) use network::Network;

use crate::record::{Event, Record};

/// A record's network, from moment to moment.
pub(crate) struct Replay<'a> {
    network: Network<'a>,
    rest: &'a [Event],
    changed: u64,
}

impl<'a> Replay<'a> {
    /// Before the first event.
    pub(crate) fn new(record: &'a Record) -> Self {
        Self { network: Network::new(&record.facts), rest: &record.events, changed: 0 }
    }

    /// Takes in the events up to this moment.
    pub(crate) fn until(&mut self, at: u64) {
        while let Some((event, rest)) = self.rest.split_first().filter(|(event, _)| event.at <= at) {
            self.rest = rest;
            let led_otherwise = match self.network.apply(&event.what) {
                Change::Route { prefix, .. } => self.network.targets().iter().any(|t| prefix.contains(&t.address)),
                Change::Nodes { routes, .. } => routes,
                Change::Nothing | Change::Host { .. } | Change::All => false,
            };
            if led_otherwise {
                self.changed = event.at;
            }
        }
    }

    /// As it is then.
    pub(crate) fn network(&self) -> &Network<'a> {
        &self.network
    }

    /// When a route that packets to any group may take last changed.
    pub(crate) fn changed(&self) -> u64 {
        self.changed
    }
}
