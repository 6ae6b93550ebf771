//! One node's view of the space: its zones, its neighbors' zones, and where a key is from here.

use std::collections::BTreeMap;
use std::time::Duration;

use super::message::{Claim, MAX_CLAIMS, Near, Place, State};
use super::settings::{MAX_LANDMARKS, Partitioning, Settings};
use super::zone::{self, Extent, Point, Zone};
use crate::overlay::id::Id;
use crate::overlay::structured::dht::Dht;
use crate::overlay::structured::dht::Tables;
use crate::overlay::structured::dht::message::{Query, Step};
use crate::overlay::{Peer, Proximity, Time};

/// The first version of a zone that was given by its holder. Below are those that were taken: what
/// a smaller node takes has the higher one.
pub(super) const GIVEN: u32 = 1000;
/// Most neighbors' neighbors remembered of one neighbor.
const MAX_NEAR: usize = 48;
/// Most claims believed of one neighbor's neighbor.
const MAX_NEAR_CLAIMS: usize = 4;

/// A zone of this node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) claim: Claim,
    extent: Extent,
    /// A zone that was taken may prove to have a holder after all; then, and with this version, it
    /// counts as given.
    pub(super) settles: Option<(Time, u32)>,
}

/// A node that has told its zones itself.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub(super) peer: Peer,
    pub(super) claims: Vec<Claim>,
    extents: Vec<Extent>,
    pub(super) near: Vec<Near>,
    pub(super) moves: u32,
    pub(super) heard: Time,
    /// When it said so, on its clock.
    pub(super) said: u64,
    /// Joiners that have been sent there since.
    pub(super) sent: u32,
}

/// A zone that will be a joiner's as soon as it says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Promise {
    pub(super) to: Peer,
    pub(super) claim: Claim,
    pub(super) until: Time,
    /// Joiners that have been sent there since.
    pub(super) sent: u32,
}

/// A zone whose holder has failed.
#[derive(Clone, Debug)]
pub(super) struct Vacancy {
    /// Its version once it has been taken for good.
    pub(super) version: u32,
    /// When this node takes it, if nobody has until then.
    pub(super) due: Option<Time>,
    /// The failed node's neighbors.
    pub(super) tell: Vec<Peer>,
}

/// A node of a CAN.
pub type Can = Dht<Space>;

/// One node's view.
#[derive(Debug)]
pub struct Space {
    pub(super) me: Peer,
    pub(super) dimensions: u32,
    pub(super) proximity: Proximity,
    pub(super) held: Vec<Held>,
    /// A point of its own zone that it keeps as others take parts of it.
    pub(super) home: Id,
    pub(super) contacts: BTreeMap<Id, Contact>,
    pub(super) vacancies: BTreeMap<Zone, Vacancy>,
    /// Zones that nobody is known to hold, and how many lookups have not found their holder.
    pub(super) misses: BTreeMap<Zone, u32>,
    /// Promised to joiners.
    pub(super) granted: BTreeMap<Zone, Promise>,
    /// Members of the island it has left, and how often they had moved, until they have moved too.
    pub(super) former: BTreeMap<Id, (u32, Time)>,
    /// Whom it got its zone from, and so who may still have its keys.
    pub(super) source: Option<Peer>,
    /// Nodes by whose distance a joiner chooses its place.
    pub(super) landmarks: [Option<Peer>; MAX_LANDMARKS],
    pub(super) partitioning: Partitioning,
    /// How often it has been sent on to another zone.
    pub(super) sent_on: u8,
    /// How often it has looked for another place than the one it found.
    pub(super) looked: u8,
    /// Who has answered a joiner last.
    pub(super) through: Option<Peer>,
    /// Through whom it joins once it knows its distance from the landmarks.
    pub(super) binning: Option<Peer>,
    pub(super) moves: u32,
    /// What it last told everybody.
    pub(super) announced: Vec<Claim>,
    pub(super) rounds: u32,
    changes: u64,
}

