//! The kernel's side of a lab: namespaces, links, addresses and route notifications.
//!
//! Netlink types stay in here, and so does every `setns`.

pub mod capture;
pub mod catch;
pub mod features;
pub mod fib;
pub mod follow;
pub mod interface;
pub mod link;
pub mod lookup;
pub mod namespace;
pub mod pcapng;
pub mod ping;
pub mod pressure;
pub mod qdisc;
pub mod stamp;
pub mod sys;
pub mod sysctl;
mod tc;
pub mod wire;

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollTimeout};

/// CLOCK_MONOTONIC now, in nanoseconds: the one clock of a lab, the same in every namespace.
pub fn now() -> u64 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).map(Duration::from);
    time.expect("CLOCK_MONOTONIC exists on every Linux").as_nanos() as u64
}

/// Waits up to `patience` until something is readable, and returns how many are. Milliseconds are rounded
/// up: who has less than one left would else spin until the end.
fn wait(epoll: &Epoll, ready: &mut [EpollEvent], patience: Duration) -> nix::Result<usize> {
    let milliseconds = i32::try_from(patience.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
    match epoll.wait(ready, EpollTimeout::try_from(milliseconds).unwrap_or(EpollTimeout::ZERO)) {
        Err(Errno::EINTR) => Ok(0),
        waited => waited,
    }
}
