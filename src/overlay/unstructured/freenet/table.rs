//! Whom a node asks: by keys that they had things of, or were given when they were announced.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::lru::Lru;
use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};

/// Entries from keys to nodes, and the nodes.
#[derive(Clone, Debug)]
pub(super) struct Table {
    entries: Lru<Id>,
    nodes: BTreeMap<Id, Known>,
    /// Counts changes of the nodes.
    version: u64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    address: SocketAddr,
    /// Entries that lead to it.
    keys: usize,
    heard: Time,
}

impl Table {
    pub(super) fn new(most: usize) -> Self {
        Self { entries: Lru::new(most), nodes: BTreeMap::new(), version: 0 }
    }

    /// Things of about this key are to be had from that node. Where a known node is, it has said itself.
    pub(super) fn learn(&mut self, now: Time, key: Id, peer: Peer) {
        let known = Known { address: peer.address, keys: 0, heard: now };
        self.nodes.entry(peer.id).or_insert(known).keys += 1;
        if let Some(gone) = self.entries.put(key, peer.id)
            && let Some(known) = self.nodes.get_mut(&gone)
        {
            known.keys -= 1;
            if known.keys == 0 {
                self.nodes.remove(&gone);
            }
        }
        self.version += 1;
    }

    /// That was useful.
    pub(super) fn used(&mut self, key: Id) {
        self.entries.touch(key);
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, id: Id) -> bool {
        let was = self.nodes.remove(&id).is_some();
        if was {
            self.entries.retain(|node| *node != id);
            self.version += 1;
        }
        was
    }

    /// A node has spoken from this address; whether it was known at another.
    pub(super) fn heard(&mut self, now: Time, peer: Peer) -> bool {
        let Some(known) = self.nodes.get_mut(&peer.id) else { return false };
        known.heard = now;
        std::mem::replace(&mut known.address, peer.address) != peer.address
    }

    pub(super) fn knows(&self, id: Id) -> bool {
        self.nodes.contains_key(&id)
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries.is_full()
    }

    /// The keys nearest to this one, with the nodes that they lead to: one may come several times.
    pub(super) fn nearest(&self, key: Id) -> impl Iterator<Item = (Id, Peer)> {
        self.entries.nearest(key).filter_map(|(key, id)| {
            let known = self.nodes.get(id)?;
            Some((key, Peer { id: *id, address: known.address }))
        })
    }

    /// All nodes, in order of their ids.
    pub(super) fn peers(&self) -> impl Iterator<Item = Peer> {
        self.nodes.iter().map(|(id, known)| Peer { id: *id, address: known.address })
    }

    /// Those not heard from since then, for longest first.
    pub(super) fn silent(&self, since: Time) -> Vec<Peer> {
        let mut silent: Vec<(Time, Peer)> =
            self.nodes.iter().map(|(id, known)| (known.heard, Peer { id: *id, address: known.address })).collect();
        silent.retain(|(heard, _)| *heard <= since);
        silent.sort_unstable();
        silent.into_iter().map(|(_, peer)| peer).collect()
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn entries(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u128) -> Peer {
        Peer { id: Id(n), address: SocketAddr::from(([10, 0, 0, n as u8], 4000)) }
    }

    #[test]
    fn nodes_stay_as_long_as_an_entry_leads_to_them() {
        let mut table = Table::new(3);
        let now = Time::default();
        table.learn(now, Id(10), peer(1));
        table.learn(now, Id(20), peer(2));
        table.learn(now, Id(30), peer(1));
        let near = |table: &Table, key| table.nearest(Id(key)).map(|(_, peer)| peer.id.0).collect::<Vec<_>>();
        assert_eq!((near(&table, 21), near(&table, 29)), (vec![2, 1, 1], vec![1, 2, 1]));
        table.used(Id(10));
        table.learn(now, Id(40), peer(3));
        assert!(!table.knows(Id(2)) && table.len() == 2 && table.entries() == 3, "20 was used least recently");
        table.learn(now, Id(10), peer(3));
        assert!(table.knows(Id(1)) && table.remove(Id(3)) && !table.remove(Id(3)));
        assert_eq!((table.len(), table.entries()), (1, 1));
    }

    #[test]
    fn a_node_is_where_it_last_spoke() {
        let mut table = Table::new(3);
        table.learn(Time::default(), Id(10), peer(1));
        let moved = Peer { address: peer(9).address, ..peer(1) };
        assert!(table.heard(Time::default(), moved) && !table.heard(Time::default(), moved));
        table.learn(Time::default(), Id(11), peer(1));
        assert_eq!(table.peers().collect::<Vec<_>>(), [moved], "others do not know better");
        assert!(!table.heard(Time::default(), peer(5)));
    }
}
