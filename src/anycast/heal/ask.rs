//! Whom a member asks whether there is another island.
//!
//! A member cannot reach others through an address it announces itself, but it can through the
//! other colors' addresses. Well-known nodes and peers that had failed are asked at their own.

use std::collections::VecDeque;
use std::net::SocketAddr;

use rand::RngExt;

use crate::anycast::config::Healing;
use crate::anycast::join::Why;
use crate::anycast::member::Member;
use crate::anycast::{GroupRef, Means};
use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};

/// Most failed peers that are remembered; of more the first are forgotten.
const MAX_REMEMBERED: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target {
    Color(u16),
    WellKnown(SocketAddr),
    Remembered { peer: Peer, until: Time },
}

impl Member {
    /// Whom to ask from now on, in random order.
    pub(super) fn targets(&mut self) -> VecDeque<Target> {
        let mut targets: Vec<Target> = match self.config.healing {
            Healing::Colors | Healing::ColorsAndRendezvous => {
                let colors = (0..).zip(&self.config.colors).map(|(color, _)| color);
                colors.filter(|c| self.can_reach(GroupRef::Color(*c))).map(Target::Color).collect()
            }
            Healing::WellKnown => self.config.well_known.iter().copied().map(Target::WellKnown).collect(),
            Healing::None | Healing::RememberedPeers | Healing::Rendezvous => Vec::new(),
        };
        for last in (1..targets.len()).rev() {
            targets.swap(last, self.rng.random_range(0..=last));
        }
        targets.into()
    }

    /// They are asked one by one, spread over `heal_every`.
    pub(super) fn schedule_ask(&mut self, now: Time) {
        self.healer.next_ask = match u32::try_from(self.healer.targets.len()) {
            Ok(count @ 1..) => {
                let gap = self.config.heal_every / count;
                Some(now + gap.mul_f64(self.rng.random_range(0.8..1.2)))
            }
            _ => None,
        };
    }

    pub(super) fn ask_timeout(&mut self, now: Time) {
        if self.healer.next_ask.is_none_or(|t| t > now) {
            return;
        }
        if let Some(target) = self.healer.targets.pop_front() {
            if !self.is_over(now, target) {
                self.healer.targets.push_back(target);
            }
            self.ask_target(now, target);
        }
        self.schedule_ask(now);
    }

    fn is_over(&self, now: Time, target: Target) -> bool {
        matches!(target, Target::Remembered { until, .. } if until <= now)
    }

    fn ask_target(&mut self, now: Time, target: Target) {
        let (address, by, color) = match target {
            Target::Color(color) => (self.config.group_address(GroupRef::Color(color)), Means::Color, Some(color)),
            Target::WellKnown(address) => (Some(address).filter(|a| *a != self.config.address), Means::WellKnown, None),
            Target::Remembered { peer, .. } => {
                (Some(peer.address).filter(|_| !self.is_over(now, target)), Means::RememberedPeer, None)
            }
        };
        if let Some(address) = address {
            self.ask(now, address, Why::Heal { by, color });
        }
    }

    /// Remembers a neighbor that did not answer.
    pub(super) fn remember_failed(&mut self, now: Time, peer: Peer) {
        if self.config.healing != Healing::RememberedPeers || !self.is_member() || self.departure.is_some() {
            return;
        }
        self.forget_target(peer.id);
        if self.healer.targets.len() >= MAX_REMEMBERED {
            self.healer.targets.pop_front();
        }
        self.healer.targets.push_back(Target::Remembered { peer, until: now + self.config.remember });
        if self.healer.next_ask.is_none() {
            self.schedule_ask(now);
        }
    }

    /// The peer is in this node's island: it need not be remembered.
    pub(super) fn forget_target(&mut self, id: Id) {
        self.healer.targets.retain(|t| !matches!(t, Target::Remembered { peer, .. } if peer.id == id));
    }
}
