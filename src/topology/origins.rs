//! What gateways announce of groups by themselves, whatever their hosts say.

use super::communities::number_of;
use super::id::{AsId, GroupId, NodeId};
use super::model::{Group, LinkKind, NodeKind, Topology};
use super::policy::Community;

impl Topology {
    /// Hosts that may answer at a group's address: its members, those of plain groups around it, and whoever takes it
    /// away from them.
    pub fn answering(&self, group: &Group) -> Vec<NodeId> {
        let address = group.addresses.first().copied();
        let around = self.groups.iter().filter(|other| other.is_plain() && address.is_some_and(|a| other.covers(a)));
        let around = around.filter(|other| other.name != group.name).flat_map(|other| &other.members);
        let mut hosts: Vec<NodeId> = group.members.iter().chain(around).copied().collect();
        let stolen = self.rogues.iter().filter(|(_, of)| self.groups[of.0].name == group.name);
        for (stub, _) in stolen {
            hosts.extend(self.of_kind(|kind| kind == NodeKind::Member).filter(|id| self.node(*id).as_id == *stub));
        }
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// The host of a stub that answers as if it were a member of groups that the stub takes; without one nobody does.
    pub fn impostor(&self, stub: AsId) -> Option<NodeId> {
        self.of_kind(|kind| kind == NodeKind::Member).find(|id| self.node(*id).as_id == stub)
    }

    /// The gateway at which a stub announces what it takes: that of its impostor.
    pub fn taker(&self, stub: AsId) -> NodeId {
        let first = self.ases[stub.0].routers[0];
        let access = |host: NodeId| self.links.iter().find(|link| link.kind == LinkKind::Access && link.b == host);
        self.impostor(stub).and_then(access).map_or(first, |link| link.a)
    }

    /// An AS number, or that of the AS of this name.
    pub fn asn(&self, text: &str) -> Option<u32> {
        number_of(text, self)
    }

    /// Whether the file has this gateway announce the group.
    pub fn originates(&self, gateway: NodeId, group: GroupId) -> bool {
        self.originations.iter().any(|it| (it.at, it.group) == (gateway, group))
    }

    /// A gateway does not announce a group any more.
    pub fn stop_originating(&mut self, gateway: NodeId, group: GroupId) {
        self.originations.retain(|it| (it.at, it.group) != (gateway, group));
    }

    /// A gateway asks others to route around it (RFC 8326).
    pub fn drain(&mut self, gateway: NodeId, group: GroupId) {
        let own = self.originations.iter_mut().filter(|it| (it.at, it.group) == (gateway, group));
        own.for_each(|it| it.communities.push(Community::GRACEFUL_SHUTDOWN));
    }
}
