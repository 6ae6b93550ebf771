//! Whom a member asks whether there is another island.
//!
//! A member cannot reach others through an address it announces itself, but it can through the
//! other colors' addresses. Well-known nodes and peers that had failed are asked at their own.

use std::collections::VecDeque;
use std::net::SocketAddr;

use rand::RngExt;

use crate::anycast::config::Healing;
use crate::anycast::face::Question;
use crate::anycast::means::Means;
use crate::anycast::member::asks::Why;
use crate::anycast::member::core::Core;
use crate::anycast::member::parts;
use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};

/// Most failed peers that are remembered; of more the first are forgotten.
const MAX_REMEMBERED: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    Color(u16),
    WellKnown(SocketAddr),
    /// Whomever the infrastructure names.
    Random,
    Remembered {
        peer: Peer,
        until: Time,
    },
}

/// Whom it asks, one by one.
#[derive(Debug, Default)]
pub(super) struct Asking {
    /// In the order they are asked.
    targets: VecDeque<Target>,
    pub(super) next: Option<Time>,
}

impl Asking {
    /// Whom to ask from now on, in random order. Whom `before` remembers it goes on asking: a member with a new
    /// address is the only one that can find those who know its old one.
    pub(super) fn start(before: Self, core: &mut Core, now: Time) -> Self {
        let mut targets: Vec<Target> = match core.config.healing {
            Healing::Colors | Healing::ColorsAndRendezvous => {
                let colors = parts::colors(&core.config).map(|(color, _)| color);
                colors.filter(|c| core.can_reach(parts::color(*c))).map(Target::Color).collect()
            }
            Healing::WellKnown => core.config.well_known.iter().copied().map(Target::WellKnown).collect(),
            Healing::RandomPeer => vec![Target::Random],
            Healing::None | Healing::RememberedPeers | Healing::Rendezvous => Vec::new(),
        };
        for last in (1..targets.len()).rev() {
            targets.swap(last, core.rng.random_range(0..=last));
        }
        let remembered = before.targets.into_iter().filter(|t| matches!(t, Target::Remembered { .. }));
        let mut asking = Self { targets: targets.into_iter().chain(remembered).collect(), next: None };
        asking.schedule(core, now);
        asking
    }

    /// They are asked one by one, spread over `heal_every`.
    fn schedule(&mut self, core: &mut Core, now: Time) {
        self.next = match u32::try_from(self.targets.len()) {
            Ok(count @ 1..) => {
                let gap = core.config.heal_every / count;
                Some(now + gap.mul_f64(core.rng.random_range(0.8..1.2)))
            }
            _ => None,
        };
    }

    pub(super) fn timeout(&mut self, core: &mut Core, now: Time) {
        if self.next.is_none_or(|t| t > now) {
            return;
        }
        if let Some(target) = self.targets.pop_front() {
            if !target.is_over(now) {
                self.targets.push_back(target);
            }
            target.ask(core, now);
        }
        self.schedule(core, now);
    }

    /// Remembers a neighbor that did not answer.
    pub(super) fn remember(&mut self, core: &mut Core, now: Time, peer: Peer) {
        if core.config.healing != Healing::RememberedPeers || !core.is_member() || core.departing {
            return;
        }
        self.forget(peer.id);
        if self.targets.len() >= MAX_REMEMBERED {
            self.targets.pop_front();
        }
        self.targets.push_back(Target::Remembered { peer, until: now + core.config.remember });
        if self.next.is_none() {
            self.schedule(core, now);
        }
    }

    /// The peer is in this node's island: it need not be remembered.
    pub(super) fn forget(&mut self, id: Id) {
        self.targets.retain(|t| !matches!(t, Target::Remembered { peer, .. } if peer.id == id));
    }
}

impl Target {
    fn is_over(self, now: Time) -> bool {
        matches!(self, Self::Remembered { until, .. } if until <= now)
    }

    fn ask(self, core: &mut Core, now: Time) {
        let (address, by, color) = match self {
            Self::Random => {
                core.look(now, &Question::Random, Why::Heal { by: Means::RandomPeer, color: None });
                return;
            }
            Self::Color(color) => (core.config.group(parts::color(color)), Means::Color, Some(color)),
            Self::WellKnown(address) => (Some(address).filter(|a| *a != core.config.address), Means::WellKnown, None),
            Self::Remembered { peer, .. } => {
                (Some(peer.address).filter(|_| !self.is_over(now)), Means::RememberedPeer, None)
            }
        };
        if let Some(address) = address {
            core.ask(now, address, Why::Heal { by, color });
        }
    }
}
