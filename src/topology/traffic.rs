//! What clients keep open to groups.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::GroupId;

/// What a flow runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Tcp,
    /// Datagrams with a connection id whose state one member has, as QUIC's (RFC 9000 §5.1).
    Udp,
}

impl Transport {
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Flows of the clients: every client keeps `per_client` of each transport open to each group.
#[derive(Clone, Debug, PartialEq)]
pub struct Flows {
    pub groups: Vec<GroupId>,
    pub transports: Vec<Transport>,
    pub per_client: usize,
    /// Time between two requests of one flow.
    pub every: Duration,
    /// A flow whose request is not answered for this long is broken.
    pub timeout: Duration,
}
