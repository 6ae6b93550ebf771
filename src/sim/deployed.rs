//! An infrastructure that brings a simulated overlay's nodes together: its servers, and what everybody is told of them.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use super::delay::Delays;
use crate::anycast::{Facts, Infrastructure, PORT, ServerConfig, Shared, Site, Transport};
use crate::machine::Part;
use crate::overlay::Peer;
use crate::overlay::id::Id;

const SETTLE: Duration = Duration::from_secs(10);

/// Servers of an infrastructure, on the hosts that follow the nodes'.
#[derive(Clone, Debug, Default)]
pub struct Deployed {
    pub kind: Infrastructure,
    /// None of an infrastructure that needs none.
    servers: usize,
}

/// The overlay that it serves.
#[derive(Clone, Copy)]
pub(super) struct Whole<'a> {
    pub(super) overlay: &'a str,
    pub(super) nodes: usize,
    pub(super) seed: u64,
    pub(super) delays: &'a Delays,
}

impl Deployed {
    pub fn new(kind: Infrastructure, servers: usize) -> Self {
        Self { kind, servers: if kind.server.is_some() { servers } else { 0 } }
    }

    pub fn servers(&self) -> usize {
        self.servers
    }

    /// Before anybody joins, its servers have so long to find each other.
    pub fn settles_in(&self) -> Duration {
        if self.servers > 0 { SETTLE } else { Duration::ZERO }
    }

    /// What everybody is told of it whose overlay this is.
    pub(super) fn facts(&self, of: Whole<'_>) -> Facts {
        if self.servers == 0 {
            return Facts::plain();
        }
        let hosts = of.nodes..of.nodes + self.servers;
        let site = |host: usize| {
            let name = server(host);
            let peer = Peer { id: Id::of_node(of.seed, "servers", &name), address: address(host) };
            Site { host: name, peer, place: of.delays.place(host) }
        };
        let group = Shared {
            name: of.overlay.to_owned(),
            part: Part(1),
            address: in_block(Part(0)),
            transport: Transport::Udp,
        };
        let nets = (0..hosts.end).filter_map(|host| IpNet::new(address(host).ip(), 24).ok());
        let prefixes: BTreeSet<IpNet> = nets.map(|net| net.trunc()).collect();
        Facts {
            name: self.kind.name.to_owned(),
            servers: hosts.map(site).collect(),
            block: Some(IpAddr::from([198, 19, 0, 0])),
            groups: vec![group],
            prefixes: prefixes.into_iter().collect(),
            ..Facts::default()
        }
    }

    /// What each of them is told.
    pub(super) fn configs(&self, of: Whole<'_>) -> Vec<ServerConfig> {
        let facts = self.facts(of);
        let hosts = of.nodes..of.nodes + self.servers;
        hosts.map(|host| ServerConfig { facts: facts.clone(), host: server(host), seed: of.seed }).collect()
    }
}

fn server(host: usize) -> String {
    format!("s{host}")
}

/// Of the host with this number, below 2^16: each has a /24, since who maps addresses to places takes those of a
/// prefix to be at one.
pub(super) fn address(host: usize) -> SocketAddr {
    let [_, _, high, low] = (host as u32).to_be_bytes();
    SocketAddr::from(([10, high, low, 1], PORT))
}

/// Of one of the overlay's groups, in the block that the servers announce.
pub(super) fn in_block(part: Part) -> SocketAddr {
    let [high, low] = (part.0 + 1).to_be_bytes();
    SocketAddr::from(([198, 19, high, low], PORT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::{Given, Protocol};
    use crate::sim::{Options, World};

    #[test]
    fn an_overlay_grows_over_every_infrastructure() {
        for kind in Infrastructure::all() {
            let options = Options::of(8, Given::large(Protocol::default()), 1).over(kind, 4);
            assert_eq!(options.deployed.servers(), if kind.server.is_some() { 4 } else { 0 }, "{kind:?}");
            let mut world = World::new(&options);
            assert!(world.join_all(), "{kind:?}: {:?}", world.members());
            assert_eq!(world.islands().len(), 1, "{kind:?}");
            let servers = world.sim().machines().filter(|(_, resident)| resident.server().is_some()).count();
            assert_eq!(servers, options.deployed.servers(), "{kind:?}");
        }
    }
}
