//! Joining: one datagram to a group's address, a cookie, and a member to join through.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;

use super::color::Palette;
use super::config::Bootstrap;
use super::cookie::Cookie;
use super::load::MAX_REDIRECTS;
use super::member::{Command, Event, Member, Welcome};
use super::message::Message;
use super::{GroupRef, Means};
use crate::overlay::id::Id;
use crate::overlay::{Peer, Phase, Time};

/// A join that may not found an overlay is given up after this long.
const DEADLINE: Duration = Duration::from_secs(30);
/// Unanswered attempts after which a node that may do so begins a new overlay.
const FOUNDING_ATTEMPTS: u32 = 3;
/// Most Hellos remembered.
const MAX_ASKS: usize = 64;
/// The wait between attempts doubles this often.
const MAX_DOUBLINGS: u32 = 4;

/// A Hello that may still be answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    sent: Time,
    pub(super) why: Why,
    /// Who returned a cookie, and after how many milliseconds. Only the first counts.
    answered: Option<(SocketAddr, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// To join through whoever answers, after having been sent elsewhere so often.
    Join { redirected: u8 },
    /// To know it, while still reachable: a non-member's question to a color.
    Meet { color: u16 },
    /// To find another island.
    Heal { by: Means, color: Option<u16> },
    /// To know again where this suspect stands.
    Verify { watch: u64 },
}

/// A join under way.
#[derive(Debug)]
pub(super) struct Joining {
    found: bool,
    started: Time,
    attempts: u32,
    next_attempt: Option<Time>,
    served_by: Option<Id>,
    redirected: u8,
    /// Well-known addresses in the order they are asked.
    rotation: VecDeque<SocketAddr>,
}

impl Joining {
    pub(super) fn due(&self) -> Option<Time> {
        self.next_attempt
    }
}

impl Member {
    pub(super) fn join(&mut self, now: Time, found: bool) {
        if self.overlay.phase() != Phase::Idle || self.joining.is_some() || self.departure.is_some() {
            tracing::debug!(command = ?Command::Join { found }, "already joined or joining");
            return;
        }
        let mut rotation: Vec<SocketAddr> = match self.config.bootstrap {
            Bootstrap::Anycast => vec![self.config.join_group],
            Bootstrap::WellKnown => self.config.well_known.clone(),
        };
        rotation.retain(|address| *address != self.config.address);
        for last in (1..rotation.len()).rev() {
            rotation.swap(last, self.rng.random_range(0..=last));
        }
        self.met.clear();
        self.asks.clear();
        self.joining = Some(Joining {
            found,
            started: now,
            attempts: 0,
            next_attempt: Some(now),
            served_by: None,
            redirected: 0,
            rotation: rotation.into(),
        });
        self.join_timeout(now);
        self.emit(Event::Joining);
    }

    pub(super) fn join_timeout(&mut self, now: Time) {
        let Some(joining) = &mut self.joining else { return };
        if joining.next_attempt.is_none_or(|t| t > now) {
            return;
        }
        let nobody_to_ask = joining.rotation.is_empty();
        if joining.found && (joining.attempts >= FOUNDING_ATTEMPTS || nobody_to_ask) {
            joining.next_attempt = None;
            joining.served_by = None;
            return self.overlay.begin(now);
        }
        if nobody_to_ask || now - joining.started >= DEADLINE {
            let attempts = joining.attempts;
            self.joining = None;
            let reason = if nobody_to_ask {
                "it is the only well-known node and may not begin an overlay".to_owned()
            } else {
                format!("no member answered in {attempts} attempts")
            };
            return self.emit(Event::JoinFailed { reason });
        }
        self.attempt(now);
    }

    /// What was begun with another address is of no use: cookies are good for one.
    pub(super) fn join_anew(&mut self, now: Time) {
        let Some(joining) = &mut self.joining else { return };
        joining.served_by = None;
        joining.next_attempt = Some(now);
        self.overlay.abort();
        self.join_timeout(now);
    }

    /// Asks the next address, and every color so that the answers become the first neighbor list.
    fn attempt(&mut self, now: Time) {
        let Some(joining) = &mut self.joining else { return };
        joining.attempts += 1;
        joining.rotation.rotate_left(1);
        let doubled = self.config.rpc_timeout * 2u32.pow((joining.attempts - 1).min(MAX_DOUBLINGS));
        joining.next_attempt = Some(now + doubled.mul_f64(self.rng.random_range(0.75..1.25)));
        let target = joining.rotation.back().copied();
        let first = joining.attempts == 1;
        if let Some(target) = target {
            self.ask(now, target, Why::Join { redirected: 0 });
        }
        if first {
            self.palette = Palette::asked(now);
            for (color, address) in (0..).zip(self.config.colors.clone()) {
                self.ask(now, address, Why::Meet { color });
            }
        }
    }

