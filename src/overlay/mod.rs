//! Overlay protocols as state machines without input or output.
//!
//! A machine is told what arrived and what time it is; it hands back what to send, when to be woken
//! and what happened. A process puts sockets around it, [`sim`] a simulated network: the same code
//! runs in both.

pub mod chord;
pub mod id;
pub mod sim;

pub mod store;
pub mod wire;

use std::net::SocketAddr;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use id::Id;

/// Time since an arbitrary epoch: CLOCK_MONOTONIC in a lab, virtual in the simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Duration);

/// A datagram to send. It always leaves from the node's unicast address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// On which of a node's addresses a datagram arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Unicast,
    /// An anycast group's address. 0 is the join group, 1 + c the group of color c.
    Group(usize),
}

/// A node as others know it: its place on the ring and its unicast address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Peer {
    pub id: Id,
    pub address: SocketAddr,
}

/// Who carries a lookup on: the node that asked, or each node that it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LookupMode {
    Iterative,
    Recursive,
}

impl Time {
    /// Milliseconds from `earlier` to `self`.
    pub fn millis_since(self, earlier: Self) -> f64 {
        (self - earlier).as_secs_f64() * 1e3
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0 + later)
    }
}

/// Zero when `rhs` is later.
impl Sub for Time {
    type Output = Duration;

    fn sub(self, rhs: Self) -> Duration {
        self.0.saturating_sub(rhs.0)
    }
}
