//! An ordinary node without a supernode. It asks the group, and everybody that it knows. When nobody is left, one of
//! the orphans becomes a supernode: the first in the line that their supernode told them, others later.

use std::net::SocketAddr;

use rand::RngExt;

use super::kept::{For, Orphan};
use super::{Kazaa, Role};
use crate::overlay::{Did, Peer, Phase, Time};

/// Rounds that the first in the line waits, and each one after it.
const PATIENCE: u32 = 4;
const STEP: u32 = 4;

impl Kazaa {
    /// It has no supernode; what it did not know of that already is this.
    pub(super) fn orphaned(&mut self, now: Time, heirs: Vec<Peer>) {
        if self.orphan.is_some() || self.phase != Phase::Member || self.role == Role::Supernode {
            return;
        }
        let every = self.common.stabilize_every;
        let place = heirs.iter().position(|heir| heir.id == self.me.id);
        let late = self.rng.random_range(0.0..1.0);
        // Others have had other supernodes: those with less capacity wait longer, and not all for as long.
        let less = 1.0 - f64::from(self.capacity()) / f64::from(u32::MAX);
        let wait = match place {
            Some(place) => {
                let after = PATIENCE + STEP * u32::try_from(place).unwrap_or(u32::MAX);
                every * after + every.mul_f64(f64::from(STEP) * less + late / 4.0)
            }
            None => {
                let after = PATIENCE + STEP * u32::try_from(heirs.len()).unwrap_or(0);
                every * after + every.mul_f64(f64::from(STEP) * (2.0 * less + late))
            }
        };
        self.orphan = Some(Orphan { until: now + wait, heirs });
        self.events.push_back(Did::Seeks);
    }

    /// Every round.
    pub(super) fn orphan_round(&mut self, now: Time) {
        if self.role == Role::Supernode || self.parent.is_some() {
            self.orphan = None;
            return;
        }
        let Some(orphan) = &self.orphan else { return self.orphaned(now, Vec::new()) };
        if orphan.until <= now {
            let heirs = orphan.heirs.clone();
            return self.take_over(now, &heirs);
        }
        self.events.push_back(Did::Seeks);
        if self.quest.is_none() {
            let known = self.known.by_room().into_iter().map(|entry| entry.peer.address);
            let heirs = orphan.heirs.iter().map(|heir| heir.address);
            let all: Vec<SocketAddr> = known.chain(heirs).collect();
            if !all.is_empty() {
                self.seek(now, For::Again, all);
            }
        }
    }

    /// There is no supernode: it is one now, and linked to the next one in the line if that becomes one, too.
    fn take_over(&mut self, now: Time, heirs: &[Peer]) {
        self.become_supernode(now);
        for heir in heirs.iter().filter(|heir| heir.id != self.me.id).copied().collect::<Vec<_>>() {
            self.link(now, heir.address, super::calls::Reason::Mend);
        }
        self.search_again(now);
    }
}
