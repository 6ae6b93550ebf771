//! The record's vocabulary of flows: connections that clients keep open to a group, and how they break.

use serde::{Deserialize, Serialize};

use crate::topology::Transport;

/// What the lab file has its clients keep open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowFacts {
    /// Names.
    pub groups: Vec<String>,
    pub protocols: Vec<Transport>,
    /// Of each protocol, from each client to each group.
    pub per_client: usize,
    /// Seconds between two requests of a flow.
    pub every: f64,
    /// Seconds without an answer after which a flow is broken.
    pub timeout: f64,
}

/// Something that became of one flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowChange {
    /// When the client noticed (CLOCK_MONOTONIC nanoseconds).
    pub at: u64,
    /// The flow's number: unique for a client and a group, and kept when it is opened again.
    pub flow: u32,
    pub protocol: Transport,
    #[serde(flatten)]
    pub did: FlowDid,
}

/// Times are CLOCK_MONOTONIC nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "kebab-case")]
pub enum FlowDid {
    /// Its first request was answered, by this member. The client began to open it at `since`, and it
    /// leaves from `port`.
    Begun { member: String, since: u64, port: u16 },
    /// It was broken before, and without an answer from `since` on. A new connection, opened after
    /// `attempts - 1` that came to nothing, has had its first answer.
    Recovered { member: String, since: u64, port: u16, attempts: u32 },
    /// It broke; `member` had served it. The oldest request without an answer was sent at `since`
    /// (without one: when the break was noticed).
    Broken {
        member: String,
        why: BreakReason,
        since: u64,
        /// Who does not know it, if a member has said so.
        by: Option<String>,
        /// Round trip of its last request that was answered, in nanoseconds.
        round_trip: u64,
    },
}

/// Why a flow broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BreakReason {
    /// TCP: a reset arrived. Who gets a segment of a connection that it does not have sends one (RFC 9293 §3.5.2).
    Reset,
    /// TCP: the other end closed the connection: its process has ended.
    Closed,
    /// No answer for as long as the lab file allows.
    Timeout,
    /// UDP: a member that does not have the connection's state said so, as with QUIC's stateless reset (RFC 9000 §10.3).
    StatelessReset,
    /// TCP: the client's kernel gave up, for want of a route.
    Unreachable,
}

impl BreakReason {
    /// In words, as reports have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::StatelessReset => "stateless reset",
            Self::Unreachable => "unreachable",
        }
    }
}
