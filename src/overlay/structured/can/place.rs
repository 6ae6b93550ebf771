//! Getting a place and giving one: joining, moving to another island, handing zones on.

use rand::RngExt;

use super::message::{Ask, Claim, Place, State, Tell};
use super::space::{GIVEN, Held};
use super::zone::Zone;
use super::{Can, Goal, Purpose, Why};
use crate::overlay::id::Id;
use crate::overlay::structured::dht::message::Response;
use crate::overlay::{Peer, Time};

/// Stabilization intervals for which a zone is kept for the node it was promised to.
const PROMISE_ROUNDS: u32 = 6;
/// Stabilization intervals for which claims of a former island's members do not count.
const FORMER_ROUNDS: u32 = 20;

impl Can {
    /// The owner of its point is known.
    pub(super) fn ask_to_join(&mut self, now: Time, owner: Peer) {
        self.geometry.sent_on = 0;
        self.ask_to_join_at(now, owner);
    }

    fn ask_to_join_at(&mut self, now: Time, owner: Peer) {
        let chosen = self.geometry.landmarks.iter().any(Option::is_some);
        let anywhere = !chosen && self.geometry.sent_on < self.geometry.partitioning.comparisons();
        let at = self.geometry.home;
        self.ask(now, owner, Ask::Place { at, anywhere }, Purpose::Place(Why::Join));
    }

    /// It has been told of a larger zone than the one it asked for a half of.
    pub(super) fn sent_on(&mut self, now: Time, owner: Peer, at: Id) {
        if self.is_joining() {
            self.geometry.home = at;
            self.geometry.sent_on += 1;
            self.ask_to_join_at(now, owner);
        }
    }

    /// A node that has no zone asks for one.
    pub(super) fn grant(&mut self, now: Time, joiner: Peer, at: Id, anywhere: bool) -> Response<Tell, Place> {
        // Of two that move to each other's island one stays.
        let stays = self.is_member() && !(self.is_moving() && joiner.id > self.me.id);
        if stays
            && anywhere
            && let Some((peer, at)) = self.larger_neighbor(joiner.id)
        {
            return Response::Own(Tell::Larger { peer, at });
        }
        let promise = if stays { self.geometry.promise(joiner.id, at) } else { None };
        let Some(claim) = promise else { return Response::Refused };
        let until = now + self.settings.stabilize_every * PROMISE_ROUNDS;
        self.geometry.granted.insert(claim.zone, (joiner.id, claim, until));
        Response::Own(Tell::Granted { claim, state: self.geometry.state(now) })
    }

    /// One of the neighbors with the largest zone, if it is larger than what this node would halve for the
    /// joiner, and a point in it.
    fn larger_neighbor(&mut self, joiner: Id) -> Option<(Peer, Id)> {
        let space = &self.geometry;
        if space.granted.values().any(|(to, ..)| *to == joiner) || space.spare().is_some() {
            return None;
        }
        let mine = space.largest_free(space.home).map_or(u32::MAX, |z| z.length());
        let theirs = || space.contacts.values().flat_map(|c| c.claims.iter().map(|claim| (claim.zone, c.peer)));
        let length = theirs().map(|(zone, _)| zone.length()).min().filter(|length| *length < mine)?;
        let largest: Vec<(Zone, Peer)> = theirs().filter(|(zone, _)| zone.length() == length).collect();
        // Joiners come in crowds: not all of them to the same.
        let (zone, peer) = largest[self.rng.random_range(0..largest.len())];
        Some((peer, zone.first()))
    }

    /// It has been given a zone.
    pub(super) fn placed(&mut self, now: Time, owner: Peer, why: Why, claim: Claim, state: &State) {
        if why == Why::Homeless && !self.geometry.held.is_empty() {
            return;
        }
        if why == Why::Move {
            self.emigrate(now, owner, state);
        }
        self.geometry.source = Some(owner);
        self.geometry.hold(claim, None);
        self.joined(now);
        self.learn(now, owner, state);
        if why == Why::Move {
            self.merged(now);
        }
    }

    /// Leaves its island: everything it had there is void, and so is what the others there claim.
    fn emigrate(&mut self, now: Time, owner: Peer, state: &State) {
        let until = now + self.settings.stabilize_every * FORMER_ROUNDS;
        let moves = self.geometry.moves;
        let space = &mut self.geometry;
        let left = std::mem::take(&mut space.contacts).into_iter();
        let here = |id: Id| id == owner.id || state.near.iter().any(|n| n.peer.id == id);
        space.former.extend(left.filter(|(id, _)| !here(*id)).map(|(id, c)| (id, (c.moves, until))));
        space.held.clear();
        space.vacancies.clear();
        space.granted.clear();
        space.moves = moves.wrapping_add(1);
        space.changed();
    }

