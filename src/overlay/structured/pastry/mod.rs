//! Pastry (Rowstron & Druschel, Middleware 2001): a key belongs to the numerically closest node, each
//! hop shares one more digit with it, and of the nodes that would serve a hop the nearest is taken.
//! What keeps answers right while nodes come and go is after MSPastry (Castro, Costa, Rowstron, DSN
//! 2004): a leaf is taken only when it has spoken itself, and a node answers for a key only if its
//! neighbor on that side agrees.
//!
//! - `state`: one node's neighbors and what they say about a key
//! - `leaves`, `table`, `neighborhood`: its three parts
//! - `join`: arriving, merging, leaving
//! - `maintain`: keeping the leaf set; `nearness`: finding nodes for the rest, and nearer ones

mod join;
mod leaves;
mod maintain;
mod message;
mod nearness;
mod neighborhood;
mod row;
mod settings;
mod state;
mod table;

use std::convert::Infallible;
use std::time::Duration;

use super::dht::message::{Query, Response, Step};
use super::dht::{Geometry, MAX_PEERS, Settings as Common};
use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};
use message::{Ask, Place, Tell};
pub use row::ROW;
pub use settings::Settings;
pub use state::Pastry;
use state::State;
use table::Slot;

/// Why a node asks another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Purpose {
    /// Which leaves has it? It may be one.
    Leaf,
    /// How far away is this candidate?
    Measure,
    /// Whom does it know that may be worth an entry?
    Nodes,
    /// Who could fill the slot of a node that has failed? The row's others are asked, then those of the
    /// next row.
    Repair { row: u8, column: u8 },
}

impl Geometry for State {
    type Settings = Settings;
    type Ask = Ask;
    type Tell = Tell;
    type Purpose = Purpose;
    /// It looks nothing up for itself.
    type Goal = Infallible;

    fn new(me: Peer, settings: &Settings, _: &Common) -> Self {
        Self::empty(me.id, settings)
    }

    fn step(dht: &Pastry, query: &Query) -> Step<Place> {
        dht.geometry.toward(query)
    }

    fn begin(_: &mut Pastry, _: Time) {}

    fn join_key(dht: &mut Pastry) -> Id {
        dht.me.id
    }

    fn passed(dht: &mut Pastry, now: Time, peer: Peer) {
        dht.passed_by(now, peer);
    }

    fn join_at(dht: &mut Pastry, now: Time, owner: Peer, place: Place) {
        dht.arrive(now, owner, &place);
    }

    fn merge_at(dht: &mut Pastry, now: Time, owner: Peer, place: Place) {
        dht.merge_with(now, owner, &place);
    }

    fn answers_while_joining(&self) -> bool {
        !self.leaves.is_empty()
    }

    fn round(dht: &mut Pastry, now: Time) {
        dht.keep_alive(now);
    }

    fn meet(dht: &mut Pastry, now: Time, peer: Peer, round_trip: Duration) {
        dht.met(now, peer, round_trip);
    }

    fn serve(dht: &mut Pastry, now: Time, sender: Peer, ask: Ask) -> Option<Response<Tell, Place>> {
        match ask {
            Ask::Leaves(_) if dht.is_leaving() => Some(Response::Refused),
            Ask::Leaves(place) => {
                dht.told(now, sender, &place);
                let near = dht.geometry.near(sender.id);
                Some(Response::Own(Tell::Leaves { place: dht.geometry.leaves.place(), near }))
            }
            Ask::Row { row, arrived } => {
                if arrived {
                    dht.candidates(now, &[sender]);
                }
                Some(Response::Own(Tell::Nodes(dht.geometry.table().row(row))))
            }
            Ask::Neighborhood => Some(Response::Own(Tell::Nodes(dht.geometry.neighborhood().nearest(MAX_PEERS)))),
            Ask::Leaving(place) => {
                dht.left_by(now, sender, &place);
                Some(Response::Done)
            }
        }
    }

    fn answered(dht: &mut Pastry, now: Time, peer: Peer, purpose: Purpose, tell: Option<Tell>) {
        match (purpose, tell) {
            (Purpose::Leaf, Some(Tell::Leaves { place, near })) => {
                dht.measured(now, peer);
                dht.told(now, peer, &place);
                dht.consider(now, &near);
            }
            (Purpose::Measure, _) => dht.measured(now, peer),
            (Purpose::Nodes, Some(Tell::Nodes(nodes))) => {
                dht.measured(now, peer);
                dht.candidates(now, &nodes);
            }
            (Purpose::Repair { row, column }, Some(Tell::Nodes(nodes))) => {
                dht.candidates(now, &nodes);
                let slot: Slot = (row, column);
                if !nodes.iter().any(|p| dht.geometry.table().slot(p.id) == Some(slot)) {
                    dht.repair_beyond(now, slot, peer);
                }
            }
            _ => {}
        }
    }

    fn unanswered(_: &mut Pastry, _: Time, _: Peer, _: Purpose) {}

    fn found(_: &mut Pastry, _: Time, goal: Infallible, _: Option<(Peer, Place)>) {
        match goal {}
    }

    fn bereaved(dht: &mut Pastry, now: Time) {
        dht.lost_some(now);
    }

    fn rescued(dht: &mut Pastry, now: Time, peer: Peer) {
        dht.geometry.insert_leaf(peer);
        dht.greet_new_nearest(now);
        dht.round_by(now);
    }

    fn renumbered(dht: &mut Pastry, now: Time) {
        dht.greet_nearest(now);
    }

    fn goodbyes(&self) -> Vec<(Peer, Ask)> {
        self.everybody().into_iter().map(|peer| (peer, Ask::Leaving(self.leaves.place()))).collect()
    }
}
