//! A running lab: the sandbox it lives in, the supervisor that builds and plays it, and its socket.

pub mod runtime;
pub mod sandbox;
pub mod network;
pub mod process;
pub mod record;
pub mod fibs;
