//! Paths through the lab as the kernels' own answers give them, hop by hop.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{Context, Result};

use super::Lab;
use crate::kernel::interface::Control;
use crate::kernel::lookup::Hop;
use crate::scenario::damage::Damage;
use crate::topology::{LinkId, NodeId};

/// Follows the kernels' routes from node to node.
pub(super) struct Walker<'a> {
    lab: &'a Lab,
    dead: BTreeSet<usize>,
    controls: Vec<Control>,
    hops: BTreeMap<(NodeId, IpAddr), Hop>,
}

impl<'a> Walker<'a> {
    pub(super) async fn new(lab: &'a Lab, damage: &Damage) -> Result<Self> {
        let namespaces = lab.topology.ids().map(|id| lab.network.namespace(id).clone()).collect();
        let controls = Control::open_all(lab.network.stepper(), namespaces).await?;
        Ok(Self { lab, dead: damage.dead_links(&lab.topology), controls, hops: BTreeMap::new() })
    }

    /// The links on the path from one node to the other; `None`: it ends, or turns in a circle.
    pub(super) async fn walk(&mut self, from: NodeId, to: NodeId) -> Result<Option<Vec<LinkId>>> {
        let target = self.lab.address(to);
        let (mut at, mut path, mut met) = (from, Vec::new(), BTreeSet::new());
        while met.insert(at) {
            match self.hop(at, target).await? {
                Hop::Here => return Ok((at == to).then_some(path)),
                Hop::Nowhere => return Ok(None),
                Hop::Out(index) => match self.next(at, index) {
                    Some((next, link)) => {
                        at = next;
                        path.push(link);
                    }
                    None => return Ok(None),
                },
            }
        }
        Ok(None)
    }

    async fn hop(&mut self, at: NodeId, target: IpAddr) -> Result<Hop> {
        if let Some(hop) = self.hops.get(&(at, target)) {
            return Ok(*hop);
        }
        let name = &self.lab.topology.node(at).name;
        let hop = self.controls[at.0].next_hop(target).await.with_context(|| format!("in {name}"))?;
        self.hops.insert((at, target), hop);
        Ok(hop)
    }

    /// The node beyond an interface, and the link, if it lives.
    fn next(&self, at: NodeId, index: u32) -> Option<(NodeId, LinkId)> {
        let links = self.lab.plan.links.iter().filter(|l| !self.dead.contains(&l.link.0));
        let mut ends = links.flat_map(|l| [(l.a, l.b, l.link), (l.b, l.a, l.link)]);
        let beyond = ends.find(|(here, ..)| here.0 == at && self.lab.plan.interface(*here).index == index);
        beyond.map(|(_, there, link)| (there.0, link))
    }
}
