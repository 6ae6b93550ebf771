//! What a CAN's node knows, as any structured overlay's: who its neighbors are, what it owns, who keeps copies.

use super::message::{Claim, MAX_KEEPERS, Place};
use super::space::{GIVEN, Space};
use super::zone::Zone;
use crate::overlay::id::Id;
use crate::overlay::structured::dht::Tables;
use crate::overlay::{Neighbors, Peer};

impl Tables for Space {
    type Place = Place;

    fn version(&self) -> u64 {
        self.changes()
    }

    fn neighbors(&self) -> Neighbors {
        Neighbors {
            successors: Vec::new(),
            predecessor: None,
            fingers: self.contacts.keys().copied().collect(),
            zones: self.zones().map(|z| (z.first(), z.last())).collect(),
            ..Neighbors::default()
        }
    }

    fn peers(&self) -> Vec<Peer> {
        self.contacts.values().map(|c| c.peer).collect()
    }

    fn knows(&self, id: Id) -> bool {
        self.contacts.contains_key(&id)
    }

    fn remove(&mut self, peer: Peer) -> bool {
        let told: Vec<Claim> =
            self.hearsay().filter(|n| n.peer == peer).flat_map(|n| n.claims.iter().copied()).collect();
        for contact in self.contacts.values_mut() {
            contact.near.retain(|n| n.peer != peer);
        }
        self.granted.retain(|_, p| p.to.id != peer.id);
        self.source.take_if(|p| *p == peer);
        let was = self.contacts.get(&peer.id).is_some_and(|c| c.peer == peer);
        let contact = if was { self.contacts.remove(&peer.id) } else { None };
        let (claims, tell) = match contact {
            Some(c) => (c.claims, c.near.iter().map(|n| n.peer).collect()),
            None => (told, Vec::new()),
        };
        let claims: Vec<Claim> = claims.into_iter().filter(|c| self.concerns(c.zone)).collect();
        for claim in claims {
            self.vacate(claim.zone, claim.version.max(GIVEN).saturating_add(1), &tell);
        }
        self.changed();
        was
    }

    fn readdress(&mut self, peer: Peer) -> bool {
        for contact in self.contacts.values_mut() {
            contact.near.iter_mut().filter(|n| n.peer.id == peer.id).for_each(|n| n.peer = peer);
        }
        let contact = self.contacts.get_mut(&peer.id).filter(|c| c.peer != peer);
        contact.map(|c| c.peer = peer).is_some()
    }

    fn renumber(&mut self, me: Peer) {
        self.me = me;
    }

    fn isolated(&self) -> bool {
        self.contacts.is_empty() && !self.has_whole()
    }

    /// Estimated number of nodes: of those it knows, and as many more as fit in the rest.
    fn size(&self) -> u32 {
        let theirs = self.contacts.values().flat_map(|c| &c.claims).map(|c| c.zone.volume());
        let share = (theirs.sum::<f64>() + self.volume()).min(1.0);
        let nodes = self.contacts.len() as f64 + if self.held.is_empty() { 0.0 } else { 1.0 };
        if share > 0.0 { (nodes / share).min(1e9).round() as u32 } else { 1 }
    }

    fn own_key(&self) -> Id {
        self.home
    }

    fn owns(&self, key: Id) -> bool {
        self.zones().any(|z| z.contains(key))
    }

    fn ranges(&self) -> Vec<(Id, Id)> {
        self.zones().map(Zone::interval).collect()
    }

    fn holders(&self) -> Vec<Peer> {
        self.successors()
    }

    fn heir(&self) -> Option<Peer> {
        self.zones().find(|z| z.contains(self.home)).and_then(|z| self.heir_of(z))
    }

    fn place(&self) -> Place {
        let mut keepers: Vec<Peer> = self.source.into_iter().collect();
        keepers.extend(self.successors().into_iter().filter(|p| Some(p.id) != self.source.map(|s| s.id)));
        keepers.truncate(MAX_KEEPERS);
        Place { claims: self.claims(), keepers }
    }

    fn keepers(place: &Place, replicas: usize) -> Vec<Peer> {
        // One more: the first may be the former owner, which need not be a replica.
        place.keepers.iter().take(replicas + 1).copied().collect()
    }

    fn range_at(_: Id, place: &Place, key: Id) -> (Id, Id) {
        let zone = place.claims.iter().map(|c| c.zone).find(|z| z.contains(key));
        zone.unwrap_or_else(|| Zone::around(key, Id::BITS)).interval()
    }
}
