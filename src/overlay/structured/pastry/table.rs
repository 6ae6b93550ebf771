//! The routing table: row r, column d holds a node whose id shares r digits with this node's and has d
//! as the next; of several the nearest by round trip.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::overlay::id::Id;
use crate::overlay::{Peer, Proximity};

/// Row and column.
pub(super) type Slot = (u8, u8);

#[derive(Debug)]
pub(super) struct Table {
    me: Id,
    /// Bits of a digit (Pastry's b).
    bits: u32,
    proximity: Proximity,
    /// With the round trip, if it was known.
    entries: BTreeMap<Slot, (Peer, Option<Duration>)>,
    /// Slots whose node has failed and has not been replaced.
    holes: BTreeSet<Slot>,
}

impl Table {
    /// `bits`: 1 to 4.
    pub(super) fn empty(me: Id, bits: u32, proximity: Proximity) -> Self {
        Self { me, bits, proximity, entries: BTreeMap::new(), holes: BTreeSet::new() }
    }

    /// How many digits two ids have in common.
    pub(super) fn shared(&self, a: Id, b: Id) -> u8 {
        ((a.0 ^ b.0).leading_zeros() / self.bits) as u8
    }

    fn digit(&self, id: Id, row: u8) -> u8 {
        ((id.0 << (self.bits * u32::from(row))) >> (Id::BITS - self.bits)) as u8
    }

    /// Where a node belongs; `None` for this node.
    pub(super) fn slot(&self, id: Id) -> Option<Slot> {
        let row = self.shared(self.me, id);
        (id != self.me).then(|| (row, self.digit(id, row)))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.entries.values().map(|(peer, _)| peer)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Peer> {
        let slot = self.slot(id)?;
        self.entries.get_mut(&slot).map(|(p, _)| p).filter(|p| p.id == id)
    }

    pub(super) fn get(&self, id: Id) -> Option<Peer> {
        self.slot(id).and_then(|slot| self.entries.get(&slot)).map(|(p, _)| *p).filter(|p| p.id == id)
    }

    /// Who shares one more digit with the key than this node.
    pub(super) fn toward(&self, key: Id) -> Option<Peer> {
        self.slot(key).and_then(|slot| self.entries.get(&slot)).map(|(p, _)| *p)
    }

    pub(super) fn row(&self, row: u8) -> Vec<Peer> {
        self.entries.range((row, 0)..=(row, u8::MAX)).map(|(_, (p, _))| *p).collect()
    }

    /// Rows that are not empty.
    pub(super) fn rows(&self) -> Vec<u8> {
        let rows: BTreeSet<u8> = self.entries.keys().map(|(row, _)| *row).collect();
        rows.into_iter().collect()
    }

    /// Whether a node at this distance (`None`: not known yet) may take the place of the one there.
    pub(super) fn would_take(&self, id: Id, round_trip: Option<Duration>) -> bool {
        let Some(slot) = self.slot(id) else { return false };
        match self.entries.get(&slot) {
            None => true,
            Some((held, _)) if held.id == id || self.proximity == Proximity::None => false,
            Some((_, held)) => round_trip.is_none() || held.is_none() || round_trip < *held,
        }
    }

    /// A node that has answered: takes it if it is nearer than the one there. Whether it has.
    pub(super) fn offer(&mut self, peer: Peer, round_trip: Option<Duration>) -> bool {
        let Some(slot) = self.slot(peer.id) else { return false };
        if let Some((held, known)) = self.entries.get_mut(&slot)
            && held.id == peer.id
        {
            *known = round_trip.or(*known);
            return std::mem::replace(held, peer) != peer;
        }
        let known = round_trip.is_some() || !self.entries.contains_key(&slot);
        if !known || !self.would_take(peer.id, round_trip) {
            return false;
        }
        self.entries.insert(slot, (peer, round_trip));
        self.holes.remove(&slot);
        true
    }

    /// Removes the node at this address; whether it was there.
    pub(super) fn remove(&mut self, peer: Peer) -> bool {
        let Some(slot) = self.slot(peer.id).filter(|s| self.entries.get(s).is_some_and(|(p, _)| *p == peer)) else {
            return false;
        };
        self.entries.remove(&slot);
        self.holes.insert(slot);
        true
    }

    /// Slots that have lost their nodes since this was asked last.
    pub(super) fn take_holes(&mut self) -> BTreeSet<Slot> {
        std::mem::take(&mut self.holes)
    }

    pub(super) fn is_empty_at(&self, slot: Slot) -> bool {
        !self.entries.contains_key(&slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: u128) -> Peer {
        Peer { id: Id(id), address: ([10, 0, 0, 1], 4000).into() }
    }

    fn ms(n: u64) -> Option<Duration> {
        Some(Duration::from_millis(n))
    }

    #[test]
    fn digits_of_any_width_cut_an_id_up() {
        let id = Id(0x1234_5678_9abc_def0_1234_5678_9abc_def0);
        for (bits, first) in [(4, [1, 2, 3, 4]), (3, [0, 4, 4, 3]), (2, [0, 1, 0, 2]), (1, [0, 0, 0, 1])] {
            let table = Table::empty(id, bits, Proximity::Probed);
            let digits: Vec<u8> = (0..4).map(|row| table.digit(id, row)).collect();
            assert_eq!(digits, first, "{bits} bits");
            // The last digit may be a short one.
            let last = (Id::BITS - 1) / bits;
            let other = Id(id.0 ^ 1);
            assert_eq!(u32::from(table.shared(id, other)), last);
            assert!(u32::from(table.digit(other, last as u8)) < 1 << bits);
            assert_ne!(table.digit(other, last as u8), table.digit(id, last as u8));
        }
    }

    #[test]
    fn the_nearer_of_two_is_taken_and_only_when_its_distance_is_known() {
        let (a, b) = (peer(1 << 124), peer((1 << 124) + 1));
        let mut table = Table::empty(Id(0), 4, Proximity::Probed);
        assert!(table.offer(a, None), "an empty slot takes anyone");
        assert!(table.would_take(b.id, None), "it is worth measuring");
        assert!(!table.offer(b, None));
        assert!(table.offer(b, ms(5)));
        assert!(!table.offer(a, ms(5)));
        assert!(table.offer(a, ms(4)));
        assert_eq!(table.row(0), [a]);
        assert!(table.remove(a) && table.take_holes().contains(&(0, 1)));
        let mut first = Table::empty(Id(0), 4, Proximity::None);
        assert!(first.offer(a, ms(9)) && !first.offer(b, ms(1)), "without proximity the first stays");
    }
}
