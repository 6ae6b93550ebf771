//! The process on a host: sockets and clocks around the overlay's machines, and the host's groups.
//!
//! - [`channel`]: what the supervisor and a node say to each other
//! - [`announce`]: a group's address on `lo` and its route in the host's routing daemon
//! - [`driver`]: a machine among sockets (`sockets`, `socket`) and clocks
//! - `flows`: what it answers to clients' flows; `impostor`: at addresses that are others'
//! - [`host`]: the process

pub mod announce;
pub mod channel;
pub mod driver;
mod flows;
pub mod host;
mod impostor;
mod socket;
mod sockets;
