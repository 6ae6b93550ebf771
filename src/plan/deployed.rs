//! What the servers and agents of a lab's infrastructures are told.

use std::net::{IpAddr, SocketAddr};

use super::PORT;
use crate::anycast::{AgentConfig, Facts, ServerConfig, Shared, Site, Transport};
use crate::machine::Part;
use crate::overlay::Peer;
use crate::overlay::id::Id;
use crate::topology::{Addresses, AsId, GroupId, NodeId, Overlay, Service, Topology};

/// What everybody is told of the infrastructure with this index.
pub fn facts(topology: &Topology, addresses: &Addresses, index: usize) -> Facts {
    let deployment = &topology.infrastructures[index];
    let family = topology.family.families()[0];
    let site = |host: &NodeId| {
        let name = &topology.node(*host).name;
        let id = Id::of_node(topology.seed, &deployment.name, name);
        let address = SocketAddr::new(addresses.host(*host, family), PORT);
        Site { host: name.clone(), peer: Peer { id, address }, place: topology.place(*host) }
    };
    let stubs = topology.ases.iter().enumerate().filter(|(_, own)| own.stub);
    let prefixes = stubs.map(|(index, _)| addresses.stub_prefix(AsId(index), family));
    Facts {
        name: deployment.name.clone(),
        servers: deployment.hosts.iter().map(site).collect(),
        block: deployment.block.map(|block| topology.groups[block.0].addresses[0]),
        groups: shared(topology, index),
        settings: deployment.settings.clone(),
        prefixes: prefixes.collect(),
    }
}

/// The groups that use an infrastructure.
fn shared(topology: &Topology, via: usize) -> Vec<Shared> {
    let nowhere = IpAddr::from([0, 0, 0, 0]);
    let address = |group: GroupId| topology.groups[group.0].addresses.first().copied().unwrap_or(nowhere);
    let overlays = topology.overlays.iter().filter(|overlay| overlay.via == Some(via));
    let overlays = overlays.map(|o| (o.name.clone(), SocketAddr::new(address(o.groups[0]), PORT), Transport::Udp));
    let services = topology.services.iter().filter(|service| service.via == via);
    let services = services.map(|s| (s.name.clone(), SocketAddr::new(address(s.group), s.port), s.transport));
    let named = overlays.chain(services).zip(1..);
    named.map(|((name, address, transport), part)| Shared { name, part: Part(part), address, transport }).collect()
}

/// Addresses of other groups in what is announced for one: of an infrastructure's block, those of its groups; of a
/// plain group, those of others whose members need not be there.
pub fn within(topology: &Topology, group: GroupId) -> Vec<IpAddr> {
    if let Some(via) = topology.infrastructures.iter().position(|deployment| deployment.block == Some(group)) {
        return shared(topology, via).iter().map(|group| group.address.ip()).collect();
    }
    let own = &topology.groups[group.0];
    // Where gateways announce a prefix, they hear of its members' own addresses only.
    if !own.is_plain() || own.by_border {
        return Vec::new();
    }
    let others = topology.groups.iter().filter(|other| other.is_plain() && other.name != own.name);
    others.flat_map(|other| other.addresses.iter().copied()).filter(|address| own.covers(*address)).collect()
}

pub fn server(topology: &Topology, addresses: &Addresses, index: usize, host: NodeId) -> ServerConfig {
    let facts = facts(topology, addresses, index);
    ServerConfig { facts, host: topology.node(host).name.clone(), seed: topology.seed }
}

/// What all servers of an infrastructure are told, by its hosts.
pub fn servers(topology: &Topology, addresses: &Addresses, index: usize) -> Vec<ServerConfig> {
    let hosts = topology.infrastructures[index].hosts.iter();
    hosts.map(|host| server(topology, addresses, index, *host)).collect()
}

/// What the agent of a program on a host is told.
pub fn program(topology: &Topology, addresses: &Addresses, service: &Service, host: NodeId) -> AgentConfig {
    let facts = facts(topology, addresses, service.via);
    let name = &topology.node(host).name;
    let unicast = addresses.host(host, topology.family.families()[0]);
    let id = Id::of_node(topology.seed, &service.name, name);
    AgentConfig {
        address: facts.group(&service.name).map(|group| group.address),
        facts,
        group: service.name.clone(),
        host: name.clone(),
        seed: topology.seed,
        peer: Peer { id, address: SocketAddr::new(unicast, service.port) },
        place: topology.place(host),
        plain: true,
    }
}

/// Of what brings others to the members of an overlay.
pub fn of_overlay(topology: &Topology, addresses: &Addresses, overlay: &Overlay) -> Facts {
    overlay.via.map_or_else(Facts::plain, |via| facts(topology, addresses, via))
}
