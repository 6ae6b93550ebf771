//! Groups as prefixes: what is announced for one, by whom, and to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;
use toml::Spanned;

use super::address::Pool;
use super::check::Builder;
use super::diagnose::{Problems, suggest};
use super::file::GroupEntry;
use super::model::*;
use super::origin::Origination;
use super::policy::{Community, Direction, Pattern, Policy, Then, Which};
use super::read::read_names;
use super::table::Table;
use super::values::read_addresses;

/// What a lab, or its kernels, use otherwise.
const TAKEN: [&str; 10] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "224.0.0.0/3",
    "::/16",
    "fd00::/16",
    "fe80::/10",
    "ff00::/8",
];

impl GroupEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Option<Self> {
        let (addresses, members) = (read_addresses(table, f), read_names(table, "members", f));
        let prefixes = read_prefixes(table, "prefix", f);
        let local = table.one_or_more("local", f).unwrap_or_default();
        let by = table.word("announced_by", &[("hosts", false), ("border", true)], f);
        let by_border = by.filter(|by| *by.get_ref()).map(|by| by.span());
        Some(Self { name: table.required("name", f)?, addresses, prefixes, members, local, by_border })
    }

    /// Whether it needs none of the pool's.
    pub(super) fn has_addresses(&self, families: usize) -> bool {
        self.addresses.len() >= families || !self.prefixes.is_empty()
    }

    /// Where the file says what is announced.
    pub(super) fn place(&self) -> Range<usize> {
        let address = || self.addresses.first().map_or(self.name.span(), Spanned::span);
        self.prefixes.first().map_or_else(address, Spanned::span)
    }
}

/// A prefix, or a list of them.
pub(super) fn read_prefixes(table: &Table<'_>, key: &str, f: &mut Problems) -> Vec<Spanned<IpNet>> {
    let texts = table.one_or_more(key, f).unwrap_or_default();
    let mut read = |text: &Spanned<String>| {
        let prefix = prefix_of(text.get_ref(), text, "such as \"198.51.100.0/24\"", f)?;
        Some(Spanned::new(text.span(), prefix))
    };
    texts.iter().filter_map(&mut read).collect()
}

/// The prefix that a part of a text is, which is written `such as`.
pub(super) fn prefix_of(part: &str, text: &Spanned<String>, such_as: &str, f: &mut Problems) -> Option<IpNet> {
    match part.parse::<IpNet>() {
        Ok(prefix) if prefix.trunc() == prefix => return Some(prefix),
        Ok(prefix) => {
            let message = format!("`{part}` has bits after its length");
            let found = f.error("not-a-prefix", text.span(), message);
            found.label("no prefix is announced like this").help(format!("it is within {}", prefix.trunc()));
        }
        Err(_) => {
            f.error("not-a-prefix", text.span(), format!("`{text}` is no prefix")).label(such_as);
        }
    }
    None
}

