//! Plain IP anycast: members announce the groups' addresses themselves, and routing brings a datagram to one of
//! them.
//!
//! A member is a `core`, which all parts work with, and the parts, which do not know of each other: only the
//! `member`, which stands above them, does.
//!
//! - `row`, `parts`: what others know of it, and its groups
//! - `join`, `served`, `color`, `leave`, `renumber`: the course of a membership
//! - `heal`: how islands find each other
//! - `asks`: questions under way; `message`, `sealed`, `cookie`: what is said

mod asks;
mod color;
mod cookie;
mod core;
mod heal;
mod join;
mod leave;
pub(super) mod member;
mod message;
mod parts;
mod renumber;
pub(super) mod row;
mod sealed;
mod served;
pub(super) mod stranger;
