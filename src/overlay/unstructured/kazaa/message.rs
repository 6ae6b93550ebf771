//! What nodes say to each other: a type of one byte, and a postcard-encoded rest.
//!
//! Types below 0x40 are FastTrack's where these have been published. What is not known of it, or what its TCP did, has
//! types of this lab's own.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::overlay::id::Id;
use crate::overlay::wire::read;
use crate::overlay::{Hit, Peer};

/// No message is longer, and so no datagram with one in it.
pub(super) const MAX_MESSAGE: usize = 1000;
/// Most supernodes that one message lists.
pub(super) const MAX_LISTED: usize = 16;
/// Most children that are told as heirs.
pub(super) const MAX_HEIRS: usize = 3;
/// Bytes that are left for names, with what belongs to each.
const ROOM: usize = MAX_MESSAGE - 80;

/// What every message begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Who sends it.
    pub(super) id: Id,
    /// It is repeated until an answer has this number; 0: it is not.
    pub(super) call: u64,
    /// The call that it answers, or 0.
    pub(super) answer: u64,
    /// How often it had been said before, or what it answers had.
    pub(super) turn: u8,
}

/// A supernode as others tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listed {
    pub(super) peer: Peer,
    /// Percent of the children that it takes.
    pub(super) load: u8,
    /// Milliseconds since it said so itself.
    pub(super) age: u32,
}

/// A search of an ordinary node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Query {
    pub(super) search: u64,
    pub(super) words: String,
}

/// A search among supernodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Forwarded {
    pub(super) search: u64,
    /// Hops that are left, this one included.
    pub(super) ttl: u8,
    pub(super) hops: u8,
    /// The asker's supernode: there all hits go.
    pub(super) back: SocketAddr,
    pub(super) words: String,
}

/// Hits, and how far away they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) search: u64,
    pub(super) hops: u8,
    pub(super) hits: Vec<Hit>,
}

/// Names of items, numbered from `first` on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shared {
    pub(super) first: u32,
    pub(super) names: Vec<String>,
}

/// A node that wants a supernode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wish {
    /// Others were full, too.
    pub(super) must: bool,
    pub(super) capacity: u32,
    /// Milliseconds that it has been a member.
    pub(super) up: u64,
}

/// How a node stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// Whether it is a supernode.
    pub(super) serves: bool,
    pub(super) load: u8,
    /// Supernodes, of which the first so many are linked to it, or above it.
    pub(super) links: Vec<Listed>,
    pub(super) own: u8,
    /// Those of its children that are to take its place, the first first.
    pub(super) heirs: Vec<Peer>,
}

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident($payload:ty) = $number:literal,)*) => {
        /// A message.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(super) enum Message {
            $($(#[$doc])* $name($payload),)*
        }

        impl Message {
            /// `None` if it is too long.
            pub(super) fn bytes(&self, head: Head) -> Option<Vec<u8>> {
                let (kind, rest) = match self {
                    $(Self::$name(payload) => ($number, postcard::to_extend(&(head, payload), vec![$number])),)*
                };
                rest.ok().filter(|bytes: &Vec<u8>| bytes.first() == Some(&kind) && bytes.len() <= MAX_MESSAGE)
            }

            pub(super) fn read(bytes: &[u8]) -> Option<(Head, Self)> {
                let (kind, rest) = bytes.split_first().filter(|_| bytes.len() <= MAX_MESSAGE)?;
                match kind {
                    $($number => read::<(Head, $payload)>(rest).ok().map(|(head, payload)| (head, Self::$name(payload))),)*
                    _ => None,
                }
            }
        }
    };
}

