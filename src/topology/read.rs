//! Reads a lab file's text into its shape, reporting every value that cannot be one.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnose::{Diagnostics, Problems};
use super::file::*;
use super::keys::{LONGEST, MILLISECOND, PRESETS, keys};
use super::model::*;
use super::pacing::read_mrai;
use super::size;
use super::table::{Table, duration, string, wrong_type};
use super::values::{read_addresses, read_asn, read_place};
use crate::overlay::auth::{KEY_LENGTH, Key};

impl LabFile {
    /// Reads the text; tables that cannot be read are reported and left out.
    ///
    /// # Errors
    /// The text is not TOML.
    pub(crate) fn read(text: &str, problems: &mut Problems) -> Result<Self, Diagnostics> {
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let span = error.span().unwrap_or_default();
            problems.error("syntax", span, format!("not TOML: {}", error.message())).label("here");
        }
        problems.errors()?;
        size::allow(size::nodes(document.get_ref()), problems)?;
        let span = document.span();
        let root = DeValue::Table(document.into_inner());
        let root = Table::new("the lab file", keys(""), Spanned::new(span, &root), problems)
            .expect("a TOML document is a table");
        Ok(Self::from_root(&root, problems))
    }

    fn from_root(root: &Table<'_>, problems: &mut Problems) -> Self {
        let f = problems;
        let lab = root.get("lab").and_then(|v| Table::new("[lab]", keys("lab"), v, f));
        let lab = lab.as_ref();
        let families = [("ipv4", FamilyChoice::Ipv4), ("ipv6", FamilyChoice::Ipv6), ("dual", FamilyChoice::Dual)];
        let backends = [("auto", Backend::Auto), ("netem", Backend::Netem), ("wire", Backend::Wire)];
        Self {
            name: lab.and_then(|t| t.string("name", f)),
            seed: lab.and_then(|t| t.integer("seed", 0..=u64::MAX >> 1, f)).map_or(1, Spanned::into_inner),
            family: lab.and_then(|t| t.word("family", &families, f)).map_or(FamilyChoice::Ipv4, Spanned::into_inner),
            timers: lab.and_then(|t| t.word("timers", PRESETS, f)).map_or(TimerPreset::Lab, Spanned::into_inner),
            duration: lab.and_then(|t| t.duration("duration", Duration::from_secs(1)..=LONGEST, f)),
            backend: lab.and_then(|t| t.word("backend", &backends, f)).map_or(Backend::Auto, Spanned::into_inner),
            // At the most, the other side of the earth is 10 s away.
            distance_factor: lab
                .and_then(|t| t.number("distance_factor", 0.0..=100.0, f))
                .map_or(1.0, Spanned::into_inner),
            roles: lab.and_then(|t| t.boolean("roles", f)).unwrap_or(true),
            multipath: lab.map(|t| MultipathEntry::read(t, f)).unwrap_or_default(),
            daemon: lab.and_then(|t| t.string("daemon", f)),
            mrai: lab.and_then(|t| read_mrai(t, f)),
            ases: read_all(root, "as", "[[as]]", f, AsEntry::read),
            links: read_all(root, "link", "[[link]]", f, LinkEntry::read),
            exchanges: read_all(root, "exchange", "[[exchange]]", f, ExchangeEntry::read),
            stubs: read_all(root, "stub", "[[stub]]", f, StubEntry::read),
            policies: read_all(root, "policy", "[[policy]]", f, PolicyEntry::read),
            groups: read_all(root, "group", "[[group]]", f, GroupEntry::read),
            roas: read_all(root, "roa", "[[roa]]", f, RoaEntry::read),
            rtr: RtrEntry::read(root, f),
            infrastructures: read_all(root, "infrastructure", "[[infrastructure]]", f, InfrastructureEntry::read),
            services: read_all(root, "service", "[[service]]", f, ServiceEntry::read),
            overlays: read_all(root, "overlay", "[[overlay]]", f, OverlayEntry::read),
            probe: root
                .get("probe")
                .and_then(|v| Table::new("[probe]", keys("probe"), v, f))
                .map(|t| ProbeEntry::read(&t, f)),
            flows: FlowsEntry::read(root, f),
            timeline: read_all(root, "timeline", "[[timeline]]", f, TimelineEntry::read),
            expectations: read_all(root, "expect", "[[expect]]", f, ExpectEntry::read),
        }
    }
}

