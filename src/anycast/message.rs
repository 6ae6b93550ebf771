//! What nodes say to one another about finding members.

use serde::{Deserialize, Serialize};

use super::cookie::Cookie;
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
    Echo { nonce: u64, cookie: Cookie },
    Welcome {
        nonce: u64,
        id: Id,
        color: Option<u16>,
        size: u32,
        /// A key that it owns: who finds another owner of it is of another island.
        place: Id,
        neighbors: Vec<Peer>,
    },
    /// "I found you through your color; of our two islands yours is the smaller."
    Met { id: Id, color: u16, place: Id },
    /// A member of another island, passed on to every node of this one.
    Contact { flood: u64, peer: Peer },
    /// The protocol's own.
    Overlay(&'a [u8]),
}
