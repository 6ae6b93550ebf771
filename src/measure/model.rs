//! The report: what a record says, in numbers. Its JSON form is an interface that scripts rely on.
//!
//! Times named `at` (and `from`, `to` of stretches) are seconds of play; `*_ms` are milliseconds,
//! `*_seconds` seconds. A quantity that was not observed is `null`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use super::fault_model::*;
use super::flow_model::FlowReport;
pub use super::overlay_model::*;
use crate::measure::effect::{ClientFlips, GroupLoad, Stretch};
use crate::record::Predicted;

/// Version of the report's form.
pub const REPORT_SCHEMA: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    pub schema: u32,
    pub lab: String,
    pub seed: u64,
    /// The lab file, as it was given.
    pub file: String,
    /// The command that does it again.
    pub command: String,
    /// Keys of the lab file that were set to something else than it says, and to what.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    pub verdict: RunVerdict,
    pub anybed: String,
    pub bird: String,
    pub kernel: String,
    /// Seconds the play lasted; `null` without a play.
    pub play_seconds: Option<f64>,
    /// Why the run ended; `null` if the record stops without saying so.
    pub end: Option<String>,
    /// The record's last line was cut off.
    pub cut: bool,
    pub phases: Vec<Phase>,
    pub nodes: NodeCounts,
    pub links: usize,
    pub catchments: Vec<Catchment>,
    /// What each `catchment` of the timeline found.
    #[serde(default)]
    pub surveys: Vec<SurveyReport>,
    /// What BGP did after each action, beside what was predicted.
    #[serde(default)]
    pub predictions: Vec<Prediction>,
    pub faults: Vec<FaultReport>,
    /// Loops and black holes of the forwarding plane during the play, by time.
    #[serde(default)]
    pub transients: Vec<Transient>,
    /// Others that lasted less than a millisecond, which is as good as time stamps are.
    #[serde(default)]
    pub shorter_transients: usize,
    /// BGP updates during the play; `null` if the record does not have them.
    pub updates: Option<Updates>,
    pub refused: Vec<Refusal>,
    /// Every probed group's load over the run.
    #[serde(default)]
    pub loads: Vec<GroupLoad>,
    /// Clients whose answering member changed.
    #[serde(default)]
    pub flips: Vec<ClientFlips>,
    /// By time: measured if a `stretch` was played, else derived if the record suffices.
    #[serde(default)]
    pub stretches: Vec<Stretch>,
    /// What clients kept open; `null` without `[flows]`.
    pub flows: Option<FlowReport>,
    /// Pairs that a `ping` measured.
    pub round_trips: Vec<RoundTrip>,
    pub overlays: BTreeMap<String, OverlayReport>,
    pub expectations: Vec<Verdict>,
    pub fidelity: Fidelity,
}

/// Verdict of a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RunVerdict {
    Pass,
    /// An expectation failed.
    Fail,
    /// The machine did not keep up, or a process died by itself: the numbers cannot be trusted.
    Invalid,
    /// The timeline was not played to its end, or not all of it.
    Incomplete,
}

/// Every router's best route to every plain group, beside what was predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Prediction {
    /// When that was known.
    pub at: f64,
    #[serde(flatten)]
    pub found: Predicted,
}

impl Report {
    /// How many expectations hold.
    pub fn passed(&self) -> usize {
        self.expectations.iter().filter(|one| one.verdict == Outcome::Pass).count()
    }
}

/// What became of one expectation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Verdict {
    pub name: String,
    /// The stretch that was judged; `null` for both: the end of the run.
    pub from: Option<f64>,
    pub to: Option<f64>,
    pub verdict: Outcome,
    /// `1 at 84.1 s`, `3 of 3000`.
    pub observed: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Pass,
    Fail,
    /// The record stops before the expectation's time.
    Skipped,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Phase {
    pub name: String,
    pub seconds: f64,
    pub note: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NodeCounts {
    /// Routers outside stubs.
    pub routers: usize,
    /// Stubs, each with one gateway.
    pub stubs: usize,
    /// Members and clients.
    pub hosts: usize,
    pub members: usize,
    pub clients: usize,
}

/// Who answered whom at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Catchment {
    pub at: f64,
    /// `begin`, `before FAULT`, `after FAULT` or `end`.
    pub moment: String,
    /// The group's address.
    pub group: String,
    pub group_name: String,
    /// Client to answering member; `null`: nobody answers it.
    pub clients: BTreeMap<String, Option<String>>,
    /// Clients whose answering member is not the one that the kernel's routes lead to.
    pub disagreements: Vec<Disagreement>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Disagreement {
    pub client: String,
    pub answered_by: String,
    /// Several with equal-cost multipath.
    pub routed_to: Vec<String>,
    /// The ways there, by the routes that the record has: the nodes on each, from the client's gateway on.
    #[serde(default)]
    pub ways: Vec<Vec<String>>,
}

/// Which member every node of the lab reached, at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SurveyReport {
    pub at: f64,
    /// The group's address.
    pub group: String,
    pub group_name: String,
    /// Node to the member that its packet reached; `null`: nobody. A member reaches itself.
    pub nodes: BTreeMap<String, Option<String>>,
    /// Site to the number of nodes that it catches.
    pub sites: BTreeMap<String, usize>,
    /// False: something changed while it was taken, and nothing was compared.
    pub settled: bool,
    /// Nodes whose packet was compared with the kernels' routes.
    pub compared: usize,
    pub disagreements: Vec<SurveyDisagreement>,
}

