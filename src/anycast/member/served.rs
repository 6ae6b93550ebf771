//! Sharing the work of joins: pointing to others, and draining the announcement.
//!
//! Anycast brings a member all joiners of its catchment, however many there are. One that has served
//! as many within a second as it can names the neighbor that it believes to have served the fewest; one
//! that serves still more takes its announcement back for a while.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use super::core::Core;
use super::message::Message;
use super::parts::JOIN;
use crate::anycast::config::{Drain, Redirect};
use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};

/// A join is not sent elsewhere more often than this: then it is served.
pub(super) const MAX_REDIRECTS: u8 = 2;
/// What counts as now.
const WINDOW: Duration = Duration::from_secs(1);
/// A member tells its neighbors its load not more often than this.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// How often a drained member looks whether it may return.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A drained member returns after this at the latest: it cannot know whether it is the last one.
const LONGEST_DRAIN: Duration = Duration::from_secs(10);
/// Most neighbors whose load is remembered.
const MAX_LOADS: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Served {
    /// When joins were served, of late.
    served: VecDeque<Time>,
    /// What neighbors said, and the joins that were sent to them since.
    others: BTreeMap<Id, (u32, Time)>,
    told: Option<Time>,
    drained: Option<Drained>,
}

#[derive(Clone, Copy, Debug)]
struct Drained {
    since: Time,
    look: Time,
}

impl Served {
    pub(super) fn due(&self) -> Option<Time> {
        self.drained.map(|d| d.look)
    }

    /// Joins served within the last second.
    fn now(&mut self, now: Time) -> u32 {
        while self.served.front().is_some_and(|at| now - *at >= WINDOW) {
            self.served.pop_front();
        }
        u32::try_from(self.served.len()).unwrap_or(u32::MAX)
    }

    fn of(&self, now: Time, id: Id) -> u32 {
        self.others.get(&id).filter(|(_, at)| now - *at < WINDOW).map_or(0, |(joins, _)| *joins)
    }

    fn set(&mut self, now: Time, id: Id, joins: u32) {
        if self.others.len() >= MAX_LOADS && !self.others.contains_key(&id) {
            self.others.retain(|_, (_, at)| now - *at < WINDOW);
        }
        if self.others.len() < MAX_LOADS || self.others.contains_key(&id) {
            self.others.insert(id, (joins, now));
        }
    }

    /// A joiner has proved its address.
    pub(super) fn serve_join(&mut self, core: &mut Core, now: Time, from: SocketAddr, nonce: u64, redirected: u8) {
        let joins = self.now(now);
        let may_redirect = core.config.redirect == Redirect::LeastLoaded && redirected < MAX_REDIRECTS;
        if may_redirect
            && joins >= core.config.join_capacity
            && let Some(peer) = self.least_loaded(core, now, joins)
        {
            self.set(now, peer.id, self.of(now, peer.id) + 1);
            return core.send(from, &Message::Elsewhere { nonce, peer });
        }
        self.served.push_back(now);
        core.welcome(from, nonce);
        self.tell(core, now, joins + 1);
        if core.config.drain.is_some_and(|drain| joins >= drain.above) {
            self.drain(core, now);
        }
    }

    /// Of several the one with the smallest id: a redirected join counts, so they take turns.
    fn least_loaded(&self, core: &Core, now: Time, joins: u32) -> Option<Peer> {
        let peers = core.overlay.servers().into_iter().map(|peer| (self.of(now, peer.id), peer));
        peers.filter(|(load, _)| *load < joins).min().map(|(_, peer)| peer)
    }

    fn tell(&mut self, core: &mut Core, now: Time, joins: u32) {
        let told = self.told.is_some_and(|at| now - at < TELL_EVERY);
        if core.config.redirect != Redirect::LeastLoaded || told {
            return;
        }
        self.told = Some(now);
        let id = core.config.id;
        for peer in core.overlay.peers() {
            core.send(peer.address, &Message::Load { id, joins });
        }
    }

    pub(super) fn told(&mut self, core: &Core, now: Time, id: Id, joins: u32) {
        if core.config.redirect == Redirect::LeastLoaded {
            self.set(now, id, joins);
        }
    }

    fn drain(&mut self, core: &mut Core, now: Time) {
        if self.drained.is_none() && core.withdraw(now, JOIN) {
            self.drained = Some(Drained { since: now, look: now + LOOK_EVERY });
        }
    }

    pub(super) fn timeout(&mut self, core: &mut Core, now: Time) {
        let Some(drained) = self.drained.filter(|d| d.look <= now) else { return };
        let joins = self.now(now);
        let calm = core.config.drain.is_none_or(|Drain { below, .. }| joins < below);
        if calm || now - drained.since >= LONGEST_DRAIN {
            self.drained = None;
            core.announce(now, JOIN);
        } else {
            self.drained = Some(Drained { look: now + LOOK_EVERY, ..drained });
        }
    }
}
