//! Every way that the kernels' routes may lead a packet: all branches of equal-cost routes.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use anyhow::{Context, Result};

use super::walk::Walker;
use crate::kernel::lookup::{Hops, Way as Outward};
use crate::record::survey::{MOST_WAYS, Routes, Way, WayEnd};
use crate::topology::NodeId;

/// Where a packet is, and the interface that it came in at.
type Place = (NodeId, Option<u32>);

#[derive(Clone, Debug)]
enum Step {
    Here,
    Nowhere,
    /// A branch over a link that is dead is `None`.
    On(Vec<Option<Place>>),
}

/// Follows the kernels' routes to one address from many nodes. No node has policy rules, so that a kernel
/// decides alike about all packets that come in at one interface: each is asked once.
pub(super) struct Branches<'a> {
    walker: Walker<'a>,
    target: IpAddr,
    known: HashMap<Place, Step>,
}

impl<'a> Branches<'a> {
    pub(super) fn new(walker: Walker<'a>, target: IpAddr) -> Self {
        Self { walker, target, known: HashMap::new() }
    }

    /// Questions that were put to kernels so far.
    pub(super) fn asked(&self) -> usize {
        self.known.len()
    }

    /// Where packets of a node from `source`, its own address, may go.
    pub(super) async fn from(&mut self, node: NodeId, source: IpAddr) -> Result<Routes> {
        let lab = self.walker.lab;
        let name = |node: NodeId| lab.topology.node(node).name.clone();
        let (mut open, mut met, mut members) = (vec![(node, None)], BTreeSet::new(), BTreeSet::new());
        while let Some(place) = open.pop() {
            if !met.insert(place) {
                continue;
            }
            match self.step(place, source).await? {
                Step::Here => drop(members.insert(name(place.0))),
                Step::Nowhere => {}
                Step::On(places) => open.extend(places.iter().flatten()),
            }
        }
        let mut ways = Vec::new();
        self.list((node, None), &mut vec![], &mut ways, &name);
        Ok(Routes { members, ways })
    }

    async fn step(&mut self, place: Place, source: IpAddr) -> Result<&Step> {
        if !self.known.contains_key(&place) {
            let step = self.ask(place, source).await?;
            self.known.insert(place, step);
        }
        Ok(&self.known[&place])
    }

    async fn ask(&self, (at, input): Place, source: IpAddr) -> Result<Step> {
        let hops = self.walker.controls[at.0].next_hops(source, self.target, input).await;
        let name = &self.walker.lab.topology.node(at).name;
        Ok(match hops.with_context(|| format!("in {name}"))? {
            Hops::Here => Step::Here,
            Hops::Nowhere => Step::Nowhere,
            Hops::Out(ways) => {
                let beyond = |way: &Outward| self.walker.next(at, *way, self.target);
                let place = |((node, interface), _)| (node, Some(interface));
                Step::On(ways.iter().map(|way| beyond(way).map(place)).collect())
            }
        })
    }

    /// Lists the ways from `place` on, `path` being the way there. All steps are known by now.
    fn list(&self, place: Place, path: &mut Vec<NodeId>, ways: &mut Vec<Way>, name: &impl Fn(NodeId) -> String) {
        if ways.len() >= MOST_WAYS {
            return;
        }
        let way = |path: &[NodeId], end| Way { hops: path[1..].iter().map(|node| name(*node)).collect(), end };
        let circle = path.contains(&place.0);
        path.push(place.0);
        match self.known.get(&place) {
            _ if circle => ways.push(way(path, WayEnd::Circle)),
            Some(Step::Here) => ways.push(way(path, WayEnd::Arrives)),
            Some(Step::Nowhere) | None => ways.push(way(path, WayEnd::NoRoute)),
            Some(Step::On(places)) => {
                for next in places {
                    match next {
                        Some(next) => self.list(*next, path, ways, name),
                        None if ways.len() < MOST_WAYS => ways.push(way(path, WayEnd::DeadLink)),
                        None => {}
                    }
                }
            }
        }
        path.pop();
    }
}
