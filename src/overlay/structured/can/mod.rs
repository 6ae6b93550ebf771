//! CAN, a content-addressable network (Ratnasamy et al., SIGCOMM 2001): the key space is a torus of
//! d dimensions, each node owns zones of it and knows whose zones abut its own.
//!
//! - `zone`: zones, as boxes and as intervals of ids
//! - `space`: one node's zones and neighbors, and what they say about a key
//! - `tables`: the same as other protocols' nodes have it
//! - `upkeep`: neighbor updates, conflicting claims, finding neighbors that are not known
//! - `place`: getting and giving zones: joining, moving to another island, leaving
//! - `landmarks`: joining near nodes that are near
//! - `takeover`: what becomes of a failed node's zones
//!
//! Every claim to a zone has a version. Whoever gets a zone from its holder claims it with a higher
//! one, and the holder yields when it hears of that: so a zone is never without a holder. Zones of
//! failed nodes are claimed with lower ones until it is clear that nobody else has them.

mod landmarks;
mod message;
mod place;
mod row;
mod settings;
mod space;
mod tables;
mod takeover;
mod upkeep;
mod zone;

use std::time::Duration;

use rand::RngExt;

use super::dht::message::{Query, Response, Step};
use super::dht::{Geometry, Settings as Common, Tables};
use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};
use message::{Ask, Claim, MAX_BEQUESTS, Place, Tell};
pub use row::ROW;
pub use settings::{Goal, MAX_LANDMARKS, Partitioning, Purpose, Settings, Why};
pub use space::Can;
use space::{GIVEN, Space};
pub use zone::{MAX_DIMENSIONS, Zone};

impl Geometry for Space {
    type Settings = Settings;
    type Ask = Ask;
    type Tell = Tell;
    type Purpose = Purpose;
    type Goal = Goal;

    fn new(me: Peer, settings: &Settings, _: &Common) -> Self {
        Self::nowhere(me, settings)
    }

    fn step(dht: &Can, query: &Query) -> Step<Place> {
        dht.geometry.toward(query, |id| dht.round_trip(id))
    }

    fn begin(dht: &mut Can, _: Time) {
        dht.geometry.hold(Claim { zone: Zone::WHOLE, version: GIVEN }, None);
    }

    fn join_key(dht: &mut Can) -> Id {
        if !dht.is_member() {
            dht.geometry.home = Id(dht.rng.random());
        }
        // Of a member: a point of its own, which only another island's member can own too.
        dht.geometry.home
    }

    fn join_at(dht: &mut Can, now: Time, owner: Peer, _: Place) {
        if dht.measure_landmarks(now, owner) {
            return;
        }
        dht.ask_to_join(now, owner);
    }

    fn merge_at(dht: &mut Can, now: Time, owner: Peer, place: Place) {
        // It may be following a neighbor there already.
        if !dht.move_to_island(now, owner, &place) && !dht.is_moving() {
            dht.not_merged();
        }
    }

    fn answers_while_joining(&self) -> bool {
        false
    }

    fn round(dht: &mut Can, now: Time) {
        dht.upkeep(now);
        dht.announce(now);
    }

    fn lost(dht: &mut Can, by: Peer) -> Option<Id> {
        dht.elsewhere(by)
    }

    fn woken(dht: &mut Can, now: Time) {
        if dht.is_joining() {
            return dht.join_again(now);
        }
        dht.take_over(now);
        dht.announce(now);
    }

    fn meet(_: &mut Can, _: Time, _: Peer, _: Duration) {}

    fn serve(dht: &mut Can, now: Time, sender: Peer, ask: Ask) -> Option<Response<Tell, Place>> {
        let response = match ask {
            Ask::Update(state) => dht.updated(now, sender, &state),
            Ask::Place { at, anywhere } => dht.grant(now, sender, at, anywhere),
            Ask::Take { claims } => dht.take(now, sender, &claims),
            Ask::Leaving { bequests } => {
                dht.bequeathed(now, sender, &bequests);
                Response::Done
            }
        };
        dht.announce(now);
        Some(response)
    }

    fn answered(dht: &mut Can, now: Time, by: Peer, purpose: Purpose, tell: Option<Tell>) {
        match (purpose, tell) {
            (_, Some(Tell::State(state))) => {
                dht.learn(now, by, &state);
                dht.renewed(now, Some(by));
            }
            (_, Some(Tell::Moved)) => dht.follow(now, by),
            (Purpose::Landmark, _) => dht.landmark_measured(now),
            (Purpose::Place(why), Some(Tell::Larger { peer, at })) => dht.sent_on(now, by, why, peer, at),
            (Purpose::Place(why), Some(Tell::Granted { claim, state })) => dht.placed(now, by, why, claim, &state),
            _ => {}
        }
        dht.announce(now);
    }

    fn unanswered(dht: &mut Can, now: Time, _: Peer, purpose: Purpose) {
        match purpose {
            Purpose::Place(Why::Join) => dht.join_later(now),
            Purpose::Place(Why::Move) => dht.not_merged(),
            Purpose::Place(Why::Homeless) | Purpose::Take => {}
            Purpose::Landmark => dht.landmark_measured(now),
            // Others had told of it: its zones may be vacant now.
            Purpose::Update => dht.arm(now),
        }
    }

    fn found(dht: &mut Can, now: Time, goal: Goal, at: Option<(Peer, Place)>) {
        match (goal, at) {
            (Goal::Gap(_) | Goal::Mine, Some((owner, _))) => dht.introduce(now, owner),
            (Goal::Gap(zone), None) => dht.nobody_at(now, zone),
            (Goal::Homeless, Some((owner, _))) => dht.ask_for_place(now, owner),
            (Goal::Elsewhere, Some((owner, place))) => {
                dht.move_to_island(now, owner, &place);
            }
            (Goal::Mine | Goal::Homeless | Goal::Elsewhere, None) => {}
        }
    }

    fn bereaved(dht: &mut Can, now: Time) {
        dht.arm(now);
        // Failures come in groups: all others are asked, so that they fail together.
        for peer in dht.geometry.peers() {
            dht.check(now, peer);
        }
    }

    fn rescued(dht: &mut Can, now: Time, peer: Peer) {
        dht.introduce(now, peer);
    }

    fn renumbered(dht: &mut Can, now: Time) {
        for peer in dht.geometry.peers() {
            dht.introduce(now, peer);
        }
    }

    fn goodbyes(&self) -> Vec<(Peer, Ask)> {
        let heirs = self.held.iter().filter_map(|h| Some((h.claim, self.heir_of(h.claim.zone)?)));
        let bequests: Vec<(Claim, Peer)> = heirs.take(MAX_BEQUESTS).collect();
        self.peers().into_iter().map(|peer| (peer, Ask::Leaving { bequests: bequests.clone() })).collect()
    }
}
