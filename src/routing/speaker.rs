//! What a node's routing daemon is to do, in the words of no daemon in particular.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

use crate::topology::{Family, GracefulRestart, Relation};

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
    pub kind: &'static str,
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
    pub igp: Vec<IgpInterface>,
    pub families: Vec<RouterFamily>,
}

/// What a router does in one address family.
#[derive(Serialize)]
pub struct RouterFamily {
    pub name: Family,
    pub originate: Vec<IpNet>,
    pub internal: Vec<Session>,
    pub external: Vec<Session>,
    pub hosts: Vec<Session>,
}

/// An interface on which OSPF is spoken.
#[derive(Serialize)]
pub struct IgpInterface {
    pub name: String,
    pub cost: u32,
    pub bfd: bool,
}

/// One BGP session.
#[derive(Default, Serialize)]
pub struct Session {
    pub name: String,
    pub peer: String,
    pub timers: Timers,
    pub bfd: bool,
    pub graceful_restart: Option<GracefulRestart>,
    pub local: Option<IpAddr>,
    pub neighbor: Option<IpAddr>,
    pub asn: u32,
    /// What the neighbor is to us, of an external session.
    pub relation: Option<Relation>,
    /// What we are to the neighbor (RFC 9234).
    pub role: Option<Relation>,
    /// The neighbor is a client of this route reflector.
    pub client: bool,
    /// The neighbor opens the connection. Ends that both do, at the same moment, close both and wait
    /// for the retry; and who starts first finds nobody listening. Nodes start in the order of their ids.
    pub passive: bool,
    /// Prefixes that a host may announce.
    pub groups: Vec<IpNet>,
    pub family: Option<Family>,
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