impl Builder<'_> {
    /// Adds the `number`th `[[group]]`.
    pub(super) fn plain_group(&mut self, entry: &GroupEntry, number: usize) {
        let announced = self.announced(entry);
        let addresses = match announced.is_empty() {
            true => self.addresses(&entry.addresses, Pool(0), number),
            false => self.addresses_in(entry, &announced, number),
        };
        let members = self.hosts(&entry.members);
        let mut group = Group::new(entry.name.get_ref().clone(), addresses, None, members);
        if !announced.is_empty() {
            group.announced = announced;
        }
        group.by_border = entry.by_border.is_some();
        self.topology.groups.push(group);
    }

    /// A prefix of each family of the lab; empty: the file names none.
    fn announced(&mut self, entry: &GroupEntry) -> Vec<IpNet> {
        let Some(first) = entry.prefixes.first() else { return Vec::new() };
        let families = self.topology.family.families();
        let mut announced = Vec::new();
        for family in families {
            let mut own = entry.prefixes.iter().filter(|prefix| Family::of(prefix.get_ref().addr()) == *family);
            match own.next() {
                Some(prefix) => announced.push(*prefix.get_ref()),
                None => {
                    let message = format!("the lab speaks {family}, and `{}` has no such prefix", entry.name);
                    let found = self.problems.error("wrong-family", first.span(), message);
                    found.label("of another family").help("give one of each family, in a list".to_owned());
                }
            }
            if let Some(second) = own.next() {
                let message = "a group has one prefix of each family";
                let found = self.problems.error("two-prefixes", second.span(), message);
                found.label("a second one of its family").help("a group of its own may announce it".to_owned());
            }
        }
        for prefix in &entry.prefixes {
            let taken = TAKEN.iter().filter_map(|taken| taken.parse::<IpNet>().ok());
            if let Some(taken) = taken.into_iter().find(|taken| overlap(taken, prefix.get_ref())) {
                let message = format!("{} cannot be a group's prefix", prefix.get_ref());
                let found = self.problems.error("reserved-address", prefix.span(), message);
                found.label(format!("{taken} is used by the lab itself, or not unicast")).help(
                    "the documentation prefixes are free: 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32".to_owned(),
                );
            }
        }
        if announced.len() < families.len() { Vec::new() } else { announced }
    }

    /// The file's, or of a prefix the one with this number.
    fn addresses_in(&mut self, entry: &GroupEntry, announced: &[IpNet], number: usize) -> Vec<IpAddr> {
        let of = |prefix: &IpNet| {
            let own = entry.addresses.iter().find(|a| a.get_ref().is_ipv4() == prefix.addr().is_ipv4());
            let Some(address) = own else { return nth(prefix, number) };
            if !prefix.contains(address.get_ref()) {
                let message = format!("{} is not in {prefix}", address.get_ref());
                let found = self.problems.error("outside-prefix", address.span(), message);
                found.label(format!("`{}` would not be reached there", entry.name));
            }
            *address.get_ref()
        };
        let addresses: Vec<IpAddr> = announced.iter().map(of).collect();
        // The family and the like of what is given.
        let given: Vec<_> = entry.addresses.iter().filter(|a| addresses.contains(a.get_ref())).cloned().collect();
        self.addresses(&given, Pool(0), 1);
        addresses
    }

    /// What groups' prefixes are to one another, and who announces them to whom.
    pub(super) fn prefixes(&mut self, entries: &[GroupEntry], spans: &[(usize, Range<usize>)]) {
        let span_of = |index: usize| spans.iter().rfind(|(start, _)| *start <= index).map(|(_, span)| span.clone());
        let mut seen: BTreeMap<IpNet, usize> = BTreeMap::new();
        for index in 0..self.topology.groups.len() {
            for prefix in self.topology.groups[index].announced.clone() {
                // Of the same address, that has been said.
                if let Some(first) = seen.insert(prefix, index)
                    && prefix.prefix_len() < prefix.max_prefix_len()
                {
                    let (mine, theirs) = (&self.topology.groups[index].name, &self.topology.groups[first].name);
                    let message = format!("groups `{theirs}` and `{mine}` both announce {prefix}");
                    let found = self.problems.error("duplicate-prefix", span_of(index).unwrap_or_default(), message);
                    found
                        .label(format!("`{mine}`"))
                        .also(span_of(first).unwrap_or_default(), format!("`{theirs}`"))
                        .help("one group may have members in many stubs".to_owned());
                }
            }
        }
        for (index, entry) in entries.iter().enumerate() {
            self.alone(index, entry);
            self.border(index, entry);
            self.local(index, entry);
        }
    }

    /// Members of a plain group answer at all plain groups' addresses in its prefix, not at those of others.
    fn alone(&mut self, index: usize, entry: &GroupEntry) {
        let group = &self.topology.groups[index];
        let plain = entry_count(&self.topology);
        let others =
            self.topology.groups.iter().skip(plain).filter(|other| other.addresses.iter().any(|a| group.covers(*a)));
        if let Some(other) = others.into_iter().next() {
            let message = format!("addresses of `{}` are in {}", other.name, entry.place_text(group));
            let found = self.problems.error("overlapping-prefix", entry.place(), message);
            found.label("only plain groups may be in it").help("take another prefix".to_owned());
        }
    }

    fn border(&mut self, index: usize, entry: &GroupEntry) {
        let Some(span) = &entry.by_border else { return };
        let group = &self.topology.groups[index];
        if group.announced.iter().any(|prefix| prefix.prefix_len() == prefix.max_prefix_len()) {
            let message = format!("a gateway that announces `{}` needs a prefix", entry.name);
            let found = self.problems.error("border-address", span.clone(), message);
            found
                .label("to one address the members' own routes lead")
                .help("add prefix = \"198.51.100.0/24\", in which the members' addresses are".to_owned());
        }
        let sites: BTreeSet<AsId> = group.members.iter().map(|m| self.topology.node(*m).as_id).collect();
        let at = sites.iter().flat_map(|site| self.topology.ases[site.0].routers.iter().copied());
        let of = |at: NodeId| group.announced.iter().map(move |prefix| (at, *prefix));
        let made = at.flat_map(of).map(|(at, prefix)| Origination {
            at,
            group: GroupId(index),
            prefix,
            communities: Vec::new(),
            to: None,
            claims: None,
        });
        let made: Vec<_> = made.collect();
        self.topology.originations.extend(made);
    }

    /// Gateways of local sites tell their neighbors to keep it to themselves (RFC 4786 §4.3).
    fn local(&mut self, index: usize, entry: &GroupEntry) {
        for name in &entry.local {
            let members = &self.topology.groups[index].members;
            let sites = members.iter().map(|m| self.topology.node(*m).as_id);
            let sites: Vec<AsId> = sites.collect();
            let Some(stub) = sites.iter().copied().find(|site| self.topology.ases[site.0].name == *name.get_ref())
            else {
                let known = sites.iter().map(|site| self.topology.ases[site.0].name.as_str());
                let help = suggest(name.get_ref(), known);
                let message = format!("no member of `{}` is in a stub `{name}`", entry.name);
                self.problems.error("unknown-name", name.span(), message).label("not a site").help(help);
                continue;
            };
            let announced = self.topology.groups[index].announced.iter();
            let prefixes = announced.map(|prefix| Pattern { prefix: *prefix, longer: false }).collect();
            let which = Which { prefixes, ..Which::default() };
            let then = Then { add: vec![Community::NO_EXPORT], ..Then::default() };
            for link in self.topology.spoken(stub) {
                let Some(at) = self.topology.gateway_at(stub, link) else { continue };
                let (which, then) = (which.clone(), then.clone());
                self.topology.policies.push(Policy { at, link, direction: Direction::Export, which, then });
            }
        }
    }
}

