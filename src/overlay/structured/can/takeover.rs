//! What becomes of a failed node's zones (CAN §2.3).
//!
//! Each of its neighbors waits in proportion to its own volume, so that the smallest takes over, and
//! stops waiting when another has.

use std::time::Duration;

use super::message::Claim;
use super::space::{GIVEN, Held, Space, Vacancy};
use super::zone::Zone;
use super::{Ask, Can, Purpose};
use crate::overlay::structured::dht::Tables;
use crate::overlay::{Peer, Time};

/// A node of average volume waits for this part of a stabilization interval.
const PATIENCE: f64 = 0.5;
/// The longest wait, in stabilization intervals.
const LONGEST: f64 = 4.0;
/// Stabilization intervals after which a zone that was taken counts as given.
const PROBATION_ROUNDS: u32 = 10;
/// Stabilization intervals that the heir of a leaving node has before others take over.
const HEIR_ROUNDS: u32 = 2;
/// Lookups, each from elsewhere, that must miss a zone's holder before it counts as vacant.
const MISSES: u32 = 3;

impl Can {
    /// Waits for its turn to take what is vacant.
    pub(super) fn arm(&mut self, now: Time) {
        let due = now + self.patience();
        let space = &mut self.geometry;
        if space.held.is_empty() {
            return;
        }
        let known = space.known_zones();
        let open = |zone: Zone| !Zone::all_without(vec![zone], known.iter().copied()).is_empty();
        space.vacancies.retain(|zone, _| open(*zone));
        for vacancy in space.vacancies.values_mut() {
            vacancy.due.get_or_insert(due);
        }
        let next = space.vacancies.values().filter_map(|v| v.due).min();
        self.wake_at(next);
    }

    fn patience(&self) -> Duration {
        let share = self.geometry.volume() * f64::from(self.geometry.size());
        self.settings.stabilize_every.mul_f64((PATIENCE * share).min(LONGEST))
    }

    /// Its turn has come: takes the zones that nobody else has taken, and says so.
    pub(super) fn take_over(&mut self, now: Time) {
        let due = |v: &Vacancy| v.due.is_some_and(|d| d <= now);
        let space = &mut self.geometry;
        let ripe: Vec<Zone> = space.vacancies.iter().filter(|(_, v)| due(v)).map(|(z, _)| *z).collect();
        for zone in ripe {
            let Some(vacancy) = self.geometry.vacancies.remove(&zone) else { continue };
            if self.geometry.concerns(zone) && !self.is_moving() {
                self.seize(now, zone, vacancy.version);
                self.tell(now, &vacancy.tell);
            }
        }
        self.arm(now);
    }

    /// Claims what nobody is known to hold of a zone.
    pub(super) fn seize(&mut self, now: Time, zone: Zone, version: u32) {
        let until = now + self.settings.stabilize_every * PROBATION_ROUNDS;
        let space = &mut self.geometry;
        let rank = space.rank();
        for zone in Zone::all_without(vec![zone], space.known_zones()) {
            space.hold(Claim { zone, version: rank }, Some((until, version)));
        }
    }

    /// Tells a failed node's neighbors.
    fn tell(&mut self, now: Time, peers: &[Peer]) {
        let others = peers.iter().filter(|p| !self.geometry.contacts.contains_key(&p.id) && p.id != self.me.id);
        let others: Vec<Peer> = others.filter(|p| self.trusted(now, p)).copied().collect();
        let state = self.geometry.state(now);
        for peer in others {
            self.ask(now, peer, Ask::Update(state.clone()), Purpose::Update);
        }
    }

    /// Another has taken what this node was waiting to take: lets it, unless this node is the smaller.
    pub(super) fn contest(&mut self, now: Time, peer: Peer, claims: &[Claim]) {
        let (me, rank) = (self.me.id, self.geometry.rank());
        for claim in claims {
            let overlapping = self.geometry.vacancies.keys().filter(|z| z.overlaps(claim.zone));
            for zone in overlapping.copied().collect::<Vec<_>>() {
                let Some(vacancy) = self.geometry.vacancies.remove(&zone) else { continue };
                let common = if zone.includes(claim.zone) { claim.zone } else { zone };
                let mine = Claim { zone: common, version: rank };
                if vacancy.due.is_some() && mine.beats(me, *claim, peer.id) && self.geometry.concerns(common) {
                    self.seize(now, common, vacancy.version);
                }
                for rest in zone.without(claim.zone) {
                    self.geometry.vacancies.insert(rest, vacancy.clone());
                }
            }
        }
    }

    /// A lookup has found nobody who holds a zone beside this node's.
    pub(super) fn nobody_at(&mut self, now: Time, zone: Zone) {
        let misses = self.geometry.misses.entry(zone).or_default();
        *misses += 1;
        if *misses >= MISSES && self.is_member() && self.geometry.concerns(zone) {
            self.geometry.misses.remove(&zone);
            self.geometry.vacate(zone, GIVEN, &[]);
            self.arm(now);
        }
    }

    /// A neighbor leaves and has said who is to have its zones.
    pub(super) fn bequeathed(&mut self, now: Time, peer: Peer, bequests: &[(Claim, Peer)]) {
        self.departed(now, peer);
        if !self.is_member() {
            return;
        }
        let until = now + self.settings.stabilize_every * HEIR_ROUNDS + self.patience();
        for (claim, heir) in bequests {
            let of = |z: &Zone| z.overlaps(claim.zone);
            if heir.id == self.me.id {
                let tell: Vec<Peer> =
                    self.geometry.vacancies.iter().filter(|(z, _)| of(z)).flat_map(|(_, v)| v.tell.clone()).collect();
                self.geometry.vacancies.retain(|z, _| !of(z));
                self.geometry.hold(Claim { version: claim.version.max(GIVEN).saturating_add(1), ..*claim }, None);
                self.tell(now, &tell);
            } else {
                self.geometry.vacancies.iter_mut().filter(|(z, _)| of(z)).for_each(|(_, v)| v.due = Some(until));
                self.introduce(now, *heir);
            }
        }
        self.arm(now);
    }
}

impl Space {
    /// The version of what it takes: of the smaller node's the higher, in quarters of a halving.
    pub(super) fn rank(&self) -> u32 {
        if self.held.is_empty() {
            return 0;
        }
        ((-self.volume().log2() * 4.0).max(0.0) as u32).min(GIVEN - 1)
    }

    /// What was taken long ago counts as given.
    pub(super) fn settle(&mut self, now: Time) {
        let settled = |h: &&mut Held| h.settles.is_some_and(|(at, _)| at <= now);
        let mut any = false;
        for held in self.held.iter_mut().filter(settled) {
            if let Some((_, version)) = held.settles.take() {
                held.claim.version = version;
                any = true;
            }
        }
        if any {
            self.changed();
        }
    }
}
