//! What a node of Meridian wants done, and what has come of its searches.

use std::net::IpAddr;
use std::time::Duration;

use crate::anycast::oasis::message::{Contact, Landmark, Message};

/// What a node wants.
#[derive(Debug)]
pub(in super::super) enum Wish {
    Send(Contact, Message),
    /// To open the stream of this number to a port of this address that nobody uses.
    Open(u64, IpAddr),
    Close(u64),
    /// A search of its own has ended.
    Ended(Ended),
}

/// What has come of a search.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Ended {
    pub(in super::super) id: u64,
    pub(in super::super) best: Option<(Landmark, u32)>,
    /// Measurements of the target, by all nodes together, and nodes that the search went through.
    pub(in super::super) probes: u16,
    pub(in super::super) hops: u8,
}

pub(super) fn micros(latency: Duration) -> u32 {
    u32::try_from(latency.as_micros()).unwrap_or(u32::MAX)
}
