//! Paths through the lab as the kernels' own answers give them, hop by hop.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Lab;
use crate::kernel::interface::Netlink;
use crate::kernel::lookup::{Hop, Way};
use crate::plan::Plan;
use crate::scenario::damage::Damage;
use crate::topology::{LinkId, NodeId};

/// Where a packet goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// The links on the way, and the node behind each.
    pub(super) hops: Vec<(LinkId, NodeId)>,
    pub(super) end: PathEnd,
}

/// How it ends there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathEnd {
    /// The address is the last node's.
    Arrives,
    /// The last node has no route.
    NoRoute,
    /// Over a link that is down or a black hole.
    DeadLink,
    /// The last node has been met before.
    Circle,
}

impl Path {
    pub(super) fn last(&self, from: NodeId) -> NodeId {
        self.hops.last().map_or(from, |(_, node)| *node)
    }
}

/// Follows the kernels' routes from node to node.
pub(super) struct Walker<'a> {
    pub(super) lab: &'a Lab,
    plan: Arc<Plan>,
    dead: BTreeSet<usize>,
    pub(super) controls: Vec<Netlink>,
}

impl<'a> Walker<'a> {
    pub(super) async fn new(lab: &'a Lab, damage: &Damage) -> Result<Self> {
        let namespaces = lab.topology.ids().map(|id| lab.network.namespace(id).clone()).collect();
        let controls = Netlink::open_all(lab.network.stepper(), namespaces).await?;
        Ok(Self { lab, plan: lab.plan(), dead: damage.dead_links(&lab.topology), controls })
    }

    /// The links on the path from one node to the other; `None`: it ends, or turns in a circle.
    pub(super) async fn walk(&mut self, from: NodeId, to: NodeId) -> Result<Option<Vec<LinkId>>> {
        let path = self.follow(from, self.lab.address(to)).await?;
        Ok((path.end == PathEnd::Arrives && path.last(from) == to).then(|| path.hops.iter().map(|(l, _)| *l).collect()))
    }

    /// The way of a packet from a node's own address to any address.
    pub(super) async fn follow(&mut self, from: NodeId, target: IpAddr) -> Result<Path> {
        let source = self.lab.address(from);
        let (mut at, mut input) = (from, None);
        let (mut hops, mut met) = (Vec::new(), BTreeSet::new());
        while met.insert(at) {
            match self.hop(at, source, target, input).await? {
                Hop::Here => return Ok(Path { hops, end: PathEnd::Arrives }),
                Hop::Nowhere => return Ok(Path { hops, end: PathEnd::NoRoute }),
                Hop::Out(way) => match self.next(at, way, target) {
                    Some(((next, interface), link)) => {
                        (at, input) = (next, Some(interface));
                        hops.push((link, next));
                    }
                    None => return Ok(Path { hops, end: PathEnd::DeadLink }),
                },
            }
        }
        Ok(Path { hops, end: PathEnd::Circle })
    }

    async fn hop(&mut self, at: NodeId, source: IpAddr, target: IpAddr, input: Option<u32>) -> Result<Hop> {
        let name = &self.lab.topology.node(at).name;
        self.controls[at.0].next_hop(source, target, input).await.with_context(|| format!("in {name}"))
    }

    /// The node beyond an interface, the index of the one that packets to `target` come in at, and the link, if it
    /// lives. At an exchange, which forwards frames and no packets, that is whose address the gateway is.
    pub(super) fn next(&self, at: NodeId, way: Way, target: IpAddr) -> Option<((NodeId, u32), LinkId)> {
        let made = self.plan.links.iter().filter(|l| !l.over && !self.dead.contains(&l.link.0));
        let mut ends = made.clone().flat_map(|l| [(l.a, l.b, l.link), (l.b, l.a, l.link)]);
        let is_it = |(here, ..): &((NodeId, usize), (NodeId, usize), LinkId)| {
            here.0 == at && self.plan.interface(*here).index == way.index
        };
        let (_, there, link) = ends.find(is_it)?;
        let there = if self.lab.topology.is_exchange(there.0) {
            let gateway = way.via.unwrap_or(target);
            let mut ports = made.filter(|port| port.b.0 == there.0).map(|port| port.a);
            ports.find(|port| self.plan.interface(*port).owns(gateway))?
        } else {
            there
        };
        Some(((there.0, self.plan.interface(there).index), link))
    }
}
