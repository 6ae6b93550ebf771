//! `[[infrastructure]]` and `[[service]]`: who brings what is sent to a group to one of its members.

use std::net::IpAddr;
use std::ops::Range;

use toml::Spanned;

use super::address::Pool;
use super::check::Builder;
use super::diagnose::{Problems, suggest};
use super::file::{InfrastructureEntry, OverlayEntry, ServiceEntry};
use super::model::*;
use super::overlays::{of_no_effect, read_value};
use super::table::Table;
use super::traffic::Transport;
use crate::anycast::Question;
use crate::machine::Part;
use crate::overlay::key::Key;

/// Groups in a block, whose first address is the infrastructure's own and whose last stays free.
const MOST_IN_BLOCK: usize = 253;

/// Kinds that have servers; plain IP anycast is there without being declared.
fn kinds() -> impl Iterator<Item = Infrastructure> {
    Infrastructure::all().filter(|kind| kind.server.is_some())
}

impl InfrastructureEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Option<Self> {
        let words: Vec<_> = kinds().map(|kind| (kind.name, kind)).collect();
        if table.get("kind").is_none() {
            table.missing("kind", f);
        }
        let kind = table.word("kind", &words, f);
        let own: &'static [Key] = kind.as_ref().map_or(&[], |kind| kind.get_ref().keys);
        for key in Infrastructure::all_keys()
            .into_iter()
            .filter(|key| kind.is_some() && !own.iter().any(|o| o.name == key.name))
        {
            let having = kinds().filter(|kind| kind.keys.iter().any(|k| k.name == key.name));
            let having: Vec<_> = having.map(|kind| format!("`kind = \"{}\"`", kind.name)).collect();
            of_no_effect(table, &[key.name], &having.join(" or "), f);
        }
        let values = own.iter().filter_map(|key| Some((key, read_value(key, table, f)?))).collect();
        let hosts = table.strings("hosts", f).unwrap_or_default();
        if hosts.is_empty() {
            table.missing("hosts", f);
        }
        let announces = kind.as_ref().and_then(|kind| kind.get_ref().server.as_ref()).is_none_or(|s| s.announces);
        if !announces {
            of_no_effect(table, &["health_gate"], "servers that announce a block", f);
        }
        let health_gate = table.boolean("health_gate", f).unwrap_or(false);
        Some(Self { name: table.required("name", f)?, kind, hosts, health_gate, values, span: table.span.clone() })
    }
}

impl ServiceEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Option<Self> {
        let transports = [("tcp", Transport::Tcp), ("udp", Transport::Udp)];
        let port = table.integer("port", 1..=65535, f);
        if table.get("port").is_none() {
            table.missing("port", f);
        }
        let transport = table.word("transport", &transports, f).map_or(Transport::Tcp, Spanned::into_inner);
        let members = table.strings("members", f).unwrap_or_default();
        if members.is_empty() {
            table.missing("members", f);
        }
        let (name, via) = (table.required("name", f), table.required("via", f));
        let port = u16::try_from(port.map_or(0, Spanned::into_inner)).unwrap_or(0);
        Some(Self { name: name?, via: via?, members, transport, port })
    }
}