    pub(super) fn ask(&mut self, now: Time, to: SocketAddr, why: Why) {
        let nonce = self.rng.random();
        if self.asks.len() >= MAX_ASKS {
            let oldest = self.asks.iter().min_by_key(|(_, a)| a.sent).map(|(nonce, _)| *nonce);
            oldest.and_then(|nonce| self.asks.remove(&nonce));
        }
        self.asks.insert(nonce, Ask { sent: now, why, answered: None });
        self.send(to, &Message::hello(nonce));
    }

    /// A member has answered: from its unicast address, so it can be told apart from the others.
    pub(super) fn cookie(&mut self, now: Time, from: SocketAddr, nonce: u64, cookie: Cookie) {
        let Some(ask) = self.asks.get_mut(&nonce) else { return };
        // Only the first: a member that repeats the cookie may have its Echo again.
        let (address, milliseconds) = *ask.answered.get_or_insert((from, now.millis_since(ask.sent)));
        if address != from {
            return;
        }
        let join = match ask.why {
            Why::Join { redirected } => Some(redirected),
            Why::Meet { color } => {
                self.palette.answered(color, milliseconds);
                None
            }
            Why::Heal { .. } | Why::Verify { .. } => None,
        };
        self.send(from, &Message::Echo { nonce, cookie, join });
    }

    /// The member that was asked has too much to do and names another, which is asked as itself.
    pub(super) fn sent_elsewhere(&mut self, now: Time, nonce: u64, from: SocketAddr, peer: Peer) {
        let answered = self.asks.get(&nonce).filter(|ask| ask.answered.is_some_and(|(address, _)| address == from));
        let Some(Why::Join { redirected }) = answered.map(|ask| ask.why) else { return };
        self.asks.remove(&nonce);
        if let Some(joining) = self.joining.as_mut().filter(|j| j.served_by.is_none() && redirected < MAX_REDIRECTS) {
            joining.redirected = redirected + 1;
            self.ask(now, peer.address, Why::Join { redirected: redirected + 1 });
        }
    }

    pub(super) fn welcomed(&mut self, now: Time, nonce: u64, welcome: &Welcome) {
        let peer = welcome.peer;
        let Some(ask) = self.asks.get(&nonce) else { return };
        let Some((_, milliseconds)) = ask.answered.filter(|(address, _)| *address == peer.address) else { return };
        let why = ask.why;
        self.asks.remove(&nonce);
        if peer.id == self.config.id {
            return;
        }
        match why {
            Why::Join { .. } => {
                self.remember(welcome, milliseconds);
                self.join_through(now, peer);
            }
            Why::Meet { color } => {
                self.remember(welcome, milliseconds);
                if self.is_member() {
                    // From so far away that this node has joined meanwhile.
                    self.lead(now, welcome, milliseconds, Means::Color, welcome.color.or(Some(color)));
                }
            }
            Why::Heal { by, color } => self.lead(now, welcome, milliseconds, by, welcome.color.or(color)),
            Why::Verify { watch } => self.verified(now, watch, welcome),
        }
    }

    fn join_through(&mut self, now: Time, peer: Peer) {
        if let Some(joining) = self.joining.as_mut().filter(|j| j.served_by.is_none()) {
            joining.served_by = Some(peer.id);
            joining.next_attempt = None;
            self.overlay.join(now, peer);
        }
    }

    /// It has a successor that has noticed it: only now may others find it.
    pub(super) fn overlay_joined(&mut self, now: Time) {
        let Some(joining) = self.joining.take() else { return };
        self.emit(Event::Joined {
            served_by: joining.served_by,
            milliseconds: now.millis_since(joining.started),
            attempts: joining.attempts,
            redirected: joining.redirected.into(),
        });
        self.announce(GroupRef::Join);
        self.take_color(now);
        self.start_healing(now);
        for (id, met) in self.met.clone() {
            if Some(id) == joining.served_by {
                self.meet(now, met.welcome.peer, met.milliseconds);
            } else {
                self.lead(now, &met.welcome, met.milliseconds, Means::Color, met.welcome.color);
            }
        }
    }

    /// The ring could not be joined through whoever answered: asks again.
    pub(super) fn overlay_join_failed(&mut self, now: Time) {
        let pause = self.config.rpc_timeout.mul_f64(self.rng.random_range(0.75..1.25));
        if let Some(joining) = &mut self.joining {
            joining.served_by = None;
            joining.next_attempt = Some(now + pause);
        }
    }

    /// Whether a datagram to this group would leave the host: what a node announces, its own kernel
    /// answers.
    pub(super) fn can_reach(&self, group: GroupRef) -> bool {
        !self.own.contains(&group)
    }
}
