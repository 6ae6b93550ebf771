//! Which server is responsible for a prefix, as far as a sender or a gateway has heard of late.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::machine::Time;
use crate::overlay::id::Id;

/// Most prefixes remembered.
const MAX_HOMES: usize = 1024;

pub(super) struct Homes {
    known: BTreeMap<Id, (SocketAddr, Time)>,
    lasts: Duration,
}

impl Homes {
    /// `lasts`: what was heard so long ago is asked again.
    pub(super) fn new(lasts: Duration) -> Self {
        Self { known: BTreeMap::new(), lasts }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn get(&self, now: Time, prefix: Id) -> Option<SocketAddr> {
        self.known.get(&prefix).filter(|(_, until)| *until > now).map(|(server, _)| *server)
    }

    /// Prefixes are hashes: of too many any is as good as another to forget.
    pub(super) fn learn(&mut self, now: Time, prefix: Id, server: SocketAddr) {
        if self.known.len() >= MAX_HOMES && !self.known.contains_key(&prefix) {
            self.known.retain(|_, (_, until)| *until > now);
            if self.known.len() >= MAX_HOMES {
                self.known.pop_first();
            }
        }
        self.known.insert(prefix, (server, now + self.lasts));
    }

    /// It does not answer.
    pub(super) fn forget(&mut self, server: SocketAddr) {
        self.known.retain(|_, (known, _)| *known != server);
    }

    pub(super) fn clear(&mut self) {
        self.known.clear();
    }
}
