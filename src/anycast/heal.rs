//! Healing by colors.
//!
//! A member cannot reach others through an address it announces itself, but it can through the
//! other colors' addresses. When a color is answered by a node that a lookup in its own island does
//! not find, there are two islands. One link would merge them only slowly, so the contact is flooded
//! through the smaller one, and each of its nodes looks itself up in the larger.

use std::collections::{BTreeMap, VecDeque};

use rand::RngExt;

use super::GroupRef;
use super::config::Healing;
use super::join::Why;
use super::member::{Event, Member};
use super::message::Message;
use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};

/// Lookups that must miss a peer before it counts as another island's: one may fall into the moment
/// in which the peer has just joined.
const MISSES: u32 = 2;
/// Most peers under suspicion at once.
const MAX_SUSPECTS: usize = 16;
/// Most floods remembered.
const MAX_FLOODS: usize = 64;
/// Stabilization intervals after a merge in which no further island is looked for.
const PAUSE_ROUNDS: u32 = 6;

#[derive(Debug, Default)]
pub(super) struct Healer {
    /// Other colors in the order they are asked.
    colors: VecDeque<u16>,
    next_ask: Option<Time>,
    suspects: BTreeMap<u64, Suspect>,
    floods: VecDeque<u64>,
    rejoining: Option<(Peer, Time)>,
    quiet_until: Time,
}

/// A peer that may be of another island.
#[derive(Debug)]
struct Suspect {
    peer: Peer,
    /// A key that it owns.
    place: Id,
    color: u16,
    /// Its estimate of its island's size; `None` when it has decided that ours is to move.
    size: Option<u32>,
    misses: u32,
    /// When it is looked up again.
    next: Option<Time>,
}

impl Healer {
    pub(super) fn due(&self) -> Option<Time> {
        self.suspects.values().filter_map(|s| s.next).chain(self.next_ask).min()
    }
}

impl Member {
    pub(super) fn start_healing(&mut self, now: Time) {
        self.stop_healing();
        if self.config.healing != Healing::Colors {
            return;
        }
        let count = u16::try_from(self.config.colors.len()).unwrap_or(u16::MAX);
        let mut colors: Vec<u16> = (0..count).filter(|c| self.can_reach(GroupRef::Color(*c))).collect();
        for last in (1..colors.len()).rev() {
            colors.swap(last, self.rng.random_range(0..=last));
        }
        self.healer.colors = colors.into();
        self.schedule_ask(now);
    }

    pub(super) fn stop_healing(&mut self) {
        self.healer = Healer::default();
    }

    /// The colors are asked one by one, spread over `heal_every`.
    fn schedule_ask(&mut self, now: Time) {
        if let Ok(colors @ 1..) = u32::try_from(self.healer.colors.len()) {
            let gap = self.config.heal_every / colors;
            self.healer.next_ask = Some(now + gap.mul_f64(self.rng.random_range(0.8..1.2)));
        }
    }

    pub(super) fn heal_timeout(&mut self, now: Time) {
        if self.healer.next_ask.is_some_and(|t| t <= now) {
            self.healer.colors.rotate_left(1);
            let color = self.healer.colors.back().copied();
            if let Some(color) = color
                && let Some(address) = self.config.group_address(GroupRef::Color(color))
            {
                self.ask(now, address, Why::Heal { color });
            }
            self.schedule_ask(now);
        }
        let due = self.healer.suspects.iter_mut().filter(|(_, s)| s.next.is_some_and(|t| t <= now));
        let due: Vec<(u64, Id)> = due
            .map(|(watch, suspect)| {
                suspect.next = None;
                (*watch, suspect.place)
            })
            .collect();
        for (watch, place) in due {
            self.overlay.watch(now, watch, place);
        }
    }

    /// A color was answered.
    pub(super) fn answered_by_color(
        &mut self,
        now: Time,
        peer: Peer,
        color: u16,
        (size, place): (u32, Id),
        neighbors: &[Peer],
    ) {
        let knows_us = neighbors.iter().any(|p| p.id == self.config.id);
        if !knows_us {
            self.suspect(now, peer, color, place, Some(size));
        }
    }

    /// A member of another island says it found this node, and that this island is the one to move.
    pub(super) fn met_by(&mut self, now: Time, peer: Peer, color: u16, place: Id) {
        self.suspect(now, peer, color, place, None);
    }

    fn suspect(&mut self, now: Time, peer: Peer, color: u16, place: Id, size: Option<u32>) {
        let known = self.overlay.peers().iter().any(|p| p.id == peer.id);
        let suspected = self.healer.suspects.values().any(|s| s.peer.id == peer.id);
        let busy = self.healer.rejoining.is_some() || now < self.healer.quiet_until;
        let heals = self.config.healing == Healing::Colors && self.is_member() && self.departure.is_none();
        if known || suspected || busy || !heals || self.healer.suspects.len() >= MAX_SUSPECTS {
            return;
        }
        let watch = self.rng.random();
        self.healer.suspects.insert(watch, Suspect { peer, place, color, size, misses: 0, next: None });
        self.overlay.watch(now, watch, place);
    }

    /// A lookup of a suspect in this node's own island has ended.
    pub(super) fn watched(&mut self, now: Time, watch: u64, owner: Option<Id>) {
        let Some(suspect) = self.healer.suspects.get_mut(&watch) else { return };
        if owner.is_none_or(|owner| owner == suspect.peer.id) {
            self.healer.suspects.remove(&watch);
            return;
        }
        suspect.misses += 1;
        if suspect.misses < MISSES {
            suspect.next = Some(now + self.config.stabilize_every * 2);
        } else if let Some(suspect) = self.healer.suspects.remove(&watch) {
            self.other_island(now, &suspect);
        }
    }

    /// Two islands: the smaller one moves, of equals the one with the smaller id here.
    fn other_island(&mut self, now: Time, suspect: &Suspect) {
        self.healer.quiet_until = now + self.config.stabilize_every * PAUSE_ROUNDS;
        self.emit(Event::Contact { peer: suspect.peer.id, color: suspect.color });
        let (ours, here) = (self.overlay.size(), self.config.id);
        if suspect.size.is_some_and(|theirs| (theirs, suspect.peer.id) < (ours, here)) {
            let color = self.config.color.unwrap_or(suspect.color);
            let place = self.overlay.place();
            return self.send(suspect.peer.address, &Message::Met { id: here, color, place });
        }
        let flood = self.rng.random();
        self.contact(now, flood, suspect.peer);
    }

    /// A flooded contact: passed on once, then followed.
    pub(super) fn contact(&mut self, now: Time, flood: u64, peer: Peer) {
        let fresh = self.is_member() && !self.healer.floods.contains(&flood);
        if !fresh || self.config.healing != Healing::Colors {
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
