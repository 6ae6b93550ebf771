//! What nodes say to one another.

use serde::{Deserialize, Serialize};

use super::commit::{Hash, Seed};
use super::content::Thing;
use crate::overlay::Peer;
use crate::overlay::id::Id;

/// Most nodes that an announcement comes to: what they say fits in a datagram.
pub(super) const MAX_STEPS: usize = 10;

/// A message and who sent it; the sender's address is the datagram's source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Envelope {
    pub(super) sender: Id,
    /// Which message this is, to be acknowledged; of [`Message::Ack`] and [`Message::Here`], which they answer. 0: none.
    pub(super) call: u64,
    pub(super) message: Message,
}

/// `walk`: which request, insert or announcement it is about, a random number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Message {
    Ack,
    /// To be acknowledged, that is all.
    Ping,
    /// The sender leaves.
    Bye,
    /// Who is there?
    Hello,
    /// An answer to that: the key that stands for the sender, and some of those it knows.
    Here {
        key: Id,
        peers: Vec<Peer>,
    },
    /// A request (or the probe of an insert) may come to `hops` nodes more, this one counted.
    Walk {
        walk: u64,
        errand: Errand,
        key: Id,
        hops: u16,
    },
    /// It has been here before, or there is no room for it: try another.
    Elsewhere {
        walk: u64,
    },
    /// It goes on, but takes longer.
    Wait {
        walk: u64,
    },
    /// Nobody is left to ask here; it may still come to `hops` nodes.
    Back {
        walk: u64,
        hops: u16,
    },
    /// It has come to as many nodes as it may.
    NotFound {
        walk: u64,
    },
    /// What was asked for, or is there already. `source`: who is said to have had it.
    Found {
        walk: u64,
        source: Peer,
        thing: Thing,
    },
    /// Nothing of this key was found: it may be inserted.
    Room {
        walk: u64,
    },
    /// To keep, and to pass on along the way that the probe took.
    Insert {
        walk: u64,
        source: Peer,
        thing: Thing,
    },
    /// A newcomer, and what the nodes so far have committed themselves to.
    Announce {
        walk: u64,
        newcomer: Peer,
        hash: Hash,
        hops: u8,
    },
    /// The seeds of this node and those after it.
    Seeds {
        walk: u64,
        steps: Vec<Step>,
    },
    /// From the newcomer: all seeds, its own first.
    Named {
        walk: u64,
        seeds: Vec<Seed>,
    },
}

/// What is walked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Errand {
    Request,
    Insert,
}

/// A node to which an announcement came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) peer: Peer,
    /// Under which others know it.
    pub(super) key: Id,
    pub(super) seed: Seed,
}

#[cfg(test)]
mod tests {
    use super::super::content::Proof;
    use super::*;
    use crate::overlay::MAX_PEERS;
    use crate::overlay::store::MAX_VALUE;

    /// What is said about a message around it: its envelopes', tag's and seal's bytes.
    const AROUND: usize = 80;

    #[test]
    fn the_longest_messages_fit_in_a_datagram() {
        let peer = Peer { id: Id(u128::MAX), address: "[2001:db8::1]:65535".parse().unwrap() };
        let step = Step { peer, key: Id(1), seed: [1; 32] };
        let proof = Proof::Signed { public: [1; 32], text: Some(Id(1)), signature: ([1; 32], [1; 32]) };
        let thing = Thing { value: "v".repeat(MAX_VALUE), proof };
        let (walk, key) = (u64::MAX, Id(1));
        let long = [
            Message::Here { key, peers: vec![peer; MAX_PEERS] },
            Message::Found { walk, source: peer, thing },
            Message::Seeds { walk, steps: vec![step; MAX_STEPS] },
            Message::Named { walk, seeds: vec![[1; 32]; MAX_STEPS + 1] },
        ];
        for message in long {
            let envelope = Envelope { sender: Id(1), call: u64::MAX, message };
            let length = postcard::to_stdvec(&envelope).unwrap().len();
            assert!(length + AROUND <= crate::overlay::wire::MAX_DATAGRAM, "{length}");
        }
    }
}
