//! The node of an overlay, whatever its protocol and whatever brings others to it: joining, healing, colors, load.
//!
//! A member is a `core`, which all parts work with, and the parts, which do not know of each other: only the
//! `node`, which stands above them, does, and `machine`, as others see it.
//!
//! - `parts`: its groups; what brings others to the first is an agent of its infrastructure
//! - `join`, `served`, `color`, `leave`, `renumber`: the course of a membership
//! - `heal`: how islands find each other
//! - `desk`: questions, of members and others; `visit`: asking as one who is no member
//! - `streams`: whose a stream is
//! - `asks`: questions under way; `message`, `sealed`, `cookie`: what is said

mod asks;
mod color;
pub(super) mod cookie;
mod core;
mod desk;
mod heal;
mod join;
mod leave;
mod machine;
mod message;
pub(super) mod node;
mod parts;
mod renumber;
mod sealed;
mod served;
mod serving;
pub(super) mod stranger;
mod streams;
mod visit;

pub(super) use cookie::{Cookie, Jar};
pub(super) use parts::{JOIN, groups};
