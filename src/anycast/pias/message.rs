//! What agents and proxies say to each other.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::anycast::member::Cookie;
use crate::overlay::wire::{self, Dropped, Tag};

/// No datagram is longer: with its headers (IPv4 and UDP) it fills an Ethernet frame. What a client sends is carried
/// if it fits with what a tunnel adds, at most 44 bytes.
pub(super) const MAX: usize = 1472;

/// Version and tag.
const HEAD: usize = 9;

/// Most members that an answer names.
pub(super) const MAX_NAMED: usize = 32;

/// Most JAPs that a list names.
pub(super) const MAX_LISTED: usize = 128;

/// To a proxy, under the infrastructure's tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Message<'a> {
    Request(Request),
    /// From another proxy.
    Proxy(Between),
    #[serde(borrow)]
    Data(Data<'a>),
}

/// From an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Request {
    /// Under which the answer comes.
    pub(super) tag: Tag,
    pub(super) token: u64,
    /// What the proxy has given; zeros if it has not yet: no request is shorter than [`Reply::Challenge`].
    pub(super) cookie: Cookie,
    /// By the number of its part.
    pub(super) group: u16,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum What {
    /// A member at this port of the sender's address, or a refresh.
    Register {
        port: u16,
        plain: bool,
    },
    Leave {
        port: u16,
    },
    /// So many members near the sender, itself left out.
    Neighbors {
        port: u16,
        count: u8,
    },
    /// One of all members, itself left out.
    Draw {
        port: u16,
        how: How,
    },
    /// So many of this proxy's own targets.
    Here {
        port: u16,
        count: u8,
    },
    /// To [`Reply::Ping`], with its token.
    Pong,
}

/// Which of all members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum How {
    Uniform,
    /// One with few flows.
    Idle,
}

/// To an agent, under the tag that it has named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Reply<'a> {
    /// Show me that you got this.
    Challenge {
        token: u64,
        cookie: Cookie,
    },
    Registered {
        token: u64,
        lease_ms: u64,
    },
    Left {
        token: u64,
    },
    Members {
        token: u64,
        members: Vec<SocketAddr>,
    },
    /// Do you live?
    Ping {
        token: u64,
    },
    /// A client has sent this to the group.
    Data {
        client: SocketAddr,
        payload: &'a [u8],
    },
}

/// A JAP: its number among the servers, its targets, and their flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Jap {
    pub(super) server: u16,
    pub(super) count: u32,
    pub(super) flows: u32,
}

/// From proxy to proxy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Between {
    /// I live, and have these distances to all servers, in tenths of a millisecond.
    Beat {
        stamp: u64,
        distances: Vec<u16>,
    },
    Echo {
        stamp: u64,
    },
    /// To the RAP.
    Count {
        group: u16,
        count: u32,
        flows: u32,
    },
    /// To the RAP: which JAPs does the group have?
    Ask {
        group: u16,
    },
    List {
        group: u16,
        japs: Vec<Jap>,
        /// The flow that the RAP has just sent to a JAP.
        chosen: Option<(SocketAddr, u16)>,
    },
    /// To the IAP: I have nobody for this client; `empty`: nor for anybody else.
    Gone {
        group: u16,
        client: SocketAddr,
        empty: bool,
    },
    /// So many of your targets, but not this one.
    Members {
        query: u64,
        group: u16,
        count: u8,
        but: SocketAddr,
    },
    /// To the RAP: one of all members.
    Draw(Draw),
    /// To a JAP: one of yours.
    Pick(Draw),
    Are {
        query: u64,
        members: Vec<SocketAddr>,
    },
}

/// One of all members is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Draw {
    /// By this `origin`, to which the answer goes, knows it.
    pub(super) query: u64,
    pub(super) origin: u16,
    pub(super) group: u16,
    pub(super) how: How,
    /// How often it may still be passed on among proxies that disagree about the RAP.
    pub(super) hops: u8,
}

/// A client's datagram, on its way between proxies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Data<'a> {
    pub(super) group: u16,
    pub(super) client: SocketAddr,
    pub(super) step: Step,
    /// The proxy that the client's datagram came to.
    pub(super) iap: u16,
    /// A JAP that has nobody for this client.
    pub(super) past: Option<u16>,
    /// How often it may still be passed on.
    pub(super) hops: u8,
    pub(super) payload: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Step {
    /// To the RAP.
    Find,
    /// To the JAP.
    Deliver,
}

/// The first bytes of a stream between proxies, after their length in two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Opening {
    pub(super) group: u16,
    pub(super) client: SocketAddr,
}

/// `None`: too long.
pub(super) fn encode<T: Serialize>(tag: Tag, message: &T) -> Option<Vec<u8>> {
    let bytes = postcard::to_extend(message, wire::encode(tag, &())?).ok()?;
    (bytes.len() <= MAX).then_some(bytes)
}

pub(super) fn decode<'a, T: Deserialize<'a>>(tag: Tag, bytes: &'a [u8]) -> Result<T, Dropped> {
    let (head, body) = bytes.split_at_checked(HEAD).ok_or(Dropped::Malformed)?;
    wire::decode::<()>(tag, head)?;
    if bytes.len() > MAX {
        return Err(Dropped::Malformed);
    }
    wire::read(body)
}