fn read_all<T>(
    root: &Table<'_>,
    key: &'static str,
    name: &'static str,
    problems: &mut Problems,
    read: impl Fn(&Table<'_>, &mut Problems) -> Option<T>,
) -> Vec<T> {
    let tables = root.tables(key, name, keys(key), problems);
    tables.iter().filter_map(|table| read(table, problems)).collect()
}

impl AsEntry {
    fn read(table: &Table<'_>, f: &mut Problems) -> Option<Self> {
        let (routers, links) = (read_routers(table, f), read_links(table, f).unwrap_or_default());
        let (asn, graphml) = (read_asn(table, f), table.string("graphml", f));
        let part = table.word("graphml_part", &[("whole", false), ("largest", true)], f);
        if let (Some(part), None) = (&part, &graphml) {
            f.error("nothing-to-part", part.span(), "`graphml_part` without `graphml`").label("part of what?");
        }
        let (multipath, daemon) = (MultipathEntry::read(table, f), table.string("daemon", f));
        Some(Self {
            name: table.required("name", f)?,
            asn,
            routers,
            links,
            graphml,
            largest_part: part.is_some_and(Spanned::into_inner),
            multipath,
            conduct: Conduct::read(table, f),
            daemon,
            damping: Damping::read(table, f),
        })
    }
}

fn read_routers(table: &Table<'_>, f: &mut Problems) -> Option<Vec<RouterEntry>> {
    let items = table.array("routers", f)?;
    Some(items.into_iter().filter_map(|value| RouterEntry::read(value, f)).collect())
}

fn read_links(table: &Table<'_>, f: &mut Problems) -> Option<Vec<InnerLink>> {
    let items = table.array("links", f)?;
    Some(items.into_iter().filter_map(|value| InnerLink::read(value, f)).collect())
}

impl RouterEntry {
    fn read(value: Spanned<&DeValue<'_>>, f: &mut Problems) -> Option<Self> {
        match value.get_ref() {
            DeValue::String(_) => Some(Self { name: string("routers", value, f)?, place: None, daemon: None }),
            DeValue::Table(_) => {
                let table = Table::new("a router", keys("as.routers"), value, f)?;
                let (place, daemon) = (read_place(&table, f), table.string("daemon", f));
                Some(Self { name: table.required("name", f)?, place, daemon })
            }
            _ => {
                let found = wrong_type("routers", "a list of names or tables", &value, f);
                found.help("write \"sea\" or { name = \"sea\", lat = 47.6, lon = -122.3 }".to_owned());
                None
            }
        }
    }
}

impl InnerLink {
    fn read(value: Spanned<&DeValue<'_>>, f: &mut Problems) -> Option<Self> {
        match value.get_ref() {
            DeValue::String(_) => string("links", value, f).map(Self::Short),
            DeValue::Table(_) => {
                let table = Table::new("a link", keys("as.links"), value, f)?;
                // OSPF's largest metric of an interface is 65535 (RFC 2328 §A.4.2).
                let cost = table.integer("cost", 1..=65535, f).map_or(10, |c| *c.get_ref() as u32);
                let (a, b, name) = (table.required("a", f), table.required("b", f), table.string("name", f));
                let options = Box::new(LinkOptions::read(&table, ["ab", "ba"], f));
                Some(Self::Long { a: a?, b: b?, cost, name, options })
            }
            _ => {
                let found = wrong_type("links", "a list of strings or tables", &value, f);
                found.help("write \"sea-sun\" or { a = \"sea\", b = \"sun\", cost = 5 }".to_owned());
                None
            }
        }
    }
}

impl LinkEntry {
    fn read(table: &Table<'_>, f: &mut Problems) -> Option<Self> {
        let relations = [("customer", Relation::Customer), ("provider", Relation::Provider), ("peer", Relation::Peer)];
        if table.get("relation").is_none() {
            table.missing("relation", f);
        }
        let relation = table.word("relation", &relations, f);
        let (a, b, name) = (table.required("a", f), table.required("b", f), table.string("name", f));
        let options = LinkOptions::of_session(table, ["ab", "ba"], f);
        let (over, relation) = (table.string("over", f), relation.map_or(Relation::Peer, Spanned::into_inner));
        Some(Self { a: a?, b: b?, relation, name, over, options })
    }
}

impl StubEntry {
    fn read(table: &Table<'_>, f: &mut Problems) -> Option<Self> {
        let (asn, place) = (read_asn(table, f), read_place(table, f));
        // A port at an exchange does as well.
        let listed = table.array("uplinks", f).unwrap_or_default();
        let bare = listed.is_empty().then(|| table.get("uplinks").map(|value| value.span()));
        let uplinks = listed.into_iter().filter_map(|value| Uplink::read(value, f)).collect();
        // The gateway is `a` of these links, and a host `b`.
        let access = table.table("access", "`access`", keys("stub.access"), f);
        let access = access.map(|t| LinkOptions::read(&t, ["down", "up"], f)).unwrap_or_default();
        let (members, clients) = (Hosts::read("members", table, f), Hosts::read("clients", table, f));
        let (multipath, daemon) = (MultipathEntry::read(table, f), table.string("daemon", f));
        let conduct = Conduct::read(table, f);
        let (routers, links) = (read_routers(table, f), read_links(table, f));
        let name = table.required("name", f)?;
        let bare = bare.map(|given| given.unwrap_or_else(|| table.span.clone()));
        let of = Self {
            name,
            asn,
            place,
            routers,
            links,
            uplinks,
            bare,
            access,
            members,
            clients,
            multipath,
            conduct,
            daemon,
        };
        Some(of)
    }
}

impl Uplink {
    fn read(value: Spanned<&DeValue<'_>>, f: &mut Problems) -> Option<Self> {
        match value.get_ref() {
            DeValue::String(_) => string("uplinks", value, f).map(|to| Self {
                to,
                over: None,
                from: None,
                options: LinkOptions::default(),
                policy: PolicyOptions::default(),
            }),
            DeValue::Table(_) => {
                let table = Table::new("an uplink", keys("stub.uplinks"), value, f)?;
                let options = LinkOptions::of_session(&table, ["up", "down"], f);
                let policy = PolicyOptions::read(&table, f);
                let (over, from) = (table.string("over", f), table.string("from", f));
                Some(Self { to: table.required("to", f)?, over, from, options, policy })
            }
            _ => {
                let found = wrong_type("uplinks", "a list of routers or tables", &value, f);
                found.help("write \"sea\" or { to = \"sea\", delay = \"5ms\" }".to_owned());
                None
            }
        }
    }
}

impl OverlayEntry {
    fn read(table: &Table<'_>, f: &mut Problems) -> Option<Self> {
        let second = Duration::from_secs(1);
        let name = table.required("name", f);
        let all = matches!(table.get("members").as_ref().map(|v| v.get_ref()), Some(DeValue::String(s)) if s == "all");
        let members = (!all && table.get("members").is_some()).then(|| read_names(table, "members", f));
        let bootstraps = [("anycast", Bootstrap::Anycast), ("well-known", Bootstrap::WellKnown)];
        let lookups = [("iterative", LookupMode::Iterative), ("recursive", LookupMode::Recursive)];
        let rest = Self {
            name: Spanned::new(0..0, String::new()),
            protocol: ProtocolEntry::read(table, f),
            via: table.string("via", f),
            members,
            addresses: read_addresses(table, f),
            bootstrap: table.word("bootstrap", &bootstraps, f),
            well_known: table.strings("well_known", f).unwrap_or_default(),
            healing: HealingEntry::read(table, f),
            redirect: RedirectEntry::read(table, f),
            health_gate: table.boolean("health_gate", f).unwrap_or(false),
            lookup: table.word("lookup", &lookups, f).map_or(LookupMode::Recursive, Spanned::into_inner),
            replicas: table.integer("replicas", 1..=32, f),
            stabilize_every: read_time(table, "stabilize_every", 10 * MILLISECOND..=60 * second, second / 2, f),
            rpc_timeout: read_time(table, "rpc_timeout", 10 * MILLISECOND..=60 * second, 300 * MILLISECOND, f),
            rpc_tries: table.integer("rpc_tries", 1..=10, f).map_or(2, |n| *n.get_ref() as u32),
            lookups_per_second: table.number("lookups_per_second", 0.0..=10_000.0, f),
            beyond: BeyondEntry::read(table, f),
            key: read_key(table, f),
        };
        Some(Self { name: name?, ..rest })
    }
}

/// The passphrase is not repeated in words: a lab's output may be shown around.
fn read_key(table: &Table<'_>, f: &mut Problems) -> Option<Key> {
    let given = table.string("key", f)?;
    let key = Key::new(given.get_ref());
    if key.is_none() {
        let (shortest, longest) = (KEY_LENGTH.start(), KEY_LENGTH.end());
        let found = f.error("out-of-range", given.span(), "`key` is too short or too long");
        found.label(format!("a passphrase has {shortest} to {longest} bytes, this one has {}", given.get_ref().len()));
    }
    key
}

impl ProbeEntry {
    pub(crate) const EVERY: Duration = Duration::from_millis(20);
    pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);

    fn read(table: &Table<'_>, f: &mut Problems) -> Self {
        let minute = Duration::from_secs(60);
        Self {
            span: table.span.clone(),
            groups: table.strings("groups", f),
            every: read_time(table, "every", MILLISECOND..=minute, Self::EVERY, f),
            timeout: read_time(table, "timeout", 10 * MILLISECOND..=minute, Self::TIMEOUT, f),
        }
    }
}

