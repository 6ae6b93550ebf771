//! What makes one structured overlay different from another: who owns a key, who is a neighbor, where
//! a lookup goes, and how neighbors are found and kept.

use std::fmt::Debug;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::message::{Query, Response, Step};
use super::{Dht, Settings};
use crate::overlay::id::Id;
use crate::overlay::{Neighbors, Peer, Time};

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

/// A protocol for keeping such tables. Functions that take the machine may send ([`Dht::ask`],
/// [`Dht::ping`]), start lookups ([`Dht::seek`]) and find the tables at `dht.geometry`.
pub trait Geometry: Tables {
    /// What is configured for this geometry only.
    type Settings: Clone + Debug;
    /// What only this geometry asks, and answers.
    type Ask: Serialize + DeserializeOwned + Clone + Debug + PartialEq;
    type Tell: Serialize + DeserializeOwned + Clone + Debug + PartialEq;
    /// Why it asked.
    type Purpose: Clone + Debug + PartialEq;
    /// Why it looked something up.
    type Goal: Clone + Debug + PartialEq;

    fn new(me: Peer, settings: &Self::Settings, common: &Settings) -> Self;

    /// Where a lookup goes from here.
    fn step(dht: &Dht<Self>, query: &Query) -> Step<Self::Place>;

    /// Begins an overlay of one.
    fn begin(dht: &mut Dht<Self>, now: Time);
    /// Where in the overlay to join, or to join another island.
    fn join_key(dht: &mut Dht<Self>) -> Id;
    /// A join's lookup has passed this node on its way.
    fn passed(_dht: &mut Dht<Self>, _now: Time, _peer: Peer) {}
    /// A join's lookup has ended at this owner; calls [`Dht::joined`] when it is part of the overlay.
    fn join_at(dht: &mut Dht<Self>, now: Time, owner: Peer, place: Self::Place);
    /// The same in another island; calls [`Dht::merged`].
    fn merge_at(dht: &mut Dht<Self>, now: Time, owner: Peer, place: Self::Place);
    /// Whether a node that is still joining answers others already.
    fn answers_while_joining(&self) -> bool;

    /// Once in every stabilization interval.
    fn round(dht: &mut Dht<Self>, now: Time);
    /// A time that it set with [`Dht::wake_at`] has come.
    fn woken(_dht: &mut Dht<Self>, _now: Time) {}
    /// A node of the overlay and how long it takes to answer.
    fn meet(dht: &mut Dht<Self>, now: Time, peer: Peer, round_trip: Duration);
    /// Its own kind of request; `None`: no answer.
    fn serve(dht: &mut Dht<Self>, now: Time, sender: Peer, ask: Self::Ask)
    -> Option<Response<Self::Tell, Self::Place>>;
    /// Its request was answered; `None`: taken without an answer ([`Response::Done`]).
    fn answered(dht: &mut Dht<Self>, now: Time, peer: Peer, purpose: Self::Purpose, tell: Option<Self::Tell>);
    /// Its request was refused, or the peer is gone (and removed already).
    fn unanswered(dht: &mut Dht<Self>, now: Time, peer: Peer, purpose: Self::Purpose);
    /// Its lookup has ended; `None`: without an answer.
    fn found(dht: &mut Dht<Self>, now: Time, goal: Self::Goal, at: Option<(Peer, Self::Place)>);
    /// Neighbors have been removed because they did not answer.
    fn bereaved(dht: &mut Dht<Self>, now: Time);
    /// A node that had been lost altogether hears from this one again.
    fn rescued(dht: &mut Dht<Self>, now: Time, peer: Peer);
    /// It has told everybody its new address; calls [`Dht::renewed`] when a neighbor knows it.
    fn renumbered(dht: &mut Dht<Self>, now: Time);
    /// What it says to whom before it stops.
    fn goodbyes(&self) -> Vec<(Peer, Self::Ask)>;
}
