//! How a node finds a member: joining through a group's address, and how islands find each other.
//!
//! [`Member`] is the complete overlay node: it stands on an [`crate::overlay::OverlayNode`] and adds what the
//! shared addresses are for. Who brings others to it is an infrastructure, of which it has an [`Agent`].
//!
//! - `face`: what may be asked of any infrastructure; `facts`: what everybody is told of one
//! - `registry`: the infrastructures, a row for each, and a room; `row`, `server`: what a row says
//! - `ip`: the infrastructure that needs nothing but routes: plain IP anycast
//! - `i3`: packets to identifiers, brought to where receivers have left triggers
//! - `pias`: proxies that announce one block for all groups
//! - `member`: the overlay's node; `endpoint`: an agent without one; `resident`: whatever lives on a host
//! - `dispatch`: which of a host's machines an input is for; `tenants`: what a host is told of them
//! - `inquiry`: what is asked of an overlay from outside of it
//! - `life`: random numbers of one life of a machine
//! - `config`, `event`, `means`: what overlays' nodes are told and do
//! - [`probe`], [`flow`]: what clients send to a group's address

mod config;
mod dispatch;
mod endpoint;
mod event;
mod face;
mod facts;
pub mod flow;
mod i3;
mod inquiry;
mod ip;
mod life;
mod means;
mod member;
mod oasis;
mod pias;
pub mod probe;
mod registry;
mod resident;
mod row;
mod server;
mod tenants;

pub use config::{Addresses, Beyond, Bootstrap, Coloring, Drain, Healing, NodeConfig, PORT, Redirect, Rendezvous};
pub use dispatch::{Did, Dispatch};
pub use endpoint::{Call, Endpoint, Heard};
pub use event::{Command, Digest, Event};
pub use face::{Agent, AgentConfig, PATIENCE, Question, Said, Target, Unavailable};
pub use facts::{Facts, Place, Shared, Site, Transport};
pub use inquiry::{Found, Inquiry, MOST_HOPS, Reply, Step};
pub use means::Means;
pub use member::node::Member;
pub use member::stranger::Stranger;
pub use registry::Infrastructure;
pub use resident::{Deed, Resident, Told};
pub use row::{Asked, By, GroupSpec, Node, Row, Tally};
pub use server::{Served, Server, ServerConfig, ServerRow};
pub use tenants::{Hosted, Offered, Serving, Tenants};
