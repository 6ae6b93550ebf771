//! What happens in every round: links that are silent end, others are sought, leaves tell their words.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use rand::RngExt;

use super::link::Why;
use super::message::{Head, ROUTES, frame};
use super::qrp::Table;
use super::settings::Role;
use super::{Gnutella, MAX_TTL};
use crate::overlay::{Phase, Proximity, Time};

/// Rounds of silence after which a link is asked whether it is there, and after which it ends.
const SILENT: u32 = 2;
const DEAD: u32 = 8;
/// In one of so many rounds each link is asked who else is there.
const ASK_EVERY: u64 = 4;
/// Links that are being opened at once.
const OPENING: usize = 4;
/// Servents whose distance is measured in a round.
const MEASURED: usize = 4;
/// Rounds without an ultrapeer after which a leaf becomes one.
const ORPHANED: u32 = 8;

impl Gnutella {
    pub(super) fn round(&mut self, now: Time) {
        let every = self.common.stabilize_every;
        self.next_round = Some(now + every.mul_f64(self.rng.random_range(0.9..1.1)));
        self.rounds += 1;
        self.queries.tick(now);
        self.pings.tick(now);
        self.servents.tick(now);
        for number in self.up(|link| now - link.heard >= every * DEAD) {
            self.ended(now, number, false);
        }
        let all = self.rounds.is_multiple_of(ASK_EVERY);
        for number in self.up(|link| all || now - link.heard >= every * SILENT) {
            self.ping(now, number, if all { MAX_TTL } else { 1 });
        }
        for number in self.up(|link| link.id.is_none()) {
            let ip = self.links[&number].ip();
            self.ask_who(ip);
        }
        if self.settings.proximity != Proximity::None && self.wants() > 0 {
            for at in self.hosts.unmeasured(now, MEASURED, &mut self.rng) {
                self.ask_who(*at.ip());
            }
        }
        let orphan = self.role == Role::Leaf && self.count(|_| true) == 0;
        self.orphaned = if orphan { self.orphaned + 1 } else { 0 };
        if self.orphaned >= ORPHANED {
            self.role = Role::Ultrapeer;
        }
        self.grow(now);
        self.tell_words();
    }

    /// How many links it lacks.
    fn wants(&self) -> usize {
        let most = if self.role == Role::Leaf { self.settings.parents } else { self.settings.connections };
        most.saturating_sub(self.count(|link| link.role != Role::Leaf))
    }

    /// Opens links until there are enough of them: every other to the nearest that is known, if nearness counts, since
    /// nearest ones alone would leave clusters that nothing links.
    pub(super) fn grow(&mut self, now: Time) {
        if self.phase != Phase::Member {
            return;
        }
        let opening = self.links.values().filter(|link| !link.is_up() && link.why == Why::More).count();
        for turn in opening..self.wants().min(OPENING) {
            let mut not: BTreeSet<Ipv4Addr> = self.links.values().map(super::link::Link::ip).collect();
            not.insert(*self.at().ip());
            let near = self.settings.proximity != Proximity::None && (self.role == Role::Leaf || turn % 2 == 0);
            let Some(at) = self.hosts.pick(&not, near, &mut self.rng) else { return };
            self.open(now, at, Why::More);
        }
    }

    /// A leaf tells those of its ultrapeers that do not know which words its names have.
    pub(super) fn tell_words(&mut self) {
        if self.role != Role::Leaf || !self.settings.query_routing {
            return;
        }
        let untold = self.up(|link| link.role == Role::Ultrapeer && !link.told_words);
        if untold.is_empty() {
            return;
        }
        let mut table = Table::new(self.settings.slots);
        self.library.items().flat_map(|item| &item.words).for_each(|word| table.add(word));
        let payloads = table.payloads();
        for number in untold {
            for payload in &payloads {
                let head = Head { guid: self.guid(), kind: ROUTES, ttl: 1, hops: 0 };
                self.say(number, frame(head, payload));
            }
            if let Some(link) = self.links.get_mut(&number) {
                link.told_words = true;
            }
        }
    }

    /// It shares something else than before.
    pub(super) fn shares_more(&mut self) {
        self.links.values_mut().for_each(|link| link.told_words = false);
    }

    /// Handshakes that take too long have failed.
    pub(super) fn handshakes_timeout(&mut self, now: Time) {
        let patience = self.patience();
        let late = self.links.iter().filter(|(_, link)| !link.is_up() && now - link.since >= patience);
        for number in late.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.ended(now, number, false);
        }
    }

    pub(super) fn next_handshake_due(&self) -> Option<Time> {
        let patience = self.patience();
        self.links.values().filter(|link| !link.is_up()).map(|link| link.since + patience).min()
    }
}
