//! What a node is configured with, beside what all overlays have in common.

use crate::overlay::Values;

/// A lab file's keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Nodes that a request comes to; others' requests come to no more from here.
    pub(super) hops: u16,
    /// The same for inserts.
    pub(super) insert_hops: u16,
    /// How probable it is that a walk ends at the node to which it may come last.
    pub(super) last_hop: f64,
    /// Things in its store.
    pub(super) store: usize,
    /// Entries in its table.
    pub(super) table: usize,
    /// How probable it is that a node names itself as the source of what it passes on.
    pub(super) reset: f64,
    /// Nodes that hear of a newcomer.
    pub(super) announce: u8,
}

impl Settings {
    pub(super) fn of(given: &Values) -> Self {
        let small = |key| u16::try_from(given.int(key)).unwrap_or(u16::MAX);
        Self {
            hops: small("hops_to_live"),
            insert_hops: small("insert_hops"),
            last_hop: given.float("last_hop"),
            store: given.size("store_size"),
            table: given.size("routing_size"),
            reset: given.float("source_reset"),
            announce: u8::try_from(given.int("announce_hops")).unwrap_or(u8::MAX),
        }
    }
}