/// A node whose packet and the kernels' routes do not lead to the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SurveyDisagreement {
    pub node: String,
    /// `its packet reached west.n1, the routes lead to east.n1`
    pub found: String,
    /// The nodes that its packet came to.
    pub packet: Vec<String>,
    /// The ways that the kernels' routes give, and how each ends: `arrives`, `no-route`, `dead-link`, `circle`.
    pub routes: Vec<RoutedWay>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RoutedWay {
    pub hops: Vec<String>,
    pub end: String,
}

/// One pair of a `ping`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RoundTrip {
    pub at: f64,
    pub from: String,
    pub to: String,
    /// Links on the way there.
    pub hops: usize,
    /// Measured; `null`: no echo was answered.
    pub median_ms: Option<f64>,
    /// Measured: the shortest, or the median where a link on the way jitters.
    pub rtt_ms: Option<f64>,
    /// Configured: the delays of the links there and back.
    pub configured_ms: f64,
    /// How far `rtt_ms` is from what is configured, as a share of that, or of 10 ms if that is more.
    pub error: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Refusal {
    pub at: f64,
    pub action: String,
    pub reason: String,
}

/// Whether the numbers can be trusted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Fidelity {
    pub valid: bool,
    /// `null`: the record has no measure of it.
    pub worst_sched_delay_ms: Option<f64>,
    /// What it may be: 300 ms, or the shortest silence that somebody in the lab takes for a failure.
    pub sched_delay_bound_ms: Option<f64>,
    /// Of the worst second.
    pub mean_sched_delay_ms: Option<f64>,
    /// Netlink sockets that ran over, so that changes of routes are missing.
    pub socket_drops: u64,
    /// Probes that were due, and of those the ones not sent: the machine was more than a period late.
    #[serde(default)]
    pub probes_due: u64,
    #[serde(default)]
    pub probes_skipped: u64,
    /// Shares of all CPUs' time, over the play and in the worst second; the hypervisor's is not in it.
    pub cpu_busy_mean: Option<f64>,
    pub cpu_busy_most: Option<f64>,
    pub cpu_stolen_most: Option<f64>,
    /// Packets, on the whole machine.
    pub backlog_drops: u64,
    /// Datagrams that found their socket full, by host; those that a `freeze` stopped are left out.
    pub receive_drops: BTreeMap<String, u64>,
    /// Least share of the memory, and the largest share of a second spent waiting for some.
    pub memory_left_least: Option<f64>,
    pub memory_stall_most: Option<f64>,
    /// `null`: no link was a wire.
    pub wires: Option<WireLateness>,
    /// Processes that ended and were not asked to.
    pub unexpected_exits: Vec<Exit>,
    /// Why not valid.
    pub reasons: Vec<String>,
}

/// How late frames departed from wires that delay them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireLateness {
    pub frames: u64,
    /// 99th percentile of the worst second.
    pub worst_p99_ms: f64,
    pub worst_ms: f64,
    /// Frames later than that.
    pub over_1_ms: u64,
    pub over_5_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Exit {
    pub at: f64,
    pub node: String,
    pub process: String,
    pub status: String,
}

impl Report {
    /// The process exit code of a run with this report: 0 pass, 1 an expectation failed, 4 the lab
    /// failed, 5 invalid, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self.verdict {
            RunVerdict::Pass => 0,
            RunVerdict::Fail => 1,
            RunVerdict::Invalid => 5,
            RunVerdict::Incomplete if self.end.as_deref() == Some("interrupted") => 130,
            RunVerdict::Incomplete => 4,
        }
    }
}
