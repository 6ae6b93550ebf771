//! Whom a node has heard of, how far away they are, and who did not answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};

/// Most recently heard peers remembered, for when all neighbors fail at once.
const MAX_ACQUAINTANCES: usize = 64;
/// Most failed peers remembered.
const MAX_DISTRUSTED: usize = 1024;
/// Most peers whose distance is remembered.
const MAX_MEASURED: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Peers {
    /// At the address at which it did not answer.
    distrusted: BTreeMap<Id, (SocketAddr, Time)>,
    acquaintances: BTreeMap<Id, (SocketAddr, Time)>,
    /// The same, the stalest first.
    stalest: BTreeSet<(Time, Id)>,
    round_trips: BTreeMap<Id, Duration>,
}

impl Peers {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The shortest round trip to it so far: whatever else happens on the way only lengthens one.
    pub(super) fn round_trip(&self, id: Id) -> Option<Duration> {
        self.round_trips.get(&id).copied()
    }

    pub(super) fn measured(&mut self, id: Id, round_trip: Duration) {
        if let Some(shortest) = self.round_trips.get_mut(&id) {
            *shortest = round_trip.min(*shortest);
            return;
        }
        if self.round_trips.len() >= MAX_MEASURED {
            // Ids are hashes: any of them is as good as a random one.
            self.round_trips.pop_first();
        }
        self.round_trips.insert(id, round_trip);
    }

    /// The peer did not answer and is not believed to be there until `until`.
    pub(super) fn distrust(&mut self, now: Time, Peer { id, address }: Peer, until: Time) {
        self.distrusted.retain(|_, (_, until)| *until > now);
        if self.distrusted.len() >= MAX_DISTRUSTED {
            self.distrusted.pop_first();
        }
        self.distrusted.insert(id, (address, until));
        if let Some((_, at)) = self.acquaintances.get(&id).copied().filter(|(known, _)| *known == address) {
            self.acquaintances.remove(&id);
            self.stalest.remove(&(at, id));
        }
    }

    pub(super) fn trusted(&self, now: Time, peer: &Peer) -> bool {
        self.distrusted.get(&peer.id).is_none_or(|(address, until)| *address != peer.address || *until <= now)
    }

    /// It has spoken; whether it has done so from another address before.
    pub(super) fn heard(&mut self, now: Time, peer: Peer) -> bool {
        self.distrusted.remove(&peer.id);
        let before = self.acquaintances.insert(peer.id, (peer.address, now));
        if let Some((_, at)) = before {
            self.stalest.remove(&(at, peer.id));
        } else if self.acquaintances.len() > MAX_ACQUAINTANCES
            && let Some((_, id)) = self.stalest.pop_first()
        {
            self.acquaintances.remove(&id);
        }
        self.stalest.insert((now, peer.id));
        before.is_some_and(|(address, _)| address != peer.address)
    }

    /// How long ago the node has spoken from this address, as far as is remembered.
    pub(super) fn silent_for(&self, now: Time, peer: Peer) -> Option<Duration> {
        self.acquaintances.get(&peer.id).filter(|(known, _)| *known == peer.address).map(|(_, at)| now - *at)
    }

    pub(super) fn tables(&self) -> [(&'static str, usize); 3] {
        let Self { distrusted, acquaintances, round_trips, .. } = self;
        [("distrusted", distrusted.len()), ("acquaintances", acquaintances.len()), ("measured", round_trips.len())]
    }

    pub(super) fn acquaintances(&self) -> impl Iterator<Item = Peer> {
        self.acquaintances.iter().map(|(id, (address, _))| Peer { id: *id, address: *address })
    }
}