messages! {
    /// Supernodes; as an answer: not this one.
    Nodes(Vec<Listed>) = 0x00u8,
    /// All that it has shared; it is a child no more.
    Unshare(()) = 0x05u8,
    Search(Query) = 0x06u8,
    Reply(Found) = 0x07u8,
    /// No more replies to this search.
    End(u64) = 0x08u8,
    /// From the asker's supernode.
    Forward(Forwarded) = 0x0au8,
    /// From another one.
    Onward(Forwarded) = 0x0bu8,
    /// To have this node open a connection.
    Push(Id) = 0x0du8,
    Share(Shared) = 0x22u8,
    /// Be my supernode.
    Join(Wish) = 0x40u8,
    Joined(State) = 0x41u8,
    /// Let us be linked. Whether it must be: to keep what is one together, or to make it one.
    Link(bool) = 0x42u8,
    Linked(State) = 0x43u8,
    Ping(State) = 0x44u8,
    Pong(State) = 0x45u8,
    /// To a supernode: a link ends. To an ordinary node: it is no child.
    Bye(()) = 0x46u8,
    /// To a child: go to one of these.
    HandOver(Vec<Peer>) = 0x47u8,
    /// To a child: be a supernode.
    Promote(()) = 0x48u8,
    /// To a supernode, from one that leaves: be linked to this one.
    Introduce(Peer) = 0x49u8,
    /// To its supernode: a node that may be of another island.
    Stranger(Peer) = 0x4au8,
    Ack(()) = 0x4bu8,
    /// How do you stand?
    Who(()) = 0x4cu8,
}

/// Cuts these into pieces that fit into a message each.
pub(super) fn pieces<T>(all: impl Iterator<Item = T>, length: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let (mut pieces, mut room) = (Vec::<Vec<T>>::new(), 0);
    for one in all {
        let takes = length(&one);
        if pieces.is_empty() || takes > room {
            pieces.push(Vec::new());
            room = ROOM;
        }
        room = room.saturating_sub(takes);
        if let Some(piece) = pieces.last_mut() {
            piece.push(one);
        }
    }
    pieces
}

/// Bytes that a name takes, and a hit.
pub(super) fn name_length(name: &str) -> usize {
    name.len() + 2
}

pub(super) fn hit_length(hit: &Hit) -> usize {
    hit.name.len() + 2 + 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_fasttracks_and_the_longest_fit() {
        let head = Head { id: Id(u128::MAX), call: u64::MAX, answer: u64::MAX, turn: 9 };
        let peer =
            Peer { id: Id(u128::MAX), address: "[2001:db8:1111:2222:3333:4444:5555:6666]:65535".parse().unwrap() };
        let listed = vec![Listed { peer, load: 200, age: u32::MAX }; MAX_LISTED];
        let state = State { serves: true, load: 200, links: listed.clone(), own: 16, heirs: vec![peer; MAX_HEIRS] };
        let words = "x".repeat(200);
        let forwarded = Forwarded { search: u64::MAX, ttl: 7, hops: 7, back: peer.address, words: words.clone() };
        let hits = pieces((0..100).map(|_| Hit { name: words.clone(), at: Id(1) }), hit_length);
        assert_eq!(hits.iter().map(Vec::len).sum::<usize>(), 100);
        for (number, message) in [
            (0x00, Message::Nodes(listed)),
            (0x05, Message::Unshare(())),
            (0x06, Message::Search(Query { search: u64::MAX, words })),
            (0x07, Message::Reply(Found { search: u64::MAX, hops: 7, hits: hits[0].clone() })),
            (0x08, Message::End(u64::MAX)),
            (0x0a, Message::Forward(forwarded.clone())),
            (0x0b, Message::Onward(forwarded)),
            (0x0d, Message::Push(Id(7))),
            (0x22, Message::Share(Shared { first: u32::MAX, names: vec!["x".repeat(200); 4] })),
            (0x45, Message::Pong(state)),
        ] {
            let bytes = message.bytes(head).expect("it fits");
            assert_eq!(bytes[0], number);
            assert_eq!(Message::read(&bytes), Some((head, message)));
            assert_eq!(Message::read(&bytes[..bytes.len() - 1]), None);
        }
    }
}
