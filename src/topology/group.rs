//! An anycast group, and whose it is.

use std::net::IpAddr;

use ipnet::IpNet;

use super::id::NodeId;
use crate::anycast::By;
use crate::machine::Part;

/// An anycast group: an address and the hosts that may announce it.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Unique in the lab: the file's name, or `OVERLAY` (join group), `OVERLAY/7` (color 7), `OVERLAY/rendezvous`.
    pub name: String,
    /// One address per family of the lab, IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// `None`: of a `[[group]]`, or the block of an infrastructure, announced as soon as its site is up.
    pub owner: Option<Owner>,
    pub members: Vec<NodeId>,
    /// What is announced for it: of each family the prefix of its address, which may hold addresses of other groups.
    pub announced: Vec<IpNet>,
    /// Gateways of its members' stubs announce that, and the members tell them of their addresses only.
    pub by_border: bool,
}

/// Whose a group is, and what the owner's row says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The overlay's index; `None`: it is a service's.
    pub overlay: Option<usize>,
    /// Which of its groups.
    pub part: Part,
    /// Whether clients have anything to ask there: some groups are the members' own.
    pub public: bool,
    pub by: By,
}

impl Group {
    /// Whether it is no overlay's.
    pub fn is_plain(&self) -> bool {
        self.owner.is_none()
    }

    /// One that its members announce, an address of each family.
    pub(super) fn new(name: String, addresses: Vec<IpAddr>, owner: Option<Owner>, members: Vec<NodeId>) -> Self {
        let announced = addresses.iter().map(|address| IpNet::from(*address)).collect();
        Self { name, addresses, owner, members, announced, by_border: false }
    }

    /// Its addresses' /24 (/64), in which other groups' addresses are, are announced.
    pub(super) fn into_block(mut self) -> Self {
        for prefix in &mut self.announced {
            let length = if prefix.addr().is_ipv4() { 24 } else { 64 };
            *prefix = IpNet::new(prefix.addr(), length).map_or(*prefix, |block| block.trunc());
        }
        self
    }

    /// What other ASes hear of it.
    pub fn prefixes(&self) -> impl Iterator<Item = IpNet> {
        self.announced.iter().copied()
    }

    /// What its members announce to their gateways.
    pub fn at_hosts(&self) -> impl Iterator<Item = IpNet> {
        let own = |(prefix, address): (&IpNet, &IpAddr)| if self.by_border { IpNet::from(*address) } else { *prefix };
        self.announced.iter().zip(&self.addresses).map(own)
    }

    /// Whether an address lies in what is announced for it.
    pub fn covers(&self, address: IpAddr) -> bool {
        self.announced.iter().any(|prefix| prefix.contains(&address))
    }

    /// Whether clients have anything to ask there.
    pub fn is_public(&self) -> bool {
        self.owner.is_none_or(|owner| owner.public)
    }
}
