//! A core node as an authoritative name server: `<service>.<infrastructure>.test` has the addresses of the replicas
//! nearest to who asks (RFC 1035, 6891, 7871).
//!
//! - `zone`: which names there are; `query`: what was asked; `reply`: the answer
//! - `limit`: how much a block of clients is told by datagrams

mod limit;
mod query;
mod reply;
mod zone;

pub(super) use limit::Limiter;
pub(super) use query::{Query, Refused, read};
pub(super) use reply::{Content, Signs, refuse, reply};
pub(super) use zone::{Named, Zone};

/// Of name servers.
pub(super) const PORT: u16 = 53;

/// Largest datagram that it sends or says it takes (DNS flag day 2020).
pub(super) const MAX_UDP: u16 = 1232;
