//! Whether the network holds together, and whether its policies can converge.

use std::collections::{BTreeMap, BTreeSet};

use super::check::Builder;
use super::file::LabFile;
use super::model::*;
use super::parts::parts;

impl Builder<'_> {
    /// Reports ASes in several parts, a lab in several parts, and circles of providers.
    pub(super) fn connected(&mut self, file: &LabFile) {
        let names =
            file.ases.iter().map(|own| ("AS", &own.name)).chain(file.stubs.iter().map(|own| ("stub", &own.name)));
        for (index, (what, name)) in names.enumerate().filter(|(i, _)| !self.incomplete.contains(&AsId(*i))) {
            let routers = &self.topology.ases[index].routers;
            let inside = self.topology.links.iter().filter(|l| matches!(l.kind, LinkKind::Internal { .. }));
            let parts = parts(routers, inside.map(|l| (l.a, l.b)));
            if parts.len() > 1 {
                let parts = self.describe(&parts);
                let message = format!("{what} `{name}` falls into {} parts", parts.len());
                let found = self.problems.error("disconnected-as", name.span(), message);
                found.label(format!("no link joins {}", parts.join(" and ")));
            }
        }
        // A link that could not be read would show up here a second time.
        if self.problems.has_errors() {
            return;
        }
        let all: Vec<_> = self.topology.ids().collect();
        let parts = parts(&all, self.topology.links.iter().map(|l| (l.a, l.b)));
        if let Some(cut_off) = parts.get(1) {
            let as_id = self.topology.node(cut_off[0]).as_id;
            let label = format!("not linked to the rest: {}", self.describe(&parts[1..]).join("; "));
            let message = format!("the lab falls into {} parts", parts.len());
            let found = self.problems.error("disconnected-lab", self.as_spans[as_id.0].clone(), message);
            found.label(label).help("join ASes with [[link]]".to_owned());
        }
        self.provider_circles();
    }

    fn describe(&self, parts: &[Vec<NodeId>]) -> Vec<String> {
        let name = |n: &NodeId| self.topology.node(*n).name.clone();
        let describe = |part: &Vec<NodeId>| {
            let shown: Vec<_> = part.iter().take(4).map(name).collect();
            format!("{{{}{}}}", shown.join(", "), if part.len() > 4 { ", …" } else { "" })
        };
        parts.iter().map(describe).collect()
    }

    /// BGP may never settle when an AS is, over others, its own provider (Gao and Rexford 2001, §4).
    fn provider_circles(&mut self) {
        let mut customers: BTreeMap<AsId, BTreeMap<AsId, usize>> = BTreeMap::new();
        for (index, link) in self.topology.links.iter().enumerate() {
            let (a, b) = (self.topology.node(link.a).as_id, self.topology.node(link.b).as_id);
            match link.kind {
                LinkKind::External(Relation::Customer) => customers.entry(a).or_default().insert(b, index),
                LinkKind::External(Relation::Provider) => customers.entry(b).or_default().insert(a, index),
                _ => None,
            };
        }
        // Take away ASes without customers until none is left; what remains has a circle in it.
        loop {
            let providers: BTreeSet<_> = customers.keys().copied().collect();
            let before: usize = customers.values().map(BTreeMap::len).sum();
            for below in customers.values_mut() {
                below.retain(|customer, _| providers.contains(customer));
            }
            customers.retain(|_, below| !below.is_empty());
            if customers.values().map(BTreeMap::len).sum::<usize>() == before {
                break;
            }
        }
        let Some((first, _)) = customers.first_key_value() else { return };
        let (mut walk, mut at) = (vec![*first], *first);
        let circle = loop {
            let (next, link) = customers[&at].first_key_value().expect("those without customers were taken away");
            if let Some(start) = walk.iter().position(|a| a == next) {
                break (walk[start..].to_vec(), *link);
            }
            walk.push(*next);
            at = *next;
        };
        let (ases, link) = circle;
        let names: Vec<_> = ases.iter().map(|a| self.topology.ases[a.0].name.as_str()).collect();
        let message = format!("a circle of providers: {} → {}", names.join(" → "), names[0]);
        let found = self.problems.error("provider-circle", self.link_spans[link].clone(), message);
        found.label("this link closes it").help("turn one relation of the circle around, or make it `peer`".to_owned());
    }

    /// Refuses what the address plan does not hold.
    pub(super) fn sizes(&mut self) {
        if let Err(why) = super::address::fits(&self.topology) {
            self.problems.error("too-large", 0..0, why);
        }
    }
}
