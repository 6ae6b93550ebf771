//! The checked network: what a lab file means once every name in it has been found.
//!
//! Indices ([`NodeId`], [`LinkId`], …) point into the vectors of one [`Topology`] and are given in
//! file order, so two readings of one file agree.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use super::among::Beyond;
pub use super::damping::Damping;
pub use super::deployment::{Deployment, Service};
pub use super::group::{Group, Owner};
pub use super::id::{AsId, GroupId, LinkId, NodeId};
use super::multipath::Multipath;
use super::origin::{Origination, Roa, Rov, Rtr};
use super::policy::Policy;
pub use super::session::{Bfd, GracefulRestart, SessionOptions, TimerPreset};
use super::traffic::Flows;
pub use crate::anycast::{Bootstrap, By, Coloring, Drain, Healing, Infrastructure, Place, Redirect};
use crate::machine::Part;
use crate::overlay::Given;
use crate::overlay::auth::Key;
pub use crate::overlay::{LookupMode, Protocol, Proximity};
pub use crate::physics::Backend;
use crate::physics::Impairment;

/// The whole checked network of one lab.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    /// The lab's name, also the default name of its run directory.
    pub name: String,
    /// Every random choice derives from it.
    pub seed: u64,
    pub family: FamilyChoice,
    pub timers: TimerPreset,
    /// Seconds between two announcements of a prefix to another AS (RFC 4271 §9.2.1.1).
    pub mrai: u16,
    pub backend: Backend,
    /// Delays that follow from coordinates are multiplied by it; 0 turns them off.
    pub distance_factor: f64,
    /// Stub networks are ASes too: their [`As::stub`] is true.
    pub ases: Vec<As>,
    pub nodes: Vec<Node>,
    pub links: Vec<Link>,
    /// In the order in which each session's are carried out.
    pub policies: Vec<Policy>,
    /// What gateways announce of groups by themselves.
    pub originations: Vec<Origination>,
    /// Stubs that the timeline has announce another's group.
    pub rogues: Vec<(AsId, GroupId)>,
    /// Who may originate what.
    pub roas: Vec<Roa>,
    /// Who tells routers of them; `None`: their configs.
    pub rtr: Option<Rtr>,
    pub groups: Vec<Group>,
    pub infrastructures: Vec<Deployment>,
    pub services: Vec<Service>,
    pub overlays: Vec<Overlay>,
    /// Client probing; `None` when the lab has no clients or no group.
    pub probe: Option<Probe>,
    /// What clients keep open; `None` without `[flows]`.
    pub flows: Option<Flows>,
}

/// `family` of a lab file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FamilyChoice {
    Ipv4,
    Ipv6,
    /// Both; overlay nodes and probes speak IPv4, routing carries both.
    Dual,
}

/// One address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Ipv4,
    Ipv6,
}

