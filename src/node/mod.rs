//! The process on a host: sockets and clocks around the overlay's machines, and the host's groups.
//!
//! - [`channel`]: what the supervisor and a node say to each other
//! - [`announce`]: a group's address on `lo` and its route in the host's BIRD
//! - [`dispatch`]: which of its members a datagram is for
//! - `flows`: what it answers to clients' flows
//! - [`host`]: the process

pub mod announce;
pub mod channel;
pub mod dispatch;
mod flows;
pub mod host;
mod socket;
