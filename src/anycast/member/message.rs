//! What nodes say to one another about finding members.

use serde::{Deserialize, Serialize};

use super::cookie::Cookie;
use crate::anycast::inquiry::{Inquiry, Reply};
use crate::anycast::means::Means;
use crate::overlay::Peer;
use crate::overlay::id::Id;

/// Bytes of padding in a [`Message::Hello`]: more than the answer's fields take.
pub(super) const PADDING: usize = 48;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Message<'a> {
    /// To a group's address (or a well-known one): is there a member? Padded, so that the answer is
    /// not larger.
    Hello { nonce: u64, padding: Vec<u8> },
    /// From a member's unicast address: show me that you got this.
    Cookie { nonce: u64, cookie: Cookie },
    /// To that unicast address.
    Echo {
        nonce: u64,
        cookie: Cookie,
        /// How often this join was sent elsewhere; `None`: it only asks.
        join: Option<u8>,
    },
    /// Join through this one: it has less to do.
    Elsewhere { nonce: u64, peer: Peer },
    Welcome {
        nonce: u64,
        id: Id,
        /// A key that it owns.
        place: Id,
        color: Option<u16>,
        size: u32,
        neighbors: Vec<Peer>,
    },
    /// "I found you by these means; of our two islands yours is the smaller."
    Met { id: Id, place: Id, by: Means, color: Option<u16> },
    /// To neighbors: joins served within the last second.
    Load { id: Id, joins: u32 },
    /// A member of another island, passed on to every node of this one.
    Contact { flood: u64, peer: Peer },
    /// The protocol's own.
    Overlay(&'a [u8]),
    /// To a member, by somebody who is none and has shown its cookie: a question to the overlay.
    Want { nonce: u64, cookie: Cookie, inquiry: Inquiry },
    /// The question has been heard before, and is not answered yet.
    Wait { nonce: u64 },
    /// What has become of it.
    Found { nonce: u64, reply: Reply },
}

impl Message<'_> {
    pub(super) fn hello(nonce: u64) -> Self {
        Self::Hello { nonce, padding: vec![0; PADDING] }
    }
}
