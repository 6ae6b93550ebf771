//! Names, indices, MACs and addresses of every interface.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::physics::{Impairment, Interface, LOOPBACK, link_local};
use crate::topology::address::Addresses;
use crate::topology::{Family, LinkId, LinkKind, NodeId, Topology};

/// What joins the ports of an exchange.
const SEGMENT: &str = "lan";

/// The kernel's limit, without the terminating zero.
const NAME_LENGTH: usize = 15;

/// A link and, for each side (`a`, `b`), the position of its interface in the node's plan.
#[derive(Clone, Debug)]
pub struct LinkPlan {
    pub link: LinkId,
    pub a: (NodeId, usize),
    pub b: (NodeId, usize),
    /// From `a` to `b`, and back.
    pub impairments: [Impairment; 2],
    /// Frames pass something that can impair them, even if it does not yet; else it is a bare veth pair.
    pub emulated: bool,
    /// Its ends are those of two ports of an exchange: there is nothing to make.
    pub over: bool,
}

/// The links of each node, in file order: the order of its interfaces.
pub(super) fn attached(topology: &Topology) -> Vec<Vec<LinkId>> {
    let mut links = vec![Vec::new(); topology.nodes.len()];
    for (index, link) in topology.links.iter().enumerate() {
        if link.over.is_none() {
            links[link.a.0].push(LinkId(index));
            links[link.b.0].push(LinkId(index));
        }
    }
    links
}

/// The interfaces of each node, in the order of its links.
pub(super) fn lay_out(topology: &Topology, addresses: &Addresses) -> (Vec<Vec<Interface>>, Vec<LinkPlan>) {
    let mut nodes: Vec<Vec<Interface>> = vec![Vec::new(); topology.nodes.len()];
    let mut links: Vec<LinkPlan> = Vec::with_capacity(topology.links.len());
    for (index, link) in topology.links.iter().enumerate() {
        let id = LinkId(index);
        let (impairments, emulated, over) = (link.impairments, link.emulated, link.over.is_some());
        if let [a, b] = topology.passed(id)[..] {
            let [a, b] = [a, b].map(|port: LinkId| links[port.0].a);
            links.push(LinkPlan { link: id, a, b, impairments, emulated, over });
            continue;
        }
        for (node, peer, side) in [(link.a, link.b, 0), (link.b, link.a, 1)] {
            let taken: BTreeSet<_> = nodes[node.0].iter().map(|i: &Interface| i.name.clone()).collect();
            let mut interface = Interface {
                name: name(&topology.node(peer).name, &taken),
                index: LOOPBACK + 1 + nodes[node.0].len() as u32,
                mac: mac(id, side),
                addresses: Vec::new(),
                neighbors: Vec::new(),
                default_via: Vec::new(),
            };
            number(&mut interface, topology, addresses, id, side);
            nodes[node.0].push(interface);
        }
        let end = |node: NodeId| (node, nodes[node.0].len() - 1);
        links.push(LinkPlan { link: id, a: end(link.a), b: end(link.b), impairments, emulated, over });
    }
    (nodes, links)
}

/// Gives the interface on `side` of a link what follows from the link's addresses.
pub(super) fn number(interface: &mut Interface, topology: &Topology, addresses: &Addresses, link: LinkId, side: u8) {
    let is_uplink_of_host = matches!(topology.links[link.0].kind, LinkKind::Access) && side == 1;
    (interface.addresses, interface.neighbors, interface.default_via) = Default::default();
    let exchange = topology.links[link.0].b;
    if topology.is_exchange(exchange) {
        if side == 0 {
            on_segment(interface, topology, addresses, exchange, Some(link));
        }
        return;
    }
    for family in topology.family.families() {
        address(interface, addresses, link, side, *family);
        if is_uplink_of_host {
            interface.default_via.push(addresses.link(link, *family).0.addr());
        }
    }
}

fn address(interface: &mut Interface, addresses: &Addresses, link: LinkId, side: u8, family: Family) {
    let (a, b) = addresses.link(link, family);
    let (own, other) = if side == 0 { (a, b) } else { (b, a) };
    let peer = mac(link, 1 - side);
    interface.addresses.push(own);
    interface.neighbors.push((other.addr(), peer));
    if family == Family::Ipv6 {
        interface.neighbors.push((IpAddr::V6(link_local(peer)), peer));
    }
}

/// What joins the ports of an exchange, after them: its route server's interface.
pub(super) fn segment(topology: &Topology, addresses: &Addresses, exchange: NodeId) -> Interface {
    let index = LOOPBACK + 1 + topology.ports(exchange).count() as u32;
    let mut interface = Interface {
        name: SEGMENT.to_owned(),
        index,
        mac: server_mac(exchange),
        addresses: Vec::new(),
        neighbors: Vec::new(),
        default_via: Vec::new(),
    };
    on_segment(&mut interface, topology, addresses, exchange, None);
    interface
}

/// Addresses of the end of this port, or of the route server, and everybody else's.
fn on_segment(
    interface: &mut Interface,
    topology: &Topology,
    addresses: &Addresses,
    exchange: NodeId,
    own: Option<LinkId>,
) {
    let Some((first, _)) = topology.ports(exchange).next() else { return };
    for family in topology.family.families() {
        let server = addresses.link(first, *family).1;
        let ports = topology.ports(exchange).map(|(id, _)| (Some(id), addresses.link(id, *family).0, mac(id, 0)));
        for (port, address, mac) in ports.chain([(None, server, server_mac(exchange))]) {
            if port == own {
                interface.addresses.push(address);
                continue;
            }
            interface.neighbors.push((address.addr(), mac));
            if *family == Family::Ipv6 {
                interface.neighbors.push((IpAddr::V6(link_local(mac)), mac));
            }
        }
    }
}

/// `02` marks the address as locally administered.
fn mac(link: LinkId, side: u8) -> [u8; 6] {
    let [_, b, c, d] = (link.0 as u32).to_be_bytes();
    [2, 0, b, c, d, side]
}

fn server_mac(exchange: NodeId) -> [u8; 6] {
    let [_, b, c, d] = (exchange.0 as u32).to_be_bytes();
    [2, 1, b, c, d, 0]
}

/// `to-PEER`, shortened and numbered where it must be.
fn name(peer: &str, taken: &BTreeSet<String>) -> String {
    // A host's `STUB.NAME` is known by its own name on its stub.
    let short = peer.rsplit('.').next().unwrap_or(peer);
    let full = format!("to-{short}");
    let candidates = (1..).map(|n| {
        let suffix = if n == 1 { String::new() } else { format!("_{n}") };
        let room = NAME_LENGTH - suffix.len();
        format!("{}{suffix}", &full[..full.len().min(room)])
    });
    candidates.into_iter().find(|name| !taken.contains(name)).expect("the numbers do not end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_differ() {
        let mut taken = BTreeSet::new();
        for expected in ["to-minneapolis", "to-minneapoli_2"] {
            let name = name("minneapolis", &taken);
            assert_eq!(name, expected);
            assert!(name.len() <= NAME_LENGTH);
            taken.insert(name);
        }
        assert_eq!(name("campus.n1", &taken), "to-n1");
    }
}
