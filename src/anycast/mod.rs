//! How a node finds a member: joining through a group's address, and how islands find each other.
//!
//! [`Member`] is the complete overlay node: it stands on an [`crate::overlay::Overlay`] and adds what the
//! shared addresses are for. It asks its driver to announce and withdraw them.
//!
//! - `config`, `event`, `group`, `means`: what every infrastructure's nodes are told, do and are called by
//! - `ip`: the infrastructure that needs nothing but routes: plain IP anycast
//! - [`probe`], [`flow`]: what clients send to a group's address

mod config;
mod event;
pub mod flow;
mod group;
mod ip;
mod means;
pub mod probe;

pub use config::{Bootstrap, Coloring, Drain, Healing, NodeConfig, Redirect, Rendezvous};
pub use event::{Command, Digest, Event};
pub use group::GroupRef;
pub use ip::member::Member;
pub use ip::stranger::Stranger;
pub use means::Means;
