//! Pings and pongs: who is there. With a cache of pongs a ping goes one hop; without, it floods and pongs come back.

use super::link::Why;
use super::message::{Head, PING, PONG, Pong, frame};
use super::settings::Role;
use super::{Gnutella, MAX_TTL, Source};
use crate::overlay::Time;

/// Rounds for which a pong is passed on.
const FRESH_ROUNDS: u32 = 8;

impl Gnutella {
    pub(super) fn ping(&mut self, now: Time, number: u64, ttl: u8) {
        let head = Head { guid: self.guid(), kind: PING, ttl, hops: 0 };
        self.pings.add(now, head.guid, Source::Here);
        self.counts.pings += 1;
        self.say(number, frame(head, &[]));
    }

    fn own_pong(&self) -> Pong {
        let files = u32::try_from(self.library.len()).unwrap_or(u32::MAX);
        Pong { at: self.at(), files, kilobytes: 0 }
    }

    fn pong(&mut self, number: u64, head: Head, pong: Pong) {
        self.counts.pongs += 1;
        self.say(number, frame(Head { kind: PONG, ..head }, &pong.bytes()));
    }

    pub(super) fn pinged(&mut self, now: Time, number: u64, head: Head) {
        let Some(link) = self.links.get_mut(&number) else { return };
        if head.ttl == 0 || head.hops >= MAX_TTL || self.pings.get(&head.guid).is_some() {
            return;
        }
        let due = link.ponged.is_none_or(|last| now - last >= self.common.stabilize_every / 2);
        if due && head.ttl > 1 {
            link.ponged = Some(now);
        }
        let back = Head { ttl: (head.hops + 1).min(MAX_TTL), hops: 0, ..head };
        if head.ttl == 1 || self.role == Role::Leaf {
            return self.pong(number, back, self.own_pong());
        }
        if !self.settings.pong_caching {
            self.pings.add(now, head.guid, Source::Link(number));
            self.pong(number, back, self.own_pong());
            let Some(on) = Self::further(head) else { return };
            for other in self.up(|link| link.role != Role::Leaf) {
                if other != number {
                    self.counts.pings += 1;
                    self.say(other, frame(on, &[]));
                }
            }
            return;
        }
        // Who asks more often is told only of this node.
        self.pong(number, back, self.own_pong());
        if due {
            self.told_cached(now, number, head);
        }
    }

    fn told_cached(&mut self, now: Time, number: u64, head: Head) {
        let since = Time(now.0.saturating_sub(self.common.stabilize_every * FRESH_ROUNDS));
        for (hops, pong) in self.pongs.for_ping(number, head.ttl.min(MAX_TTL), since) {
            self.pong(number, Head { ttl: 1, hops: (hops + 1).min(MAX_TTL), ..head }, pong);
        }
    }

    /// One that cannot be kept is told of others, as if it had asked.
    pub(super) fn tell_of_others(&mut self, now: Time, number: u64) {
        let head = Head { guid: self.guid(), kind: PONG, ttl: MAX_TTL, hops: 0 };
        self.told_cached(now, number, head);
    }

    /// Whether it was a pong.
    pub(super) fn ponged(&mut self, now: Time, number: u64, head: Head, payload: &[u8]) -> bool {
        let Some(pong) = Pong::read(payload) else { return false };
        let Some(link) = self.links.get_mut(&number) else { return true };
        let (direct, role, why) = (head.hops == 0, link.role, link.why);
        if direct && pong.at.ip() == link.at.ip() {
            link.at = pong.at;
        }
        // Nobody opens a link to a leaf.
        if pong.at != self.at() && !pong.at.ip().is_unspecified() && !(direct && role == Role::Leaf) {
            self.hosts.heard(now, pong.at);
            if self.role != Role::Leaf {
                self.pongs.add(now, number, head.hops, pong);
            }
        }
        if direct && why != Why::More {
            self.achieved(now, why);
        }
        if let (Some(Source::Link(back)), Some(on)) = (self.pings.get(&head.guid).copied(), Self::further(head)) {
            self.counts.pongs += 1;
            self.say(back, frame(on, payload));
        }
        true
    }
}
