//! What a servent is configured with, beside what all overlays have in common.

use std::time::Duration;

use crate::overlay::{Proximity, Values};

/// What a servent is to others: in 0.4 all are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Peer,
    Ultrapeer,
    Leaf,
}

/// A lab file's keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) port: u16,
    /// Whether it speaks 0.6.
    pub(super) new: bool,
    /// The share of ultrapeers.
    pub(super) ultrapeers: f64,
    /// Links that a peer or an ultrapeer opens until it has so many.
    pub(super) connections: usize,
    /// Leaves that an ultrapeer takes.
    pub(super) leaves: usize,
    /// Ultrapeers that a leaf looks for.
    pub(super) parents: usize,
    pub(super) ttl: u8,
    /// How long a search waits for hits before it asks further, or ends.
    pub(super) wait: Duration,
    pub(super) query_routing: bool,
    pub(super) dynamic: bool,
    pub(super) pong_caching: bool,
    /// Logarithm of the slots of a table of words.
    pub(super) slots: u32,
    pub(super) proximity: Proximity,
}

impl Settings {
    pub(super) fn of(given: &Values) -> Self {
        let small = |key| u16::try_from(given.int(key)).unwrap_or(u16::MAX);
        Self {
            port: small("port"),
            new: given.word("version") == "0.6",
            ultrapeers: given.float("ultrapeers"),
            connections: given.size("connections"),
            leaves: given.size("leaves"),
            parents: given.size("parents"),
            ttl: u8::try_from(given.int("ttl")).unwrap_or(u8::MAX),
            wait: given.time("query_wait"),
            query_routing: given.bool("query_routing"),
            dynamic: given.bool("dynamic_querying"),
            pong_caching: given.bool("pong_caching"),
            slots: u32::from(small("qrp_slots")),
            proximity: given.proximity(),
        }
    }

    /// Most links to peers or ultrapeers that it takes. As each newcomer opens some, there are twice as many a node on
    /// average: there must be room for more, or newcomers find nobody.
    pub(super) fn most(&self) -> usize {
        3 * self.connections
    }
}
