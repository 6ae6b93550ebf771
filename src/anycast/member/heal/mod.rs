//! How islands find each other, and what follows.
//!
//! - `ask`: whom a member asks: other colors, well-known nodes, peers that had failed
//! - `rendezvous`: the leader of an island, who pauses to listen
//!
//! When a node answers that a lookup in its own island does not find, there are two islands. One
//! link would merge them only slowly, so the contact is flooded through the smaller one, and each of its
//! nodes looks itself up in the larger.

mod ask;
mod rendezvous;

use std::collections::{BTreeMap, VecDeque};

use rand::RngExt;

use super::asks::{Welcome, Why};
use super::core::Core;
use super::message::Message;
use crate::anycast::config::Healing;
use crate::anycast::event::Event;
use crate::anycast::means::Means;
use crate::overlay::id::Id;
use crate::overlay::{self, Peer, Time};
use ask::Asking;
use rendezvous::Vigil;

/// Lookups that must miss a peer before it counts as another island's: one may fall into the moment
/// in which the peer has just joined, or its place has just changed.
const MISSES: u32 = 2;
/// Most peers under suspicion at once.
const MAX_SUSPECTS: usize = 16;
/// One in so many answers of a neighbor is looked up like a stranger's.
const DOUBT: u32 = 4;
/// Most floods remembered.
const MAX_FLOODS: usize = 64;
/// Most floods passed on in one stabilization interval: anybody can begin one.
const FLOODS_A_ROUND: u32 = 8;
/// Stabilization intervals after a merge in which no further island is looked for.
const PAUSE_ROUNDS: u32 = 6;

#[derive(Debug, Default)]
pub(super) struct Healer {
    asking: Asking,
    vigil: Vigil,
    suspects: BTreeMap<u64, Suspect>,
    floods: VecDeque<u64>,
    /// Begin of an interval, and floods passed on in it.
    passed_on: (Time, u32),
    rejoining: Option<(Peer, Time)>,
    /// How the peer that is being linked to was found, in an overlay without owners.
    lead: Option<(Means, Option<u16>)>,
    quiet_until: Time,
}

/// A peer that may be of another island.
#[derive(Debug)]
struct Suspect {
    peer: Peer,
    by: Means,
    color: Option<u16>,
    /// Its estimate of its island's size.
    size: u32,
    /// It has decided that this node's island is to move.
    decided: bool,
    /// Milliseconds in which it answered.
    milliseconds: Option<f64>,
    misses: u32,
    /// It is asked then where it stands now, or has been and is given up then.
    next: Option<Time>,
    asked: bool,
}

impl Healer {
    /// Numbers of entries in its tables.
    pub(super) fn tables(&self) -> [(&'static str, usize); 2] {
        [("suspects", self.suspects.len()), ("floods", self.floods.len())]
    }

    pub(super) fn due(&self) -> Option<Time> {
        let suspects = self.suspects.values().filter_map(|s| s.next).min();
        [suspects, self.vigil.due(), self.asking.next].into_iter().flatten().min()
    }

    pub(super) fn start(&mut self, core: &mut Core, now: Time) {
        let before = std::mem::take(self);
        self.vigil = before.vigil;
        self.asking = Asking::start(before.asking, core, now);
        self.vigil.start(core, now);
    }

    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }

    pub(super) fn timeout(&mut self, core: &mut Core, now: Time) {
        self.asking.timeout(core, now);
        self.vigil.timeout(core, now);
        let due = self.suspects.iter().filter(|(_, s)| s.next.is_some_and(|t| t <= now));
        let due: Vec<(u64, Peer, bool)> = due.map(|(watch, s)| (*watch, s.peer, s.asked)).collect();
        for (watch, peer, asked) in due {
            if asked {
                self.suspects.remove(&watch);
                continue;
            }
            let patience = core.config.rpc_timeout * core.config.rpc_tries * 2;
            if let Some(suspect) = self.suspects.get_mut(&watch) {
                (suspect.asked, suspect.next) = (true, Some(now + patience));
            }
            core.ask(now, peer.address, Why::Verify { watch });
        }
    }

    /// A member answered of which it is not known whose island it is of.
    pub(super) fn lead(
        &mut self,
        core: &mut Core,
        now: Time,
        welcome: &Welcome,
        milliseconds: f64,
        by: Means,
        color: Option<u16>,
    ) {
        // A link may be left over from before the islands parted: now and then it is not believed.
        if Self::knows(core, welcome) && core.rng.random_range(0..DOUBT) > 0 {
            return;
        }
        let Welcome { peer, place, size, .. } = *welcome;
        let (decided, milliseconds) = (false, Some(milliseconds));
        let suspect = Suspect { peer, by, color, size, decided, milliseconds, misses: 0, next: None, asked: false };
        self.suspect(core, now, suspect, place);
    }

    fn knows(core: &Core, welcome: &Welcome) -> bool {
        let id = welcome.peer.id;
        welcome.neighbors.iter().any(|p| p.id == core.config.id) || core.overlay.peers().iter().any(|p| p.id == id)
    }

    /// A member of another island says it found this node, and that this island is the one to move.
    pub(super) fn met_by(&mut self, core: &mut Core, now: Time, peer: Peer, place: Id, by: Means, color: Option<u16>) {
        let (size, decided, milliseconds) = (0, true, None);
        let suspect = Suspect { peer, by, color, size, decided, milliseconds, misses: 0, next: None, asked: false };
        self.suspect(core, now, suspect, place);
    }

