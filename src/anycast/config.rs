//! What an overlay node is told before it starts.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::GroupRef;
use crate::overlay::auth::Key;
use crate::overlay::dht::Settings;
use crate::overlay::id::Id;
use crate::overlay::{LookupMode, Peer, ProtocolSettings};

/// One node's configuration; the supervisor writes it as JSON. Durations are whole milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeConfig {
    pub overlay: String,
    pub host: String,
    /// The lab's seed; each node derives its own stream from it and its id.
    pub seed: u64,
    pub id: Id,
    /// Its unicast address.
    pub address: SocketAddr,
    pub join_group: SocketAddr,
    /// `colors[c]` is the address of color c's group; empty without colors.
    pub colors: Vec<SocketAddr>,
    /// The color it announces.
    pub color: Option<u16>,
    pub bootstrap: Bootstrap,
    /// Asked instead of the join group with [`Bootstrap::WellKnown`].
    pub well_known: Vec<SocketAddr>,
    pub healing: Healing,
    /// How often each other color is asked.
    #[serde(with = "millis")]
    pub heal_every: Duration,
    pub lookup: LookupMode,
    pub protocol: ProtocolSettings,
    pub replicas: usize,
    #[serde(with = "millis")]
    pub stabilize_every: Duration,
    #[serde(with = "millis")]
    pub rpc_timeout: Duration,
    pub rpc_tries: u32,
    /// Who does not have it neither joins nor disturbs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
}

/// Whom a new node asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bootstrap {
    Anycast,
    WellKnown,
}

/// How islands find each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Healing {
    None,
    Colors,
}

impl NodeConfig {
    pub fn peer(&self) -> Peer {
        Peer { id: self.id, address: self.address }
    }

    /// Addresses of all groups: the join group, then the colors.
    pub fn groups(&self) -> Vec<SocketAddr> {
        std::iter::once(self.join_group).chain(self.colors.iter().copied()).collect()
    }

    pub fn group_address(&self, group: GroupRef) -> Option<SocketAddr> {
        match group {
            GroupRef::Join => Some(self.join_group),
            GroupRef::Color(color) => self.colors.get(usize::from(color)).copied(),
        }
    }

    /// The groups that this node announces once it has joined.
    pub fn own_groups(&self) -> Vec<GroupRef> {
        let color = self.color.filter(|c| usize::from(*c) < self.colors.len());
        std::iter::once(GroupRef::Join).chain(color.map(GroupRef::Color)).collect()
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            replicas: self.replicas,
            stabilize_every: self.stabilize_every,
            rpc_timeout: self.rpc_timeout,
            rpc_tries: self.rpc_tries,
            lookup: self.lookup,
        }
    }
}

/// Durations as milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        u64::try_from(d.as_millis()).unwrap_or(u64::MAX).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_millis)
    }
}