    pub(super) fn is_moving(&self) -> bool {
        self.asking(None, |p| *p == Purpose::Place(Why::Move)) || self.seeking(|g| *g == Goal::Elsewhere)
    }

    /// Another node owns this node's place: it must be of another island, and this node moves there.
    /// False when it is not.
    pub(super) fn move_to_island(&mut self, now: Time, owner: Peer, place: &Place) -> bool {
        let home = self.geometry.home;
        let other = owner.id != self.me.id && place.claims.iter().any(|c| c.zone.contains(home));
        let moving = self.asking(None, |p| *p == Purpose::Place(Why::Move));
        let moves = other && !moving && self.is_member();
        if moves {
            self.ask(now, owner, Ask::Place { at: home, anywhere: false }, Purpose::Place(Why::Move));
        }
        moves
    }

    /// A neighbor has moved to another island: this node follows.
    pub(super) fn follow(&mut self, now: Time, peer: Peer) {
        self.geometry.contacts.remove(&peer.id);
        self.geometry.changed();
        if self.is_member() && !self.is_moving() {
            self.seek_through(now, self.geometry.home, Goal::Elsewhere, peer);
        }
    }

    /// It has lost its last zone.
    pub(super) fn find_place(&mut self, now: Time) {
        let asks = self.asking(None, |p| matches!(p, Purpose::Place(_)));
        if !asks && !self.seeking(|g| *g == Goal::Homeless) {
            let key = Id(self.rng.random());
            self.geometry.home = key;
            self.seek(now, key, Goal::Homeless);
        }
    }

    pub(super) fn ask_for_place(&mut self, now: Time, owner: Peer) {
        let asks = self.asking(None, |p| matches!(p, Purpose::Place(_)));
        if self.geometry.held.is_empty() && owner.id != self.me.id && !asks {
            let ask = Ask::Place { at: self.geometry.home, anywhere: false };
            self.ask(now, owner, ask, Purpose::Place(Why::Homeless));
        }
    }

    /// A neighbor hands zones on.
    pub(super) fn take(&mut self, now: Time, _: Peer, claims: &[Claim]) -> Response<Tell, Place> {
        if !self.is_member() || self.is_moving() || self.geometry.held.is_empty() {
            return Response::Refused;
        }
        for claim in claims {
            self.geometry.hold(*claim, None);
        }
        self.geometry.unite();
        Response::Own(Tell::State(self.geometry.state(now)))
    }
}

impl super::Space {
    /// What to give a node that wants to be at a point: a zone that this one has besides its own, else
    /// the half without its home of the zone there.
    fn promise(&mut self, joiner: Id, at: Id) -> Option<Claim> {
        let kept = self.granted.values().find(|(to, ..)| *to == joiner).map(|(_, claim, _)| *claim);
        if let Some(claim) = kept {
            // It may have united the zone since then, and claim it with a higher version.
            let stands = |h: &Held| h.claim.zone.includes(claim.zone) && h.claim.version < claim.version;
            if self.held.iter().any(stands) {
                return Some(claim);
            }
            self.granted.remove(&claim.zone);
        }
        if let Some(held) = self.spare() {
            return Some(held.given(held.claim.zone));
        }
        let largest = self.largest_free(at)?;
        let held = self.held.iter().find(|h| h.claim.zone.includes(largest))?;
        let (lower, upper) = largest.halves()?;
        let gives_lower = if largest.contains(self.home) { upper.contains(self.home) } else { lower.contains(at) };
        Some(held.given(if gives_lower { lower } else { upper }))
    }

    /// A zone that it has besides its own, and has promised to nobody.
    fn spare(&self) -> Option<&Held> {
        let free = |h: &&Held| !self.granted.keys().any(|z| z.overlaps(h.claim.zone));
        self.held.iter().filter(free).find(|h| !h.claim.zone.contains(self.home) && self.held.len() > 1)
    }

    /// What it holds and has promised to nobody: the zone at this point, or else the largest.
    fn largest_free(&self, at: Id) -> Option<Zone> {
        let free = Zone::all_without(self.zones().collect(), self.granted.keys().copied());
        free.into_iter().min_by_key(|z| (!z.contains(at), z.length()))
    }
}

impl Held {
    /// A part of it as its next holder claims it.
    fn given(&self, zone: Zone) -> Claim {
        let settled = self.settles.map_or(self.claim.version, |(_, version)| version);
        Claim { zone, version: settled.max(GIVEN).saturating_add(1) }
    }
}
