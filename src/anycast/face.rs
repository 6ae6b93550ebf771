//! What an overlay, or a program, may ask of an anycast infrastructure, whichever it is.
//!
//! An [`Agent`] is the end of an infrastructure on a member's host, or on a client's. It is sans-IO, and part of a
//! machine: of an overlay's node, or of an [`super::endpoint::Endpoint`]. What an infrastructure cannot do it does not
//! imitate: it says [`Unavailable`], and why.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::facts::{Facts, Place};
use crate::machine::{Part, Port, Stream, StreamId, Time};
use crate::overlay::Peer;
use crate::overlay::wire::Tag;

/// Whom a node looks for among the members of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// The nearest member, as the infrastructure understands that.
    Nearest,
    /// A member with little load.
    Idle,
    /// So many members near this one, itself left out.
    Neighbors(usize),
    /// Any member, itself left out if the infrastructure can tell.
    Random,
    /// So many members of a region, as the infrastructure names its regions (hosts of its servers).
    Region(String, usize),
}

/// Where a question has led: something that can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// An address: a member's own, or a group's.
    Address(SocketAddr),
    /// A name at which the infrastructure's servers know somebody.
    Id([u8; 32]),
}

/// An infrastructure cannot do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub &'static str);

/// What an agent wants, and what happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// To send a datagram, from port [`super::PORT`] of its host.
    Datagram { to: SocketAddr, bytes: Vec<u8> },
    /// To open a stream, one of [`StreamId::Ours`], or to end it. [`Agent::stream`] follows.
    Stream(StreamId, Stream<Vec<u8>>),
    /// To announce a group by BGP, or to withdraw it. [`Agent::routed`] follows.
    Announce(Part, bool),
    /// Others can find this member from now on; or not any more, after [`Agent::leave`].
    Member(bool),
    /// A question is answered; without targets: nobody is known.
    Found { token: u64, targets: Vec<Target> },
    /// Somebody sent this to the group, and the infrastructure brought it here.
    Delivered { from: SocketAddr, bytes: Vec<u8> },
}

/// What an agent is told before it starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentConfig {
    /// The infrastructure.
    pub facts: Facts,
    /// Its group, by its name: an overlay's, or a service's.
    pub group: String,
    /// The group's address and port, if it has some.
    pub address: Option<SocketAddr>,
    pub host: String,
    /// The lab's seed; each agent derives its own stream from it, its group and its host.
    pub seed: u64,
    /// Who joins: a node's id and address, or the address of a program. The agent's own datagrams leave from port
    /// [`super::PORT`] of the same address.
    pub peer: Peer,
    /// Where its host stands, if anybody says so.
    pub place: Option<Place>,
    /// Whether it is a program that knows nothing of anybody's envelopes: what is sent to the group reaches it as an
    /// ordinary datagram or stream.
    pub plain: bool,
}

/// The end of an infrastructure on a host.
pub trait Agent {
    /// Makes the member known to the infrastructure, and keeps it known. [`Said::Member`] follows.
    fn join(&mut self, now: Time);
    /// Takes that back. [`Said::Member`] follows, soon even if nobody answers.
    fn leave(&mut self, now: Time);
    /// [`Said::Found`] with the token follows, at the latest after a few seconds.
    ///
    /// # Errors
    /// What the infrastructure cannot do.
    fn ask(&mut self, now: Time, token: u64, question: &Question) -> Result<(), Unavailable>;
    /// Sends a datagram of the group's own protocol to what was found.
    fn send(&mut self, now: Time, to: Target, bytes: Vec<u8>);
    /// A datagram that bears the agent's tag ([`AgentConfig::tag`]), or comes to a port that only it uses.
    fn datagram(&mut self, now: Time, at: Port, from: SocketAddr, bytes: &[u8]);
    /// Something happened in a stream that it has opened.
    fn stream(&mut self, _now: Time, _id: StreamId, _part: Stream<&[u8]>) {}
    /// A group was announced, or withdrawn.
    fn routed(&mut self, _now: Time, _group: Part, _announced: bool) {}
    /// Its host has another unicast address.
    fn renumbered(&mut self, now: Time, address: SocketAddr);
    /// Its time has come.
    fn timer(&mut self, now: Time);
    /// Asked after every call until there is nothing more.
    fn said(&mut self) -> Option<Said>;
    fn due(&self) -> Option<Time>;
    /// Numbers of entries in its tables, each of which has a limit.
    fn tables(&self) -> Vec<(&'static str, usize)>;
}

/// A question is answered after this long, if with nothing.
pub const PATIENCE: Duration = Duration::from_secs(3);

impl AgentConfig {
    /// What datagrams bear that are for this agent; servers hear it with every request, and answer under it.
    pub fn tag(&self) -> Tag {
        Tag::of_agent(&self.facts.name, &self.group)
    }
}
