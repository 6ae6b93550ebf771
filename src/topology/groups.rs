//! From the file's shape to groups, overlays and probes: members, addresses, colors.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

use toml::Spanned;

use super::address::{Pool, is_plan_address};
use super::check::Builder;
use super::diagnose::suggest;
use super::file::{LabFile, OverlayEntry, ProbeEntry};
use super::model::*;
use crate::anycast::Asked;
use crate::overlay::id::Id;
use crate::overlay::key::What;

/// Plain groups share one pool of 254 addresses; `.255` stays free. What comes after those says its own.
const MOST_POOLED: usize = 254;
/// What a BIRD of each host can be told of in seconds.
const MOST_PLAIN: usize = 2000;
/// As many pools as [`Pool`] has, less the plain groups' one: an overlay has one, and an infrastructure.
const MOST_OVERLAYS: usize = 500;
const MOST_INFRASTRUCTURES: usize = 100;

impl Builder<'_> {
    /// Adds plain groups in file order, then each overlay's, as its infrastructure has them.
    pub(super) fn groups(&mut self, file: &LabFile) {
        let overlays = MOST_OVERLAYS.saturating_sub(file.infrastructures.len());
        for (what, most, last) in [
            ("groups", MOST_PLAIN, file.groups.get(MOST_PLAIN).map(|g| &g.name)),
            ("infrastructures", MOST_INFRASTRUCTURES, file.infrastructures.get(MOST_INFRASTRUCTURES).map(|i| &i.name)),
            ("overlays", overlays, file.overlays.get(overlays).map(|o| &o.name)),
        ] {
            if let Some(name) = last {
                self.problems.error("too-many", name.span(), format!("there are more than {most} {what}"));
                return;
            }
        }
        let families = self.topology.family.families().len();
        if let Some(group) = file.groups.iter().skip(MOST_POOLED).find(|group| !group.has_addresses(families)) {
            let message = format!("there are more than {MOST_POOLED} groups, and this one has no address");
            let found = self.problems.error("too-many", group.name.span(), message);
            found.label("the pool's are given away").help("add address = \"100.64.0.1\", one that is free".to_owned());
            return;
        }
        let mut names: BTreeMap<&str, Range<usize>> = BTreeMap::new();
        let plain = file.groups.iter().map(|g| &g.name).chain(file.infrastructures.iter().map(|i| &i.name));
        let found = file.services.iter().map(|s| &s.name).chain(file.overlays.iter().map(|o| &o.name));
        for name in plain.chain(found) {
            self.name_syntax(name);
            if let Some(first) = names.insert(name.get_ref(), name.span()) {
                let found = self.problems.error("duplicate-name", name.span(), format!("the name `{name}` is taken"));
                found
                    .label("groups, infrastructures, services and overlays share their names")
                    .also(first, "first used here");
            }
        }
        let mut spans = Vec::new();
        for (index, entry) in file.groups.iter().enumerate() {
            spans.push((self.topology.groups.len(), entry.place()));
            self.plain_group(entry, index + 1);
        }
        let mut first_pool = usize::from(!file.groups.is_empty());
        for entry in &file.infrastructures {
            spans.push((self.topology.groups.len(), entry.name.span()));
            self.infrastructure(entry, Pool(first_pool));
            first_pool += 1;
        }
        for (index, entry) in file.overlays.iter().enumerate() {
            spans.push((self.topology.groups.len(), entry.addresses.first().map_or(entry.name.span(), Spanned::span)));
            self.overlay(index, entry, Pool(first_pool + index));
        }
        self.connect(&file.overlays);
        for (index, entry) in file.overlays.iter().enumerate() {
            self.free_ports(entry, index);
        }
        for entry in &file.services {
            spans.push((self.topology.groups.len(), entry.name.span()));
            self.service(entry);
        }
        self.unique_addresses(&spans);
        self.prefixes(&file.groups, &spans);
    }

    /// `spans` tells, for each first group of a `[[group]]` or `[[overlay]]`, where it stands.
    fn unique_addresses(&mut self, spans: &[(usize, Range<usize>)]) {
        let mut taken: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for index in 0..self.topology.groups.len() {
            for address in self.topology.groups[index].addresses.clone() {
                let Some(first) = taken.insert(address, index) else { continue };
                let (mine, theirs) = (&self.topology.groups[index].name, &self.topology.groups[first].name);
                let message = format!("groups `{theirs}` and `{mine}` have the same address {address}");
                let place = spans.iter().rfind(|(start, _)| *start <= index).map(|(_, span)| span.clone());
                let other = spans.iter().rfind(|(start, _)| *start <= first).map(|(_, span)| span.clone());
                let label = format!("`{mine}`");
                let also = format!("`{theirs}`");
                let found = self.problems.error("duplicate-address", place.unwrap_or_default(), message);
                found
                    .label(label)
                    .also(other.unwrap_or_default(), also)
                    .help("give one of them another `address`".to_owned());
            }
        }
    }

    /// One address per family of the lab: the file's, or the pool's.
    pub(super) fn addresses(&mut self, given: &[Spanned<IpAddr>], pool: Pool, number: usize) -> Vec<IpAddr> {
        let families = self.topology.family.families();
        let is = |address: &IpAddr, family| Family::of(*address) == family;
        for (index, address) in given.iter().enumerate() {
            let ip = address.get_ref();
            if !families.iter().any(|family| is(ip, *family)) {
                let message = format!("the lab does not speak the family of {ip}");
                let found = self.problems.error("wrong-family", address.span(), message);
                found.label("not of the lab's family").help("set `family` in [lab], or leave `address` out".to_owned());
            } else if given[..index].iter().any(|other| other.get_ref().is_ipv4() == ip.is_ipv4()) {
                let message = "a group has one address of each family";
                self.problems.error("two-addresses", address.span(), message).label("a second one of its family");
            } else if is_plan_address(*ip) || ip.is_loopback() || ip.is_multicast() || ip.is_unspecified() {
                let message = format!("{ip} cannot be a group's address");
                let found = self.problems.error("reserved-address", address.span(), message);
                found.label("used by the lab itself, or not a unicast address");
                found.help(
                    "the documentation prefixes are free: 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32".to_owned(),
                );
            }
        }
        let of = |family: &Family| {
            let explicit = given.iter().map(|a| *a.get_ref()).find(|a| is(a, *family));
            explicit.unwrap_or_else(|| pool.address(*family, number))
        };
        families.iter().map(of).collect()
    }

    /// Resolves a list of stubs (all their members) and hosts.
    pub(super) fn hosts(&mut self, names: &[Spanned<String>]) -> Vec<NodeId> {
        let mut hosts = Vec::new();
        let mut seen: BTreeMap<NodeId, Range<usize>> = BTreeMap::new();
        for name in names {
            for host in self.host_or_stub(name) {
                if let Some(first) = seen.insert(host, name.span()) {
                    let message = format!("`{}` is listed twice", self.topology.node(host).name);
                    let found = self.problems.error("duplicate-member", name.span(), message);
                    found.label("again").also(first, "first");
                    break;
                }
                hosts.push(host);
            }
        }
        hosts
    }

    fn host_or_stub(&mut self, name: &Spanned<String>) -> Vec<NodeId> {
        if let Some(stub) = self.topology.find_stub(name.get_ref()) {
            let members = self.topology.of_kind(|k| k == NodeKind::Member);
            let members: Vec<_> = members.filter(|n| self.topology.node(*n).as_id == stub).collect();
            if members.is_empty() {
                let found = self.problems.error("no-members", name.span(), format!("stub `{name}` has no members"));
                found.label("only clients, or no host at all").help("give it `members`".to_owned());
            }
            return members;
        }
        match self.topology.find(name.get_ref()) {
            Some(id) if self.topology.node(id).kind == NodeKind::Member => vec![id],
            Some(id) => {
                let what = if self.topology.node(id).kind == NodeKind::Client { "a client" } else { "a router" };
                let found = self.problems.error("not-a-member", name.span(), format!("`{name}` is {what}"));
                found.label("only members announce groups and join overlays");
                Vec::new()
            }
            None => {
                let (label, help) = unknown_host(&self.topology, name.get_ref());
                let message = format!("there is no stub or host `{name}`");
                let found = self.problems.error("unknown-name", name.span(), message);
                found.label(label).help(help);
                Vec::new()
            }
        }
    }

    fn overlay(&mut self, index: usize, entry: &OverlayEntry, pool: Pool) {
        let members = match &entry.members {
            Some(names) => self.hosts(names),
            // Servers are not members unless the file says so.
            None => self.topology.of_kind(|k| k == NodeKind::Member).filter(|m| !self.topology.is_server(*m)).collect(),
        };
        if members.is_empty() && entry.members.is_none() {
            let message = format!("overlay `{}` has no members", entry.name);
            let found = self.problems.error("no-members", entry.name.span(), message);
            found.label("no stub has members").help("give stubs `members`".to_owned());
        }
        let name = entry.name.get_ref().clone();
        let via = entry.via.as_ref().and_then(|name| self.via(name));
        let kind = via.map_or_else(Infrastructure::default, |via| self.topology.infrastructures[via].kind);
        let healing = entry.healing.checked(self.problems);
        // Of a name that is nobody's, that has been said.
        if via.is_some() || entry.via.as_ref().is_none_or(|name| name.get_ref() == kind.name) {
            self.available(entry, kind);
        }
        self.apart(&name, &members, via, entry.members.as_deref().unwrap_or_default());
        let count = healing.colors;
        let of_members = members.iter().filter(|_| count > 0);
        let colors: Vec<_> = match healing.coloring {
            Coloring::Random => of_members.map(|m| self.color(&name, *m, count)).collect(),
            Coloring::ByAs => of_members.map(|m| self.color_of_as(&name, *m, count)).collect(),
            // Whoever joins chooses then.
            Coloring::Farthest => Vec::new(),
        };
        let mut groups = Vec::new();
        let asked = Asked { colors: count, rendezvous: healing.rendezvous.is_some() };
        for spec in (kind.groups)(&asked) {
            let given: &[_] = if groups.is_empty() { &entry.addresses } else { &[] };
            let addresses = match via.filter(|_| spec.by == By::Servers) {
                Some(via) => self.in_block(via, &entry.name.span()),
                None => self.addresses(given, pool, spec.address),
            };
            let may = |at: usize| match spec.by {
                By::Color(color) => colors.get(at).is_none_or(|c| *c == color),
                By::Member | By::Leader => true,
                By::Servers | By::Nobody => false,
            };
            let members = members.iter().enumerate().filter(|(at, _)| may(*at)).map(|(_, m)| *m).collect();
            let owner = Some(Owner { overlay: Some(index), part: spec.part, public: spec.public, by: spec.by });
            let name = format!("{name}{}", spec.suffix);
            groups.push(GroupId(self.topology.groups.len()));
            self.topology.groups.push(Group::new(name, addresses, owner, members));
        }

        let well_known = self.well_known(entry, &members);
        let settings = entry.protocol.settings();
        self.family_of(entry);
        self.rendezvous_of(entry);
        let hosts = self.hosts_of_keys(entry);
        let holders = (settings.protocol.holders)(&settings);
        let most = holders.as_ref().map_or(usize::MAX, |holders| holders.most);
        let replicas = entry.replicas.as_ref().map_or(3.min(most), |n| *n.get_ref() as usize);
        if let Some((given, holders)) = entry.replicas.as_ref().zip(holders).filter(|_| replicas > most) {
            let message = format!("{replicas} replicas do not fit {}", holders.what);
            self.problems.error("out-of-range", given.span(), message).label(holders.why);
        }
        let (redirect, join_capacity, drain) = entry.redirect.checked(self.problems);
        self.topology.overlays.push(Overlay {
            name,
            settings,
            hosts,
            members,
            via,
            groups,
            coloring: healing.coloring,
            colors,
            rendezvous: healing.rendezvous.map(|(epoch, listen)| Rendezvous { epoch, listen }),
            bootstrap: entry.bootstrap.as_ref().map_or(Bootstrap::Anycast, |b| *b.get_ref()),
            well_known,
            healing: healing.healing,
            heal_every: healing.every,
            remember: healing.remember,
            redirect,
            join_capacity,
            drain,
            health_gate: entry.health_gate,
            lookup: entry.lookup,
            replicas,
            stabilize_every: entry.stabilize_every,
            rpc_timeout: entry.rpc_timeout,
            rpc_tries: entry.rpc_tries,
            lookups_per_second: entry.lookups(self.problems),
            beyond: entry.beyond.alone(),
            key: entry.key.clone(),
        });
    }

    /// The hosts that keys of its protocol name.
    fn hosts_of_keys(&mut self, entry: &OverlayEntry) -> Vec<(&'static str, Vec<NodeId>)> {
        let mut named = Vec::new();
        for (key, names) in &entry.protocol.hosts {
            let hosts = self.hosts(names);
            if let What::Hosts(most) = key.what
                && let Some(one) = names.first().filter(|_| hosts.len() > most)
            {
                let message = format!("{} {}, of which there are at most {most}", hosts.len(), key.name);
                self.problems.error("too-many", one.span(), message).label("the first of them");
            }
            if !hosts.is_empty() {
                named.push((key.name, hosts));
            }
        }
        named
    }

    /// A hash, not a draw, so that another member or another order leaves a host its color.
    fn color(&self, overlay: &str, host: NodeId, count: u16) -> u16 {
        let host = self.topology.node(host).name.as_bytes();
        let id = Id::hash(&[&self.topology.seed.to_be_bytes(), overlay.as_bytes(), host, b"color"]);
        u16::try_from(id.0 % u128::from(count)).expect("a remainder is below its 16-bit modulus")
    }

    /// Hosts of one AS have one color.
    fn color_of_as(&self, overlay: &str, host: NodeId, count: u16) -> u16 {
        let own = &self.topology.ases[self.topology.node(host).as_id.0];
        let id = Id::hash(&[&self.topology.seed.to_be_bytes(), overlay.as_bytes(), &own.asn.to_be_bytes(), b"as"]);
        u16::try_from(id.0 % u128::from(count)).expect("a remainder is below its 16-bit modulus")
    }

    fn well_known(&mut self, entry: &OverlayEntry, members: &[NodeId]) -> Vec<NodeId> {
        let mut well_known = Vec::new();
        for name in &entry.well_known {
            let hosts = self.hosts(std::slice::from_ref(name));
            if let Some(outside) = hosts.iter().find(|h| !members.contains(h)) {
                let outside = &self.topology.node(*outside).name;
                let message = format!("`{outside}` is not a member of overlay `{}`", entry.name);
                let found = self.problems.error("not-a-member", name.span(), message);
                found.label("well-known nodes are members").help("add it to `members`, or name one of them".to_owned());
            }
            well_known.extend(hosts);
        }
        let bootstrap = entry.bootstrap.as_ref().filter(|b| *b.get_ref() == Bootstrap::WellKnown).map(Spanned::span);
        let healing = entry.healing.healing.as_ref().filter(|h| *h.get_ref() == Healing::WellKnown).map(Spanned::span);
        if entry.well_known.is_empty()
            && let Some((key, span)) = bootstrap.map(|s| ("bootstrap", s)).or(healing.map(|s| ("healing", s)))
        {
            let message = format!("`{key} = \"well-known\"` without `well_known`");
            let found = self.problems.error("missing-key", span, message);
            found.label("nobody is well-known").help("add well_known = [\"campus.n1\"]".to_owned());
        }
        well_known
    }

    /// Clients probe every plain and join group unless the file names some.
    pub(super) fn probe(&mut self, file: &LabFile) {
        let default: Vec<_> = {
            let groups = self.topology.groups.iter().enumerate();
            groups.filter(|(_, g)| g.is_public()).map(|(i, _)| GroupId(i)).collect()
        };
        let clients = self.topology.of_kind(|k| k == NodeKind::Client).count();
        let Some(entry) = &file.probe else {
            if clients > 0 && !default.is_empty() {
                let (every, timeout) = (ProbeEntry::EVERY, ProbeEntry::TIMEOUT);
                self.topology.probe = Some(Probe { groups: default, every, timeout });
            }
            return;
        };
        if clients == 0 {
            let found = self.problems.error("no-clients", entry.span.clone(), "[probe] without a client");
            found.label("nobody probes").help("give a stub `clients`".to_owned());
        }
        let groups = self.named_groups(entry.groups.iter().flatten());
        let groups = if entry.groups.is_some() { groups } else { default };
        self.topology.probe = Some(Probe { groups, every: entry.every, timeout: entry.timeout });
    }

    /// The groups of a list of names.
    pub(super) fn named_groups<'a>(&mut self, names: impl IntoIterator<Item = &'a Spanned<String>>) -> Vec<GroupId> {
        let mut groups = Vec::new();
        for name in names {
            match self.topology.groups.iter().position(|g| g.name == *name.get_ref()) {
                Some(index) if groups.contains(&GroupId(index)) => {
                    let message = format!("group `{name}` is listed twice");
                    self.problems.error("duplicate-member", name.span(), message).label("again");
                }
                Some(index) => groups.push(GroupId(index)),
                None => {
                    let help = suggest(name.get_ref(), self.topology.groups.iter().map(|g| g.name.as_str()));
                    let found = self.problems.error("unknown-name", name.span(), format!("there is no group `{name}`"));
                    found.label("unknown group").help(help);
                }
            }
        }
        groups
    }
}

/// What is wrong with a name that is no host, and what may have been meant.
pub(crate) fn unknown_host(topology: &Topology, name: &str) -> (String, Option<String>) {
    let stubs = topology.ases.iter().filter(|a| a.stub).map(|a| a.name.as_str());
    let hosts = topology.nodes.iter().filter(|n| n.kind.is_host()).map(|n| n.name.as_str());
    match name.split_once('.') {
        Some((stub, _)) if topology.find_stub(stub).is_none() => {
            let help = suggest(stub, stubs);
            (format!("there is no stub `{stub}`"), help)
        }
        Some((stub, _)) => {
            let prefix = format!("{stub}.");
            (format!("stub `{stub}` has no such host"), suggest(name, hosts.filter(|h| h.starts_with(&prefix))))
        }
        None => ("neither a stub nor a host".to_owned(), suggest(name, stubs)),
    }
}
