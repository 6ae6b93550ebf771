//! Neighbor updates: what nodes tell one another about their zones, and what follows from it.
//!
//! The space is tiled exactly once when no two nodes that can hear of each other claim the same
//! point, and all of every zone's faces is known to be held. Both are checked all the time: the first
//! with every message, the second in every round.

use std::collections::BTreeSet;

use rand::RngExt;

use super::message::{Ask, Claim, State, Tell};
use super::space::GIVEN;
use super::zone::Zone;
use super::{Can, Goal, Place, Purpose};
use crate::overlay::id::Id;
use crate::overlay::structured::dht::Tables;
use crate::overlay::structured::dht::message::Response;
use crate::overlay::{Peer, Time};

/// Rounds between two questions whether anybody else believes to own what this node owns.
const DOUBT_ROUNDS: u32 = 8;
/// Unknown neighbors looked up in one round.
const GAPS_A_ROUND: usize = 4;

impl Can {
    /// One round.
    pub(super) fn upkeep(&mut self, now: Time) {
        let space = &mut self.geometry;
        space.rounds = space.rounds.wrapping_add(1);
        space.settle(now);
        space.granted.retain(|_, p| p.until > now);
        space.former.retain(|_, (_, until)| *until > now);
        if space.contacts.is_empty() {
            return self.alone(now);
        }
        if space.held.is_empty() {
            return self.find_place(now);
        }
        space.prune();
        space.unite();
        self.heartbeat(now);
        if !self.is_moving() {
            self.arm(now);
            self.give_spare(now);
            self.find_gaps(now);
            self.doubt(now);
        }
    }

    /// Nobody is known: asks everybody ever heard of; if there is nobody, it is an overlay of one.
    fn alone(&mut self, now: Time) {
        if self.rescuing() {
            return;
        }
        if !self.geometry.has_whole() && !self.everybody().is_empty() {
            return self.rescue(now);
        }
        self.seize(now, Zone::WHOLE, GIVEN);
        self.geometry.unite();
        self.renewed(now, None);
    }

    /// Neighbors that have not been heard of lately are told, and tell.
    fn heartbeat(&mut self, now: Time) {
        let lately = self.settings.stabilize_every / 2;
        let contacts = self.geometry.contacts.values();
        let quiet: Vec<Peer> = contacts.filter(|c| now - c.heard > lately).map(|c| c.peer).collect();
        for peer in quiet {
            self.introduce(now, peer);
        }
    }

    /// Exchanges updates with a node, unless that is under way.
    pub(super) fn introduce(&mut self, now: Time, peer: Peer) {
        if peer.id != self.me.id && !self.asking(Some(peer.id), |p| *p == Purpose::Update) {
            let state = self.geometry.state(now);
            self.ask(now, peer, Ask::Update(state), Purpose::Update);
        }
    }

    /// Tells all neighbors if its zones are others than it told them last.
    pub(super) fn announce(&mut self, now: Time) {
        let claims = self.geometry.claims();
        if self.geometry.announced == claims || !self.is_member() {
            return;
        }
        self.geometry.announced = claims;
        let state = self.geometry.state(now);
        for peer in self.geometry.peers() {
            self.ask(now, peer, Ask::Update(state.clone()), Purpose::Update);
        }
    }

    /// A node has told its zones; the answer tells this node's.
    pub(super) fn updated(&mut self, now: Time, sender: Peer, state: &State) -> Response<Tell, Place> {
        if self.is_former(sender, state) {
            return Response::Own(Tell::Moved);
        }
        if self.is_member() {
            self.learn(now, sender, state);
        }
        Response::Own(Tell::State(self.geometry.state(now)))
    }

    fn is_former(&self, peer: Peer, state: &State) -> bool {
        self.geometry.former.get(&peer.id).is_some_and(|(moves, _)| *moves == state.moves)
    }

    /// What a node says of itself: yields to better claims, and takes note of the rest.
    pub(super) fn learn(&mut self, now: Time, peer: Peer, state: &State) {
        let outdated = self.geometry.contacts.get(&peer.id).is_some_and(|c| c.said > state.at);
        if outdated || !self.is_member() || self.is_former(peer, state) {
            return;
        }
        let had = !self.geometry.held.is_empty();
        // One that has no neighbors has not noticed yet that it is not alone.
        let lonely = state.near.is_empty() && state.claims.iter().any(|c| c.zone == Zone::WHOLE);
        let company = self.geometry.contacts.keys().any(|id| *id != peer.id);
        let mut lost = Vec::new();
        for claim in state.claims.iter().filter(|_| !(lonely && company)) {
            lost.extend(self.geometry.yield_to(peer.id, *claim));
        }
        self.contest(now, peer, &state.claims);
        self.geometry.note(now, peer, state);
        for zone in lost {
            self.return_strays(now, peer, zone.interval());
        }
        if had && self.geometry.held.is_empty() {
            self.ask_for_place(now, peer);
        }
        self.meet_theirs(now, state);
    }

