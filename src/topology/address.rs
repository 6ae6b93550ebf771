//! Who gets which address: groups from documentation prefixes, the network from private ones.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::model::{AsId, Family, LinkId, LinkKind, NodeId, NodeKind, Topology};
use super::size;

/// 10.0.0.0/8: router links from its start, loopbacks in its last /16.
const LINKS: u32 = u32::from_be_bytes([10, 0, 0, 0]);
const LOOPBACKS: u32 = u32::from_be_bytes([10, 255, 0, 0]);
/// A /24 for each exchange.
const EXCHANGES: u32 = u32::from_be_bytes([10, 254, 0, 0]);
/// 172.16.0.0/12, carved into one prefix per stub.
const STUBS: u32 = u32::from_be_bytes([172, 16, 0, 0]);
const STUBS_SIZE: u32 = 1 << 20;
/// A /26: room for 32 access links.
const SMALLEST_STUB: u32 = 64;

/// A prefix of anycast addresses: TEST-NET-2, -3 and -1 (RFC 5737), then /24s of the benchmarking
/// prefix 198.18.0.0/15 (RFC 2544).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pool(pub(super) usize);

impl Pool {
    /// Address `number` of the pool: `.NUMBER`, or `2001:db8:POOL::NUMBER` (RFC 3849).
    pub(super) fn address(self, family: Family, number: usize) -> IpAddr {
        let host = u8::try_from(number).expect("checked: a pool gives out at most 254 addresses");
        let pool = u16::try_from(self.0).expect("checked: there are at most 501 pools");
        match (family, pool) {
            (Family::Ipv6, _) => Ipv6Addr::new(0x2001, 0xdb8, pool, 0, 0, 0, 0, u16::from(host)).into(),
            (Family::Ipv4, 0) => Ipv4Addr::new(198, 51, 100, host).into(),
            (Family::Ipv4, 1) => Ipv4Addr::new(203, 0, 113, host).into(),
            (Family::Ipv4, 2) => Ipv4Addr::new(192, 0, 2, host).into(),
            (Family::Ipv4, n) => {
                let [high, low] = (n - 3).to_be_bytes();
                Ipv4Addr::new(198, 18 + high, low, host).into()
            }
        }
    }
}

/// The unicast address of everything in a lab, both families, whichever of them the lab speaks.
///
/// | what | IPv4 | IPv6 |
/// |---|---|---|
/// | link between routers | /31 of 10.0.0.0/8 | /127 of fd00:a::/64 |
/// | segment of an exchange | /24 of 10.254.0.0/16, its route server .1 | fd00:c:EXCHANGE::/64 |
/// | loopback of a router | /32 of 10.255.0.0/16 | /128 of fd00:b::/64 |
/// | stub | /26 or larger of 172.16.0.0/12 | fd00:5:STUB::/64 |
/// | access link | /31 of its stub | /127 of its stub |
///
/// A stub has at least as many access links to spare as it has hosts: renumbered hosts move there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// By link.
    links: Vec<Ends>,
    /// By AS: prefixes of stubs.
    stubs: Vec<Option<(Ipv4Net, Ipv6Net)>>,
    /// By node: the access link of a host.
    access: Vec<Option<LinkId>>,
    /// By AS: the number of the access link after the one given out last.
    next_access: Vec<u32>,
}

/// The two ends of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// The addresses of its `a` side; `b` follows.
    Pair(u32, u128),
    /// On the segment of an exchange, each by its number there.
    Shared { exchange: u16, a: u16, b: u16 },
}

/// Whether a topology fits the address plan, and if not, why.
pub(super) fn fits(topology: &Topology) -> Result<(), String> {
    let stubs: u64 = stub_sizes(topology).iter().map(|size| u64::from(*size)).sum();
    let stub_count = topology.ases.iter().filter(|a| a.stub).count();
    size::fits(topology.nodes.len())?;
    if topology.links.len() >= ((EXCHANGES - LINKS) / 2) as usize {
        return Err(format!("{} links do not fit the address plan", topology.links.len()));
    }
    // Twice the sum covers what aligning each prefix to its size wastes.
    if stubs * 2 > u64::from(STUBS_SIZE) || stub_count >= 1 << 16 {
        return Err(format!("the hosts of {stub_count} stubs do not fit 172.16.0.0/12"));
    }
    Ok(())
}

