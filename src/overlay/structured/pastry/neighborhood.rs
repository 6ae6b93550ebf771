//! The neighborhood set: the nodes that are nearest by round trip, whatever their ids.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::overlay::Peer;
use crate::overlay::id::Id;

#[derive(Debug)]
pub(super) struct Neighborhood {
    limit: usize,
    nodes: BTreeMap<Id, (Peer, Duration)>,
}

impl Neighborhood {
    pub(super) fn empty(limit: usize) -> Self {
        Self { limit, nodes: BTreeMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(super) fn get(&self, id: Id) -> Option<Peer> {
        self.nodes.get(&id).map(|(p, _)| *p)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.nodes.values().map(|(p, _)| p)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Peer> {
        self.nodes.get_mut(&id).map(|(p, _)| p)
    }

    /// Nearest first.
    pub(super) fn nearest(&self, count: usize) -> Vec<Peer> {
        let mut nodes: Vec<(Duration, Peer)> = self.nodes.values().map(|(p, r)| (*r, *p)).collect();
        nodes.sort();
        nodes.into_iter().take(count).map(|(_, p)| p).collect()
    }

    fn farthest(&self) -> Option<(Duration, Id)> {
        self.nodes.values().map(|(p, r)| (*r, p.id)).max()
    }

    /// Whether a node at this distance (`None`: not known yet) may be one of the nearest.
    pub(super) fn would_take(&self, id: Id, round_trip: Option<Duration>) -> bool {
        let room = self.nodes.len() < self.limit;
        let nearer = |(farthest, of)| round_trip.is_none_or(|r| (r, id) < (farthest, of));
        !self.nodes.contains_key(&id) && (room || self.limit > 0 && self.farthest().is_some_and(nearer))
    }

    /// A node that answered after so long; whether it is one of the nearest and was not before.
    pub(super) fn offer(&mut self, peer: Peer, round_trip: Duration) -> bool {
        if let Some(held) = self.nodes.get_mut(&peer.id) {
            let before = std::mem::replace(held, (peer, round_trip));
            return before.0 != peer;
        }
        if !self.would_take(peer.id, Some(round_trip)) {
            return false;
        }
        self.nodes.insert(peer.id, (peer, round_trip));
        if self.nodes.len() > self.limit
            && let Some((_, id)) = self.farthest()
        {
            self.nodes.remove(&id);
        }
        true
    }

    /// Removes the node at this address; whether it was there.
    pub(super) fn remove(&mut self, peer: Peer) -> bool {
        self.get(peer.id) == Some(peer) && self.nodes.remove(&peer.id).is_some()
    }
}