impl Builder<'_> {
    pub(super) fn infrastructure(&mut self, entry: &InfrastructureEntry, pool: Pool) {
        let hosts = self.hosts(&entry.hosts);
        let kind = entry.kind.as_ref().map_or_else(Infrastructure::default, |kind| *kind.get_ref());
        let name = entry.name.get_ref().clone();
        if kind.server.as_ref().is_some_and(|server| server.places) {
            for host in hosts.iter().filter(|host| self.topology.place(**host).is_none()) {
                let message = format!("`{}` of {} `{name}` has no place", self.topology.node(*host).name, kind.title);
                let span = self.span_of(&entry.hosts, *host).unwrap_or_else(|| entry.span.clone());
                let found = self.problems.error("no-place", span, message);
                found.label("it chooses by geographic distance").help("give its stub `lat` and `lon`".to_owned());
            }
        }
        let announces = kind.server.as_ref().is_some_and(|server| server.announces);
        let block = announces.then(|| {
            let addresses = self.addresses(&[], pool, 1);
            let (name, members) = (name.clone(), hosts.clone());
            self.topology.groups.push(Group::new(name, addresses, None, members).into_block());
            GroupId(self.topology.groups.len() - 1)
        });
        let health_gate = entry.health_gate;
        let settings = entry.values.iter().map(|(key, value)| (key.name.to_owned(), value.clone())).collect();
        self.topology.infrastructures.push(Deployment { name, kind, hosts, settings, block, health_gate });
    }

    /// The infrastructure that an overlay or a service names; `None`: plain IP anycast, or nobody.
    pub(super) fn via(&mut self, name: &Spanned<String>) -> Option<usize> {
        let known = &self.topology.infrastructures;
        let found = known.iter().position(|deployment| deployment.name == *name.get_ref());
        if found.is_none() && name.get_ref() != Infrastructure::default().name {
            let names = known.iter().map(|d| d.name.as_str()).chain([Infrastructure::default().name]);
            let help = suggest(name.get_ref(), names);
            let message = format!("there is no infrastructure `{name}`");
            let found = self.problems.error("unknown-name", name.span(), message);
            found.label("neither `ip` nor an [[infrastructure]]").help(help);
        }
        found
    }

    pub(super) fn service(&mut self, entry: &ServiceEntry) {
        let members = self.hosts(&entry.members);
        let Some(via) = self.via(&entry.via) else {
            if entry.via.get_ref() == Infrastructure::default().name {
                let message = "a service over plain IP anycast is a [[group]]";
                let found = self.problems.error("no-infrastructure", entry.via.span(), message);
                found.label("its members announce its address").help("write [[group]] with `members`".to_owned());
            }
            return;
        };
        let kind = self.topology.infrastructures[via].kind;
        if let Some(why) = kind.server.as_ref().and_then(|server| server.no_programs) {
            let message = format!("{} brings nothing to programs that do not know it", kind.title);
            self.problems.error("not-available", entry.via.span(), message).label(why);
        }
        self.apart(entry.name.get_ref(), &members, Some(via), &entry.members);
        let by = self.by(via);
        let addresses = self.in_block(via, &entry.via.span());
        let owner = Some(Owner { overlay: None, part: Part(0), public: false, by });
        let name = entry.name.get_ref().clone();
        let group = GroupId(self.topology.groups.len());
        self.topology.groups.push(Group::new(name.clone(), addresses, owner, Vec::new()));
        let (transport, port) = (entry.transport, entry.port);
        self.free_for_service(&entry.name, port, transport, &members);
        self.topology.services.push(Service { name, via, members, transport, port, group });
    }

    fn by(&self, via: usize) -> By {
        if self.topology.infrastructures[via].block.is_some() { By::Servers } else { By::Nobody }
    }

    /// The next free address of an infrastructure's block; without a block, none.
    pub(super) fn in_block(&mut self, via: usize, at: &Range<usize>) -> Vec<IpAddr> {
        let Some(block) = self.topology.infrastructures[via].block else { return Vec::new() };
        let first = self.topology.groups[block.0].addresses.clone();
        let within: Vec<_> = self.topology.groups[block.0].prefixes().collect();
        let of_groups = self.topology.groups.iter().filter_map(|group| group.addresses.first());
        let taken = of_groups.filter(|address| within.iter().any(|net| net.contains(*address))).count();
        if taken > MOST_IN_BLOCK {
            let message = format!("`{}` has more than {MOST_IN_BLOCK} groups", self.topology.infrastructures[via].name);
            self.problems.error("too-many", at.clone(), message).label("each has an address in its block");
            return first;
        }
        let nth = |address: IpAddr| match address {
            IpAddr::V4(address) => IpAddr::V4((u32::from(address) + taken as u32).into()),
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) + taken as u128).into()),
        };
        first.into_iter().map(nth).collect()
    }

    /// Where a host is named in a list, by its own name or by its stub's.
    fn span_of(&self, names: &[Spanned<String>], host: NodeId) -> Option<Range<usize>> {
        let node = self.topology.node(host);
        let stub = self.topology.ases[node.as_id.0].name.as_str();
        let named = names.iter().find(|name| *name.get_ref() == node.name || name.get_ref() == stub);
        named.map(Spanned::span)
    }

    /// Servers are hosts of their own: a member on one would be its own first hop.
    pub(super) fn apart(&mut self, what: &str, members: &[NodeId], via: Option<usize>, names: &[Spanned<String>]) {
        let Some(deployment) = via.map(|via| &self.topology.infrastructures[via]) else { return };
        if let Some(both) = members.iter().find(|member| deployment.hosts.contains(member)).copied() {
            let (host, name) = (&self.topology.node(both).name, &deployment.name);
            let message = format!("`{host}` is a server of `{name}` and a member of `{what}`");
            let span = self.span_of(names, both).unwrap_or_default();
            let found = self.problems.error("is-a-server", span, message);
            found.label("its members are other hosts than its servers").help("leave it out of `members`".to_owned());
        }
    }

    /// Whether an overlay's keys ask its infrastructure for what it can do.
    pub(super) fn available(&mut self, entry: &OverlayEntry, kind: Infrastructure) {
        let of_overlay = |entry: &OverlayEntry| entry.via.as_ref().map_or(entry.name.span(), Spanned::span);
        let healing = entry.healing.healing.as_ref();
        if let Some(random) = healing.filter(|h| *h.get_ref() == Healing::RandomPeer)
            && let Err(why) = (kind.can)(&Question::Random)
        {
            let message = format!("{} has no random member", kind.title);
            self.problems.error("not-available", random.span(), message).label(why.to_string());
        }
        let announced = |healing: Healing| healing.has_colors() || healing.has_rendezvous();
        if kind.server.is_some() && healing.is_some_and(|h| announced(*h.get_ref())) {
            let message = format!("members of an overlay over {} announce nothing", kind.title);
            let span = healing.map_or_else(|| of_overlay(entry), Spanned::span);
            let found = self.problems.error("not-available", span, message);
            found
                .label("colors and the rendezvous are groups that members announce")
                .help("write healing = \"random-peer\"".to_owned());
        }
        if kind.server.is_some()
            && let Some(address) = entry.addresses.first()
        {
            let message = format!("over {} an overlay has no address of its own", kind.title);
            self.problems
                .error("not-available", address.span(), message)
                .label("its infrastructure gives it one, or none");
        }
    }
}
