//! From `[[exchange]]` to a segment with ports, and the sessions that are spoken over it.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;
use toml::de::DeValue;

use super::check::Builder;
use super::diagnose::{Problems, suggest};
use super::file::{ExchangeEntry, LabFile, LinkOptions, PolicyOptions, PortEntry};
use super::keys::keys;
use super::model::*;
use super::multipath::Multipath;
use super::read::read_items;
use super::table::{Table, string, wrong_type};
use super::values::{read_asn, read_place};

/// Ports of an exchange: a /24 has room for them and the route server.
pub(super) const MOST_PORTS: usize = 250;

/// Exchanges of a lab: each has a /24 of a /16.
pub(super) const MOST_EXCHANGES: usize = 250;

impl ExchangeEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Option<Self> {
        let (asn, place, daemon) = (read_asn(table, f), read_place(table, f), table.string("daemon", f));
        let members = read_items(table, "members", f);
        let members = members.into_iter().filter_map(|value| PortEntry::read(value, f)).collect();
        Some(Self { name: table.required("name", f)?, asn, place, daemon, members })
    }

    /// What is said of each port, and whose sessions it is about.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (&LinkOptions, [&Spanned<String>; 2])> {
        self.members.iter().map(|port| (&port.options, [&self.name, &port.router]))
    }
}

impl PortEntry {
    fn read(value: Spanned<&DeValue<'_>>, f: &mut Problems) -> Option<Self> {
        match value.get_ref() {
            DeValue::String(_) => string("members", value, f).map(|router| Self {
                router,
                route_server: true,
                options: LinkOptions::default(),
                policy: PolicyOptions::default(),
            }),
            DeValue::Table(_) => {
                let table = Table::new("a member of an exchange", keys("exchange.members"), value, f)?;
                let options = LinkOptions::of_session(&table, ["up", "down"], f);
                let (route_server, policy) = (table.boolean("route_server", f), PolicyOptions::read(&table, f));
                let router = table.required("router", f)?;
                Some(Self { router, route_server: route_server.unwrap_or(true), options, policy })
            }
            _ => {
                let found = wrong_type("members", "a list of routers or tables", &value, f);
                found.help("write \"sea\" or { router = \"sea\", delay = \"1ms\" }".to_owned());
                None
            }
        }
    }
}

impl Builder<'_> {
    /// Adds each exchange, whose ASes come after all others', and its ports. `taken`: numbers that the file gives.
    pub(super) fn exchanges(&mut self, file: &LabFile, taken: &BTreeSet<u32>) {
        let used: BTreeSet<u32> = self.topology.ases.iter().map(|a| a.asn).chain(taken.iter().copied()).collect();
        let mut free = (100..).filter(|n| *n != 23456 && !used.contains(n));
        if let Some(excess) = file.exchanges.get(MOST_EXCHANGES) {
            let message = format!("a lab has at most {MOST_EXCHANGES} exchanges");
            self.problems.error("too-large", excess.name.span(), message);
        }
        for entry in &file.exchanges {
            let asn = entry.asn.as_ref().map(|n| *n.get_ref()).or_else(|| free.next()).unwrap_or_default();
            self.declare("an exchange", &entry.name);
            let name = entry.name.get_ref().clone();
            let node = self.add_node(name.clone(), NodeKind::Exchange, entry.place, entry.daemon.as_ref());
            self.as_spans.push(entry.name.span());
            let own = As::new(name, asn, false, vec![node], Multipath::default());
            self.topology.ases.push(As { roles: file.roles, ..own });
            self.ports(node, entry);
        }
    }

    fn ports(&mut self, exchange: NodeId, entry: &ExchangeEntry) {
        if let Some(excess) = entry.members.get(MOST_PORTS) {
            let message = format!("an exchange has at most {MOST_PORTS} members");
            self.problems.error("too-large", excess.router.span(), message);
        }
        let mut seen = BTreeMap::new();
        for PortEntry { router: name, route_server, options, policy } in &entry.members {
            let Some(router) = self.find_router(name) else { continue };
            if let Some(first) = seen.insert(router, name.span()) {
                let found = self.problems.error("duplicate-port", name.span(), format!("`{name}` is listed twice"));
                found.label("again").also(first, "first").help("a router has one port at an exchange".to_owned());
                continue;
            }
            let spoken = options.session != SessionOptions::default() || policy.is_given();
            if !route_server && spoken {
                let message = format!("`{name}` says nothing to the route server");
                let found = self.problems.error("no-session", options.span.clone(), message);
                found.label("names options of a session").help(
                    "leave out `route_server = false`, or give them to the [[link]] that is `over` the exchange"
                        .to_owned(),
                );
            }
            // At an exchange, everybody is everybody's peer.
            let kind = if *route_server { LinkKind::External(Relation::Peer) } else { LinkKind::Port };
            let options = self.settle(router, exchange, options);
            let link = self.link(router, exchange, kind, None, options, name.span());
            self.short_policy(router, link, policy);
        }
    }

    /// A link over an exchange is as long as its two ports.
    pub(super) fn share(&mut self, link: LinkId, over: Option<NodeId>) {
        if over.is_some() {
            let link = &mut self.topology.links[link.0];
            (link.over, link.emulated, link.impairments) = (over, false, Default::default());
        }
    }

    /// The exchange that a link is over, if it is over one: both routers have a port there, and it has no physics of its
    /// own. `None`: refused.
    pub(super) fn meet(
        &mut self,
        ends: [NodeId; 2],
        over: Option<&Spanned<String>>,
        options: &LinkOptions,
    ) -> Option<Option<NodeId>> {
        let Some(name) = over else { return Some(None) };
        let exchange = self.topology.find(name.get_ref()).filter(|id| self.topology.is_exchange(*id));
        let Some(exchange) = exchange else {
            let known = self.topology.nodes.iter().filter(|n| n.kind == NodeKind::Exchange).map(|n| n.name.as_str());
            let help = suggest(name.get_ref(), known);
            let message = format!("there is no exchange `{name}`");
            self.problems.error("unknown-name", name.span(), message).label("unknown exchange").help(help);
            return None;
        };
        if let Some(absent) = ends.into_iter().find(|end| self.topology.port(*end, exchange).is_none()) {
            let absent = &self.topology.node(absent).name;
            let message = format!("`{absent}` is no member of `{name}`");
            let found = self.problems.error("no-port", name.span(), message);
            found.label("both ends need a port").help(format!("add \"{absent}\" to `members` of [[exchange]] {name}"));
            return None;
        }
        let physics = [&options.both, &options.each[0], &options.each[1]];
        if let Some((key, span)) = physics.iter().flat_map(|written| &written.spans).next() {
            let found = self.problems.error("no-medium", span.clone(), format!("`{key}` of a link over an exchange"));
            let help = "give it to the ports: members = [{ router = \"…\", … }]";
            found.label("it shares the segment of all").help(help.to_owned());
            return None;
        }
        Some(Some(exchange))
    }
}
