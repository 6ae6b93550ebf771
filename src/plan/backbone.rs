//! What routers of one AS say to each other: OSPF and iBGP.

use super::speakers::View;
use super::timers::{inside, of_preset};
use crate::routing::speaker::{IgpInterface, Inside, Session};
use crate::topology::{Family, LinkKind, NodeId};

/// An AS with more routers than this uses route reflectors instead of a full mesh.
const FULL_MESH_LIMIT: usize = 16;

impl View<'_> {
    /// iBGP: a full mesh, or in a large AS sessions with its route reflectors only.
    pub(super) fn internal(&self, family: Family) -> Vec<Session> {
        let own = self.topology.node(self.node).as_id;
        let routers = &self.topology.ases[own.0].routers;
        let reflectors = self.reflectors(routers);
        let reflects = |id: &NodeId| reflectors.contains(id);
        let peers = routers.iter().filter(|peer| **peer != self.node);
        let peers = peers.filter(|peer| reflectors.is_empty() || reflects(peer) || reflects(&self.node));
        let session = |peer: &NodeId| {
            let name = &self.topology.node(*peer).name;
            Session {
                name: self.session_name(&format!("ibgp-{name}"), family),
                peer: name.clone(),
                local: Some(self.addresses.loopback(self.node, family)),
                neighbor: Some(self.addresses.loopback(*peer, family)),
                timers: of_preset(self.topology.timers),
                client: reflects(&self.node) && !reflects(peer),
                add_paths: self.topology.ases[own.0].add_paths,
                passive: self.inside().large.is_some() && reflects(&self.node) && !reflects(peer),
                family: Some(family),
                ..Session::default()
            }
        };
        peers.map(session).collect()
    }

    pub(super) fn inside(&self) -> Inside {
        let own = self.topology.node(self.node).as_id;
        inside(self.topology.timers, self.topology.ases[own.0].routers.len())
    }

    /// The two best connected routers, if the AS is too large for a full mesh.
    fn reflectors(&self, routers: &[NodeId]) -> Vec<NodeId> {
        if routers.len() <= FULL_MESH_LIMIT {
            return Vec::new();
        }
        let degree = |id: NodeId| self.attached[id.0].len();
        let mut ranked: Vec<NodeId> = routers.to_vec();
        ranked.sort_by_key(|id| (std::cmp::Reverse(degree(*id)), *id));
        ranked.truncate(2);
        ranked
    }

    pub(super) fn igp(&self) -> Vec<IgpInterface> {
        let internal = self.links().filter_map(|(_, link, interface)| match link.kind {
            LinkKind::Internal { cost } => {
                let (name, bfd) = (interface.name.clone(), link.session.bfd.is_some());
                Some(IgpInterface { name, cost, bfd, passive: false })
            }
            _ => None,
        });
        let mut all: Vec<IgpInterface> = internal.collect();
        if !all.is_empty() {
            // The other gateways of a stub want to know which hosts are here.
            let access = self.links().filter(|(_, link, _)| link.kind == LinkKind::Access);
            let passive = |name: &str| IgpInterface { name: name.to_owned(), cost: 1, bfd: false, passive: true };
            all.extend(access.map(|(.., interface)| passive(&interface.name)));
        }
        all
    }
}
