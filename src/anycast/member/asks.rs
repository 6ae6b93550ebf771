//! Questions that may still be answered: Hellos, and why each was sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::anycast::means::Means;
use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};

/// Most Hellos remembered.
const MAX_ASKS: usize = 64;

/// Why somebody is asked who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// To join through whoever answers, after having been sent elsewhere so often.
    Join { redirected: u8 },
    /// To know it, while still reachable: a non-member's question to a color, or one that the infrastructure names.
    Meet { color: Option<u16> },
    /// To know whichever is nearest, for the overlay.
    Near,
    /// To find another island.
    Heal { by: Means, color: Option<u16> },
    /// To ask the overlay something, as one who is no member.
    Visit { number: u64 },
    /// To know again where this suspect stands.
    Verify { watch: u64 },
}

/// A member has said who it is.
#[derive(Clone, Debug)]
pub(super) struct Welcome {
    pub(super) peer: Peer,
    /// A key that it owns.
    pub(super) place: Id,
    pub(super) color: Option<u16>,
    /// Its estimate of its island's size.
    pub(super) size: u32,
    pub(super) neighbors: Vec<Peer>,
}

#[derive(Clone, Copy, Debug)]
struct Ask {
    sent: Time,
    why: Why,
    /// Who returned a cookie, and after how many milliseconds. Only the first counts.
    answered: Option<(SocketAddr, f64)>,
}

/// By nonce.
#[derive(Debug, Default)]
pub(super) struct Asks(BTreeMap<u64, Ask>);

impl Asks {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Of too many the oldest is forgotten.
    pub(super) fn add(&mut self, now: Time, nonce: u64, why: Why) {
        if self.0.len() >= MAX_ASKS {
            let oldest = self.0.iter().min_by_key(|(_, a)| a.sent).map(|(nonce, _)| *nonce);
            oldest.and_then(|nonce| self.0.remove(&nonce));
        }
        self.0.insert(nonce, Ask { sent: now, why, answered: None });
    }

    /// Somebody returned a cookie: why it was asked, and after how many milliseconds the first cookie came; `None`
    /// if it is not to be followed.
    pub(super) fn answered(&mut self, now: Time, nonce: u64, from: SocketAddr) -> Option<(Why, f64)> {
        let ask = self.0.get_mut(&nonce)?;
        // Only the first: a member that repeats the cookie may have its Echo again.
        let (address, milliseconds) = *ask.answered.get_or_insert((from, now.millis_since(ask.sent)));
        (address == from).then_some((ask.why, milliseconds))
    }

    /// Ends a question that `wanted` accepts, answered by whoever returned its first cookie.
    pub(super) fn take(&mut self, nonce: u64, from: SocketAddr, wanted: impl Fn(Why) -> bool) -> Option<(Why, f64)> {
        let ask = self.0.get(&nonce).filter(|ask| wanted(ask.why))?;
        let (_, milliseconds) = ask.answered.filter(|(address, _)| *address == from)?;
        let why = ask.why;
        self.0.remove(&nonce);
        Some((why, milliseconds))
    }
}
