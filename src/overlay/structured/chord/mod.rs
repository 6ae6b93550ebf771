//! Chord (Stoica et al., SIGCOMM 2001) with maintenance after Zave's rules ("How to make Chord correct",
//! 2015): lists are copied whole, candidates are asked before they are adopted, predecessors are replaced when
//! they do not answer. Her proof is of a ring of r + 1 members or more, for lists of r, that does nothing else.
//! It covers neither an overlay that begins with one member nor `Ring::merge`, which takes what another's list
//! has unasked: good-byes, merging islands and rescued nodes use it.
//! Fingers are chosen by proximity among the first nodes of their intervals (PNS, Dabek et al., NSDI
//! 2004) and among the fingers of near nodes.
//!
//! - `ring`: one node's neighbors and what they say about a key
//! - `join`: who lets a node in, and how its neighbors come to know it; `before`: who was let in lately
//! - `stabilize`: repair, leaving
//! - `merge`: taking a place in another ring
//! - `fingers`: finding fingers, and nearer ones

mod before;
mod fingers;
mod join;
mod merge;
mod message;
mod ring;
mod row;
mod stabilize;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::dht::message::{Query, Response, Step};
use super::dht::{Geometry, MAX_PEERS, Settings as Common, Tables};
use crate::overlay::id::Id;
use crate::overlay::{Peer, Proximity, Time};
use message::{Ask, Place, Tell};
pub use ring::Chord;
use ring::Ring;
pub use row::ROW;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Length of the successor list, at most [`MAX_PEERS`].
    pub successors: usize,
    /// How fingers are chosen.
    pub proximity: Proximity,
}

/// Why a node asks another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Purpose {
    Stabilize,
    /// Asking a candidate before adopting it as successor.
    Adopt,
    Notify,
    /// Is it still there? If the predecessor is not, `instead` takes its place.
    Check {
        instead: Option<Peer>,
    },
    /// How far away is this candidate for a finger?
    Measure,
    /// Which fingers does a near node have?
    Fingers,
    /// Asking to be let in.
    Join,
    /// Which fingers does its successor have? They serve until its own are found.
    Hints,
    /// Telling a former predecessor who has come between.
    Nearer,
}

/// Why it looks something up: for its finger with this index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finger(u32);

impl Geometry for Ring {
    type Settings = Settings;
    type Ask = Ask;
    type Tell = Tell;
    type Purpose = Purpose;
    type Goal = Finger;

    fn new(me: Peer, settings: &Settings, _: &Common) -> Self {
        Self::alone(me.id, settings.successors.clamp(1, MAX_PEERS), settings.proximity)
    }

    fn step(dht: &Chord, query: &Query) -> Step<Place> {
        dht.geometry.toward(query)
    }

    fn begin(_: &mut Chord, _: Time) {}

    fn join_key(dht: &mut Chord) -> Id {
        dht.me.id
    }

    fn join_at(dht: &mut Chord, now: Time, owner: Peer, place: Place) {
        dht.place_found(now, owner, &place);
    }

    fn merge_at(dht: &mut Chord, now: Time, owner: Peer, place: Place) {
        dht.merge_with(now, owner, &place);
    }

    fn answers_while_joining(&self) -> bool {
        self.successor().is_some()
    }

    fn round(dht: &mut Chord, now: Time) {
        dht.stabilize(now);
    }

    fn meet(dht: &mut Chord, now: Time, peer: Peer, round_trip: Duration) {
        dht.met(now, peer, round_trip);
    }

    fn serve(dht: &mut Chord, now: Time, sender: Peer, ask: Ask) -> Option<Response<Tell, Place>> {
        let state = |dht: &Chord| Response::Own(Tell::State(dht.geometry.place()));
        match ask {
            Ask::State => Some(state(dht)),
            Ask::Notify if dht.is_leaving() => Some(Response::Refused),
            Ask::Notify => {
                dht.rectify(now, sender);
                dht.followed(now, sender);
                Some(state(dht))
            }
            Ask::Join if dht.is_leaving() => Some(Response::Refused),
            Ask::Join => Some(Response::Own(dht.let_in(now, sender))),
            Ask::Nearer(_) if dht.is_leaving() => Some(Response::Refused),
            Ask::Nearer(peer) => {
                dht.nearer(now, peer);
                Some(Response::Done)
            }
            Ask::Fingers => Some(Response::Own(Tell::Fingers(dht.geometry.some_fingers()))),
            Ask::Leaving(place) => {
                dht.left_by(now, sender, &place);
                Some(Response::Done)
            }
        }
    }

    fn answered(dht: &mut Chord, now: Time, peer: Peer, purpose: Purpose, tell: Option<Tell>) {
        match (purpose, tell) {
            (Purpose::Stabilize | Purpose::Adopt, Some(Tell::State(place))) => dht.adopt(now, peer, &place),
            (Purpose::Notify, Some(Tell::State(place))) => dht.noticed(now, peer, &place),
            (Purpose::Join, Some(Tell::State(place))) => dht.not_let_in(now, peer, &place),
            (Purpose::Join, Some(Tell::Admitted { former, place })) => dht.admitted(now, peer, former, &place),
            (Purpose::Hints, Some(Tell::Fingers(fingers))) => dht.hinted(now, &fingers),
            (Purpose::Measure, _) => dht.measured(peer),
            (Purpose::Fingers, Some(Tell::Fingers(fingers))) => dht.candidates(now, &fingers),
            _ => {}
        }
    }

    fn unanswered(dht: &mut Chord, now: Time, _: Peer, purpose: Purpose) {
        match purpose {
            Purpose::Stabilize | Purpose::Join => dht.round_by(now),
            Purpose::Check { instead: Some(peer) } if dht.geometry.predecessor().is_none() => {
                dht.geometry.set_predecessor(Some(peer));
            }
            _ => {}
        }
    }

    fn found(dht: &mut Chord, now: Time, Finger(index): Finger, at: Option<(Peer, Place)>) {
        if let Some((owner, place)) = at {
            dht.finger_found(now, index, owner, &place);
        }
    }

    fn bereaved(dht: &mut Chord, now: Time) {
        // Failures come in groups (a cut link takes a whole stub network): all others are asked, so
        // that they fail together rather than one after another.
        for peer in dht.geometry.peers() {
            dht.check(now, peer);
        }
    }

    fn rescued(dht: &mut Chord, now: Time, peer: Peer) {
        dht.geometry.merge(&[peer]);
        dht.round_by(now);
    }

    fn renumbered(dht: &mut Chord, now: Time) {
        if let Some(successor) = dht.geometry.successor() {
            dht.ask(now, successor, Ask::Notify, Purpose::Notify);
        }
    }

    fn goodbyes(&self) -> Vec<(Peer, Ask)> {
        self.everybody().into_iter().map(|peer| (peer, Ask::Leaving(self.place()))).collect()
    }
}
