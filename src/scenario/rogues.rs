//! What follows from hijacks, leaks and ROAs in force: what gateways announce, whom ASes tell, what they believe, and
//! who answers.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::damage::{Damage, Fault};
use super::scope::Hijack;
use crate::topology::{AsId, GroupId, NodeId, Origination, Topology};

impl Damage {
    /// Changes a network to what it is with these faults.
    pub(super) fn corrupt(&self, network: &mut Topology) {
        for (fault, ..) in self.in_force() {
            match fault {
                Fault::Hijack(group, stub, how) => {
                    let made = hijacked(network, *group, *stub, *how);
                    network.originations.extend(made);
                }
                Fault::Published(roa) => network.roas.push(*roa),
                Fault::Leak(id) => network.ases[id.0].leaks = true,
                Fault::Withdraw(gateway, group) => network.stop_originating(*gateway, *group),
                _ => {}
            }
        }
    }

    /// Addresses of others at which a host answers.
    pub fn impersonated(&self, host: NodeId, topology: &Topology) -> Vec<IpAddr> {
        let of = |(fault, ..): (&Fault, _, _)| match fault {
            Fault::Hijack(group, stub, _) if topology.impostor(*stub) == Some(host) => Some(*group),
            _ => None,
        };
        let groups: BTreeSet<GroupId> = self.in_force().filter_map(of).collect();
        groups.into_iter().flat_map(|group| topology.groups[group.0].addresses.iter().copied()).collect()
    }
}

fn hijacked(topology: &Topology, group: GroupId, stub: AsId, how: Hijack) -> Vec<Origination> {
    let (at, to) = (topology.taker(stub), topology.impostor(stub));
    let prefixes = topology.groups[group.0].prefixes();
    let told = prefixes.flat_map(|prefix| if how.specific { halves(prefix) } else { vec![prefix] });
    let origination = |prefix| Origination { at, group, prefix, communities: Vec::new(), to, claims: how.forging };
    told.map(origination).collect()
}

fn halves(prefix: IpNet) -> Vec<IpNet> {
    prefix.subnets(prefix.prefix_len() + 1).map_or_else(|_| vec![prefix], Iterator::collect)
}
