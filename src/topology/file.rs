//! The shape of a lab file: its tables, each value with its place in the text.
//!
//! Nothing is looked up here; [`super::check`] gives names their meaning.

use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use ipnet::IpNet;
use toml::Spanned;

use super::model::*;
use super::multipath::MultipathHash;
use super::origin::Rov;
use super::policy::Direction;
use super::traffic::Transport;
use crate::overlay::auth;
use crate::overlay::key::{Key, Value};
use crate::physics::Properties;

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
    pub(super) roles: bool,
    pub(crate) multipath: MultipathEntry,
    pub(crate) daemon: Option<Spanned<String>>,
    pub(crate) mrai: Option<Spanned<u16>>,
    pub(crate) ases: Vec<AsEntry>,
    pub(crate) links: Vec<LinkEntry>,
    pub(crate) exchanges: Vec<ExchangeEntry>,
    pub(crate) stubs: Vec<StubEntry>,
    pub(crate) policies: Vec<PolicyEntry>,
    pub(crate) groups: Vec<GroupEntry>,
    pub(super) roas: Vec<RoaEntry>,
    pub(crate) rtr: Option<RtrEntry>,
    pub(crate) infrastructures: Vec<InfrastructureEntry>,
    pub(crate) services: Vec<ServiceEntry>,
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
    pub(crate) conduct: Conduct,
    pub(crate) daemon: Option<Spanned<String>>,
    pub(crate) damping: Option<Spanned<Damping>>,
}

#[derive(Debug)]
pub(crate) struct RouterEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) place: Option<Place>,
    pub(crate) daemon: Option<Spanned<String>>,
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
    pub(crate) mrai: Option<Spanned<u16>>,
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
    /// An exchange.
    pub(super) over: Option<Spanned<String>>,
    pub(crate) options: LinkOptions,
}

/// `[[exchange]]`.
#[derive(Debug)]
pub(crate) struct ExchangeEntry {
    pub(crate) name: Spanned<String>,
    /// Of its route server.
    pub(super) asn: Option<Spanned<u32>>,
    pub(super) place: Option<Place>,
    pub(crate) daemon: Option<Spanned<String>>,
    pub(super) members: Vec<PortEntry>,
}

/// `"sea"` or `{ router = "sea", route_server = false }`.
#[derive(Debug)]
pub(super) struct PortEntry {
    pub(super) router: Spanned<String>,
    pub(super) route_server: bool,
    pub(super) options: LinkOptions,
    pub(super) policy: PolicyOptions,
}

#[derive(Debug)]
pub(crate) struct StubEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) asn: Option<Spanned<u32>>,
    pub(crate) place: Option<Place>,
    /// Its gateways; none: one that is named as the stub.
    pub(crate) routers: Option<Vec<RouterEntry>>,
    /// Between them; `None`: each pair is linked.
    pub(crate) links: Option<Vec<InnerLink>>,
    pub(crate) uplinks: Vec<Uplink>,
    /// Where they would stand, if there is none.
    pub(super) bare: Option<Range<usize>>,
    pub(crate) access: LinkOptions,
    pub(crate) members: Hosts,
    pub(crate) clients: Hosts,
    pub(crate) multipath: MultipathEntry,
    pub(crate) conduct: Conduct,
    pub(crate) daemon: Option<Spanned<String>>,
}

/// `"sea"` or `{ to = "sea", delay = "5ms" }`.
#[derive(Debug)]
pub(crate) struct Uplink {
    pub(crate) to: Spanned<String>,
    /// An exchange.
    pub(super) over: Option<Spanned<String>>,
    /// The gateway; `None`: they take turns.
    pub(crate) from: Option<Spanned<String>>,
    pub(crate) options: LinkOptions,
    pub(crate) policy: PolicyOptions,
}

/// What rules of sessions do, of what an uplink may say too.
#[derive(Debug, Default)]
pub(crate) struct PolicyOptions {
    pub(super) prepend: Option<Spanned<u64>>,
    pub(crate) weight: Option<Spanned<u64>>,
    pub(super) local_pref: Option<Spanned<u64>>,
    pub(super) med: Option<Spanned<u64>>,
}

/// `[[policy]]`.
#[derive(Debug)]
pub(crate) struct PolicyEntry {
    pub(crate) of: Vec<Spanned<String>>,
    pub(super) direction: Direction,
    /// Those of `to` or `from`.
    pub(super) neighbors: Vec<Spanned<String>>,
    pub(super) groups: Vec<Spanned<String>>,
    pub(super) prefixes: Vec<Spanned<String>>,
    pub(super) communities: Vec<Spanned<String>>,
    pub(super) through: Vec<Spanned<String>>,
    pub(crate) options: PolicyOptions,
    pub(super) add: Vec<Spanned<String>>,
    pub(super) remove: Vec<Spanned<String>>,
    pub(super) reject: bool,
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
    /// Of any family.
    pub(super) prefixes: Vec<Spanned<IpNet>>,
    pub(crate) members: Vec<Spanned<String>>,
    /// Stubs whose routes stay with their neighbors.
    pub(super) local: Vec<Spanned<String>>,
    /// Where it says that gateways announce it.
    pub(crate) by_border: Option<Range<usize>>,
}

