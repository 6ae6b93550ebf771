//! Addresses that machines of a simulation know by numbers.

use std::net::SocketAddr;

use crate::anycast::{Facts, NodeConfig, PORT};

/// Addresses of an infrastructure's block and its groups, in the order of the servers' parts.
pub(super) fn of_servers(facts: &Facts) -> Vec<SocketAddr> {
    let nobodys = SocketAddr::from(([240, 0, 0, 2], 0));
    let block = facts.block.map_or(nobodys, |block| SocketAddr::new(block, PORT));
    std::iter::once(block).chain(facts.groups.iter().map(|group| group.address)).collect()
}

/// Addresses of a node's groups in the order of their numbers; those it lacks are nobody's.
pub(super) fn groups(config: &NodeConfig) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for (part, address) in &config.groups {
        while addresses.len() < usize::from(part.0) {
            addresses.push(SocketAddr::from(([240, 0, 0, 1], addresses.len() as u16)));
        }
        addresses.push(*address);
    }
    addresses
}
