//! What a namespace is told of its interfaces and settings.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// Index of `lo` in every namespace.
pub const LOOPBACK: u32 = 1;

/// What one end of a link carries: the same when it is built and when it is mended, as the kernel
/// forgets neighbors, IPv6 addresses and routes of an interface that goes down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    pub index: u32,
    pub mac: [u8; 6],
    pub addresses: Vec<IpNet>,
    /// Permanent entries for the other end. The table of learned ones is shared by all namespaces
    /// and holds 1024 by default; permanent ones do not count, and spare the first packet its ARP.
    pub neighbors: Vec<(IpAddr, [u8; 6])>,
    /// Default routes through this interface (hosts only).
    pub default_via: Vec<IpAddr>,
}

impl Interface {
    /// Whether the address is its own.
    pub fn owns(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|own| own.addr() == address) || IpAddr::V6(link_local(self.mac)) == address
    }
}

/// The IPv6 link-local address that the kernel derives from a MAC (RFC 4291, appendix A).
pub fn link_local(mac: [u8; 6]) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.map(u16::from);
    Ipv6Addr::new(0xfe80, 0, 0, 0, (a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f)
}

/// A setting below `/proc/sys/net`, and its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sysctl {
    pub key: &'static str,
    pub value: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_is_eui64() {
        assert_eq!(link_local([2, 0, 0, 0, 1, 0]).to_string(), "fe80::ff:fe00:100");
    }
}
