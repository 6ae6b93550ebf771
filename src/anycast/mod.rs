//! How a node finds a member: joining through a group's address, and how islands find each other.
//!
//! [`Member`] is the complete overlay node: it stands on an [`crate::overlay::OverlayNode`] and adds what the
//! shared addresses are for. It asks its driver to announce and withdraw them.
//!
//! - `registry`: the infrastructures, a row for each, and a room; `row`: what a row says
//! - `config`, `event`, `means`: what every infrastructure's nodes are told and do
//! - `ip`: the infrastructure that needs nothing but routes: plain IP anycast
//! - [`probe`], [`flow`]: what clients send to a group's address

mod config;
mod event;
pub mod flow;
mod ip;
mod means;
pub mod probe;
mod registry;
mod row;

pub use config::{Addresses, Bootstrap, Coloring, Drain, Healing, NodeConfig, PORT, Redirect, Rendezvous};
pub use event::{Command, Digest, Event};
pub use ip::member::Member;
pub use ip::stranger::Stranger;
pub use means::Means;
pub use registry::Infrastructure;
pub use row::{Asked, By, GroupSpec, Node, Row, Tally};
