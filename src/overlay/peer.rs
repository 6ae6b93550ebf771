//! A node as others know it.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::id::Id;

/// A node as others know it: its place on the ring and its unicast address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Peer {
    pub id: Id,
    pub address: SocketAddr,
}
