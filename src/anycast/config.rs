//! What an overlay node is told before it starts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::face::AgentConfig;
use super::facts::{Facts, Place};
use crate::machine::Part;
use crate::overlay::auth::Key;
use crate::overlay::id::Id;
use crate::overlay::{Common, Given, LookupMode, Peer};

/// Port of overlay nodes and of clients' probes, on every host.
pub const PORT: u16 = 4000;

/// The groups of an overlay.
pub type Addresses = BTreeMap<Part, SocketAddr>;

/// One node's configuration; the supervisor writes it as JSON. Durations are whole milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeConfig {
    pub overlay: String,
    pub host: String,
    /// The lab's seed; each node derives its own stream from it and its id.
    pub seed: u64,
    pub id: Id,
    /// Its unicast address.
    pub address: SocketAddr,
    /// What finds members for it.
    #[serde(default = "Facts::plain")]
    pub infrastructure: Facts,
    /// Where its host stands, if anybody says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Its overlay's groups, as the infrastructure's row lists them.
    pub groups: Addresses,
    /// The color it announces; `None` without colors, and with [`Coloring::Farthest`].
    pub color: Option<u16>,
    pub bootstrap: Bootstrap,
    /// Asked instead of the first group with [`Bootstrap::WellKnown`].
    pub well_known: Vec<SocketAddr>,
    pub healing: Healing,
    pub coloring: Coloring,
    /// How often each other color, well-known address or remembered peer is asked.
    #[serde(with = "millis")]
    pub heal_every: Duration,
    /// How long a peer that failed is asked with [`Healing::RememberedPeers`].
    #[serde(with = "millis")]
    pub remember: Duration,
    /// With [`Healing::Rendezvous`] and [`Healing::ColorsAndRendezvous`].
    pub rendezvous: Option<Rendezvous>,
    pub redirect: Redirect,
    /// Joins served within a second from which on others are pointed out instead, with
    /// [`Redirect::LeastLoaded`].
    pub join_capacity: u32,
    pub drain: Option<Drain>,
    pub lookup: LookupMode,
    pub protocol: Given,
    pub replicas: usize,
    #[serde(with = "millis")]
    pub stabilize_every: Duration,
    #[serde(with = "millis")]
    pub rpc_timeout: Duration,
    pub rpc_tries: u32,
    #[serde(default)]
    pub beyond: Beyond,
    /// Who does not have it neither joins nor disturbs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
}

/// What a node has to do with other overlays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beyond {
    /// Where a member asks on when its own overlay has no answer, in this order.
    pub gateways: Vec<String>,
    /// To so many overlays a question is passed on at most.
    pub hops: u8,
    /// So long an answer from elsewhere is given again.
    #[serde(with = "millis")]
    pub cache: Duration,
    /// The overlay that its own stands on, if its protocol has it stand on one.
    pub over: Option<String>,
    /// Whether it asks hosts that this one knows from other overlays whether they are members, too.
    pub share_neighbors: bool,
}

impl Default for Beyond {
    fn default() -> Self {
        Self { gateways: Vec::new(), hops: 4, cache: Duration::from_secs(30), over: None, share_neighbors: true }
    }
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
    /// Peers that failed are asked whether they are back (the passive list of Shafaat et al., "Dealing
    /// with network partitions in structured overlay networks", 2009).
    RememberedPeers,
    /// The well-known nodes are asked.
    WellKnown,
    /// The groups of other colors are asked.
    Colors,
    /// The infrastructure is asked for a random member (section 4.3 of the paper: "arbitrary other peers").
    RandomPeer,
    /// One leader in each island announces the rendezvous group, and pauses now and then to ask it.
    Rendezvous,
    #[serde(rename = "colors+rendezvous")]
    ColorsAndRendezvous,
}

/// Which color a node announces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coloring {
    /// By a hash of its host's name.
    #[default]
    Random,
    /// By a hash of its AS: any other color leads out of it.
    ByAs,
    /// One that nobody answered when the node asked them all before it joined, else the one whose
    /// answer took longest.
    Farthest,
}

/// What a member does that serves too many joins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Redirect {
    /// It serves all that anycast brings it.
    #[default]
    Nearest,
    /// It points to the neighbor that has served the fewest of late.
    LeastLoaded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendezvous {
    /// Its leader pauses once in this time.
    #[serde(with = "millis")]
    pub epoch: Duration,
    /// For so long, routing's convergence included.
    #[serde(with = "millis")]
    pub listen: Duration,
}

/// When a member takes its announcement of the join group back for a while: joins served within a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// It withdraws above this.
    pub above: u32,
    /// It announces again below this.
    pub below: u32,
}

impl Healing {
    pub fn has_colors(self) -> bool {
        matches!(self, Self::Colors | Self::ColorsAndRendezvous)
    }

    pub fn has_rendezvous(self) -> bool {
        matches!(self, Self::Rendezvous | Self::ColorsAndRendezvous)
    }
}

impl NodeConfig {
    pub fn peer(&self) -> Peer {
        Peer { id: self.id, address: self.address }
    }

    pub fn group(&self, part: Part) -> Option<SocketAddr> {
        self.groups.get(&part).copied()
    }

    /// What the end of its infrastructure is told.
    pub fn agent(&self) -> AgentConfig {
        AgentConfig {
            facts: self.infrastructure.clone(),
            group: self.overlay.clone(),
            address: self.group(Part(0)),
            host: self.host.clone(),
            seed: self.seed,
            peer: self.peer(),
            place: self.place,
            plain: false,
        }
    }

    pub(super) fn settings(&self) -> Common {
        Common {
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
