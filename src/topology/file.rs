//! The shape of a lab file: its tables and keys, each value with its place in the text.
//!
//! Nothing is looked up here; [`super::check`] gives names their meaning.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::LazyLock;
use std::time::Duration;

use toml::Spanned;

use super::flows::FlowsEntry;
use super::model::*;
use super::multipath::MultipathEntry;
use super::overlays::{HealingEntry, ProtocolEntry, RedirectEntry};
use crate::overlay::Protocol;
use crate::overlay::auth::Key;
use crate::physics::Properties;

/// Keys of a table, and after them those of a link's physics.
macro_rules! with_physics {
    ($($key:literal),*) => {
        &[$($key,)* "delay", "jitter", "loss", "rate", "queue", "reorder", "duplicate", "corrupt"]
    };
}

/// Every table of a lab file and its keys. Tables with a dot are items of another table's list.
pub static KEYS: LazyLock<Vec<(&str, &[&str])>> = LazyLock::new(|| {
    let with_protocols = |(table, keys): &(&'static str, &'static [&'static str])| {
        let own = Protocol::all_keys().into_iter().map(|key| key.name).filter(|_| *table == "overlay");
        let all: Vec<&'static str> = keys.iter().copied().chain(own).collect();
        (*table, &*all.leak())
    };
    TABLES.iter().map(with_protocols).collect()
});

/// The same without the keys that belong to protocols.
const TABLES: &[(&str, &[&str])] = &[
    ("", &["lab", "as", "link", "stub", "group", "overlay", "probe", "flows", "timeline", "expect"]),
    (
        "lab",
        &["name", "seed", "family", "timers", "duration", "backend", "distance_factor", "multipath", "multipath_hash"],
    ),
    ("as", &["name", "asn", "routers", "links", "graphml", "graphml_part", "multipath", "multipath_hash"]),
    ("as.routers", &["name", "lat", "lon"]),
    ("as.links", with_physics!["a", "b", "cost", "name", "bfd", "ab", "ba"]),
    ("link", with_physics!["a", "b", "relation", "name", "bfd", "hold", "timers", "graceful_restart", "ab", "ba"]),
    // One direction of any link: `ab`, `ba`, `up` or `down`.
    ("link.ab", with_physics![]),
    ("stub", &["name", "asn", "lat", "lon", "uplinks", "access", "members", "clients", "multipath", "multipath_hash"]),
    ("stub.uplinks", with_physics!["to", "bfd", "hold", "timers", "graceful_restart", "up", "down"]),
    ("stub.access", with_physics!["bfd", "hold", "timers", "graceful_restart", "up", "down"]),
    ("group", &["name", "address", "members"]),
    (
        "overlay",
        &[
            "name",
            "protocol",
            "members",
            "address",
            "bootstrap",
            "well_known",
            "healing",
            "coloring",
            "colors",
            "heal_every",
            "remember",
            "rendezvous_epoch",
            "rendezvous_listen",
            "redirect",
            "join_capacity",
            "drain_above",
            "return_below",
            "lookup",
            "replicas",
            "stabilize_every",
            "rpc_timeout",
            "rpc_tries",
            "lookups_per_second",
            "key",
        ],
    ),
    ("probe", &["groups", "every", "timeout"]),
    ("flows", &["groups", "protocols", "per_client", "every", "timeout"]),
    ("timeline", &["at", "do", "over"]),
    ("expect", &["name", "that", "never", "at", "within", "during", "until"]),
];

/// Keys that a table does not have, though one might look for them there, and what to do instead.
pub(crate) const ELSEWHERE: &[(&str, &[&str], &str)] = &[
    (
        "a link",
        &["hold", "timers", "graceful_restart"],
        "a link inside an AS carries no BGP session: quicken OSPF with `bfd`, or with `timers` of [lab]",
    ),
    ("a link", &["up", "down"], "its directions are `ab`, from a to b, and `ba`"),
    ("[[link]]", &["up", "down"], "its directions are `ab`, from a to b, and `ba`"),
    ("an uplink", &["ab", "ba"], "its directions are `up`, from the stub to the router, and `down`"),
    ("`access`", &["ab", "ba"], "its directions are `up`, from a host to the gateway, and `down`"),
    (
        "[[stub]]",
        with_physics!["bfd", "hold", "timers", "graceful_restart"],
        "write it in `access` for the links of the hosts, in `uplinks` for those to other ASes: { to = \"…\", … }",
    ),
];

/// A lab file as written, with defaults for everything but what depends on names.
#[derive(Debug)]
pub(crate) struct LabFile {
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) seed: u64,
    pub(crate) family: FamilyChoice,
    pub(crate) timers: TimerPreset,
    pub(crate) duration: Option<Spanned<Duration>>,
    pub(crate) backend: Backend,
    pub(crate) distance_factor: f64,
    pub(crate) multipath: MultipathEntry,
    pub(crate) ases: Vec<AsEntry>,
    pub(crate) links: Vec<LinkEntry>,
    pub(crate) stubs: Vec<StubEntry>,
    pub(crate) groups: Vec<GroupEntry>,
    pub(crate) overlays: Vec<OverlayEntry>,
    pub(crate) probe: Option<ProbeEntry>,
    pub(crate) flows: Option<FlowsEntry>,
    pub(crate) timeline: Vec<TimelineEntry>,
    pub(crate) expectations: Vec<ExpectEntry>,
}

