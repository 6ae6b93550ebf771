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

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;
    use crate::overlay::id::Id;
    use crate::overlay::structured::dht::MAX_PEERS;
    use crate::overlay::structured::dht::message::{Body, Envelope, Request, Response, Step};
    use crate::overlay::wire::MAX_DATAGRAM;

    #[test]
    fn the_longest_messages_fit_a_datagram() {
        let peer = Peer { id: Id(u128::MAX), address: (Ipv6Addr::from([0xff; 16]), u16::MAX).into() };
        let place = Place { smaller: vec![peer; MAX_PEERS / 2], larger: vec![peer; MAX_PEERS / 2] };
        let (rpc, near) = (u64::MAX, vec![peer; 2]);
        let response = |response| Body::Response { rpc, response };
        let bodies: [Body<Ask, Tell, Place>; 5] = [
            Body::Request { rpc, request: Request::Own(Ask::Leaves(place.clone())) },
            Body::Found { lookup: rpc, hops: u32::MAX, at: place.clone() },
            response(Response::Step(Step::Here(place.clone()))),
            response(Response::Own(Tell::Nodes(vec![peer; MAX_PEERS]))),
            response(Response::Own(Tell::Leaves { place, near })),
        ];
        for body in bodies {
            let length = postcard::to_stdvec(&Envelope { sender: peer.id, body }).unwrap().len();
            // Around it come version, tag and kind.
            assert!(length + 32 <= MAX_DATAGRAM, "{length} bytes");
        }
    }
}
