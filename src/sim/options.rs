//! What a simulated overlay is made of.

use std::net::SocketAddr;
use std::time::Duration;

use super::delay::Delays;
use crate::anycast::{Bootstrap, Healing, NodeConfig};
use crate::overlay::id::Id;
use crate::overlay::{LookupMode, Protocol, ProtocolSettings, Proximity, chord};

/// An overlay of nodes that are all alike. [`Options::of`] has what the literature has: rounds of 30 s.
#[derive(Clone, Debug)]
pub struct Options {
    pub nodes: usize,
    pub seed: u64,
    pub protocol: ProtocolSettings,
    pub lookup: LookupMode,
    pub bootstrap: Bootstrap,
    /// The first so many hosts are well-known; for [`Bootstrap::WellKnown`].
    pub well_known: usize,
    pub healing: Healing,
    /// Number of colors; asked once before joining too, for near neighbors.
    pub colors: u16,
    pub heal_every: Duration,
    pub replicas: usize,
    pub stabilize_every: Duration,
    pub rpc_timeout: Duration,
    pub rpc_tries: u32,
    pub network: Network,
    /// By which share of itself the overlay grows in one stabilization interval of [`super::World::join_all`]:
    /// a ring takes in only so many new nodes between two old ones in that time.
    pub growth: f64,
}

/// What carries the datagrams.
#[derive(Clone, Debug)]
pub struct Network {
    pub delays: Delays,
    /// Probability that a datagram is lost.
    pub loss: f64,
    /// From a node's wish to announce a group until every host's datagrams follow: routing is not simulated.
    pub propagation: Duration,
}

/// What a large overlay of this protocol is told: lists of eight neighbors, as for ten thousand nodes. `None`:
/// it cannot be simulated yet.
pub fn settings(protocol: Protocol, proximity: Proximity) -> Option<ProtocolSettings> {
    match protocol {
        Protocol::Chord => Some(ProtocolSettings::Chord(chord::Settings { successors: 8, proximity })),
        Protocol::Pastry | Protocol::Can => None,
    }
}

impl Options {
    /// So many nodes at random points of a square, joining by anycast.
    pub fn of(nodes: usize, protocol: ProtocolSettings, seed: u64) -> Self {
        Self {
            nodes,
            seed,
            protocol,
            lookup: LookupMode::Recursive,
            bootstrap: Bootstrap::Anycast,
            well_known: 1,
            healing: Healing::None,
            colors: 0,
            heal_every: Duration::from_secs(60),
            replicas: 3,
            stabilize_every: Duration::from_secs(30),
            rpc_timeout: Duration::from_secs(2),
            rpc_tries: 3,
            network: Network {
                delays: Delays::random(nodes, seed),
                loss: 0.0,
                propagation: Duration::from_millis(500),
            },
            growth: 0.5,
        }
    }

    /// What each node is told.
    pub(super) fn configs(&self) -> Vec<NodeConfig> {
        (0..self.nodes).map(|host| self.config(host)).collect()
    }

    fn config(&self, host: usize) -> NodeConfig {
        let name = format!("n{host}");
        let color = |id: Id| (id.0 % u128::from(self.colors.max(1))) as u16;
        let id = Id::of_node(self.seed, "simulated", &name);
        NodeConfig {
            overlay: "simulated".to_owned(),
            seed: self.seed,
            id,
            address: address(host),
            join_group: group(0),
            colors: (1..=usize::from(self.colors)).map(group).collect(),
            color: (self.colors > 0).then(|| color(Id::hash(&[name.as_bytes(), b"color"]))),
            bootstrap: self.bootstrap,
            well_known: (0..self.well_known).map(address).collect(),
            healing: self.healing,
            heal_every: self.heal_every,
            lookup: self.lookup,
            protocol: self.protocol,
            replicas: self.replicas,
            stabilize_every: self.stabilize_every,
            rpc_timeout: self.rpc_timeout,
            rpc_tries: self.rpc_tries,
            host: name,
        }
    }
}

/// Of the host with this number, below 2^24.
fn address(host: usize) -> SocketAddr {
    let [_, a, b, c] = (host as u32).to_be_bytes();
    SocketAddr::from(([10, a, b, c], 4000))
}

/// Of the group with this index (RFC 2544's benchmarking prefix).
fn group(index: usize) -> SocketAddr {
    let [a, b] = (index as u16).to_be_bytes();
    SocketAddr::from(([198, 18, a, b], 4000))
}
