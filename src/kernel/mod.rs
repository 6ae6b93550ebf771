//! The kernel's side of a lab: namespaces, links, addresses and route notifications.
//!
//! Netlink types stay in here, and so does every `setns`.

pub mod capture;
pub mod features;
pub mod fib;
pub mod impairment;
pub mod interface;
pub mod link;
pub mod lookup;
pub mod namespace;
pub mod pcapng;
pub mod ping;
pub mod pressure;
pub mod qdisc;
pub mod sys;
pub mod sysctl;
pub mod wire;

use std::time::Duration;

/// CLOCK_MONOTONIC now, in nanoseconds: the one clock of a lab, the same in every namespace.
pub fn now() -> u64 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).map(Duration::from);
    time.expect("CLOCK_MONOTONIC exists on every Linux").as_nanos() as u64
}
