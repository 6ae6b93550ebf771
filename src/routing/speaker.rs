//! What a node's routing daemon is to do, in the words of no daemon in particular.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

use crate::topology::{
    Community, Damping, Family, GracefulRestart, Guards, Intervals, Relation, Roa, Rov, Then, Which,
};

/// A node that talks BGP.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Speaker {
    /// A router or a gateway.
    Router(Router),
    /// A member, which announces groups to its gateway.
    Host(Host),
}

impl Speaker {
    /// The node.
    pub fn name(&self) -> &str {
        match self {
            Self::Router(router) => &router.name,
            Self::Host(host) => &host.name,
        }
    }

    /// Whether one of its sessions survives a restart.
    pub fn is_graceful(&self) -> bool {
        let wait = match self {
            Self::Router(router) => router.graceful_restart_wait,
            Self::Host(host) => host.graceful_restart_wait,
        };
        wait.is_some()
    }
}

#[derive(Serialize)]
pub struct Router {
    pub name: String,
    pub kind: RouterKind,
    pub as_name: String,
    pub asn: u32,
    pub router_id: IpAddr,
    pub timers: Timers,
    /// Of OSPF and iBGP.
    pub inside: Inside,
    pub bfd: Vec<BfdInterface>,
    /// Seconds that a restarted daemon waits for its neighbors before it corrects the kernel's table; `None`:
    /// no session restarts gracefully.
    pub graceful_restart_wait: Option<u32>,
    /// Equally good BGP routes become one of several next hops.
    pub multipath: bool,
    /// It says what it is to its neighbors (RFC 9234).
    pub roles: bool,
    /// It tells everybody everything.
    pub leaks: bool,
    pub rov: Rov,
    /// Who tells it which ROAs there are; `None`: they are in its config.
    pub rtr: Option<RtrServer>,
    /// MEDs of different neighbors are compared, too.
    pub compare_med: bool,
    /// Of equally good routes of other ASes, the older one is better.
    pub prefer_older: bool,
    /// Of routes of other ASes.
    pub damping: Option<Damping>,
    pub igp: Vec<IgpInterface>,
    pub families: Vec<RouterFamily>,
}

/// In the words of its config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum RouterKind {
    #[serde(rename = "router")]
    Router,
    #[serde(rename = "gateway")]
    Gateway,
    /// It passes routes on between its neighbors as if it were not there, and forwards nothing (RFC 7947).
    #[serde(rename = "route server")]
    RouteServer,
}

/// The RTR server (RFC 8210) of a router that looks at ROAs.
#[derive(Serialize)]
pub struct RtrServer {
    pub family: Family,
    pub address: IpAddr,
    pub port: u16,
    pub intervals: Intervals,
    /// The router's links, which it announces for that: it asks from an address of one of them.
    pub links: Vec<IpNet>,
}

/// What a router does in one address family.
#[derive(Serialize)]
pub struct RouterFamily {
    pub name: Family,
    pub originate: Vec<IpNet>,
    /// Who may originate what, of a router that looks.
    pub roas: Vec<Roa>,
    /// What it announces of groups by itself.
    pub groups: Vec<Origin>,
    pub internal: Vec<Session>,
    pub external: Vec<Session>,
    pub hosts: Vec<Session>,
}

/// A prefix of a group that a gateway announces as its own.
#[derive(Serialize)]
pub struct Origin {
    pub prefix: IpNet,
    /// A part of it that nobody uses.
    pub part: IpNet,
    pub communities: Vec<Community>,
    /// The next hop; `None`: what no longer prefix leads on is dropped.
    pub via: Option<IpAddr>,
    /// The AS that the path is to begin at, if that is not the gateway's.
    pub claims: Option<u32>,
}

/// The first pair of addresses of a prefix, or its first address: hosts announce single ones, and not that one.
pub fn part(prefix: IpNet) -> IpNet {
    let pair = prefix.max_prefix_len() - 1;
    let length = if prefix.prefix_len() < pair { pair } else { prefix.max_prefix_len() };
    IpNet::new(prefix.network(), length).unwrap_or(prefix)
}

/// An interface on which OSPF is spoken.
#[derive(Serialize)]
pub struct IgpInterface {
    pub name: String,
    pub cost: u32,
    pub bfd: bool,
    /// Nobody is spoken with there; others are told of its addresses.
    pub passive: bool,
}