    fn suspect(&mut self, core: &mut Core, now: Time, suspect: Suspect, place: Id) {
        let suspected = self.suspects.values().any(|s| s.peer.id == suspect.peer.id);
        let busy = self.rejoining.is_some() || now < self.quiet_until;
        let heals = core.config.healing != Healing::None && core.is_member() && !core.departing;
        if suspected || busy || !heals || self.suspects.len() >= MAX_SUSPECTS {
            return;
        }
        if !core.is_keyed() {
            return self.link(core, now, &suspect);
        }
        let watch = core.rng.random();
        self.suspects.insert(watch, suspect);
        core.overlay.ask(now, overlay::Token::Own(watch), overlay::Ask::Find { key: place });
    }

    /// Without owners no lookup tells islands apart, and one link makes them one: there is nothing to flood, and a
    /// link within an island does no harm.
    fn link(&mut self, core: &mut Core, now: Time, suspect: &Suspect) {
        self.rejoining = Some((suspect.peer, now));
        self.lead = Some((suspect.by, suspect.color));
        core.overlay.merge(now, suspect.peer);
    }

    /// A suspect has said where it stands now.
    pub(super) fn verified(&mut self, core: &mut Core, now: Time, watch: u64, welcome: &Welcome) {
        let Some(suspect) = self.suspects.get_mut(&watch) else { return };
        if suspect.peer.id != welcome.peer.id || !suspect.asked {
            return;
        }
        (suspect.size, suspect.asked, suspect.next) = (welcome.size, false, None);
        core.overlay.ask(now, overlay::Token::Own(watch), overlay::Ask::Find { key: welcome.place });
    }

    /// A lookup of a suspect's place in this node's own island has ended.
    pub(super) fn watched(&mut self, core: &mut Core, now: Time, watch: u64, owner: Option<Id>) {
        let Some(suspect) = self.suspects.get_mut(&watch) else { return };
        if owner.is_some_and(|owner| owner != suspect.peer.id) {
            suspect.misses += 1;
            if suspect.misses < MISSES {
                suspect.next = Some(now + core.config.stabilize_every * 2);
                return;
            }
        }
        let Some(suspect) = self.suspects.remove(&watch) else { return };
        if owner == Some(suspect.peer.id) {
            self.asking.forget(suspect.peer.id);
            if let Some(milliseconds) = suspect.milliseconds {
                core.meet(now, suspect.peer, milliseconds);
            }
        } else if owner.is_some() {
            self.other_island(core, now, &suspect);
        }
    }

    /// Two islands: the smaller one moves, of equals the one with the smaller id here.
    fn other_island(&mut self, core: &mut Core, now: Time, suspect: &Suspect) {
        self.quiet_until = now + core.config.stabilize_every * PAUSE_ROUNDS;
        self.vigil.calm();
        core.emit(Event::Contact { peer: suspect.peer.id, by: suspect.by, color: suspect.color });
        let (ours, here) = (core.overlay.size(), core.config.id);
        if !suspect.decided && (suspect.size, suspect.peer.id) < (ours, here) {
            let (place, by) = (core.overlay.place(), suspect.by);
            let color = suspect.color.and(core.color.or(suspect.color));
            return core.send(suspect.peer.address, &Message::Met { id: here, place, by, color });
        }
        let flood = core.rng.random();
        self.contact(core, now, flood, suspect.peer);
    }

    /// A flooded contact: passed on once, then followed.
    pub(super) fn contact(&mut self, core: &mut Core, now: Time, flood: u64, peer: Peer) {
        let fresh = core.is_member() && !self.floods.contains(&flood);
        if !fresh || core.config.healing == Healing::None {
            return;
        }
        if now - self.passed_on.0 >= core.config.stabilize_every {
            self.passed_on = (now, 0);
        }
        self.passed_on.1 += 1;
        if self.passed_on.1 > FLOODS_A_ROUND {
            return;
        }
        self.floods.push_back(flood);
        if self.floods.len() > MAX_FLOODS {
            self.floods.pop_front();
        }
        for neighbor in core.overlay.peers() {
            core.send(neighbor.address, &Message::Contact { flood, peer });
        }
        if self.rejoining.is_none() && peer.id != core.config.id && !core.departing {
            self.rejoining = Some((peer, now));
            core.emit(Event::Rejoining { through: peer.id });
            core.overlay.merge(now, peer);
        }
    }

    /// This node's own lookup in the other island has ended.
    pub(super) fn merged(&mut self, core: &mut Core, now: Time, ok: bool) {
        let lead = self.lead.take();
        if ok || lead.is_none() {
            self.quiet_until = now + core.config.stabilize_every * PAUSE_ROUNDS;
        }
        if let Some((peer, started)) = self.rejoining.take().filter(|_| ok) {
            if let Some((by, color)) = lead {
                core.emit(Event::Contact { peer: peer.id, by, color });
            }
            core.emit(Event::Rejoined { through: peer.id, milliseconds: now.millis_since(started) });
        }
    }

    /// A neighbor did not answer.
    pub(super) fn bereaved(&mut self, core: &mut Core, now: Time, peer: Peer) {
        self.asking.remember(core, now, peer);
        self.vigil.bereaved(core, now, peer);
    }
}
