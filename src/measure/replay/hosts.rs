//! Which hosts answer packets to a group: those that do not run, or have withdrawn it, are silent.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::measure::replay::index::{Change, Node, indices};
use crate::record::{Deed, GroupFacts, LabFacts, NodeDid, ProcessDeed, ProcessKind, What};

/// All hosts of a lab.
pub(super) struct Hosts {
    hosts: Vec<bool>,
    /// Hosts whose node has been killed, or stopped.
    silent: BTreeSet<Node>,
    groups: Vec<Group>,
    /// Hosts that have withdrawn a group.
    withdrawn: BTreeSet<(usize, Node)>,
}

/// A group, and who may announce it.
struct Group {
    name: String,
    /// Those of its addresses, and longer ones.
    prefixes: Vec<IpNet>,
    members: BTreeSet<Node>,
}

impl Hosts {
    pub(super) fn new(facts: &LabFacts) -> Self {
        let hosts = facts.nodes.iter().map(|n| n.kind.is_host()).collect();
        let nodes = indices(facts);
        let group = |group: &GroupFacts| Group {
            name: group.name.clone(),
            prefixes: group.addresses.iter().map(|a| IpNet::from(*a)).chain(group.prefixes.iter().copied()).collect(),
            members: group.members.iter().filter_map(|name| nodes.get(&**name).copied()).collect(),
        };
        let groups = facts.groups.iter().map(group).collect();
        Self { hosts, silent: BTreeSet::new(), groups, withdrawn: BTreeSet::new() }
    }

    pub(super) fn is_host(&self, node: Node) -> bool {
        self.hosts[node]
    }

    pub(super) fn answers(&self, host: Node, address: IpAddr) -> bool {
        !self.silent.contains(&host) && !self.has_left(host, address)
    }

    /// It has withdrawn all that it had announced the address by.
    fn has_left(&self, host: Node, address: IpAddr) -> bool {
        let mut left = false;
        for (index, group) in self.groups.iter().enumerate() {
            if group.prefixes.iter().any(|prefix| prefix.contains(&address)) {
                match self.withdrawn.contains(&(index, host)) {
                    true => left = true,
                    false if group.members.contains(&host) => return false,
                    false => {}
                }
            }
        }
        left
    }

    /// A router leads packets to this host again: it announces again, though it has not yet said so.
    pub(super) fn announced(&mut self, host: Node, prefix: &IpNet) {
        let groups = self.groups.iter().enumerate().filter(|(_, group)| group.prefixes.contains(prefix));
        for (index, _) in groups {
            self.withdrawn.remove(&(index, host));
        }
    }

    pub(super) fn apply<'a>(&mut self, what: &'a What, nodes: &BTreeMap<&str, Node>) -> Change<'a> {
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
                    (Some(node), NodeDid::Announced { group }) => self.announces(node, group, true, heard),
                    (Some(node), NodeDid::Withdrew { group }) => self.announces(node, group, false, heard),
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

    fn announces<'a>(&mut self, host: Node, group: &'a str, announces: bool, heard: Change<'a>) -> Change<'a> {
        let mut wide = false;
        for (index, known) in self.groups.iter().enumerate().filter(|(_, known)| known.name == group) {
            // Of others in it, the host has the addresses too.
            wide = known.prefixes.iter().any(|prefix| prefix.prefix_len() < prefix.max_prefix_len());
            match announces {
                true => self.withdrawn.remove(&(index, host)),
                false => self.withdrawn.insert((index, host)),
            };
        }
        let group = Some(group).filter(|_| !wide);
        if heard == Change::Nothing { Change::Host { node: host, group } } else { heard }
    }
}
