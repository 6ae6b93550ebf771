//! What the actions so far have done to a lab, besides its damage.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::topology::{By, GroupId, NodeId, Topology};

/// Who has joined and who announces what. A value that is missing is not known.
pub(crate) struct State<'a> {
    pub(super) topology: &'a Topology,
    /// When the next action is.
    pub(crate) at: Duration,
    pub(super) joined: BTreeMap<(NodeId, usize), bool>,
    pub(super) announced: BTreeMap<(NodeId, GroupId), bool>,
    pub(super) has_joined: BTreeSet<usize>,
    pub(super) has_put: BTreeSet<usize>,
    pub(super) has_shared: BTreeSet<usize>,
    /// When the latest flood of an overlay from a host is over.
    pub(super) floods: BTreeMap<(NodeId, usize), Duration>,
}

impl<'a> State<'a> {
    /// Of a lab that has just been built.
    pub(crate) fn new(topology: &'a Topology) -> Self {
        let mut announced = BTreeMap::new();
        for (index, group) in topology.groups.iter().enumerate() {
            let plain = group.is_plain();
            announced.extend(group.members.iter().map(|m| ((*m, GroupId(index)), plain)));
        }
        announced.extend(topology.originations.iter().map(|it| ((it.at, it.group), true)));
        let joined = topology.overlays.iter().enumerate();
        let joined = joined.flat_map(|(index, o)| o.members.iter().map(move |m| ((*m, index), false))).collect();
        let (at, has_joined, has_put, has_shared, floods) = Default::default();
        Self { topology, at, joined, announced, has_joined, has_put, has_shared, floods }
    }

    /// Whether this host is a member or announces is for the run to find out.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.joined.retain(|(host, _), _| *host != node);
        self.announced.retain(|(host, _), _| *host != node);
    }

    pub(super) fn joins_groups(&mut self, host: NodeId, overlay: usize, announced: bool) {
        let overlay = &self.topology.overlays[overlay];
        // Whether it will announce the rendezvous, and which color it chooses, is not known before.
        let known = |group: &&GroupId| match self.topology.groups[group.0].owner.map(|owner| owner.by) {
            Some(By::Color(_)) => !overlay.colors.is_empty(),
            Some(By::Leader | By::Servers | By::Nobody) => false,
            Some(By::Member) | None => true,
        };
        for group in overlay.groups.iter().filter(known) {
            if let Some(state) = self.announced.get_mut(&(host, *group)) {
                *state = announced;
            }
        }
    }
}