impl TimelineEntry {
    fn read(table: &Table<'_>, f: &mut Problems) -> Option<Self> {
        for key in ["at", "do"] {
            if table.get(key).is_none() {
                table.missing(key, f);
            }
        }
        let at = table.duration("at", Duration::ZERO..=LONGEST, f);
        let over = table.duration("over", MILLISECOND..=LONGEST, f);
        let actions = table.one_or_more("do", f);
        Some(Self { at: at?, actions: actions?, over })
    }
}

impl ExpectEntry {
    fn read(table: &Table<'_>, f: &mut Problems) -> Option<Self> {
        let at = table.duration("at", Duration::ZERO..=LONGEST, f);
        let within = table.duration("within", Duration::ZERO..=LONGEST, f);
        let during = table.get("during").and_then(|v| read_window(table, v.span(), f));
        let until = table.duration("until", Duration::ZERO..=LONGEST, f);
        let name = table.string("name", f);
        let never = table.string("never", f);
        if let (Some(never), Some(that)) = (&never, table.get("that")) {
            let found = f.error("that-and-never", never.span(), "`that` and `never` exclude one another");
            found.label("what must not hold").also(that.span(), "what must").help("write two expectations".to_owned());
            return None;
        }
        let is_never = never.is_some();
        if table.get("that").or(table.get("never")).is_none() {
            let found = f.error("missing-key", table.span.clone(), format!("{} needs `that` or `never`", table.name));
            found.label("what is expected?");
        }
        let that = if table.get("never").is_some() { never? } else { table.string("that", f)? };
        Some(Self { name, that, never: is_never, at, within, during, until })
    }
}