impl GroupEntry {
    fn place_text(&self, group: &Group) -> String {
        group.announced.iter().map(IpNet::to_string).collect::<Vec<_>>().join(" and ")
    }
}

/// Plain groups of the file come first.
fn entry_count(topology: &Topology) -> usize {
    let blocks: Vec<GroupId> = topology.infrastructures.iter().filter_map(|d| d.block).collect();
    let plain = |(index, group): &(usize, &Group)| group.is_plain() && !blocks.contains(&GroupId(*index));
    topology.groups.iter().enumerate().take_while(plain).count()
}

fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(&b.addr()) || b.contains(&a.addr())
}

/// An address of a prefix: the one with this number, or the lowest that a host may have.
fn nth(prefix: &IpNet, number: usize) -> IpAddr {
    let plus = |number: usize| match prefix.addr() {
        IpAddr::V4(a) => u32::from(a).checked_add(u32::try_from(number).ok()?).map(|a| IpAddr::V4(a.into())),
        IpAddr::V6(a) => u128::from(a).checked_add(number as u128).map(|a| IpAddr::V6(a.into())),
    };
    let inside = |address: &IpAddr| prefix.contains(address) && Some(*address) != last(prefix);
    [number, 1].into_iter().filter_map(plus).find(inside).unwrap_or(prefix.addr())
}

/// IPv4's broadcast address.
fn last(prefix: &IpNet) -> Option<IpAddr> {
    match prefix {
        IpNet::V4(net) if net.prefix_len() < 31 => Some(net.broadcast().into()),
        _ => None,
    }
}
