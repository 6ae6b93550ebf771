//! From joining to leaving, and what lies between: whom a node must be linked to, for a reason.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::Gnutella;
use super::link::Why;
use super::message::{BYE, Head, bye, frame, v4};
use super::quest::{MAX_TRIES, Quest, Wish};
use super::settings::Role;
use crate::overlay::{Did, Neighbors, Peer, Phase, Time};

/// Rounds in which who was heard of counts as of this island.
const NEAR_ROUNDS: u32 = 16;

impl Gnutella {
    pub(super) fn reset(&mut self) {
        for number in self.links.keys().copied().collect::<Vec<_>>() {
            self.close(number);
        }
        self.phase = Phase::Idle;
        self.role = self.own_role();
        (self.hosts, self.pongs) = Default::default();
        [&mut self.queries, &mut self.pings].into_iter().for_each(super::Seen::clear);
        self.servents.clear();
        self.searches.clear();
        self.dynamics.clear();
        (self.quest, self.renewing, self.next_round) = (None, None, None);
        self.orphaned = 0;
        self.shown = Neighbors::default();
    }

    /// It is part of the overlay.
    pub(super) fn enter(&mut self, now: Time) {
        self.phase = Phase::Member;
        self.next_round = Some(now + self.common.stabilize_every);
        self.events.push_back(Did::Joined);
    }

    pub(super) fn begin_alone(&mut self, now: Time) {
        self.reset();
        if self.role == Role::Leaf {
            self.role = Role::Ultrapeer;
        }
        self.enter(now);
    }

    pub(super) fn join_through(&mut self, now: Time, through: Peer) {
        self.reset();
        self.phase = Phase::Joining;
        self.join_hops = 0;
        match v4(through.address) {
            Some(at) => self.seek(now, Wish::Join, SocketAddrV4::new(*at.ip(), self.settings.port)),
            None => self.join_failed(),
        }
    }

    fn join_failed(&mut self) {
        self.reset();
        self.events.push_back(Did::JoinFailed);
    }

    /// A link to a node that may be of another island. One within an island does no harm.
    pub(super) fn merge_with(&mut self, now: Time, through: Peer) {
        let at = v4(through.address).map(|at| SocketAddrV4::new(*at.ip(), self.settings.port));
        match at.filter(|at| self.phase == Phase::Member && self.quest.is_none() && !self.is_near(now, *at.ip())) {
            Some(at) if self.role == Role::Leaf => {
                self.tell_of(at);
                self.events.push_back(Did::Merged { ok: false });
            }
            Some(at) => self.seek(now, Wish::Merge, at),
            None => self.events.push_back(Did::Merged { ok: false }),
        }
    }

    /// Whether whoever is there is of this island, as far as this node knows.
    pub(super) fn is_near(&self, now: Time, ip: Ipv4Addr) -> bool {
        let since = now.0.saturating_sub(self.common.stabilize_every * NEAR_ROUNDS);
        ip == *self.at().ip() || self.links.values().any(|link| link.ip() == ip) || self.hosts.knows(ip, Time(since))
    }

    /// How many servents of this island it knows.
    pub(super) fn near(&self, now: Time) -> usize {
        self.hosts.count(Time(now.0.saturating_sub(self.common.stabilize_every * NEAR_ROUNDS)))
    }

    pub(super) fn seek(&mut self, now: Time, wish: Wish, at: SocketAddrV4) {
        self.quest = Some(Quest::new(wish, at, now + self.patience() * 3));
        self.try_next(now);
    }

    /// Tries whoever is next; nobody is left, or it takes too long: gives up.
    pub(super) fn try_next(&mut self, now: Time) {
        let own = *self.at().ip();
        while let Some(quest) = &mut self.quest {
            let next = quest.tries.pop_front().filter(|_| now < quest.deadline && quest.tried.len() < MAX_TRIES);
            let wish = quest.wish;
            match next {
                Some(at) if *at.ip() == own || !quest.tried.insert(*at.ip()) => {}
                Some(at) => {
                    let why = if wish == Wish::Join { Why::Join } else { Why::Merge };
                    self.join_hops += u32::from(wish == Wish::Join);
                    if self.open(now, at, why) {
                        return;
                    }
                }
                None => match quest.needed.take().filter(|_| wish == Wish::Join && self.role == Role::Leaf) {
                    Some(at) => {
                        self.role = Role::Ultrapeer;
                        quest.tried.clear();
                        quest.tries.push_back(at);
                    }
                    None => return self.end_quest(false),
                },
            }
        }
    }

    /// A servent that was tried has said no, or nothing: others that it named are tried.
    pub(super) fn refused(&mut self, now: Time, at: SocketAddrV4, needed: bool, others: &[SocketAddrV4]) {
        if let Some(quest) = &mut self.quest {
            quest.tries.extend(others.iter().copied().take(MAX_TRIES));
            quest.tries.truncate(4 * MAX_TRIES);
            quest.needed = quest.needed.or(needed.then_some(at));
        }
        self.try_next(now);
    }

    /// A link that was sought is up.
    pub(super) fn achieved(&mut self, now: Time, why: Why) {
        // From now on they are links like others.
        let of_it = self.links.values_mut().filter(|link| link.is_up() && link.why == why);
        of_it.for_each(|link| link.why = Why::More);
        match (why, self.quest.as_ref().map(|quest| quest.wish)) {
            (Why::Join, Some(Wish::Join)) => {
                self.quest = None;
                self.enter(now);
            }
            (Why::Merge, Some(Wish::Merge | Wish::Bridge)) => self.end_quest(true),
            _ => {}
        }
    }

    pub(super) fn end_quest(&mut self, ok: bool) {
        match self.quest.take().map(|quest| quest.wish) {
            Some(Wish::Join) => self.join_failed(),
            Some(Wish::Merge) => self.events.push_back(Did::Merged { ok }),
            Some(Wish::Bridge) | None => {}
        }
    }

    pub(super) fn leave_now(&mut self) {
        if self.settings.new {
            let head = Head { guid: self.guid(), kind: BYE, ttl: 1, hops: 0 };
            let bytes = frame(head, &bye(200, "leaving"));
            self.up(|_| true).into_iter().for_each(|number| self.say(number, bytes.clone()));
        }
        self.reset();
        self.events.push_back(Did::Left);
    }

    /// Streams from the old address are dead: others are opened, to those that they led to.
    pub(super) fn move_to(&mut self, now: Time, address: std::net::SocketAddr) {
        self.me.address = address;
        let known: Vec<SocketAddrV4> = self.links.values().map(|link| link.at).collect();
        if self.phase != Phase::Member {
            return;
        }
        for number in self.links.keys().copied().collect::<Vec<_>>() {
            self.close(number);
        }
        known.iter().for_each(|at| self.hosts.heard(now, *at));
        if known.is_empty() && self.hosts.len() == 0 {
            return self.events.push_back(Did::Renewed { by: None, milliseconds: 0.0 });
        }
        self.renewing = Some(now);
        self.next_round = Some(now);
    }
}
