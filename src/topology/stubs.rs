//! From `[[stub]]` to its gateways and hosts, and the links between and from them.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeValue;

use super::check::Builder;
use super::diagnose::{Problems, suggest};
use super::file::{Hosts, LinkOptions, StubEntry, Uplink};
use super::model::*;
use super::multipath::Multipath;
use super::size::MOST_HOSTS;
use super::table::{Table, integer, wrong_type};

/// Gateways of one stub: iBGP between each two of them.
const MOST_GATEWAYS: usize = 16;

impl Builder<'_> {
    pub(super) fn stub(&mut self, entry: &StubEntry, asn: u32, multipath: Multipath) {
        self.declare("a stub", &entry.name);
        let gateways = self.gateways(entry);
        let daemon = entry.daemon.as_ref();
        let mut local = BTreeMap::new();
        for (hosts, kind, letter) in [(&entry.members, NodeKind::Member, 'n'), (&entry.clients, NodeKind::Client, 'c')]
        {
            let names: Vec<_> = match hosts {
                Hosts::Count(count) => {
                    (1..=*count).map(|i| Spanned::new(entry.name.span(), format!("{letter}{i}"))).collect()
                }
                Hosts::Names(names) => names.clone(),
            };
            for (name, gateway) in names.into_iter().zip(gateways.iter().cycle()) {
                self.name_syntax(&name);
                if let Some(first) = local.insert(name.get_ref().clone(), name.span()) {
                    let message = format!("stub `{}` has two hosts named `{name}`", entry.name);
                    let found = self.problems.error("duplicate-name", name.span(), message);
                    found.label("again").also(first, "first");
                }
                // All hosts are where their gateway is.
                let place = self.topology.node(*gateway).place;
                self.add_node(format!("{}.{name}", entry.name), kind, place, daemon);
            }
        }
        self.as_spans.push(entry.name.span());
        self.topology.ases.push(As::new(entry.name.get_ref().clone(), asn, true, gateways, multipath));
    }

    fn gateways(&mut self, entry: &StubEntry) -> Vec<NodeId> {
        let named = entry.routers.as_deref().unwrap_or_default();
        if named.len() > MOST_GATEWAYS {
            let message = format!("`{}` has {} gateways", entry.name, named.len());
            let found = self.problems.error("out-of-range", named[MOST_GATEWAYS].name.span(), message);
            found.label(format!("a stub has at most {MOST_GATEWAYS}"));
        }
        if named.is_empty() {
            let kind = NodeKind::Gateway;
            return vec![self.add_node(entry.name.get_ref().clone(), kind, entry.place, entry.daemon.as_ref())];
        }
        let mut gateways = Vec::new();
        for router in named {
            self.router_name(&entry.name, &router.name);
            let daemon = router.daemon.as_ref().or(entry.daemon.as_ref());
            let place = router.place.or(entry.place);
            gateways.push(self.add_node(router.name.get_ref().clone(), NodeKind::Gateway, place, daemon));
        }
        gateways
    }

    pub(super) fn stub_links(&mut self, stub: AsId, entry: &StubEntry) {
        let gateways = self.topology.ases[stub.0].routers.clone();
        self.between(stub, &gateways, entry);
        if let Some(span) = entry.bare.clone().filter(|_| self.topology.uplinks(stub).is_empty()) {
            let message = format!("stub `{}` has no uplink", entry.name);
            let found = self.problems.error("no-uplink", span, message);
            found.label("needs one at least").help(
                "write uplinks = [\"…\"] with a router of a transit AS, or make it a member of an [[exchange]]"
                    .to_owned(),
            );
        }
        let mut seen = BTreeMap::new();
        for (uplink, turn) in entry.uplinks.iter().zip(gateways.iter().cycle()) {
            let Uplink { to, from, over, options, policy } = uplink;
            let gateway = match from {
                Some(name) => self.gateway_of(stub, name),
                None => Some(*turn),
            };
            let (Some(router), Some(gateway)) = (self.find_router(to), gateway) else { continue };
            if self.topology.node(router).kind == NodeKind::Gateway {
                let found = self.problems.error("stub-transit", to.span(), format!("`{to}` is a stub"));
                found.label("a stub carries no transit; an uplink goes to a router of a transit AS");
                continue;
            }
            if let Some(first) = seen.insert((gateway, router), to.span()) {
                let found = self.problems.error("duplicate-uplink", to.span(), format!("`{to}` is listed twice"));
                found.label("again").also(first, "first").help("a second, parallel uplink is a [[link]]".to_owned());
                continue;
            }
            let Some(over) = self.meet([gateway, router], over.as_ref(), options) else { continue };
            let options = self.settle(gateway, router, options);
            let link = self.link(gateway, router, LinkKind::External(Relation::Provider), None, options, to.span());
            self.share(link, over);
            self.short_policy(gateway, link, policy);
        }
        // All hosts are where their gateway is.
        let options = self.settle(gateways[0], gateways[0], &entry.access);
        self.spoken(stub, entry);
        for kind in [NodeKind::Member, NodeKind::Client] {
            let hosts: Vec<_> = self.topology.of_kind(|of| of == kind).collect();
            let own = hosts.into_iter().filter(|host| self.topology.node(*host).as_id == stub);
            for (host, gateway) in own.collect::<Vec<_>>().into_iter().zip(gateways.iter().cycle()) {
                self.link(*gateway, host, LinkKind::Access, None, options.clone(), entry.name.span());
            }
        }
    }

    /// Links inside the stub: those of the file, or one between each two gateways.
    fn between(&mut self, stub: AsId, gateways: &[NodeId], entry: &StubEntry) {
        let before = self.topology.links.len();
        if let Some(links) = &entry.links {
            for link in links {
                self.inner_link(stub, link);
            }
            if self.topology.links.len() < before + links.len() {
                self.incomplete.insert(stub);
            }
            return;
        }
        for (index, a) in gateways.iter().enumerate() {
            for b in &gateways[index + 1..] {
                let options = self.settle(*a, *b, &LinkOptions::default());
                self.link(*a, *b, LinkKind::Internal { cost: 10 }, None, options, entry.name.span());
            }
        }
    }

    /// The gateway of this name.
    fn gateway_of(&mut self, stub: AsId, name: &Spanned<String>) -> Option<NodeId> {
        let own = &self.topology.ases[stub.0];
        let named = |id: &&NodeId| self.topology.node(**id).name == *name.get_ref();
        let found = own.routers.iter().find(named).copied();
        if found.is_none() {
            let help = suggest(name.get_ref(), own.routers.iter().map(|id| self.topology.node(*id).name.as_str()));
            let message = format!("`{}` has no gateway `{name}`", own.name);
            self.problems.error("unknown-name", name.span(), message).label("not one of its `routers`").help(help);
        }
        found
    }

    /// Refuses sessions of a stub's hosts when none of them speaks BGP.
    fn spoken(&mut self, stub: AsId, entry: &StubEntry) {
        let mut members = self.topology.of_kind(|kind| kind == NodeKind::Member);
        if entry.access.session != SessionOptions::default() && !members.any(|n| self.topology.node(n).as_id == stub) {
            let message = format!("no host of `{}` speaks BGP", entry.name);
            let found = self.problems.error("no-session", entry.access.span.clone(), message);
            found.label("names options of a session").help("members speak BGP, clients do not".to_owned());
        }
    }
}

impl Hosts {
    pub(super) fn read(key: &str, table: &Table<'_>, f: &mut Problems) -> Self {
        let Some(value) = table.get(key) else { return Self::Count(0) };
        match value.get_ref() {
            DeValue::Integer(_) => Self::Count(integer(key, value, 0..=MOST_HOSTS, f).map_or(0, Spanned::into_inner)),
            DeValue::Array(names) if names.len() as u64 > MOST_HOSTS => {
                f.error("out-of-range", value.span(), format!("a stub has at most {MOST_HOSTS} `{key}`"));
                Self::Count(0)
            }
            DeValue::Array(_) => Self::Names(table.strings(key, f).unwrap_or_default()),
            _ => {
                wrong_type(key, "a number of hosts or a list of names", &value, f);
                Self::Count(0)
            }
        }
    }
}