impl Space {
    pub(super) fn nowhere(me: Peer, settings: &Settings) -> Self {
        Self {
            me,
            dimensions: settings.dimensions.clamp(1, zone::MAX_DIMENSIONS),
            proximity: settings.proximity,
            landmarks: settings.landmarks,
            partitioning: settings.partitioning,
            sent_on: 0,
            looked: 0,
            through: None,
            binning: None,
            held: Vec::new(),
            home: me.id,
            contacts: BTreeMap::new(),
            vacancies: BTreeMap::new(),
            misses: BTreeMap::new(),
            granted: BTreeMap::new(),
            former: BTreeMap::new(),
            source: None,
            moves: 0,
            announced: Vec::new(),
            rounds: 0,
            changes: 0,
        }
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn changed(&mut self) {
        self.changes += 1;
    }

    /// Its zones, in id order.
    pub(super) fn zones(&self) -> impl Iterator<Item = Zone> {
        self.held.iter().map(|h| h.claim.zone)
    }

    pub(super) fn claims(&self) -> Vec<Claim> {
        self.held.iter().map(|h| h.claim).collect()
    }

    pub(super) fn has_whole(&self) -> bool {
        self.zones().next() == Some(Zone::WHOLE)
    }

    /// Its share of the space.
    pub(super) fn volume(&self) -> f64 {
        self.zones().map(Zone::volume).sum()
    }

    /// Everything it knows to be held, by itself or by others.
    pub(super) fn known_zones(&self) -> Vec<Zone> {
        let theirs = self.contacts.values().flat_map(|c| &c.claims).map(|c| c.zone);
        self.zones().chain(theirs).collect()
    }

    /// Takes a zone as its own, without what it holds of it already.
    pub(super) fn hold(&mut self, claim: Claim, settles: Option<(Time, u32)>) {
        for zone in Zone::all_without(vec![claim.zone], self.zones()) {
            let extent = zone.extent(self.dimensions);
            self.held.push(Held { claim: Claim { zone, ..claim }, extent, settles });
        }
        self.tidy();
    }

    /// Restores the order of its zones and gives up the smallest ones of too many.
    pub(super) fn tidy(&mut self) {
        if self.held.len() > MAX_CLAIMS {
            self.held.sort_by_key(|h| (h.claim.zone.length(), h.claim.zone));
            self.held.truncate(MAX_CLAIMS);
        }
        self.held.sort_by_key(|h| h.claim.zone);
        if !self.owns(self.home)
            && let Some(largest) = self.zones().min_by_key(|z| z.length())
        {
            self.home = within(largest, self.me.id);
        }
        self.changed();
    }

    /// Another node claims a zone: what of it was this node's and is no longer.
    pub(super) fn yield_to(&mut self, peer: Id, claim: Claim) -> Vec<Zone> {
        let me = self.me.id;
        let loses = |h: &Held| h.claim.zone.overlaps(claim.zone) && claim.beats(peer, h.claim, me);
        if !self.held.iter().any(loses) {
            return Vec::new();
        }
        let (lost, mut kept): (Vec<Held>, Vec<Held>) = self.held.iter().partition(|h| loses(h));
        for held in &lost {
            let rest = held.claim.zone.without(claim.zone);
            kept.extend(rest.into_iter().map(|zone| Held {
                claim: Claim { zone, ..held.claim },
                extent: zone.extent(self.dimensions),
                settles: held.settles,
            }));
        }
        self.held = kept;
        self.tidy();
        let common = |z: Zone| if z.includes(claim.zone) { claim.zone } else { z };
        lost.iter().map(|h| common(h.claim.zone)).collect()
    }

    /// Unites halves that it holds both of.
    pub(super) fn unite(&mut self) {
        let settled = |h: &Held| h.settles.is_none();
        while let Some((a, b)) = self.held.windows(2).enumerate().find_map(|(i, pair)| {
            let fit = pair[0].claim.zone.sibling() == Some(pair[1].claim.zone);
            (fit && settled(&pair[0]) && settled(&pair[1])).then_some((i, i + 1))
        }) {
            let version = self.held[a].claim.version.max(self.held[b].claim.version).saturating_add(1);
            if let Some(zone) = self.held[a].claim.zone.parent() {
                self.held[a].claim = Claim { zone, version };
                self.held[a].extent = zone.extent(self.dimensions);
            }
            self.held.remove(b);
            self.changed();
        }
    }

    /// What it tells others.
    pub(super) fn state(&self, now: Time) -> State {
        let near =
            |c: &Contact| Near { peer: c.peer, claims: c.claims.iter().take(MAX_NEAR_CLAIMS).copied().collect() };
        let near: Vec<Near> = self.contacts.values().filter(|c| self.touches(c)).map(near).collect();
        State::new(clock(now), self.claims(), self.moves, &near, self.rounds as usize * 8)
    }

    /// Whether zones of the two have a common face.
    pub(super) fn touches(&self, contact: &Contact) -> bool {
        self.held.iter().any(|own| contact.extents.iter().any(|e| e.abuts(&own.extent)))
    }

    /// Whether the zone is one that this node should know the holder of.
    pub(super) fn concerns(&self, zone: Zone) -> bool {
        let extent = zone.extent(self.dimensions);
        self.held.iter().any(|h| h.claim.zone.overlaps(zone) || h.extent.abuts(&extent))
    }

    /// A node has told its zones.
    pub(super) fn note(&mut self, now: Time, peer: Peer, state: &State) {
        let dimensions = self.dimensions;
        let claims: Vec<Claim> = state.claims.iter().take(MAX_CLAIMS).copied().collect();
        let extents = claims.iter().map(|c| c.zone.extent(dimensions)).collect();
        let before = self.contacts.remove(&peer.id);
        let changed = before.as_ref().is_none_or(|b| b.claims != claims);
        let mut near: Vec<Near> = state.near.iter().filter(|n| n.peer.id != self.me.id).cloned().collect();
        if state.more {
            let before = before.map_or_else(Vec::new, |b| b.near);
            near.extend(before.into_iter().filter(|n| !state.near.iter().any(|s| s.peer.id == n.peer.id)));
            near.truncate(MAX_NEAR);
        }
        let contact = Contact { peer, claims, extents, near, moves: state.moves, heard: now, said: state.at, sent: 0 };
        if contact.claims.is_empty() || !(self.touches(&contact) || self.contacts.is_empty() || self.held.is_empty()) {
            if changed {
                self.changed();
            }
            return;
        }
        self.contacts.insert(peer.id, contact);
        if changed {
            self.changed();
        }
    }

    /// Forgets those it has nothing in common with any more, unless there are no others.
    pub(super) fn prune(&mut self) {
        let keep: Vec<Id> = self.contacts.values().filter(|c| self.touches(c)).map(|c| c.peer.id).collect();
        if !keep.is_empty() && keep.len() < self.contacts.len() {
            self.contacts.retain(|id, _| keep.binary_search(id).is_ok());
            self.changed();
        }
    }

    /// Nodes that neighbors have told of, with the zones that they had.
    pub(super) fn hearsay(&self) -> impl Iterator<Item = &Near> {
        self.contacts.values().flat_map(|c| &c.near)
    }

    /// Nobody holds the zone, as far as this node knows.
    pub(super) fn vacate(&mut self, zone: Zone, version: u32, tell: &[Peer]) {
        let taken = self.known_zones().into_iter().chain(self.vacancies.keys().copied());
        for zone in Zone::all_without(vec![zone], taken.collect::<Vec<_>>()) {
            self.vacancies.insert(zone, Vacancy { version, due: None, tell: tell.to_vec() });
        }
    }

    /// Neighbors as they would take over from this node: the smallest first.
    pub(super) fn successors(&self) -> Vec<Peer> {
        let volume = |c: &Contact| c.claims.iter().map(|c| c.zone.volume()).sum::<f64>();
        let mut order: Vec<&Contact> = self.contacts.values().collect();
        order.sort_by(|a, b| volume(a).total_cmp(&volume(b)).then(a.peer.id.cmp(&b.peer.id)));
        order.into_iter().map(|c| c.peer).collect()
    }

    /// Who takes a zone when this node leaves: the holder of its other half, else the smallest neighbor.
    pub(super) fn heir_of(&self, zone: Zone) -> Option<Peer> {
        let fits = |c: &&Contact| c.claims.iter().any(|c| Some(c.zone) == zone.sibling());
        self.contacts.values().find(fits).map(|c| c.peer).or_else(|| self.successors().first().copied())
    }

    /// Where a lookup goes from here. `round_trip`: how far away a node is.
    pub(super) fn toward(&self, query: &Query, round_trip: impl Fn(Id) -> Option<Duration>) -> Step<Place> {
        if self.owns(query.key) {
            return Step::Here(self.place());
        }
        let target = zone::point(query.key, self.dimensions);
        let from = self.held.iter().map(|h| h.extent.distance(&target)).min();
        let usable = self.contacts.values().filter(|c| !query.avoid.contains(&c.peer.id));
        let nearer = |d: u128| from.is_none_or(|from| d < from);
        let ahead: Vec<(u128, Peer)> =
            usable.map(|c| (c.distance(&target), c.peer)).filter(|(d, _)| nearer(*d)).collect();
        if let Some((distance, peer)) = ahead.iter().min() {
            let last = *distance == 0;
            let weighed = if last { None } else { from.and_then(|from| self.weigh(from, &ahead, round_trip)) };
            return Step::Next { peer: weighed.unwrap_or(*peer), last };
        }
        // Around a node that has failed: a neighbor's neighbor may be nearer.
        let extent = |c: &Claim| c.zone.extent(self.dimensions).distance(&target);
        let beyond = self.hearsay().filter(|n| n.peer.id != self.me.id && !query.avoid.contains(&n.peer.id));
        let beyond = beyond.filter_map(|n| Some((n.claims.iter().map(extent).min()?, n.peer)));
        match beyond.filter(|(d, _)| nearer(*d)).min() {
            Some((distance, peer)) => Step::Next { peer, last: distance == 0 },
            None => Step::Lost,
        }
    }

    /// The node with the best ratio of progress to round trip (CAN §3.3).
    fn weigh(&self, from: u128, ahead: &[(u128, Peer)], rtt: impl Fn(Id) -> Option<Duration>) -> Option<Peer> {
        if self.proximity == Proximity::None {
            return None;
        }
        let farthest = ahead.iter().filter_map(|(_, p)| rtt(p.id)).max()?;
        let ratio = |(distance, peer): &(u128, Peer)| {
            let seconds = rtt(peer.id).unwrap_or(farthest).as_secs_f64().max(1e-6);
            (from - distance) as f64 / seconds
        };
        ahead.iter().max_by(|a, b| ratio(a).total_cmp(&ratio(b))).map(|(_, peer)| *peer)
    }
}

impl Contact {
    fn distance(&self, target: &Point) -> u128 {
        self.extents.iter().map(|e| e.distance(target)).min().unwrap_or(u128::MAX)
    }
}

fn clock(now: Time) -> u64 {
    u64::try_from(now.0.as_micros()).unwrap_or(u64::MAX)
}

/// A point of the zone that depends on the node only.
pub(super) fn within(zone: Zone, id: Id) -> Id {
    let (first, last) = (zone.first(), zone.last());
    Id(first.0 | (id.0 & (first.0 ^ last.0)))
}
