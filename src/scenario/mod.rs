//! What happens in a lab and what must hold: the timeline's actions and the expectations.

pub mod action;
pub mod damage;
pub mod effects;
pub mod expect;
mod faults;
mod flood;
pub(crate) mod keys;
mod load;
pub mod programs;
mod put;
mod sweep;
mod timeline;
mod ways;
mod when;
mod words;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::physics::Properties;
use crate::program::Process;
use crate::topology::{AsId, GroupId, LinkId, NodeId};

pub use load::{load, load_for, load_text, load_with};
pub use sweep::{Setting, Sweep, SweepError, combinations, load_set};

/// Verbs that give back what a link had carried.
pub const REPAIRS: [&str; 4] = ["mend", "recover", "heal", "clear"];

/// The timeline and the expectations of one lab, with every name found.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// In play order; entries with `over` are already spread out.
    pub timeline: Vec<Entry>,
    pub expectations: Vec<Expectation>,
    /// Play ends this long after it began.
    pub duration: Duration,
}

/// One thing to do at one moment of the play.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Since the play began.
    pub at: Duration,
    pub action: Action,
    pub origin: Origin,
}

/// Who does something to a lab. What a flap has done only that flap undoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The timeline, or a person.
    Direct,
    /// A `flap`, by its number.
    Flap(u32),
}

/// Something done to a lab, by the timeline or live by `anybed fault`. One grammar serves both;
/// `Action::display` gives the text back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `cut LINK`: carrier lost at both ends.
    Cut(LinkId),
    /// `mend LINK`.
    Mend(LinkId),
    /// `blackhole LINK [from NODE]`: frames vanish, the carrier stays; those of one end, or all.
    Blackhole(LinkId, Ends),
    /// `impair LINK [from NODE] PROPERTY=VALUE …`: what one end sends, or both. Other properties stay.
    Impair(LinkId, Ends, Properties),
    /// `clear LINK [from NODE]`: undoes `blackhole` and `impair`.
    Clear(LinkId, Ends),
    /// `fail STUB [silently]`: all its uplinks cut, or turned into black holes, at once.
    Fail { stub: AsId, silently: bool },
    /// `recover STUB`.
    Recover(AsId),
    /// `partition NAME … [silently]`: these ASes, routers and hosts against the rest.
    Partition { parts: Vec<Part>, silently: bool },
    /// `heal NAME …`.
    Heal { parts: Vec<Part> },
    /// `crash NODE [node|bird|both|host]`: SIGKILL. A router has only a BIRD.
    Crash(NodeId, Victim),
    /// `restart NODE [node|bird|both|host]`.
    Restart(NodeId, Victim),
    /// `freeze NODE [node|bird|both]`: SIGSTOP.
    Freeze(NodeId, Victim),
    /// `thaw NODE [node|bird|both]`.
    Thaw(NodeId, Victim),
    /// `renumber HOST`: a new unicast address, as after a change of its DHCP lease.
    Renumber(NodeId),
    /// `join OVERLAY` (all its members) or `join HOST … [in OVERLAY]`, one entry per host.
    Join { host: NodeId, overlay: usize },
    /// `leave HOST … [in OVERLAY]`: drain, withdraw, hand over, stop. One entry per host.
    Leave { host: NodeId, overlay: usize },
    /// `announce HOST [GROUP]`.
    Announce { host: NodeId, group: GroupId },
    /// `withdraw HOST [GROUP]`.
    Withdraw { host: NodeId, group: GroupId },
    /// `drain HOST [GROUP]`: tag the route for graceful shutdown (RFC 8326), wait, withdraw.
    Drain { host: NodeId, group: GroupId },
    /// `put COUNT in OVERLAY`: stores COUNT new keys through joined nodes.
    Put { overlay: usize, keys: u32 },
    /// `overwrite COUNT in OVERLAY [from HOST|STUB …]`: stores another value for each of the first COUNT keys put,
    /// through these members that have joined, or through all.
    Overwrite { overlay: usize, keys: u32, from: Vec<NodeId> },
    /// `audit OVERLAY`: fetches every key put so far, from joined nodes in turn.
    Audit { overlay: usize },
    /// `flood OVERLAY from HOST|STUB at RATE for TIME`: so many first Hellos a second from one host to the
    /// overlay's join address, which lead to no join.
    Flood { overlay: usize, from: NodeId, rate: u32, time: Duration },
    /// `ping NAME …`: measures the round trip between every pair of these ASes' routers, routers and hosts.
    Ping { parts: Vec<Part> },
    /// `stretch [GROUP]`: measures each client's round trip to the group's address and to every member that
    /// announces it; without a group, of all that clients probe.
    Stretch(Option<GroupId>),
    /// `catchment [GROUP]`: surveys which member of the group each node's packets reach.
    Catchment { group: GroupId },
    /// `flap FAULT every PERIOD times COUNT`: the fault and its undo, again and again. The timeline has
    /// it spread out into these.
    Flap { fault: Box<Self>, every: Duration, times: u32 },
    /// `stop FAULT`: ends its flapping, and undoes what it has done.
    Stop(Box<Self>),
}

