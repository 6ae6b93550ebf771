//! One line of the record.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::facts::LabFacts;
use super::flows::FlowChange;
use super::predicted::Predicted;
use super::survey::Survey;
use crate::anycast::{Means, Served};
use crate::overlay::Neighbors;
use crate::overlay::id::Id;
use crate::physics::{Egress, FibChange};
use crate::program::ProcessKind;
use crate::scenario::deed::Deed;

/// Version of this vocabulary.
pub const SCHEMA: u32 = 1;

/// One line of the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// CLOCK_MONOTONIC in nanoseconds: one clock for every namespace and process of a lab.
    pub at: u64,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// Always the first line.
    Lab(Box<LabFacts>),
    /// A phase of the build ended. Phases follow one another without gaps.
    Phase { name: String, seconds: f64, note: String },
    /// The play begins: time zero of the timeline.
    Play,
    /// An action of the timeline (or a live one) took effect. `at` is when it began, `done` when
    /// its last system call had returned.
    Fault {
        action: String,
        verb: String,
        target: String,
        /// `None` only in a line of a record from before there were kinds, until it has been read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deed: Option<Deed>,
        done: u64,
        live: bool,
    },
    /// A fault or its undo changed what a link does: its carrier, and what becomes of the frames that `a`
    /// sends, and `b`.
    Link { link: String, up: bool, egress: [Egress; 2] },
    /// A node has these unicast addresses, and no others, from now on.
    Renumbered { node: String, addresses: Vec<IpAddr> },
    /// Echoes between two nodes, from a `ping`: the links that the kernels' routes led along, there and
    /// back, and each round trip in nanoseconds (`None`: no answer).
    Ping { from: String, to: String, there: Vec<String>, back: Vec<String>, round_trips: Vec<Option<u64>> },
    /// Echoes of one client, from a `stretch`: to a group's address, and to the unicast address of each of its
    /// members that announces. Round trips in nanoseconds (`None`: no answer). All clients of one `stretch`
    /// have the same time, that of its begin.
    Stretch {
        group: String,
        client: String,
        /// The member that the kernels' routes led to.
        site: Option<String>,
        anycast: Vec<Option<u64>>,
        members: BTreeMap<String, Vec<Option<u64>>>,
    },
    /// Which member of a group each node's packets reach, from a `catchment`.
    Survey(Box<Survey>),
    /// A partition or its undo has been looked into, `seconds` after it was done: what was found.
    Verified { action: String, seconds: f64, found: String },
    /// What became of routing after an action, beside what is predicted.
    Predicted(Box<Predicted>),
    /// An action could not be carried out.
    Refused { action: String, reason: String },
    /// A kernel routing table changed (netlink notification).
    Fib { node: String, change: FibChange },
    /// An interface gained or lost its carrier, or went up or down.
    Carrier { node: String, interface: String, up: bool },
    /// From now on the record has every [`What::Update`] and every [`What::Session`].
    FollowsBgp,
    /// A BGP UPDATE arrived at a node from a neighbor, with so many routes announced and withdrawn.
    Update { node: String, peer: String, announced: u32, withdrawn: u32 },
    /// A node's BGP session with a neighbor was established, or ended.
    Session { node: String, peer: String, up: bool },
    /// Probes of one client that were answered or given up since the last such line.
    Probes {
        client: String,
        group: String,
        probes: Vec<ProbeResult>,
        /// Probes that were due in that time and not sent: the machine was more than a period late.
        #[serde(default)]
        skipped: u64,
    },
    /// What became of one client's flows to a group since the last such line; requests sent, and answered.
    Flows { client: String, group: String, changes: Vec<FlowChange>, requests: u64, answered: u64 },
    /// A process ended that nobody had asked to end, or one that a fault killed.
    Exit {
        node: String,
        process: String,
        /// As [`What::Fault`]'s `deed`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<ProcessKind>,
        status: String,
        expected: bool,
    },
    /// What a server of an infrastructure did.
    Server { node: String, infrastructure: String, did: Served },
    /// What an overlay node did.
    Node { node: String, overlay: String, did: NodeDid },
    /// Keys stored by a `put` action, once all have been acknowledged or given up.
    Put { overlay: String, stored: u32, failed: u32, seconds: f64 },
    /// The same of an `overwrite` action: other values for keys that there were.
    Overwrite { overlay: String, stored: u32, failed: u32, seconds: f64 },
    /// Result of an `audit` action.
    Audit {
        overlay: String,
        found: u32,
        missing: Vec<String>,
        /// Keys with several values, written in islands that did not know of each other.
        #[serde(default, skip_serializing_if = "nothing")]
        conflicts: u32,
        seconds: f64,
    },
    /// A `search` action is over: how many searches it asked for, and of how many the end was heard; the messages that
    /// all nodes sent for searches meanwhile, and the queries that they heard, each once a node.
    Search { overlay: String, asked: u32, ended: u32, messages: u64, heard: u64, seconds: f64 },
    /// A `flood` is over, a second after its last Hello: what it sent, and what arrived for it. Bytes are of UDP
    /// payload.
    Flood {
        overlay: String,
        /// From where.
        host: String,
        /// CLOCK_MONOTONIC in nanoseconds: when its first Hello was due.
        begun: u64,
        /// Hellos a second that it was to send.
        rate: u32,
        /// Hellos.
        sent: u64,
        sent_bytes: u64,
        /// Hellos that were due and not sent: the machine was late, or the host had no way for them.
        skipped: u64,
        /// Datagrams.
        answers: u64,
        answered_bytes: u64,
        /// For so long it sent.
        seconds: f64,
    },
    /// How well the machine has kept up since the last such line.
    Fidelity(Box<Strain>),
    /// Always the last line of a complete run.
    End { reason: String },
}