    /// Asks those of a neighbor's neighbors that this node should know, or that claim what it holds.
    fn meet_theirs(&mut self, now: Time, state: &State) {
        let space = &self.geometry;
        let unknown = state.near.iter().filter(|n| !space.contacts.contains_key(&n.peer.id));
        let near = unknown.filter(|n| n.claims.iter().any(|c| space.concerns(c.zone)));
        let near: Vec<Peer> = near.map(|n| n.peer).filter(|p| self.trusted(now, p)).collect();
        for peer in near {
            self.introduce(now, peer);
        }
    }

    /// Looks for those who hold what lies beyond its faces and is not known to be held.
    fn find_gaps(&mut self, now: Time) {
        let space = &self.geometry;
        let (dimensions, known) = (space.dimensions, space.known_zones());
        let faces = space.zones().flat_map(|z| z.faces(dimensions).map(move |f| (z, f)));
        let open = faces.flat_map(|(z, f)| z.uncovered(f, dimensions, &known).into_iter().map(move |o| (o, f)));
        let open = open.filter(|(o, _)| !space.vacancies.keys().any(|v| v.overlaps(*o)));
        let open: BTreeSet<(Zone, Id)> = open.map(|(o, f)| (o, o.corner(f, dimensions))).collect();
        self.geometry.misses.retain(|zone, _| open.iter().any(|(o, _)| o == zone));
        for (zone, key) in open.into_iter().take(GAPS_A_ROUND) {
            let told = self.geometry.hearsay().filter(|n| n.claims.iter().any(|c| c.zone.overlaps(zone)));
            let told = told.filter(|n| n.peer.id != self.me.id && !self.geometry.contacts.contains_key(&n.peer.id));
            let told: BTreeSet<Peer> = told.map(|n| n.peer).filter(|p| self.trusted(now, p)).collect();
            for peer in &told {
                self.introduce(now, *peer);
            }
            // This node itself is the nearest to that point: only from elsewhere does a lookup get
            // on. Those it has heard of are anywhere.
            let others: Vec<Peer> = self.everybody().into_iter().collect();
            if !others.is_empty() && !self.seeking(|g| *g == Goal::Gap(zone)) {
                let through = others[self.rng.random_range(0..others.len())];
                self.seek_through(now, key, Goal::Gap(zone), through);
            }
        }
    }

    /// Has its own place looked up by a neighbor, as if it were not there itself.
    fn doubt(&mut self, now: Time) {
        let space = &self.geometry;
        if space.rounds % DOUBT_ROUNDS != (space.me.id.0 % u128::from(DOUBT_ROUNDS)) as u32 {
            return;
        }
        let peers = space.peers();
        if !peers.is_empty() && !self.seeking(|g| *g == Goal::Mine) {
            let through = peers[self.rng.random_range(0..peers.len())];
            self.seek_through(now, self.geometry.home, Goal::Mine, through);
        }
    }

    /// Gives a zone that it holds besides its own to the holder of its other half.
    fn give_spare(&mut self, now: Time) {
        if self.asking(None, |p| *p == Purpose::Take) {
            return;
        }
        let space = &self.geometry;
        let spare = space.held.iter().filter(|h| h.settles.is_none() && !h.claim.zone.contains(space.home));
        let spare = spare.filter(|h| !space.granted.keys().any(|z| z.overlaps(h.claim.zone)));
        let taker = |zone: Zone| {
            let mut holders = space.contacts.values();
            holders.find(|c| c.claims.iter().any(|c| Some(c.zone) == zone.sibling())).map(|c| c.peer)
        };
        let pair = spare.map(|h| h.claim).find_map(|c| Some((c, taker(c.zone)?)));
        if let Some((claim, taker)) = pair {
            let claims = vec![Claim { version: claim.version.saturating_add(1), ..claim }];
            self.ask(now, taker, Ask::Take { claims }, Purpose::Take);
        }
    }
}