#[derive(Debug)]
pub(crate) struct AsEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) asn: Option<Spanned<u32>>,
    pub(crate) routers: Option<Vec<RouterEntry>>,
    pub(crate) links: Vec<InnerLink>,
    pub(crate) graphml: Option<Spanned<String>>,
    /// Of a graph in parts, the largest.
    pub(crate) largest_part: bool,
    pub(crate) multipath: MultipathEntry,
}

#[derive(Debug)]
pub(crate) struct RouterEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) place: Option<Place>,
}

/// An item of `links` of an AS.
#[derive(Debug)]
pub(crate) enum InnerLink {
    /// `A-B`.
    Short(Spanned<String>),
    Long {
        a: Spanned<String>,
        b: Spanned<String>,
        cost: u32,
        name: Option<Spanned<String>>,
        options: Box<LinkOptions>,
    },
}

/// What the table of a link, or that of all links to a stub's hosts, says of physics and sessions.
#[derive(Debug, Default)]
pub(crate) struct LinkOptions {
    pub(crate) both: Written,
    /// What wins over `both` from `a` to `b`, and back.
    pub(crate) each: [Written; 2],
    pub(crate) session: SessionOptions,
    pub(crate) span: Range<usize>,
}

/// Properties, and where each value stands.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) properties: Properties,
    pub(crate) spans: Vec<(&'static str, Range<usize>)>,
    /// A value was refused: what is here is not all.
    pub(crate) wrong: bool,
}

#[derive(Debug)]
pub(crate) struct LinkEntry {
    pub(crate) a: Spanned<String>,
    pub(crate) b: Spanned<String>,
    pub(crate) relation: Relation,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) options: LinkOptions,
}

#[derive(Debug)]
pub(crate) struct StubEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) asn: Option<Spanned<u32>>,
    pub(crate) place: Option<Place>,
    pub(crate) uplinks: Vec<Uplink>,
    pub(crate) access: LinkOptions,
    pub(crate) members: Hosts,
    pub(crate) clients: Hosts,
    pub(crate) multipath: MultipathEntry,
}

/// `"sea"` or `{ to = "sea", delay = "5ms" }`.
#[derive(Debug)]
pub(crate) struct Uplink {
    pub(crate) to: Spanned<String>,
    pub(crate) options: LinkOptions,
}

/// `members = 6` or `members = ["alice"]`.
#[derive(Debug)]
pub(crate) enum Hosts {
    Count(u64),
    Names(Vec<Spanned<String>>),
}

#[derive(Debug)]
pub(crate) struct GroupEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) addresses: Vec<Spanned<IpAddr>>,
    pub(crate) members: Vec<Spanned<String>>,
}

#[derive(Debug)]
pub(crate) struct OverlayEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) protocol: ProtocolEntry,
    /// `None`: all members of all stubs.
    pub(crate) members: Option<Vec<Spanned<String>>>,
    pub(crate) addresses: Vec<Spanned<IpAddr>>,
    pub(crate) bootstrap: Option<Spanned<Bootstrap>>,
    pub(crate) well_known: Vec<Spanned<String>>,
    pub(crate) healing: HealingEntry,
    pub(crate) redirect: RedirectEntry,
    pub(crate) lookup: LookupMode,
    pub(crate) replicas: Option<Spanned<u64>>,
    pub(crate) stabilize_every: Duration,
    pub(crate) rpc_timeout: Duration,
    pub(crate) rpc_tries: u32,
    pub(crate) lookups_per_second: f64,
    pub(crate) key: Option<Key>,
}

#[derive(Debug)]
pub(crate) struct ProbeEntry {
    pub(crate) span: Range<usize>,
    pub(crate) groups: Option<Vec<Spanned<String>>>,
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
}

#[derive(Debug)]
pub(crate) struct TimelineEntry {
    pub(crate) at: Spanned<Duration>,
    pub(crate) actions: Vec<Spanned<String>>,
    pub(crate) over: Option<Spanned<Duration>>,
}

#[derive(Debug)]
pub(crate) struct ExpectEntry {
    pub(crate) name: Option<Spanned<String>>,
    /// What must hold, or with `never` must not.
    pub(crate) that: Spanned<String>,
    pub(crate) never: bool,
    pub(crate) at: Option<Spanned<Duration>>,
    pub(crate) within: Option<Spanned<Duration>>,
    pub(crate) during: Option<Spanned<(Duration, Duration)>>,
    pub(crate) until: Option<Spanned<Duration>>,
}