/// How hard the machine worked for about a second, and what that did. What a record does not say was not
/// looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Strain {
    /// By how much a thread that asked to be woken was woken late: at most, and on average.
    pub worst_sched_delay_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_sched_delay_ms: Option<f64>,
    /// Netlink sockets that ran over: notifications of routes were lost.
    pub socket_drops: u64,
    /// Share of all CPUs' time that was not idle, and that the hypervisor gave to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_busy: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_stolen: Option<f64>,
    /// Packets that a CPU's backlog had no room for, on the whole machine.
    pub backlog_drops: u64,
    /// Share of the memory that was left, and of the time in which some process waited for memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_left: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_stall: Option<f64>,
    /// Frames on wires that had a time to depart at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wires: Option<Lateness>,
    /// Datagrams that found their socket's buffer full, by host. Looked at once, at the play's end.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub receive_drops: BTreeMap<String, u64>,
}

/// How late the frames of all wires departed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lateness {
    pub frames: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub worst_ms: f64,
    /// Frames later than 1 ms, and later than 5 ms.
    pub over_1_ms: u64,
    pub over_5_ms: u64,
}

/// One probe of a client to a group's address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeResult {
    pub seq: u64,
    /// CLOCK_MONOTONIC nanoseconds.
    pub sent: u64,
    /// Nanoseconds until the answer; `None`: lost.
    pub rtt: Option<u64>,
    /// Who answered.
    pub member: Option<String>,
}

/// What an overlay node reports. The node's process stamps the time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "kebab-case")]
pub enum NodeDid {
    /// It was told to join and has sent its first datagram.
    Joining,
    /// It is a member: it has a successor, and its groups will now be announced.
    /// `served_by` bootstrapped it (`None`: it found nobody and began a new overlay); with no `attempts`
    /// it has been renumbered, and is a neighbor it knew.
    Joined {
        served_by: Option<String>,
        milliseconds: f64,
        attempts: u32,
        /// How often a member sent it to another one.
        #[serde(default, skip_serializing_if = "nothing")]
        redirected: u32,
    },
    /// It has chosen the color that it announces.
    Colored {
        color: u16,
    },
    JoinFailed {
        reason: String,
    },
    /// It put a group's route into BGP, or took it out.
    Announced {
        group: String,
    },
    Withdrew {
        group: String,
    },
    /// It handed its keys over and stopped taking part.
    Left,
    /// Its neighbors changed. Names of hosts.
    Neighbors(Neighbors<String>),
    /// A peer stopped answering and was forgotten.
    Forgot {
        peer: String,
    },
    /// A lookup ended. `owner` is `None` when nobody answered.
    Looked {
        key: Id,
        owner: Option<String>,
        hops: u32,
        milliseconds: f64,
    },
    /// It shares an item from now on.
    Shared {
        name: String,
    },
    /// A search ended. `hops` and `milliseconds` are to the first hit.
    Searched {
        words: String,
        hits: Vec<Found>,
        hops: u32,
        milliseconds: f64,
        /// The members that it has come to, if it is not the asker's overlay, or not the asker, that found these.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        path: Vec<Passed>,
    },
    /// A member of another island has answered, or has found this node.
    Contact {
        peer: String,
        /// What led to it.
        #[serde(default)]
        by: Means,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        color: Option<u16>,
    },
    /// It was told of that contact and joins again through it.
    Rejoining {
        through: String,
    },
    Rejoined {
        through: String,
        milliseconds: f64,
    },
}

/// A member that a question has come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    pub overlay: String,
    /// Its host's name.
    pub at: String,
}

/// An item that a search found, and the host that shares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub name: String,
    pub at: String,
}

fn nothing(count: &u32) -> bool {
    *count == 0
}
