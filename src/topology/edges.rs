//! Where ASes begin: their routers by name, and the gateways of stubs.

use std::collections::BTreeMap;

use super::id::{AsId, LinkId, NodeId};
use super::model::{Link, LinkKind, Topology};

impl Topology {
    /// The routers of an AS or stub of this name, or the router.
    pub fn routers_of(&self, name: &str) -> Vec<NodeId> {
        if let Some(own) = self.ases.iter().find(|own| own.name == name) {
            return own.routers.clone();
        }
        self.find(name).filter(|id| self.node(*id).kind.is_router()).into_iter().collect()
    }

    /// Links between the stub's gateways and other ASes.
    pub fn uplinks(&self, stub: AsId) -> Vec<LinkId> {
        let gateways = &self.ases[stub.0].routers;
        let leaves = |l: &Link| matches!(l.kind, LinkKind::External(_) | LinkKind::Port) && l.over.is_none();
        let is_uplink = |l: &Link| leaves(l) && (gateways.contains(&l.a) || gateways.contains(&l.b));
        self.links.iter().enumerate().filter(|(_, l)| is_uplink(l)).map(|(i, _)| LinkId(i)).collect()
    }

    /// The links over which the stub's gateways speak to other ASes, those over exchanges too.
    pub fn spoken(&self, stub: AsId) -> Vec<LinkId> {
        let external = |l: &Link| matches!(l.kind, LinkKind::External(_));
        let all = (0..self.links.len()).map(LinkId).filter(|id| external(&self.links[id.0]));
        all.filter(|id| self.gateway_at(stub, *id).is_some()).collect()
    }

    /// The end of an uplink that is a gateway of the stub.
    pub fn gateway_at(&self, stub: AsId, uplink: LinkId) -> Option<NodeId> {
        let link = &self.links[uplink.0];
        [link.a, link.b].into_iter().find(|end| self.ases[stub.0].routers.contains(end))
    }

    /// The router behind which each host is, by host.
    pub fn gateways(&self) -> BTreeMap<NodeId, NodeId> {
        let access = self.links.iter().filter(|link| link.kind == LinkKind::Access);
        access.map(|link| (link.b, link.a)).collect()
    }
}