/// One BGP session.
#[derive(Default, Serialize)]
pub struct Session {
    pub name: String,
    pub peer: String,
    /// That it is spoken over; none, of a session between loopbacks.
    pub interface: String,
    pub timers: Timers,
    pub bfd: bool,
    pub graceful_restart: Option<GracefulRestart>,
    pub guards: Guards,
    /// Seconds between two announcements of a prefix.
    pub mrai: u16,
    pub local: Option<IpAddr>,
    pub neighbor: Option<IpAddr>,
    pub asn: u32,
    /// What the neighbor is to us, of an external session.
    pub relation: Option<Relation>,
    /// What we are to the neighbor (RFC 9234).
    pub role: Option<Role>,
    /// All routes are told that may be, not the best alone (RFC 7911).
    pub add_paths: bool,
    /// The neighbor is a client of this route reflector.
    pub client: bool,
    /// The neighbor opens the connection. Ends that both do, at the same moment, close both and wait
    /// for the retry; and who starts first finds nobody listening. Nodes start in the order of their ids.
    pub passive: bool,
    /// Prefixes that a host may announce.
    pub groups: Vec<IpNet>,
    /// Of these, those that its gateway keeps to itself.
    pub kept: Vec<IpNet>,
    /// What is done to routes that the neighbor announces, of an external session, after its relation's.
    pub import: Vec<Rule>,
    /// And to those that it is told.
    pub export: Vec<Rule>,
    pub family: Option<Family>,
}

/// What the ends of a session are to each other (RFC 9234 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Customer,
    Provider,
    Peer,
    /// A route server, to those whose routes it passes on.
    #[serde(rename = "rs_server")]
    RsServer,
    #[serde(rename = "rs_client")]
    RsClient,
}

impl Role {
    pub fn of(relation: Relation) -> Self {
        match relation {
            Relation::Customer => Self::Customer,
            Relation::Provider => Self::Provider,
            Relation::Peer => Self::Peer,
        }
    }
}

/// The local preference of what the hosts of a stub announce at its gateway, before all else.
pub const LIKING_HOST: u32 = 300;

/// The local preference of a route whose origin is not allowed, where that is not a reason to refuse it: behind all
/// others but those that are drained.
pub const LIKING_INVALID: u32 = 10;

/// The local preferences as templates have them.
pub(super) const LIKINGS: [(&str, u32); 5] = [
    ("liking_host", LIKING_HOST),
    ("liking_invalid", LIKING_INVALID),
    ("liking_customer", liking(Relation::Customer)),
    ("liking_peer", liking(Relation::Peer)),
    ("liking_provider", liking(Relation::Provider)),
];

/// The local preference of a neighbor's routes: who pays is liked most (Gao and Rexford 2001). Templates know it too.
pub const fn liking(relation: Relation) -> u32 {
    match relation {
        Relation::Customer => 200,
        Relation::Peer => 100,
        Relation::Provider => 50,
    }
}

/// All rules of a session whose routes these are are carried out in turn, up to one that rejects.
#[derive(Serialize)]
pub struct Rule {
    /// Prefixes are of the session's family; none: whatever the prefix.
    pub which: Which,
    pub then: Then,
}

#[derive(Serialize)]
pub struct Host {
    pub name: String,
    pub as_name: String,
    pub asn: u32,
    pub router_id: IpAddr,
    pub timers: Timers,
    pub bfd: Vec<BfdInterface>,
    pub graceful_restart_wait: Option<u32>,
    pub groups: Vec<HostGroup>,
    pub sessions: Vec<Session>,
}

/// A group that a host may announce: nothing of it is announced before [`super::Control::set`] says so.
#[derive(Serialize)]
pub struct HostGroup {
    pub name: String,
    /// By this, [`super::Control::set`] knows it.
    pub protocol: String,
    pub prefixes: Vec<Prefix>,
}

#[derive(Serialize)]
pub struct Prefix {
    pub family: Family,
    pub prefix: IpNet,
}

/// Seconds.
#[derive(Clone, Copy, Default, Serialize)]
pub struct Timers {
    pub connect_delay: u32,
    pub connect_retry: u32,
    pub error_wait_min: u32,
    pub error_wait_max: u32,
    pub hold: u32,
    pub keepalive: u32,
    /// How long neighbors keep the routes of one that restarts gracefully.
    pub restart: u32,
    pub ospf_hello: u32,
    pub ospf_dead: u32,
}

/// OSPF and iBGP inside an AS. Seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Inside {
    pub hello: u32,
    pub dead: u32,
    pub hold: u32,
    pub keepalive: u32,
    pub connect_retry: u32,
    /// What an AS of many routers has besides.
    pub large: Option<Large>,
}

/// What keeps many routers of one AS from costing more than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Large {
    /// Between two computations of routes.
    pub tick: u32,
    /// Until an LSA that nobody has acknowledged is sent again.
    pub retransmit: u32,
}

/// An interface on which BFD is spoken. Times in milliseconds.
#[derive(Serialize)]
pub struct BfdInterface {
    pub name: String,
    pub interval: u64,
    /// Between the packets of a session that is not up yet.
    pub idle: u64,
    pub multiplier: u8,
}
