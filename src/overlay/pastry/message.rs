//! What only Pastry's nodes say to one another.

use serde::{Deserialize, Serialize};

use crate::overlay::Peer;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    /// "I am here, and these are my leaves": the asker may be a leaf, and asks for the other's leaves.
    /// Keep-alive and repair, and how a joiner arrives.
    Leaves(Place),
    /// A row of the routing table. `arrived`: the asker has just joined and may be worth an entry.
    Row { row: u8, arrived: bool },
    /// Who is near?
    Neighborhood,
    /// "I leave; these were my leaves."
    Leaving(Place),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Tell {
    /// `near`: nodes that are no leaves here but may be some of the asker's.
    Leaves { place: Place, near: Vec<Peer> },
    /// Of the routing table or of the neighborhood: nodes that may be worth an entry.
    Nodes(Vec<Peer>),
}

/// A node's leaves, nearest first. In a small overlay a node is on both sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    pub smaller: Vec<Peer>,
    pub larger: Vec<Peer>,
}

impl Place {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.smaller.iter().chain(&self.larger)
    }

    /// Each once: one of a side, one of the other, from the nearest to the farthest.
    pub(super) fn alternating(&self) -> Vec<Peer> {
        let mut peers: Vec<Peer> = Vec::new();
        for rank in 0..self.smaller.len().max(self.larger.len()) {
            for peer in [self.smaller.get(rank), self.larger.get(rank)].into_iter().flatten() {
                if !peers.contains(peer) {
                    peers.push(*peer);
                }
            }
        }
        peers
    }

    /// Whether some node is on both sides: these are all nodes.
    pub(super) fn overlaps(&self) -> bool {
        self.smaller.iter().any(|p| self.larger.contains(p))
    }
}
