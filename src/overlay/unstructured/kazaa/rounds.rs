//! What happens in every round, and what in every refresh.

use rand::RngExt;

use super::calls::{Late, Why};
use super::message::{Head, Message};
use super::{Kazaa, NEAR_ROUNDS, Role};
use crate::overlay::id::Id;
use crate::overlay::{Did, Peer, Phase, Time};

/// Rounds of silence after which a child is gone.
const SILENT: u32 = 8;

impl Kazaa {
    pub(super) fn round(&mut self, now: Time) {
        let every = self.common.stabilize_every;
        self.next_round = Some(now + every.mul_f64(self.rng.random_range(0.9..1.1)));
        if self.phase != Phase::Member {
            return;
        }
        self.seen.tick(now);
        self.known.tick(now, every * NEAR_ROUNDS);
        let refresh = self.next_refresh <= now;
        if refresh {
            self.next_refresh = now + self.settings.refresh.mul_f64(self.rng.random_range(0.9..1.1));
        }
        match self.role {
            Role::Ordinary => self.round_below(now, refresh),
            Role::Supernode => self.round_above(now, refresh),
        }
    }

    fn round_below(&mut self, now: Time, refresh: bool) {
        if let Some(peer) = self.parent.as_ref().map(|parent| parent.peer) {
            self.ping(now, peer, Why::There);
            if refresh {
                self.events.push_back(Did::Seeks);
            }
        }
        self.orphan_round(now);
    }

    fn round_above(&mut self, now: Time, refresh: bool) {
        let silence = self.common.stabilize_every * SILENT;
        let silent = self.children.values().filter(|child| now - child.heard >= silence).map(|child| child.peer.id);
        for id in silent.collect::<Vec<_>>() {
            self.lost(now, id);
        }
        for peer in self.links.values().map(|link| link.peer).collect::<Vec<_>>() {
            self.known.heard(peer, self.links[&peer.id].load, self.links[&peer.id].heard);
            self.ping(now, peer, Why::There);
        }
        self.grow(now);
        if refresh {
            self.exchange(now);
        }
        self.promote_if_needed(now);
        self.retire_if_spare(now);
    }

    /// Asks whether it is there, if that is not being asked.
    pub(super) fn ping(&mut self, now: Time, peer: Peer, why: Why) {
        let asked = self.calls.any(|call| call.to == peer.address && matches!(call.message, Message::Ping(_)));
        if !asked {
            self.counts.pings += 1;
            let state = self.state(now);
            self.call(now, peer.address, Some(peer.id), Message::Ping(state), why);
        }
    }

    /// Whether a neighbor has said anything since: then only this was lost.
    fn heard_since(&self, id: Option<Id>, since: Time) -> bool {
        let Some(id) = id else { return false };
        let link = self.links.get(&id).map(|link| link.heard);
        let child = self.children.get(&id).map(|child| child.heard);
        let parent = self.parent.as_ref().filter(|parent| parent.peer.id == id).map(|parent| parent.heard);
        [link, child, parent].into_iter().flatten().any(|heard| heard > since)
    }

    /// What has not been answered is said again, or has failed.
    pub(super) fn calls_timeout(&mut self, now: Time) {
        while let Some(late) = self.calls.late(now) {
            match late {
                Late::Repeat { call, turn, to, message } => {
                    self.counts.again += 1;
                    self.send(to, Head { id: self.me.id, call, answer: 0, turn }, &message);
                }
                Late::Failed(call) => {
                    let known = self.known.all().find(|entry| entry.peer.address == call.to).map(|entry| entry.peer.id);
                    match call.why {
                        Why::Join => {
                            known.into_iter().for_each(|id| self.known.gone(now, id));
                            self.turned_down(now, call.to, None);
                        }
                        Why::Link(reason) => {
                            known.into_iter().for_each(|id| self.known.gone(now, id));
                            self.refused_link(now, reason, None);
                        }
                        Why::There | Why::Share { .. } if self.heard_since(call.id, call.began()) => {
                            self.call(now, call.to, call.id, call.message, call.why);
                        }
                        Why::There | Why::Share { .. } => call.id.into_iter().for_each(|id| self.lost(now, id)),
                        Why::Farewell => self.farewell(),
                        Why::Sure | Why::Met => {}
                    }
                }
            }
        }
    }
}