/// `[[roa]]`.
#[derive(Debug)]
pub(super) struct RoaEntry {
    pub(super) prefixes: Vec<Spanned<IpNet>>,
    pub(super) max_length: Option<Spanned<u64>>,
    /// A name or a number.
    pub(super) origin: Spanned<String>,
}

/// `[rtr]`.
#[derive(Debug)]
pub(crate) struct RtrEntry {
    pub(super) span: Range<usize>,
    pub(super) at: Option<Spanned<String>>,
    pub(super) refresh: Option<Duration>,
    pub(super) retry: Option<Duration>,
    pub(super) expire: Option<Duration>,
}

/// What an AS does beyond relations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conduct {
    pub(super) roles: Option<bool>,
    /// With its place.
    pub(crate) rov: Option<Spanned<Rov>>,
    pub(super) compare_med: bool,
    pub(super) prefer_older: bool,
    pub(super) add_paths: bool,
}

#[derive(Debug)]
pub(crate) struct InfrastructureEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) kind: Option<Spanned<Infrastructure>>,
    pub(crate) hosts: Vec<Spanned<String>>,
    pub(crate) health_gate: bool,
    pub(crate) values: Vec<(&'static Key, Value)>,
    pub(crate) span: Range<usize>,
}

#[derive(Debug)]
pub(crate) struct ServiceEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) via: Spanned<String>,
    pub(crate) members: Vec<Spanned<String>>,
    pub(crate) transport: Transport,
    pub(crate) port: u16,
}

#[derive(Debug)]
pub(crate) struct OverlayEntry {
    pub(crate) name: Spanned<String>,
    pub(crate) protocol: ProtocolEntry,
    /// `None`: plain IP anycast.
    pub(crate) via: Option<Spanned<String>>,
    /// `None`: all members of all stubs.
    pub(crate) members: Option<Vec<Spanned<String>>>,
    pub(crate) addresses: Vec<Spanned<IpAddr>>,
    pub(crate) bootstrap: Option<Spanned<Bootstrap>>,
    pub(crate) well_known: Vec<Spanned<String>>,
    pub(crate) healing: HealingEntry,
    pub(crate) redirect: RedirectEntry,
    pub(crate) health_gate: bool,
    pub(crate) lookup: LookupMode,
    pub(crate) replicas: Option<Spanned<u64>>,
    pub(crate) stabilize_every: Duration,
    pub(crate) rpc_timeout: Duration,
    pub(crate) rpc_tries: u32,
    pub(crate) lookups_per_second: Option<Spanned<f64>>,
    pub(crate) beyond: BeyondEntry,
    pub(crate) key: Option<auth::Key>,
}

/// Keys of an `[[overlay]]` that are about others.
#[derive(Debug)]
pub(crate) struct BeyondEntry {
    pub(super) gateways: Vec<Spanned<String>>,
    pub(super) hops: u8,
    pub(super) cache: Duration,
    pub(super) over: Option<Spanned<String>>,
    pub(super) guests: Vec<Spanned<String>>,
    pub(super) share_neighbors: bool,
    pub(super) span: Range<usize>,
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

/// `protocol` and the keys that only some protocols have.
#[derive(Debug)]
pub(crate) struct ProtocolEntry {
    pub(super) protocol: Option<Spanned<Protocol>>,
    pub(super) values: Vec<(&'static Key, Value)>,
    pub(super) hosts: Vec<(&'static Key, Vec<Spanned<String>>)>,
    /// Where each key stands that is given.
    pub(super) spans: Vec<(&'static str, Range<usize>)>,
}

/// How islands are to find one another.
#[derive(Debug)]
pub(crate) struct HealingEntry {
    pub(super) healing: Option<Spanned<Healing>>,
    /// Whether somebody else than routing finds members.
    pub(super) served: bool,
    pub(super) coloring: Option<Spanned<Coloring>>,
    pub(super) colors: Option<Spanned<u64>>,
    pub(super) every: Option<Spanned<Duration>>,
    pub(super) remember: Option<Spanned<Duration>>,
    pub(super) epoch: Option<Spanned<Duration>>,
    pub(super) listen: Option<Spanned<Duration>>,
}

/// What members do that serve too many joins.
#[derive(Debug)]
pub(crate) struct RedirectEntry {
    pub(super) redirect: Redirect,
    pub(super) capacity: u32,
    pub(super) above: Option<Spanned<u64>>,
    pub(super) below: Option<Spanned<u64>>,
}

/// What one table says; what it leaves out, the lab decides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MultipathEntry {
    pub(super) on: Option<bool>,
    pub(super) hash: Option<MultipathHash>,
}

/// `[flows]` as written.
#[derive(Debug)]
pub(crate) struct FlowsEntry {
    pub(super) span: Range<usize>,
    pub(super) groups: Option<Vec<Spanned<String>>>,
    pub(super) transports: Option<Spanned<Vec<Transport>>>,
    pub(super) per_client: usize,
    pub(super) every: Duration,
    pub(super) timeout: Duration,
}
