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

use super::Means;
use super::config::Healing;
use super::join::Why;
use super::member::{Event, Member, Welcome};
use super::message::Message;
use crate::overlay::id::Id;
use crate::overlay::{self, Peer, Time};
use ask::Target;
use rendezvous::{Alarm, Leader};

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
    /// In the order they are asked.
    targets: VecDeque<Target>,
    next_ask: Option<Time>,
    leader: Option<Leader>,
    alarm: Option<Alarm>,
    /// When which neighbors failed, of late.
    lost: VecDeque<(Time, Id)>,
    suspects: BTreeMap<u64, Suspect>,
    floods: VecDeque<u64>,
    /// Begin of an interval, and floods passed on in it.
    passed_on: (Time, u32),
    rejoining: Option<(Peer, Time)>,
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
        let leader = self.leader.as_ref().map(Leader::due);
        [suspects, leader, self.next_ask].into_iter().flatten().min()
    }
}

impl Member {
    pub(super) fn start_healing(&mut self, now: Time) {
        let lost = std::mem::take(&mut self.healer.lost);
        self.healer = Healer { lost, ..Healer::default() };
        self.healer.targets = self.targets();
        self.schedule_ask(now);
        self.watch_rendezvous(now);
    }

    pub(super) fn stop_healing(&mut self) {
        self.healer = Healer::default();
    }

    pub(super) fn heal_timeout(&mut self, now: Time) {
        self.ask_timeout(now);
        self.rendezvous_timeout(now);
        let due = self.healer.suspects.iter().filter(|(_, s)| s.next.is_some_and(|t| t <= now));
        let due: Vec<(u64, Peer, bool)> = due.map(|(watch, s)| (*watch, s.peer, s.asked)).collect();
        for (watch, peer, asked) in due {
            if asked {
                self.healer.suspects.remove(&watch);
                continue;
            }
            let patience = self.config.rpc_timeout * self.config.rpc_tries * 2;
            if let Some(suspect) = self.healer.suspects.get_mut(&watch) {
                (suspect.asked, suspect.next) = (true, Some(now + patience));
            }
            self.ask(now, peer.address, Why::Verify { watch });
        }
    }

    /// A member answered of which it is not known whose island it is of.
    pub(super) fn lead(&mut self, now: Time, welcome: &Welcome, milliseconds: f64, by: Means, color: Option<u16>) {
        // A link may be left over from before the islands parted: now and then it is not believed.
        if self.knows(welcome) && self.rng.random_range(0..DOUBT) > 0 {
            return;
        }
        let Welcome { peer, place, size, .. } = *welcome;
        let (decided, milliseconds) = (false, Some(milliseconds));
        let suspect = Suspect { peer, by, color, size, decided, milliseconds, misses: 0, next: None, asked: false };
        self.suspect(now, suspect, place);
    }

    fn knows(&self, welcome: &Welcome) -> bool {
        let id = welcome.peer.id;
        welcome.neighbors.iter().any(|p| p.id == self.config.id) || self.overlay.peers().iter().any(|p| p.id == id)
    }

    /// A member of another island says it found this node, and that this island is the one to move.
    pub(super) fn met_by(&mut self, now: Time, peer: Peer, place: Id, by: Means, color: Option<u16>) {
        let (size, decided, milliseconds) = (0, true, None);
        let suspect = Suspect { peer, by, color, size, decided, milliseconds, misses: 0, next: None, asked: false };
        self.suspect(now, suspect, place);
    }

    fn suspect(&mut self, now: Time, suspect: Suspect, place: Id) {
        let suspected = self.healer.suspects.values().any(|s| s.peer.id == suspect.peer.id);
        let busy = self.healer.rejoining.is_some() || now < self.healer.quiet_until;
        let heals = self.config.healing != Healing::None && self.is_member() && self.departure.is_none();
        if suspected || busy || !heals || self.healer.suspects.len() >= MAX_SUSPECTS {
            return;
        }
        let watch = self.rng.random();
        self.healer.suspects.insert(watch, suspect);
        self.overlay.ask(now, overlay::Token::Own(watch), overlay::Ask::Find { key: place });
    }

