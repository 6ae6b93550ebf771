//! The rendezvous group: announced by one leader in each island, the owner of a fixed key.
//!
//! A leader is as blind to its own announcement as any member. So once per epoch, at a random moment,
//! it withdraws it, asks the group's address until the pause is over, and announces it again: whoever
//! answers is the leader of another island. It does the same, again and again with growing pauses between,
//! after many of its neighbors failed at once: that is what being cut off looks like from within.

use std::time::Duration;

use rand::RngExt;

use crate::anycast::join::Why;
use crate::anycast::member::Member;
use crate::anycast::{GroupRef, Means, Rendezvous};
use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};

/// Questions in one pause; the last one is asked when even slow routers have heard of the withdrawal.
const ASKS: u32 = 4;
/// Looks that must find this node the owner before it announces: others may be about to join.
const SURE: u32 = 2;
/// Failures within so many stabilization intervals count as one event.
const TOGETHER_ROUNDS: u32 = 20;
/// Of its neighbors, one in so many failed at once: this island is part of a larger one.
const ALARMING: usize = 3;

/// What a node knows of its leadership.
#[derive(Debug)]
pub(super) struct Leader {
    /// It asks itself then whether it is the leader.
    look: Time,
    owned: u32,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Follower,
    /// It announces the group. One epoch ends, and the next pause begins, then.
    Announcing {
        epoch_end: Time,
        pause: Time,
    },
    Listening {
        epoch_end: Time,
        /// The regular pause of this epoch: still to come, if this is an extra one.
        pause: Time,
        next_ask: Time,
        until: Time,
    },
}

/// Extra pauses after a loss of neighbors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alarm {
    next: Time,
    wait: Duration,
}

impl Leader {
    pub(super) fn due(&self) -> Time {
        match self.stage {
            Stage::Follower => self.look,
            Stage::Announcing { pause, .. } => self.look.min(pause),
            Stage::Listening { next_ask, until, .. } => self.look.min(next_ask).min(until),
        }
    }
}

/// The key whose owner leads.
fn key(overlay: &str) -> Id {
    Id::hash(&[b"rendezvous", overlay.as_bytes()])
}

impl Member {
    pub(super) fn watch_rendezvous(&mut self, now: Time) {
        let look = now + self.config.stabilize_every;
        let stage = match self.own.contains(&GroupRef::Rendezvous) {
            true => self.epoch_from(now),
            false => Stage::Follower,
        };
        self.healer.leader = self.config.rendezvous.map(|_| Leader { look, owned: 0, stage });
    }

    pub(super) fn rendezvous_timeout(&mut self, now: Time) {
        if self.healer.leader.as_ref().is_none_or(|l| l.due() > now) {
            return;
        }
        let owns = self.overlay.owns(key(&self.config.overlay));
        let every = self.config.stabilize_every;
        let Some(leader) = &mut self.healer.leader else { return };
        if leader.look <= now {
            leader.look = now + every;
            leader.owned = if owns { leader.owned + 1 } else { 0 };
        }
        let (stage, sure) = (leader.stage, leader.owned >= SURE);
        let stage = match stage {
            Stage::Follower if sure => {
                self.announce(GroupRef::Rendezvous);
                self.epoch_from(now)
            }
            Stage::Follower => stage,
            Stage::Announcing { .. } | Stage::Listening { .. } if !owns => {
                self.withdraw(GroupRef::Rendezvous);
                Stage::Follower
            }
            Stage::Announcing { epoch_end, pause } => {
                if pause <= now || self.is_alarmed(now) {
                    self.begin_pause(now, epoch_end, pause)
                } else {
                    stage
                }
            }
            Stage::Listening { epoch_end, pause, until, .. } if until <= now => {
                self.announce(GroupRef::Rendezvous);
                if pause > now { Stage::Announcing { epoch_end, pause } } else { self.epoch_from(now.max(epoch_end)) }
            }
            Stage::Listening { epoch_end, pause, next_ask, until } => {
                let next_ask = self.listen(now, next_ask);
                Stage::Listening { epoch_end, pause, next_ask, until }
            }
        };
        if let Some(leader) = &mut self.healer.leader {
            leader.stage = stage;
        }
    }

    fn begin_pause(&mut self, now: Time, epoch_end: Time, pause: Time) -> Stage {
        self.withdraw(GroupRef::Rendezvous);
        let listen = self.config.rendezvous.map_or(Duration::ZERO, |r| r.listen);
        Stage::Listening { epoch_end, pause, next_ask: now + listen / (ASKS + 1), until: now + listen }
    }

    /// Asks, if it is time to; when to ask next.
    fn listen(&mut self, now: Time, next_ask: Time) -> Time {
        let Some(Rendezvous { address, listen, .. }) = self.config.rendezvous.filter(|_| next_ask <= now) else {
            return next_ask;
        };
        // Until the driver has withdrawn it, this host's kernel would answer.
        if !self.announced.contains(&GroupRef::Rendezvous) {
            self.ask(now, address, Why::Heal { by: Means::Rendezvous, color: None });
        }
        next_ask + listen / (ASKS + 1)
    }

    /// The next pause lies anywhere in the epoch that begins then.
    fn epoch_from(&mut self, begin: Time) -> Stage {
        let Some(Rendezvous { epoch, listen, .. }) = self.config.rendezvous else { return Stage::Follower };
        let offset = (epoch.saturating_sub(listen)).mul_f64(self.rng.random());
        Stage::Announcing { epoch_end: begin + epoch, pause: begin + offset }
    }

    /// A neighbor did not answer.
    pub(in crate::anycast) fn bereaved(&mut self, now: Time, peer: Peer) {
        self.remember_failed(now, peer);
        let Some(Rendezvous { listen, .. }) = self.config.rendezvous else { return };
        let together = self.config.stabilize_every * TOGETHER_ROUNDS;
        self.healer.lost.retain(|(at, id)| now - *at < together && *id != peer.id);
        self.healer.lost.push_back((now, peer.id));
        let (lost, left) = (self.healer.lost.len(), self.overlay.peers().len());
        if lost * ALARMING >= lost + left && self.healer.alarm.is_none() {
            let wait = listen * 2;
            self.healer.alarm = Some(Alarm { next: now + wait.mul_f64(self.rng.random_range(0.5..1.5)), wait });
        }
    }

    /// Whether an extra pause is due; the next one follows later.
    fn is_alarmed(&mut self, now: Time) -> bool {
        let Some(alarm) = self.healer.alarm.filter(|a| a.next <= now) else { return false };
        let wait = alarm.wait * 2;
        let epoch = self.config.rendezvous.map_or(Duration::ZERO, |r| r.epoch);
        let next = now + wait.mul_f64(self.rng.random_range(0.5..1.5));
        self.healer.alarm = (wait < epoch).then_some(Alarm { next, wait });
        true
    }
}