/// Frames sent by which end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ends {
    Both,
    /// 0: the link's `a`, 1: its `b`.
    One(usize),
}

/// What a partition names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// All routers of an AS, and its hosts.
    As(AsId),
    Node(NodeId),
}

/// Which process of a node a crash kills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    Program(Process),
    /// Every process.
    All,
    /// Every process, and the links.
    Host,
}

/// What must hold, in the form the record keeps: names, not indices, so that a record is judged
/// without its lab file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// The file's `name`, or the expression itself.
    pub name: String,
    pub metric: Metric,
    pub op: Op,
    pub value: Value,
    pub when: When,
}

/// What an expectation looks at. The text form is `METRIC of SUBJECT`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// `joins of OVERLAY`: joins that succeeded. Counter.
    Joins(String),
    /// `failed joins of OVERLAY`. Counter.
    FailedJoins(String),
    /// `members of OVERLAY`: nodes joined and alive. State.
    Members(String),
    /// `islands of OVERLAY`. State.
    Islands(String),
    /// `whole of OVERLAY` (`yes`/`no`): every member's successor is the right one among all members. State.
    Whole(String),
    /// `merge of OVERLAY`: seconds from the last of [`REPAIRS`] to whole. Duration.
    Merge(String),
    /// `lookups of OVERLAY [from STUB]`: lookups sent. Counter.
    Lookups(String, Option<String>),
    /// `lookup success of OVERLAY [from STUB]`: share answered by an owner that was right. Ratio.
    LookupSuccess(String, Option<String>),
    /// `wrong lookups of OVERLAY [from STUB]`. Counter.
    WrongLookups(String, Option<String>),
    /// `missing keys of OVERLAY`: keys put that the audits in the window did not find. Counter.
    MissingKeys(String),
    /// `found keys of OVERLAY`. Counter.
    FoundKeys(String),
    /// `conflicting keys of OVERLAY`: keys of which an audit in the window found several values. Counter.
    ConflictingKeys(String),
    /// `flood gain of OVERLAY`: bytes of UDP payload that the floods begun in the window were answered with, for
    /// each that they sent. Factor.
    FloodGain(String),
    /// `outage of CLIENT [for GROUP]`: seconds of the longest run of lost probes. Duration.
    Outage(String, Option<String>),
    /// `rtt of NODE to NODE`: seconds, the median of the pings in the window. Duration.
    RoundTrip(String, String),
    /// `rtt error`: of all pairs pinged in the window, the largest distance of the median from the sum of
    /// the configured delays, as a share of that sum or of 10 ms, whichever is more. Ratio.
    RoundTripError,
    /// `disagreements [of GROUP]`: nodes whose packets reach another member than the kernels' routes lead to,
    /// at each survey and each catchment of the report. Counter.
    Disagreements(Option<String>),
    /// `catchment of CLIENT [for GROUP]`: who answers it; the value is a host or a stub name. State.
    Catchment(String, Option<String>),
    /// `moved clients`: clients whose answering member changed in the window. Counter.
    MovedClients,
    /// `lost probes [of CLIENT]`: probes without an answer. Counter.
    LostProbes(Option<String>),
    /// `stretch p50|p90|p99 [of GROUP]`: anycast round trip over that of the nearest member, this quantile of all
    /// clients, in the latest `stretch` in the window. Factor.
    Stretch(Quantile, Option<String>),
    /// `best site [of GROUP]`: share of the clients that the latest `stretch` found at their best site. Ratio.
    BestSite(Option<String>),
    /// `fairness [of GROUP]`: Jain's index of the clients per site. State.
    Fairness(Option<String>),
    /// `load of SITE [for GROUP]`: share of the answered clients that a host, or a stub's hosts, answer. State.
    Load(String, Option<String>),
    /// `flips [of CLIENT]`: changes of the answering member, over all clients and groups. Counter.
    Flips(Option<String>),
    /// `as path of NODE to NODE|GROUP`: the other ASes on the way that the kernels' routes lead. State.
    AsPath(String, Target),
    /// `hops of NODE to NODE|GROUP`: links on that way. State.
    Hops(String, Target),
    /// `reachable of NODE to NODE|GROUP` (`yes`/`no`): that way carries packets, and the way back. State.
    Reachable(String, Target),
    /// `routes of NODE`: what routing has put into its kernel's table. State.
    Routes(String),
    /// `loops [of GROUP]`: loops of the kernels' routes that began in the window. Counter.
    Loops(Option<String>),
    /// `blackholes [of GROUP]`: black holes of the kernels' routes that began in the window. Counter.
    Blackholes(Option<String>),
    /// `updates`: BGP updates that arrived anywhere. Counter.
    Updates,
    /// `broken flows [of CLIENT]`: by when the client noticed. Counter.
    BrokenFlows(Option<String>),
    /// `affinity [of CLIENT]`: share of the flows there at the window's begin, or else first opened in it, that
    /// do not break in it. Ratio.
    Affinity(Option<String>),
    /// `flow members of CLIENT`: members that serve its flows. State.
    FlowMembers(String),
}