    /// A suspect has said where it stands now.
    pub(super) fn verified(&mut self, now: Time, watch: u64, welcome: &Welcome) {
        let Some(suspect) = self.healer.suspects.get_mut(&watch) else { return };
        if suspect.peer.id != welcome.peer.id || !suspect.asked {
            return;
        }
        (suspect.size, suspect.asked, suspect.next) = (welcome.size, false, None);
        self.overlay.ask(now, overlay::Token::Own(watch), overlay::Ask::Find { key: welcome.place });
    }

    /// A lookup of a suspect's place in this node's own island has ended.
    pub(super) fn watched(&mut self, now: Time, watch: u64, owner: Option<Id>) {
        let Some(suspect) = self.healer.suspects.get_mut(&watch) else { return };
        if owner.is_some_and(|owner| owner != suspect.peer.id) {
            suspect.misses += 1;
            if suspect.misses < MISSES {
                suspect.next = Some(now + self.config.stabilize_every * 2);
                return;
            }
        }
        let Some(suspect) = self.healer.suspects.remove(&watch) else { return };
        if owner == Some(suspect.peer.id) {
            self.forget_target(suspect.peer.id);
            if let Some(milliseconds) = suspect.milliseconds {
                self.meet(now, suspect.peer, milliseconds);
            }
        } else if owner.is_some() {
            self.other_island(now, &suspect);
        }
    }

    /// Two islands: the smaller one moves, of equals the one with the smaller id here.
    fn other_island(&mut self, now: Time, suspect: &Suspect) {
        self.healer.quiet_until = now + self.config.stabilize_every * PAUSE_ROUNDS;
        self.healer.alarm = None;
        self.emit(Event::Contact { peer: suspect.peer.id, by: suspect.by, color: suspect.color });
        let (ours, here) = (self.overlay.size(), self.config.id);
        if !suspect.decided && (suspect.size, suspect.peer.id) < (ours, here) {
            let (place, by) = (self.overlay.place(), suspect.by);
            let color = suspect.color.and(self.color.or(suspect.color));
            return self.send(suspect.peer.address, &Message::Met { id: here, place, by, color });
        }
        let flood = self.rng.random();
        self.contact(now, flood, suspect.peer);
    }

    /// A flooded contact: passed on once, then followed.
    pub(super) fn contact(&mut self, now: Time, flood: u64, peer: Peer) {
        let fresh = self.is_member() && !self.healer.floods.contains(&flood);
        if !fresh || self.config.healing == Healing::None {
            return;
        }
        if now - self.healer.passed_on.0 >= self.config.stabilize_every {
            self.healer.passed_on = (now, 0);
        }
        self.healer.passed_on.1 += 1;
        if self.healer.passed_on.1 > FLOODS_A_ROUND {
            return;
        }
        self.healer.floods.push_back(flood);
        if self.healer.floods.len() > MAX_FLOODS {
            self.healer.floods.pop_front();
        }
        for neighbor in self.overlay.peers() {
            self.send(neighbor.address, &Message::Contact { flood, peer });
        }
        if self.healer.rejoining.is_none() && peer.id != self.config.id && self.departure.is_none() {
            self.healer.rejoining = Some((peer, now));
            self.emit(Event::Rejoining { through: peer.id });
            self.overlay.merge(now, peer);
        }
    }

    /// This node's own lookup in the other island has ended.
    pub(super) fn merged(&mut self, now: Time, ok: bool) {
        self.healer.quiet_until = now + self.config.stabilize_every * PAUSE_ROUNDS;
        if let Some((peer, started)) = self.healer.rejoining.take().filter(|_| ok) {
            self.emit(Event::Rejoined { through: peer.id, milliseconds: now.millis_since(started) });
        }
    }
}