#[derive(Clone, Debug, PartialEq)]
pub struct As {
    pub name: String,
    pub asn: u32,
    /// A stub network: gateways and hosts.
    pub stub: bool,
    /// Its routers, in file order; a stub's are gateways.
    pub routers: Vec<NodeId>,
    pub multipath: Multipath,
    /// Its routers tell their neighbors what they are to them, and act on what they are told (RFC 9234).
    pub roles: bool,
    /// What it does with routes whose origin is not the one registered.
    pub rov: Rov,
    /// It compares MEDs of different neighbors.
    pub compare_med: bool,
    /// Of equally good routes of other ASes it keeps the one that it has had for longest.
    pub prefer_older: bool,
    /// Its routers tell each other all the routes that they would tell if each were the best (RFC 7911).
    pub add_paths: bool,
    /// It tells all its neighbors all that it knows.
    pub leaks: bool,
    /// Of routes of other ASes.
    pub damping: Option<Damping>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique in the lab; also the namespace's name. A host's is `STUB.NAME`.
    pub name: String,
    pub kind: NodeKind,
    pub as_id: AsId,
    /// Degrees, if the file has them.
    pub place: Option<Place>,
    /// The lab file's word for its routing daemon; `None`: whichever is preferred. A host that this one does not run
    /// on has that, too.
    pub daemon: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    Router,
    /// A router of a stub.
    Gateway,
    /// A host that may announce groups: it runs BIRD and an overlay node (or a plain responder).
    Member,
    /// A host that runs neither; it only probes.
    Client,
    /// A segment that routers of many ASes share, and its route server (RFC 7947).
    Exchange,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Unique in the lab; `A-B`, and `A-B#2` for a parallel one unless the file names it.
    pub name: String,
    pub a: NodeId,
    pub b: NodeId,
    pub kind: LinkKind,
    /// From `a` to `b`, and back.
    pub impairments: [Impairment; 2],
    /// It can be impaired whatever the kernel: the file gives it a property, or the timeline does. Every
    /// other link is a bare veth pair.
    pub emulated: bool,
    pub session: SessionOptions,
    /// The exchange that both ends have a port at: there is a session between them, and no link of their own.
    pub over: Option<NodeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// Inside an AS: OSPF.
    Internal { cost: u32 },
    /// Between ASes: eBGP.
    External(Relation),
    /// Between a gateway of a stub (`a`) and one of its hosts (`b`).
    Access,
    /// Of a router (`a`) that says nothing to the route server of its exchange (`b`); with others it is
    /// [`Self::External`].
    Port,
}

/// What `b` is to `a` (Gao and Rexford, 2001).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    Customer,
    Provider,
    Peer,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    pub name: String,
    /// Hosts that may join it, in file order.
    pub members: Vec<NodeId>,
    /// The infrastructure's index; `None`: plain IP anycast.
    pub via: Option<usize>,
    /// In the order of the infrastructure's row; the first is the one of the overlay's name.
    pub groups: Vec<GroupId>,
    pub coloring: Coloring,
    /// `colors[i]` is the color of `members[i]`; same emptiness, and empty with [`Coloring::Farthest`].
    pub colors: Vec<u16>,
    /// `None` unless [`Healing::has_rendezvous`].
    pub rendezvous: Option<Rendezvous>,
    pub bootstrap: Bootstrap,
    /// Used with [`Bootstrap::WellKnown`] and [`Healing::WellKnown`].
    pub well_known: Vec<NodeId>,
    pub healing: Healing,
    /// How often a member asks other colors, well-known nodes or peers that failed, and how long it remembers these.
    pub heal_every: Duration,
    pub remember: Duration,
    pub redirect: Redirect,
    /// Joins that a member serves within a second before it points to others, with [`Redirect::LeastLoaded`].
    pub join_capacity: u32,
    pub drain: Option<Drain>,
    /// Whether a host withdraws its groups when its node's process ends.
    pub health_gate: bool,
    pub lookup: LookupMode,
    /// Of its protocol only.
    pub settings: Given,
    /// Hosts that keys of its protocol name, by key.
    pub hosts: Vec<(&'static str, Vec<NodeId>)>,
    /// Copies of each key, the owner's included.
    pub replicas: usize,
    pub stabilize_every: Duration,
    /// A request without an answer is repeated after this long, and a peer has failed after so many.
    pub rpc_timeout: Duration,
    pub rpc_tries: u32,
    /// Lookups per second over the whole overlay, spread evenly over the joined nodes; 0 for none.
    pub lookups_per_second: f64,
    pub beyond: Beyond,
    /// Without one everybody may join.
    pub key: Option<Key>,
}

/// When the leaders of an overlay's islands pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rendezvous {
    pub epoch: Duration,
    pub listen: Duration,
}

/// What the clients do all the time.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Every client probes each of these.
    pub groups: Vec<GroupId>,
    /// Time between two probes of one client to one group.
    pub every: Duration,
    /// A probe without an answer for this long is lost.
    pub timeout: Duration,
}

impl As {
    pub(super) fn new(name: String, asn: u32, stub: bool, routers: Vec<NodeId>, multipath: Multipath) -> Self {
        let (roles, rov, leaks, damping) = (true, Rov::Off, false, None);
        let (compare_med, prefer_older, add_paths) = (false, false, false);
        Self { name, asn, stub, routers, multipath, roles, rov, compare_med, prefer_older, add_paths, leaks, damping }
    }
}

