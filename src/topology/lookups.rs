//! What is where in a network.

use super::model::*;
use crate::machine::Part;

impl Topology {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|n| n.name == name).map(NodeId)
    }

    pub fn find_link(&self, name: &str) -> Option<LinkId> {
        self.links.iter().position(|l| l.name == name).map(LinkId)
    }

    /// The kind of infrastructure that an overlay uses.
    pub fn infrastructure(&self, overlay: &Overlay) -> Infrastructure {
        overlay.via.map_or_else(Infrastructure::default, |via| self.infrastructures[via].kind)
    }

    /// Where a node stands, if the file says so.
    pub(crate) fn place(&self, node: NodeId) -> Option<Place> {
        self.node(node).place
    }

    /// Whether a server of an infrastructure runs on this host.
    pub fn is_server(&self, host: NodeId) -> bool {
        self.infrastructures.iter().any(|deployment| deployment.hosts.contains(&host))
    }

    /// The stub of this name.
    pub fn find_stub(&self, name: &str) -> Option<AsId> {
        self.ases.iter().position(|a| a.stub && a.name == name).map(AsId)
    }

    /// Links between the stub's gateway and other ASes.
    pub fn uplinks(&self, stub: AsId) -> Vec<LinkId> {
        let gateway = self.ases[stub.0].routers[0];
        let is_uplink = |l: &Link| matches!(l.kind, LinkKind::External(_)) && (l.a == gateway || l.b == gateway);
        self.links.iter().enumerate().filter(|(_, l)| is_uplink(l)).map(|(i, _)| LinkId(i)).collect()
    }

    pub fn ids(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The name of one of an overlay's groups.
    pub fn group_name(&self, overlay: usize, part: Part) -> String {
        let is_it = |owner: Owner| (owner.overlay, owner.part) == (Some(overlay), part);
        self.groups.iter().find(|g| g.owner.is_some_and(is_it)).map(|g| g.name.clone()).unwrap_or_default()
    }

    pub fn of_kind(&self, wanted: impl Fn(NodeKind) -> bool) -> impl Iterator<Item = NodeId> {
        self.ids().filter(move |id| wanted(self.node(*id).kind))
    }
}
