//! Which streams there are between the hosts of a simulated network: reliable and in order, until one end is gone.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::machine::{StreamId, Time};

/// One end of a stream.
pub(super) type End = (usize, StreamId);

#[derive(Debug, Default)]
pub(super) struct Streams {
    ends: BTreeMap<End, Far>,
    accepted: u64,
}

/// What is at the other end.
#[derive(Debug)]
struct Far {
    end: End,
    /// As whoever opened it has called it.
    target: Option<SocketAddr>,
    /// When the last of what was sent there arrives.
    last: Time,
}

impl Streams {
    /// A stream from one host's end to an address at which `to` is; the other end.
    pub(super) fn open(&mut self, from: usize, id: StreamId, to: usize, target: SocketAddr) -> End {
        let far = (to, StreamId::Theirs(self.accepted));
        self.accepted += 1;
        self.ends.insert((from, id), Far { end: far, target: Some(target), last: Time::default() });
        self.ends.insert(far, Far { end: (from, id), target: None, last: Time::default() });
        far
    }

    /// The other end, and the address by which it was opened from here.
    pub(super) fn far(&self, host: usize, id: StreamId) -> Option<(End, Option<SocketAddr>)> {
        self.ends.get(&(host, id)).map(|far| (far.end, far.target))
    }

    /// What would arrive there at this time, when it does: nothing overtakes.
    pub(super) fn in_order(&mut self, host: usize, id: StreamId, at: Time) -> Time {
        let Some(far) = self.ends.get_mut(&(host, id)) else { return at };
        far.last = far.last.max(at);
        far.last
    }

    /// This end is gone; whether it was there.
    pub(super) fn close(&mut self, host: usize, id: StreamId) -> bool {
        self.ends.remove(&(host, id)).is_some()
    }

    /// Every end at this host is gone.
    pub(super) fn forget(&mut self, host: usize) {
        self.ends.retain(|(of, _), _| *of != host);
    }
}
