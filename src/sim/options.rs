//! What a simulated overlay is made of.

use std::net::SocketAddr;
use std::time::Duration;

use super::delay::Delays;
use super::deployed::{self, Deployed, Whole};
use crate::anycast::{
    Asked, Beyond, Bootstrap, Coloring, Drain, Facts, Healing, Infrastructure, NodeConfig, PORT, Redirect, Rendezvous,
    ServerConfig,
};
use crate::machine::Part;
use crate::overlay::id::Id;
use crate::overlay::{Given, LookupMode, Protocol, Proximity};

/// An overlay of nodes that are all alike. [`Options::of`] has what the literature has: rounds of 30 s.
#[derive(Clone, Debug)]
pub struct Options {
    pub nodes: usize,
    pub seed: u64,
    pub protocol: Given,
    pub lookup: LookupMode,
    pub bootstrap: Bootstrap,
    /// The first so many hosts are well-known; for [`Bootstrap::WellKnown`].
    pub well_known: usize,
    pub healing: Healing,
    /// Number of colors; asked once before joining too, for near neighbors.
    pub colors: u16,
    /// An AS is a place of [`Delays`].
    pub coloring: Coloring,
    pub heal_every: Duration,
    /// How long peers that failed are asked, with [`Healing::RememberedPeers`].
    pub remember: Duration,
    /// Of the leaders, with [`Healing::Rendezvous`]: how often each pauses, and for how long.
    pub epoch: Duration,
    pub listen: Duration,
    pub redirect: Redirect,
    /// Joins a second from which on a member points to others, with [`Redirect::LeastLoaded`].
    pub join_capacity: u32,
    pub drain: Option<Drain>,
    pub replicas: usize,
    pub stabilize_every: Duration,
    pub rpc_timeout: Duration,
    pub rpc_tries: u32,
    pub network: Network,
    /// By which share of itself the overlay grows in one stabilization interval of [`super::World::join_all`]. Nodes
    /// that come all at once are a [`super::Crowd`].
    pub growth: f64,
    pub deployed: Deployed,
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

/// What an overlay of this protocol is told, as for ten thousand nodes.
pub fn settings(protocol: Protocol, proximity: Proximity) -> Given {
    Given::large(protocol).with("proximity", proximity)
}

impl Options {
    /// Its overlay's name.
    const OVERLAY: &str = "simulated";

    /// So many nodes at random points of a square, joining by anycast.
    pub fn of(nodes: usize, protocol: Given, seed: u64) -> Self {
        Self {
            nodes,
            seed,
            protocol,
            lookup: LookupMode::Recursive,
            bootstrap: Bootstrap::Anycast,
            well_known: 1,
            healing: Healing::None,
            colors: 0,
            coloring: Coloring::Random,
            heal_every: Duration::from_secs(60),
            remember: Duration::from_secs(600),
            epoch: Duration::from_secs(300),
            listen: Duration::from_secs(10),
            redirect: Redirect::Nearest,
            join_capacity: 10,
            drain: None,
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
            deployed: Deployed::default(),
        }
    }

    /// The same nodes at the same points over this infrastructure, whose servers are at so many more.
    #[must_use]
    pub fn over(mut self, kind: Infrastructure, servers: usize) -> Self {
        self.deployed = Deployed::new(kind, servers);
        self.network.delays = Delays::random(self.nodes + self.deployed.servers(), self.seed);
        self
    }

    /// What each node is told.
    pub fn configs(&self) -> Vec<NodeConfig> {
        let facts = self.deployed.facts(self.whole());
        (0..self.nodes).map(|host| self.config(host, facts.clone())).collect()
    }

    /// What each server of its infrastructure is told.
    pub fn servers(&self) -> Vec<ServerConfig> {
        self.deployed.configs(self.whole())
    }

    fn whole(&self) -> Whole<'_> {
        Whole { overlay: Self::OVERLAY, nodes: self.nodes, seed: self.seed, delays: &self.network.delays }
    }

    fn config(&self, host: usize, infrastructure: Facts) -> NodeConfig {
        let served = self.deployed.servers() > 0;
        let address = if served { deployed::address } else { address };
        let group = if served { deployed::in_block } else { group };
        let name = format!("n{host}");
        let place = format!("place {}", host % self.network.delays.places().max(1));
        let colored = match self.coloring {
            Coloring::Random => Some(name.as_str()),
            Coloring::ByAs => Some(place.as_str()),
            Coloring::Farthest => None,
        };
        let color = |of: &str| {
            (Id::hash(&[&self.seed.to_be_bytes(), of.as_bytes(), b"color"]).0 % u128::from(self.colors.max(1))) as u16
        };
        let has_rendezvous = self.healing.has_rendezvous();
        let rendezvous = Rendezvous { epoch: self.epoch, listen: self.listen };
        let asked = Asked { colors: self.colors, rendezvous: has_rendezvous };
        let id = Id::of_node(self.seed, Self::OVERLAY, &name);
        NodeConfig {
            overlay: Self::OVERLAY.to_owned(),
            seed: self.seed,
            id,
            address: address(host),
            infrastructure,
            place: self.network.delays.place(host).filter(|_| served),
            groups: self.deployed.kind.addresses(&asked, group),
            color: colored.filter(|_| self.colors > 0).map(color),
            bootstrap: self.bootstrap,
            well_known: (0..self.well_known).map(address).collect(),
            healing: self.healing,
            coloring: self.coloring,
            heal_every: self.heal_every,
            remember: self.remember,
            beyond: Beyond::default(),
            key: None,
            rendezvous: has_rendezvous.then_some(rendezvous),
            redirect: self.redirect,
            join_capacity: self.join_capacity,
            drain: self.drain,
            lookup: self.lookup,
            protocol: self.protocol.clone(),
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
    SocketAddr::from(([10, a, b, c], PORT))
}

/// Of one of the overlay's groups (RFC 2544's benchmarking prefix).
fn group(part: Part) -> SocketAddr {
    let [a, b] = part.0.to_be_bytes();
    SocketAddr::from(([198, 18, a, b], PORT))
}
