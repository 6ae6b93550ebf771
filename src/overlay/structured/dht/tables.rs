//! Who owns a key and who is a neighbor, in one structured overlay or another.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::overlay::id::Id;
use crate::overlay::{Neighbors, Peer};

/// One node's neighbors, what it owns by them, and who keeps copies of that.
pub trait Tables: Sized {
    /// How an owner describes where it stands.
    type Place: Serialize + DeserializeOwned + Clone + Debug + PartialEq;

    /// Counts changes of its neighbors.
    fn version(&self) -> u64;
    fn neighbors(&self) -> Neighbors;
    /// All neighbors, each once, in order of their ids.
    fn peers(&self) -> Vec<Peer>;
    /// Whether the node is a neighbor, at whatever address.
    fn knows(&self, id: Id) -> bool;
    /// The node at this address is gone; whether it was a neighbor.
    fn remove(&mut self, peer: Peer) -> bool;
    /// A node has spoken from this address and is known by no other from now on; whether a neighbor was.
    fn readdress(&mut self, peer: Peer) -> bool;
    /// It has this address itself from now on.
    fn renumber(&mut self, _me: Peer) {}
    /// It has lost the neighbors without which it belongs to no overlay any more, or never had any.
    fn isolated(&self) -> bool;
    /// Estimated number of nodes in this node's island.
    fn size(&self) -> u32;

    /// A key that this node owns now.
    fn own_key(&self) -> Id;
    fn owns(&self, key: Id) -> bool;
    /// What it owns as ring intervals (from, to]; nothing while it is not sure.
    fn ranges(&self) -> Vec<(Id, Id)>;
    /// Who should keep copies of what it owns, best first: more than there are replicas, if it knows more.
    fn holders(&self) -> Vec<Peer>;
    /// Who takes over when it leaves.
    fn heir(&self) -> Option<Peer>;
    fn place(&self) -> Self::Place;
    /// Who else may have an owner's keys, best first, by what it says about its place.
    fn keepers(place: &Self::Place, replicas: usize) -> Vec<Peer>;
    /// The interval (from, to] around `key` that an owner has, by what it says about its place.
    fn range_at(owner: Id, place: &Self::Place, key: Id) -> (Id, Id);
}