impl Family {
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }
}

impl FamilyChoice {
    /// The families of the lab, IPv4 first; the first one carries overlay traffic and probes.
    pub fn families(self) -> &'static [Family] {
        match self {
            Self::Ipv4 => &[Family::Ipv4],
            Self::Ipv6 => &[Family::Ipv6],
            Self::Dual => &[Family::Ipv4, Family::Ipv6],
        }
    }
}

impl NodeKind {
    /// As the record and `anybed status` have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Gateway => "gateway",
            Self::Member => "member",
            Self::Client => "client",
            Self::Exchange => "exchange",
        }
    }

    /// Whether a routing daemon runs there.
    pub fn speaks_bgp(self) -> bool {
        !matches!(self, Self::Client)
    }

    pub fn is_host(self) -> bool {
        matches!(self, Self::Member | Self::Client)
    }

    pub fn is_router(self) -> bool {
        matches!(self, Self::Router | Self::Gateway)
    }
}

impl Relation {
    /// What `a` is to `b`.
    pub fn reversed(self) -> Self {
        match self {
            Self::Customer => Self::Provider,
            Self::Provider => Self::Customer,
            Self::Peer => Self::Peer,
        }
    }
}

impl Topology {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|n| n.name == name).map(NodeId)
    }

    pub fn find_link(&self, name: &str) -> Option<LinkId> {
        self.links.iter().position(|l| l.name == name).map(LinkId)
    }

    /// The kind of infrastructure that an overlay uses.
    pub fn infrastructure(&self, overlay: &Overlay) -> Infrastructure {
        overlay.via.map_or_else(Infrastructure::default, |via| self.infrastructures[via].kind)
    }

    /// Where a node stands, if the file says so.
    pub(crate) fn place(&self, node: NodeId) -> Option<Place> {
        self.node(node).place
    }

    /// Whether a server of an infrastructure runs on this host.
    pub fn is_server(&self, host: NodeId) -> bool {
        self.infrastructures.iter().any(|deployment| deployment.hosts.contains(&host))
    }

    /// The stub of this name.
    pub fn find_stub(&self, name: &str) -> Option<AsId> {
        self.ases.iter().position(|a| a.stub && a.name == name).map(AsId)
    }

    pub fn is_exchange(&self, node: NodeId) -> bool {
        self.node(node).kind == NodeKind::Exchange
    }

    /// The ports of an exchange, in file order: their `b` is the exchange.
    pub fn ports(&self, exchange: NodeId) -> impl Iterator<Item = (LinkId, &Link)> {
        let all = self.links.iter().enumerate().map(|(index, link)| (LinkId(index), link));
        all.filter(move |(_, link)| link.b == exchange)
    }

    /// A router's port at an exchange.
    pub fn port(&self, router: NodeId, exchange: NodeId) -> Option<LinkId> {
        self.ports(exchange).find(|(_, port)| port.a == router).map(|(id, _)| id)
    }

    /// The links that frames pass from one end of this one to the other: two ports, if it is over an exchange.
    pub fn passed(&self, link: LinkId) -> Vec<LinkId> {
        let Link { a, b, over, .. } = &self.links[link.0];
        over.map_or_else(|| vec![link], |over| [*a, *b].into_iter().filter_map(|end| self.port(end, over)).collect())
    }

    pub fn ids(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The name of one of an overlay's groups.
    pub fn group_name(&self, overlay: usize, part: Part) -> String {
        let is_it = |owner: Owner| (owner.overlay, owner.part) == (Some(overlay), part);
        self.groups.iter().find(|g| g.owner.is_some_and(is_it)).map(|g| g.name.clone()).unwrap_or_default()
    }

    pub fn of_kind(&self, wanted: impl Fn(NodeKind) -> bool) -> impl Iterator<Item = NodeId> {
        self.ids().filter(move |id| wanted(self.node(*id).kind))
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        })
    }
}
