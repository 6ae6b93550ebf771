//! What a protocol's node is to whoever drives it: a machine without sockets or clock.
//!
//! A machine is told what arrived and what time it is; it hands back what to send, when to be woken and what
//! happened. A process puts sockets around it, [`sim`] a simulated network: the same code runs in both.

pub mod sim;

use std::net::SocketAddr;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Time since an arbitrary epoch: CLOCK_MONOTONIC in a lab, virtual in the simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Duration);

/// One of a machine's anycast groups, by the number that the machine's kind gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Part(pub u16);

/// One of a machine's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    Unicast,
    Group(Part),
}

/// A port at one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    pub via: Via,
    pub number: u16,
}

/// A port that a kind of machine needs: at its unicast address, and at those of its groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// For datagrams that say whose they are by a tag, as several machines on a host may use it.
    Tagged(u16),
    /// For datagrams.
    Udp(u16),
    /// For streams.
    Tcp(u16),
}

/// A stream, by who opened it and which of theirs it is. The machine counts its own, its driver the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    Ours(u64),
    Theirs(u64),
}

/// What happens in a stream: bytes arrive in order, or it ends, in one of two ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stream<B> {
    /// Between this port here and `peer`.
    Open {
        at: Port,
        peer: SocketAddr,
    },
    Bytes(B),
    /// It is no more: also when the other end has refused it.
    Close,
    /// It is no more, and not by its other end: that could not be reached. Only told, never wanted.
    Lost,
}

/// What a machine is told.
#[derive(Debug)]
pub enum Input<'a, O> {
    Datagram {
        at: Port,
        from: SocketAddr,
        bytes: &'a [u8],
    },
    Stream(StreamId, Stream<&'a [u8]>),
    /// It wanted to be woken.
    Timer,
    Order(O),
    /// The driver has announced or withdrawn a group, as it was asked to.
    Routing {
        group: Part,
        announced: bool,
    },
}

/// What a machine wants of its driver.
#[derive(Debug)]
pub enum Output<F> {
    Datagram {
        from: Port,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    Stream(StreamId, Stream<Vec<u8>>),
    /// To announce a group, or to withdraw it. [`Input::Routing`] follows.
    Announce(Part, bool),
    /// To hear of this.
    Said(F),
}

/// A protocol's node without sockets or clock.
pub trait Machine {
    type Order;
    type Fact;

    fn input(&mut self, now: Time, input: Input<'_, Self::Order>);
    /// What it wants next; asked after every input until there is nothing more.
    fn output(&mut self) -> Option<Output<Self::Fact>>;
    /// When it wants to be woken.
    fn due(&self) -> Option<Time>;
}

impl<M: Machine + ?Sized> Machine for Box<M> {
    type Order = M::Order;
    type Fact = M::Fact;

    fn input(&mut self, now: Time, input: Input<'_, M::Order>) {
        (**self).input(now, input);
    }

    fn output(&mut self) -> Option<Output<M::Fact>> {
        (**self).output()
    }

    fn due(&self) -> Option<Time> {
        (**self).due()
    }
}

impl Part {
    /// The one with this index.
    pub fn nth(index: usize) -> Self {
        Self(u16::try_from(index).unwrap_or(u16::MAX))
    }
}

impl Port {
    /// At the unicast address.
    pub fn unicast(number: u16) -> Self {
        Self { via: Via::Unicast, number }
    }
}

impl Need {
    pub fn port(self) -> u16 {
        let (Self::Tagged(port) | Self::Udp(port) | Self::Tcp(port)) = self;
        port
    }
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