/// Addresses each AS needs for its access links, used and spare, as a power of two; 0 for transit ASes.
fn stub_sizes(topology: &Topology) -> Vec<u32> {
    let mut hosts = vec![0u32; topology.ases.len()];
    for node in topology.nodes.iter().filter(|n| n.kind.is_host()) {
        hosts[node.as_id.0] += 1;
    }
    let size = |(hosts, is_stub)| if is_stub { u32::max(4 * hosts, SMALLEST_STUB).next_power_of_two() } else { 0 };
    hosts.into_iter().zip(topology.ases.iter().map(|a| a.stub)).map(size).collect()
}

impl Addresses {
    /// The plan of a checked topology, which is known to fit.
    pub fn of(topology: &Topology) -> Self {
        let mut next_stub = STUBS;
        let mut stub_number = 0u16;
        let mut stubs = Vec::new();
        for size in stub_sizes(topology) {
            stubs.push((size > 0).then(|| {
                let start = next_stub.next_multiple_of(size);
                next_stub = start + size;
                stub_number += 1;
                let v4 = Ipv4Net::new_assert(start.into(), 32 - size.trailing_zeros() as u8);
                let v6 = Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 5, stub_number - 1, 0, 0, 0, 0, 0), 64);
                (v4, v6)
            }));
        }
        let link_base = u128::from(Ipv6Addr::new(0xfd00, 0xa, 0, 0, 0, 0, 0, 0));
        let mut used = vec![0u32; topology.ases.len()];
        let mut router_links = 0u32;
        let mut access = vec![None; topology.nodes.len()];
        let mut links = Vec::new();
        let segments = segments(topology);
        for (index, link) in topology.links.iter().enumerate() {
            if let Some(exchange) = link.over.or_else(|| topology.is_exchange(link.b).then_some(link.b)) {
                let (number, ports) = &segments[&exchange];
                // The route server is the first.
                let end = |node: &NodeId| ports.get(node).map_or(1, |port| port + 2);
                links.push(Ends::Shared { exchange: *number, a: end(&link.a), b: end(&link.b) });
                continue;
            }
            let stub = topology.node(link.b).as_id;
            let (v4, v6, offset) = match (link.kind, &stubs[stub.0]) {
                (LinkKind::Access, Some((v4, v6))) => {
                    access[link.b.0] = Some(LinkId(index));
                    used[stub.0] += 1;
                    (u32::from(v4.network()), u128::from(v6.network()), 2 * (used[stub.0] - 1))
                }
                _ => {
                    router_links += 1;
                    (LINKS, link_base, 2 * (router_links - 1))
                }
            };
            links.push(Ends::Pair(v4 + offset, v6 + u128::from(offset)));
        }
        Self { links, stubs, access, next_access: used }
    }

    /// Gives a host's access link the next free pair of addresses of its stub, and both ends with it. Those
    /// given back are given out again when all others have been. Panics for a router.
    pub fn renumber(&mut self, topology: &Topology, host: NodeId) {
        let access = self.access[host.0].expect("asked for a host, and every host has an access link");
        let stub = topology.node(host).as_id;
        let (v4, v6) = self.stubs[stub.0].expect("hosts are in stubs");
        let (base4, base6) = (u32::from(v4.network()), u128::from(v6.network()));
        let pairs = 1u32 << (31 - v4.prefix_len());
        let hosts = topology.ids().filter(|id| topology.node(*id).as_id == stub);
        let links = hosts.filter_map(|id| self.access[id.0]);
        let number = |link: LinkId| match self.links[link.0] {
            Ends::Pair(v4, _) => Some((v4 - base4) / 2),
            Ends::Shared { .. } => None,
        };
        let used: BTreeSet<u32> = links.filter_map(number).collect();
        let mut numbers = (0..pairs).map(|n| (self.next_access[stub.0] + n) % pairs);
        let number = numbers.find(|n| !used.contains(n)).expect("there are spare ones");
        self.links[access.0] = Ends::Pair(base4 + 2 * number, base6 + u128::from(2 * number));
        self.next_access[stub.0] = number + 1;
    }

    /// A router's loopback address. (Hosts have none: their unicast address is [`Self::host`].)
    pub fn loopback(&self, node: NodeId, family: Family) -> IpAddr {
        match family {
            Family::Ipv4 => Ipv4Addr::from(LOOPBACKS + 1 + node.0 as u32).into(),
            Family::Ipv6 => {
                let base = u128::from(Ipv6Addr::new(0xfd00, 0xb, 0, 0, 0, 0, 0, 0));
                Ipv6Addr::from(base + 1 + node.0 as u128).into()
            }
        }
    }

    /// The addresses of a link's `a` and `b` sides, with the link's prefix length.
    pub fn link(&self, link: LinkId, family: Family) -> (IpNet, IpNet) {
        let (v4, v6) = match self.links[link.0] {
            Ends::Pair(v4, v6) => (v4, v6),
            Ends::Shared { exchange, a, b } => return (shared(exchange, a, family), shared(exchange, b, family)),
        };
        let net = |side: u32| match family {
            Family::Ipv4 => IpNet::V4(Ipv4Net::new_assert((v4 + side).into(), 31)),
            // Linux gives a prefix longer than /126 no subnet-router anycast address (RFC 6164), so
            // the all-zeros side can be used.
            Family::Ipv6 => IpNet::V6(Ipv6Net::new_assert((v6 + u128::from(side)).into(), 127)),
        };
        (net(0), net(1))
    }

    /// The prefix a stub originates. Panics if the AS is not a stub.
    pub fn stub_prefix(&self, stub: AsId, family: Family) -> IpNet {
        let (v4, v6) = self.stubs[stub.0].expect("asked for a stub");
        match family {
            Family::Ipv4 => v4.into(),
            Family::Ipv6 => v6.into(),
        }
    }

    /// The unicast address of a host: its side of the access link. Panics for a router.
    pub fn host(&self, node: NodeId, family: Family) -> IpAddr {
        let access = self.access[node.0].expect("asked for a host, and every host has an access link");
        self.link(access, family).1.addr()
    }

    /// The address by which the rest of the lab knows a node: a host's own, a gateway's on its first
    /// access link, a router's loopback (which only its own AS can reach).
    pub fn known(&self, topology: &Topology, node: NodeId, family: Family) -> IpAddr {
        if topology.node(node).kind.is_host() {
            return self.host(node, family);
        }
        let access = topology.links.iter().position(|l| l.kind == LinkKind::Access && l.a == node);
        access.map_or_else(|| self.loopback(node, family), |index| self.link(LinkId(index), family).0.addr())
    }

    /// Every unicast address of a node in one family: a router's loopback first, then by link.
    pub fn of_node(&self, topology: &Topology, node: NodeId, family: Family) -> Vec<IpAddr> {
        let is_router = topology.node(node).kind.is_router();
        let loopback = is_router.then(|| self.loopback(node, family));
        let own = topology.links.iter().enumerate().filter(|(_, link)| link.over.is_none());
        let sides = own.filter_map(|(index, link)| {
            let (a, b) = self.link(LinkId(index), family);
            (link.a == node).then(|| a.addr()).or((link.b == node).then(|| b.addr()))
        });
        loopback.into_iter().chain(sides).collect()
    }
}

/// The number of each exchange, and of each of its ports.
fn segments(topology: &Topology) -> BTreeMap<NodeId, (u16, BTreeMap<NodeId, u16>)> {
    let ports = |exchange| topology.ports(exchange).map(|(_, port)| port.a).zip(0..).collect();
    topology.of_kind(|kind| kind == NodeKind::Exchange).zip(0..).map(|(id, number)| (id, (number, ports(id)))).collect()
}

/// An address on the segment of an exchange.
fn shared(exchange: u16, number: u16, family: Family) -> IpNet {
    match family {
        Family::Ipv4 => {
            let address = EXCHANGES + (u32::from(exchange) << 8) + u32::from(number);
            IpNet::V4(Ipv4Net::new_assert(address.into(), 24))
        }
        Family::Ipv6 => IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xc, exchange, 0, 0, 0, 0, number), 64)),
    }
}

/// Whether the plan may give this address to the network itself.
pub(super) fn is_plan_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => {
            let a = u32::from(a);
            a >> 24 == LINKS >> 24 || a >> 20 == STUBS >> 20 || a >> 16 == 0xa9fe
        }
        IpAddr::V6(a) => matches!(a.segments()[0], 0xfd00 | 0xfe80..=0xfebf),
    }
}
