//! What waits for a lookup in the ring to end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::message::{Ask, Request};
use crate::machine::Time;
use crate::overlay::id::Id;

/// Most keys that are looked up at once.
const MAX_KEYS: usize = 256;
/// Most that waits in all. One key has at most as much as is free, so a burst for one leaves room for others (dynamic
/// thresholds: Choudhury and Hahne, ToN 1998).
const MAX_WORKS: usize = 1024;
/// What has waited for longer is of no use any more.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) enum Work {
    /// Another server wants to know who it is.
    Tell {
        to: SocketAddr,
        nonce: u64,
    },
    Pass {
        from: SocketAddr,
        credit: u8,
        request: Request,
    },
}

#[derive(Default)]
pub(super) struct Waiting(BTreeMap<Id, Vec<(Time, Work)>>);

impl Waiting {
    /// Whether a lookup has to be begun. Of what is too much the new is dropped.
    pub(super) fn add(&mut self, now: Time, key: Id, work: Work) -> bool {
        let waits = |since: Time| now - since < PATIENCE;
        if self.0.len() >= MAX_KEYS || self.len() >= MAX_WORKS {
            self.0.retain(|_, works| works.iter().any(|(since, _)| waits(*since)));
        }
        let free = MAX_WORKS.saturating_sub(self.len());
        if let Some(works) = self.0.get_mut(&key) {
            works.retain(|(since, _)| waits(*since));
            let again = works.is_empty();
            if works.len() < free {
                works.push((now, work));
            }
            return again;
        }
        let fits = self.0.len() < MAX_KEYS && free > 0;
        if fits {
            self.0.insert(key, vec![(now, work)]);
        }
        fits
    }

    pub(super) fn take(&mut self, key: Id) -> Vec<Work> {
        self.0.remove(&key).into_iter().flatten().map(|(_, work)| work).collect()
    }

    /// Of everything that waits.
    pub(super) fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        let of = |work: &Work| match work {
            Work::Pass { request: Request { ask: Ask::Packet(packet), .. }, .. } => packet.data.len(),
            _ => 0,
        };
        self.0.values().flatten().map(|(_, work)| size_of::<(Time, Work)>() + of(work)).sum()
    }
}