/// `during = ["20s", "30s"]`.
fn read_window(table: &Table<'_>, span: Range<usize>, f: &mut Problems) -> Option<Spanned<(Duration, Duration)>> {
    let items = table.array("during", f)?;
    let count = items.len();
    let times: Vec<_> = items.into_iter().filter_map(|v| duration("during", v, Duration::ZERO..=LONGEST, f)).collect();
    match &times[..] {
        [from, to] if from.get_ref() < to.get_ref() => Some(Spanned::new(span, (*from.get_ref(), *to.get_ref()))),
        [_, _] => {
            f.error("empty-window", span, "`during` ends before it begins").label("from, to");
            None
        }
        _ => {
            if count != 2 {
                f.error("wrong-type", span, "`during` needs two times").label("write [\"20s\", \"30s\"]");
            }
            None
        }
    }
}

fn read_time(
    table: &Table<'_>,
    key: &str,
    range: RangeInclusive<Duration>,
    default: Duration,
    f: &mut Problems,
) -> Duration {
    table.duration(key, range, f).map_or(default, Spanned::into_inner)
}

/// A list of names that must not be empty.
pub(super) fn read_names(table: &Table<'_>, key: &str, f: &mut Problems) -> Vec<Spanned<String>> {
    let items = read_items(table, key, f);
    items.into_iter().filter_map(|value| string(key, value, f)).collect()
}

/// A list that must not be empty.
pub(super) fn read_items<'a>(table: &Table<'a>, key: &str, f: &mut Problems) -> Vec<Spanned<&'a DeValue<'a>>> {
    let Some(value) = table.get(key) else {
        table.missing(key, f);
        return Vec::new();
    };
    if matches!(value.get_ref(), DeValue::Array(items) if items.is_empty()) {
        f.error("empty-list", value.span(), format!("`{key}` of {} is empty", table.name)).label("needs one at least");
    }
    table.array(key, f).unwrap_or_default()
}
