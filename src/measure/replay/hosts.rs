//! Which hosts answer packets to a group: those that do not run, or have withdrawn it, are silent.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::measure::replay::index::{Change, Node, Target};
use crate::record::{Deed, LabFacts, NodeDid, ProcessDeed, ProcessKind, What};

/// All hosts of a lab.
pub(super) struct Hosts {
    hosts: Vec<bool>,
    /// Hosts whose node has been killed, or stopped.
    silent: BTreeSet<Node>,
    /// Hosts that have withdrawn the group of an address.
    withdrawn: BTreeSet<(IpAddr, Node)>,
}

impl Hosts {
    pub(super) fn new(facts: &LabFacts) -> Self {
        let hosts = facts.nodes.iter().map(|n| n.kind.is_host()).collect();
        Self { hosts, silent: BTreeSet::new(), withdrawn: BTreeSet::new() }
    }

    pub(super) fn is_host(&self, node: Node) -> bool {
        self.hosts[node]
    }

    pub(super) fn answers(&self, host: Node, address: IpAddr) -> bool {
        !self.silent.contains(&host) && !self.withdrawn.contains(&(address, host))
    }

    /// A router leads packets to this host again: it announces again, though it has not yet said so.
    pub(super) fn announced(&mut self, host: Node, prefix: &IpNet) {
        if prefix.prefix_len() == prefix.max_prefix_len() {
            self.withdrawn.remove(&(prefix.addr(), host));
        }
    }

    pub(super) fn apply<'a>(
        &mut self,
        what: &'a What,
        nodes: &BTreeMap<&str, Node>,
        targets: &[Target<'_>],
    ) -> Change<'a> {
        let index = |name: &str| nodes.get(name).copied().filter(|node| self.hosts[*node]);
        match what {
            What::Exit { node, kind: Some(ProcessKind::Node), .. } => self.silence(index(node), true),
            What::Fault { target, deed: Some(Deed::Process { done, processes }), .. }
                if processes.contains(&ProcessKind::Node) =>
            {
                match done {
                    // Its end is told by itself.
                    ProcessDeed::Crash => Change::Nothing,
                    ProcessDeed::Freeze => self.silence(index(target), true),
                    ProcessDeed::Thaw | ProcessDeed::Restart => self.silence(index(target), false),
                }
            }
            What::Node { node, did, .. } => {
                let announces = matches!(did, NodeDid::Announced { .. } | NodeDid::Withdrew { .. });
                if self.silent.is_empty() && !announces {
                    return Change::Nothing;
                }
                let node = index(node);
                // Who says anything runs.
                let heard = self.silence(node, false);
                match (node, did) {
                    (Some(node), NodeDid::Announced { group }) => self.announces(node, group, true, targets, heard),
                    (Some(node), NodeDid::Withdrew { group }) => self.announces(node, group, false, targets, heard),
                    _ => heard,
                }
            }
            _ => Change::Nothing,
        }
    }

    fn silence<'a>(&mut self, host: Option<Node>, silent: bool) -> Change<'a> {
        let Some(node) = host else { return Change::Nothing };
        let changed = if silent { self.silent.insert(node) } else { self.silent.remove(&node) };
        if changed { Change::Host { node, group: None } } else { Change::Nothing }
    }

    fn announces<'a>(
        &mut self,
        host: Node,
        group: &'a str,
        announces: bool,
        targets: &[Target<'_>],
        heard: Change<'a>,
    ) -> Change<'a> {
        for target in targets.iter().filter(|t| t.group == group) {
            if announces {
                self.withdrawn.remove(&(target.address, host));
            } else {
                self.withdrawn.insert((target.address, host));
            }
        }
        if heard == Change::Nothing { Change::Host { node: host, group: Some(group) } } else { heard }
    }
}
