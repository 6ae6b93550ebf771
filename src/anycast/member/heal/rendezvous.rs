//! The rendezvous group: announced by one leader in each island, the owner of a fixed key.
//!
//! A leader is as blind to its own announcement as any member. So once per epoch, at a random moment,
//! it withdraws it, asks the group's address until the pause is over, and announces it again: whoever
//! answers is the leader of another island. It does the same, again and again with growing pauses between,
//! after many of its neighbors failed at once: that is what being cut off looks like from within.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;

use crate::anycast::config::Rendezvous;
use crate::anycast::means::Means;
use crate::anycast::member::asks::Why;
use crate::anycast::member::core::Core;
use crate::anycast::member::parts::RENDEZVOUS;
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

/// What a node has to do with the rendezvous group, if there is one.
#[derive(Debug, Default)]
pub(super) struct Vigil {
    leader: Option<Leader>,
    alarm: Option<Alarm>,
    /// When which neighbors failed, of late.
    lost: VecDeque<(Time, Id)>,
}

/// What a node knows of its leadership.
#[derive(Debug)]
struct Leader {
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
struct Alarm {
    next: Time,
    wait: Duration,
}

impl Leader {
    fn due(&self) -> Time {
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

impl Vigil {
    pub(super) fn due(&self) -> Option<Time> {
        self.leader.as_ref().map(Leader::due)
    }

    /// Begins anew; whom it has lost it remembers.
    pub(super) fn start(&mut self, core: &mut Core, now: Time) {
        let look = now + core.config.stabilize_every;
        let stage = match core.own.contains(&RENDEZVOUS) {
            true => epoch_from(core, now),
            false => Stage::Follower,
        };
        self.leader = core.config.rendezvous.map(|_| Leader { look, owned: 0, stage });
        self.alarm = None;
    }

    /// Another island has been found.
    pub(super) fn calm(&mut self) {
        self.alarm = None;
    }

    pub(super) fn timeout(&mut self, core: &mut Core, now: Time) {
        let Some(leader) = self.leader.as_mut().filter(|l| l.due() <= now) else { return };
        let owns = core.overlay.owns(key(&core.config.overlay));
        if leader.look <= now {
            leader.look = now + core.config.stabilize_every;
            leader.owned = if owns { leader.owned + 1 } else { 0 };
        }
        let sure = leader.owned >= SURE;
        leader.stage = match leader.stage {
            Stage::Follower if sure => {
                core.announce(now, RENDEZVOUS);
                epoch_from(core, now)
            }
            stage @ Stage::Follower => stage,
            Stage::Announcing { .. } | Stage::Listening { .. } if !owns => {
                core.withdraw(now, RENDEZVOUS);
                Stage::Follower
            }
            stage @ Stage::Announcing { epoch_end, pause } => {
                if pause <= now || is_alarmed(&mut self.alarm, core, now) {
                    begin_pause(core, now, epoch_end, pause)
                } else {
                    stage
                }
            }
            Stage::Listening { epoch_end, pause, until, .. } if until <= now => {
                core.announce(now, RENDEZVOUS);
                if pause > now { Stage::Announcing { epoch_end, pause } } else { epoch_from(core, now.max(epoch_end)) }
            }
            Stage::Listening { epoch_end, pause, next_ask, until } => {
                let next_ask = listen(core, now, next_ask);
                Stage::Listening { epoch_end, pause, next_ask, until }
            }
        };
    }

    /// A neighbor did not answer.
    pub(super) fn bereaved(&mut self, core: &mut Core, now: Time, peer: Peer) {
        let Some(Rendezvous { listen, .. }) = core.config.rendezvous else { return };
        let together = core.config.stabilize_every * TOGETHER_ROUNDS;
        self.lost.retain(|(at, id)| now - *at < together && *id != peer.id);
        self.lost.push_back((now, peer.id));
        let (lost, left) = (self.lost.len(), core.overlay.peers().len());
        if lost * ALARMING >= lost + left && self.alarm.is_none() {
            let wait = listen * 2;
            self.alarm = Some(Alarm { next: now + wait.mul_f64(core.rng.random_range(0.5..1.5)), wait });
        }
    }
}

fn begin_pause(core: &mut Core, now: Time, epoch_end: Time, pause: Time) -> Stage {
    core.withdraw(now, RENDEZVOUS);
    let listen = core.config.rendezvous.map_or(Duration::ZERO, |r| r.listen);
    Stage::Listening { epoch_end, pause, next_ask: now + listen / (ASKS + 1), until: now + listen }
}

/// Asks, if it is time to; when to ask next.
fn listen(core: &mut Core, now: Time, next_ask: Time) -> Time {
    let Some(Rendezvous { listen, .. }) = core.config.rendezvous.filter(|_| next_ask <= now) else {
        return next_ask;
    };
    // Until the driver has withdrawn it, this host's kernel would answer.
    if !core.announced.contains(&RENDEZVOUS)
        && let Some(address) = core.config.group(RENDEZVOUS)
    {
        core.ask(now, address, Why::Heal { by: Means::Rendezvous, color: None });
    }
    next_ask + listen / (ASKS + 1)
}

/// The next pause lies anywhere in the epoch that begins then.
fn epoch_from(core: &mut Core, begin: Time) -> Stage {
    let Some(Rendezvous { epoch, listen, .. }) = core.config.rendezvous else { return Stage::Follower };
    let offset = (epoch.saturating_sub(listen)).mul_f64(core.rng.random());
    Stage::Announcing { epoch_end: begin + epoch, pause: begin + offset }
}

/// Whether an extra pause is due; the next one follows later.
fn is_alarmed(alarm: &mut Option<Alarm>, core: &mut Core, now: Time) -> bool {
    let Some(due) = alarm.filter(|a| a.next <= now) else { return false };
    let wait = due.wait * 2;
    let epoch = core.config.rendezvous.map_or(Duration::ZERO, |r| r.epoch);
    let next = now + wait.mul_f64(core.rng.random_range(0.5..1.5));
    *alarm = (wait < epoch).then_some(Alarm { next, wait });
    true
}
