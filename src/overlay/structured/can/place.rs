//! Getting a place and giving one: joining, moving to another island, handing zones on.

use rand::RngExt;

use super::message::{Ask, Claim, Place, State, Tell};
use super::space::{Contact, GIVEN, Held, Promise, within};
use super::zone::Zone;
use super::{Can, Goal, Purpose, Why};
use crate::overlay::id::Id;
use crate::overlay::structured::dht::message::Response;
use crate::overlay::{Peer, Time};

/// Stabilization intervals for which a zone is kept for the node it was promised to.
const PROMISE_ROUNDS: u32 = 6;
/// Stabilization intervals for which claims of a former island's members do not count.
const FORMER_ROUNDS: u32 = 20;
/// A joiner is sent on this often in a row at most: through promises of promises, each of half a zone.
const MAX_SENT_ON: u8 = 64;
/// A joiner looks for another place this often at most, before it begins anew with another Hello.
const MAX_LOOKED: u8 = 8;

impl Can {
    /// The owner of its point is known.
    pub(super) fn ask_to_join(&mut self, now: Time, owner: Peer) {
        self.geometry.sent_on = 0;
        self.geometry.through = Some(owner);
        self.ask_to_join_at(now, owner);
    }

    fn ask_to_join_at(&mut self, now: Time, owner: Peer) {
        let anywhere = !self.near_landmarks() && self.geometry.sent_on < self.geometry.partitioning.comparisons();
        let at = self.geometry.home;
        self.ask(now, owner, Ask::Place { at, anywhere }, Purpose::Place(Why::Join));
    }

    fn near_landmarks(&self) -> bool {
        self.geometry.landmarks.iter().any(Option::is_some)
    }

    /// It has been told of a larger zone than the one it asked for a half of, or of who has it now.
    pub(super) fn sent_on(&mut self, now: Time, by: Peer, why: Why, owner: Peer, at: Id) {
        if why != Why::Join && owner.id != self.me.id {
            return self.ask(now, owner, Ask::Place { at, anywhere: false }, Purpose::Place(why));
        }
        if !self.is_joining() {
            return;
        }
        if self.geometry.sent_on >= MAX_SENT_ON || owner.id == self.me.id {
            return self.join_later(now);
        }
        self.geometry.through = Some(by);
        self.geometry.home = at;
        self.geometry.sent_on += 1;
        self.ask_to_join_at(now, owner);
    }

    /// Whoever it was sent to has no place for it, or is gone: it looks for another, in a while, as others do too.
    pub(super) fn join_later(&mut self, now: Time) {
        let pause = self.settings.rpc_timeout.mul_f64(self.rng.random_range(0.1..0.5));
        self.wake_at(Some(now + pause));
    }

    /// Looks for another place from the node that has answered last.
    pub(super) fn join_again(&mut self, now: Time) {
        let through = self.geometry.through.filter(|peer| self.trusted(now, peer));
        match (through, self.another_point()) {
            (Some(through), Some(home)) => self.join_anew(now, home, through),
            _ => self.join_failed(),
        }
    }

    /// A node knows of nobody nearer to the point where it is to join: any other is as good, unless it has been
    /// chosen by landmarks.
    pub(super) fn elsewhere(&mut self, by: Peer) -> Option<Id> {
        self.geometry.through = Some(by);
        if self.near_landmarks() { None } else { self.another_point() }
    }

    /// Where else it may join; `None`: it has looked often enough.
    fn another_point(&mut self) -> Option<Id> {
        if self.geometry.looked >= MAX_LOOKED {
            return None;
        }
        self.geometry.looked += 1;
        if !self.near_landmarks() {
            self.geometry.home = Id(self.rng.random());
        }
        Some(self.geometry.home)
    }

    /// A node that has no zone asks for one.
    pub(super) fn grant(&mut self, now: Time, joiner: Peer, at: Id, anywhere: bool) -> Response<Tell, Place> {
        // Of two that move to each other's island one stays.
        let stays = self.is_member() && !(self.is_moving() && joiner.id > self.me.id);
        if !stays {
            return Response::Refused;
        }
        if let Some((peer, at)) = self.sends_on(joiner.id, at, anywhere) {
            return Response::Own(Tell::Larger { peer, at });
        }
        let Some(claim) = self.geometry.promise(joiner.id, at) else { return Response::Refused };
        let until = now + self.settings.stabilize_every * PROMISE_ROUNDS;
        self.geometry.granted.insert(claim.zone, Promise { to: joiner, claim, until, sent: 0 });
        Response::Own(Tell::Granted { claim, state: self.geometry.state(now) })
    }

    /// Who has the place for a joiner, and where, if this node should not halve its zone for it: whoever it has
    /// promised the zone to in which the point lies; if it may be anywhere, whose zone is the largest.
    fn sends_on(&mut self, joiner: Id, at: Id, anywhere: bool) -> Option<(Peer, Id)> {
        let space = &self.geometry;
        if space.has_promised(joiner) || space.spare().is_some() {
            return None;
        }
        if !anywhere {
            let promise = space.granted.values().find(|p| p.claim.zone.contains(at) && space.may_give(p.claim))?;
            return Some((promise.to, at));
        }
        let mine = space.largest_free(space.home).map_or(0.0, Zone::volume);
        let places = space.places();
        let largest = places.iter().map(|(volume, ..)| *volume).fold(mine, f64::max);
        let places: Vec<(Zone, Peer)> = places
            .into_iter()
            .filter(|(volume, ..)| *volume == largest && largest > mine)
            .map(|(_, z, p)| (z, p))
            .collect();
        if places.is_empty() {
            return None;
        }
        // Joiners come in crowds: not all of them to the same.
        let (zone, peer) = places[self.rng.random_range(0..places.len())];
        let at = within(zone, Id(self.rng.random()));
        self.geometry.sent_to(peer.id);
        Some((peer, at))
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
        let kept = self.granted.values().find(|p| p.to.id == joiner).map(|p| p.claim);
        if let Some(claim) = kept {
            if self.may_give(claim) {
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

    /// Whether it has what it has promised. It may have united the zone since then, and claim it with a higher
    /// version.
    fn may_give(&self, claim: Claim) -> bool {
        self.held.iter().any(|h| h.claim.zone.includes(claim.zone) && h.claim.version < claim.version)
    }

    fn has_promised(&self, joiner: Id) -> bool {
        self.granted.values().any(|p| p.to.id == joiner)
    }

    /// Zones of others, neighbors and those that will be, and how large the parts are now: whoever has been sent
    /// there takes half of one.
    fn places(&self) -> Vec<(f64, Zone, Peer)> {
        let part = |zone: Zone, sent: u32| zone.volume() / f64::from(sent + 1);
        let promised = self.granted.values().filter(|p| self.may_give(p.claim));
        let promised = promised.map(|p| (part(p.claim.zone, p.sent), p.claim.zone, p.to));
        let held = |c: &Contact| {
            let largest = c.claims.iter().map(|claim| claim.zone).min_by_key(|z| z.length())?;
            Some((part(largest, c.sent), largest, c.peer))
        };
        promised.chain(self.contacts.values().filter_map(held)).collect()
    }

    /// Another joiner has been sent to this node.
    fn sent_to(&mut self, id: Id) {
        self.granted.values_mut().filter(|p| p.to.id == id).for_each(|p| p.sent += 1);
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.sent += 1;
        }
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