/// One of the quantiles that expectations know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantile {
    P50,
    P90,
    P99,
}

impl Quantile {
    /// The share of values that do not exceed it.
    pub fn share(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P99 => 0.99,
        }
    }
}

/// Where packets are to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    Node(String),
    Group(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    #[serde(rename = "==")]
    Eq,
    #[serde(rename = "!=")]
    Ne,
    #[serde(rename = "<")]
    Lt,
    #[serde(rename = "<=")]
    Le,
    #[serde(rename = ">")]
    Gt,
    #[serde(rename = ">=")]
    Ge,
    /// Of a path: the AS is on it.
    #[serde(rename = "contains")]
    Contains,
    #[serde(rename = "lacks")]
    Lacks,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Counts, ratios (0..=1; the file may say `95%`), seconds (the file says `4s`).
    Number(f64),
    Name(String),
    Yes,
    No,
    /// Names of ASes, the nearest first; empty: the target is in the node's own AS.
    Path(Vec<String>),
    /// Another metric of the same kind, over the same time.
    Metric(Box<Metric>),
}

/// Seconds since the play began.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// State: at the end. Counter: over the whole play.
    End,
    /// State: at this moment, or (`within` > 0) at some moment up to `within` later.
    /// Counter: from the play's begin to then.
    At { at: f64, within: f64 },
    /// State: throughout. Counter and ratio: counted in this window.
    During { from: f64, to: f64 },
    /// State: throughout, from `from` on or from when it is first known. Counter and ratio: counted in this window.
    Until { from: f64, to: f64 },
    /// State: at no moment, from `from` on or from when it is first known; `None`: to the end.
    Never { from: f64, to: Option<f64> },
}
