//! The shape of a lab file: its tables and keys, each value with its place in the text.
//!
//! Nothing is looked up here; [`super::check`] gives names their meaning.

use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::model::{Bootstrap, FamilyChoice, Healing, LookupMode, Place, Protocol, Relation, TimerPreset};

/// Every table of a lab file and its keys. Tables with a dot are items of another table's list.
pub const KEYS: &[(&str, &[&str])] = &[
    ("", &["lab", "as", "link", "stub", "group", "overlay", "probe", "timeline", "expect"]),
    ("lab", &["name", "seed", "family", "timers", "duration"]),
    ("as", &["name", "asn", "routers", "links", "graphml"]),
    ("as.routers", &["name", "lat", "lon"]),
    ("as.links", &["a", "b", "cost", "name"]),
    ("link", &["a", "b", "relation", "name"]),
    ("stub", &["name", "asn", "lat", "lon", "uplinks", "members", "clients"]),
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
            "colors",
            "heal_every",
            "lookup",
            "successors",
            "replicas",
            "stabilize_every",
            "rpc_timeout",
            "rpc_tries",
            "lookups_per_second",
        ],
    ),
    ("probe", &["groups", "every", "timeout"]),
    ("timeline", &["at", "do", "over"]),
    ("expect", &["name", "that", "at", "within", "during"]),
];

/// A lab file as written, with defaults for everything but what depends on names.
#[derive(Debug)]
pub(crate) struct LabFile {
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) seed: u64,
    pub(crate) family: FamilyChoice,
    pub(crate) timers: TimerPreset,
    pub(crate) duration: Option<Spanned<Duration>>,
    pub(crate) ases: Vec<AsEntry>,
    pub(crate) links: Vec<LinkEntry>,
    pub(crate) stubs: Vec<StubEntry>,
    pub(crate) groups: Vec<GroupEntry>,
    pub(crate) overlays: Vec<OverlayEntry>,
    pub(crate) probe: Option<ProbeEntry>,
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
    },
}

#[derive(Debug)]
pub(crate) struct LinkEntry {
    pub(crate) a: Spanned<String>,
    pub(crate) b: Spanned<String>,
    pub(crate) relation: Relation,
    pub(crate) name: Option<Spanned<String>>,
}

#[derive(Debug)]
pub(crate) struct StubEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) asn: Option<Spanned<u32>>,
    pub(crate) place: Option<Place>,
    pub(crate) uplinks: Vec<Spanned<String>>,
    pub(crate) members: Hosts,
    pub(crate) clients: Hosts,
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
    pub(crate) protocol: Protocol,
    /// `None`: all members of all stubs.
    pub(crate) members: Option<Vec<Spanned<String>>>,
    pub(crate) addresses: Vec<Spanned<IpAddr>>,
    pub(crate) bootstrap: Option<Spanned<Bootstrap>>,
    pub(crate) well_known: Vec<Spanned<String>>,
    pub(crate) healing: Option<Spanned<Healing>>,
    pub(crate) colors: Option<Spanned<u64>>,
    pub(crate) heal_every: Option<Spanned<Duration>>,
    pub(crate) lookup: LookupMode,
    pub(crate) successors: Option<Spanned<u64>>,
    pub(crate) replicas: Option<Spanned<u64>>,
    pub(crate) stabilize_every: Duration,
    pub(crate) rpc_timeout: Duration,
    pub(crate) rpc_tries: u32,
    pub(crate) lookups_per_second: f64,
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
    pub(crate) that: Spanned<String>,
    pub(crate) at: Option<Spanned<Duration>>,
    pub(crate) within: Option<Spanned<Duration>>,
    pub(crate) during: Option<Spanned<(Duration, Duration)>>,
}
