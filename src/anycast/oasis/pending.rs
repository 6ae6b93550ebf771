//! Questions under way: who asks, and how far it has come.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::dns::Query;
use super::message::Wanted;
use crate::machine::{StreamId, Time};
use crate::overlay::wire::Tag;

/// Who asks.
#[derive(Clone, Debug)]
pub(super) enum Asker {
    Agent {
        to: SocketAddr,
        tag: Tag,
        nonce: u64,
        room: usize,
    },
    /// For a name, by a datagram.
    Datagram(SocketAddr),
    /// The same in a stream.
    Stream(StreamId),
    Named {
        by: Box<Asker>,
        query: Box<Query>,
    },
    Web {
        stream: StreamId,
        path: String,
    },
}

/// A question under way.
pub(super) struct Pending {
    pub(super) asker: Asker,
    pub(super) wanted: Wanted,
    pub(super) address: IpAddr,
    /// What the answer holds for.
    pub(super) block: IpNet,
    pub(super) stage: Stage,
    pub(super) until: Time,
}

pub(super) enum Stage {
    /// One that looks after the prefix was asked.
    Locating,
    /// One of those that know the replicas was asked; these can be asked yet, the last one first.
    Selecting(Vec<usize>),
}
