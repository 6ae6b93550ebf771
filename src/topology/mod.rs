//! The network a lab file describes: the file's shape, its checks, and the model everything else reads.

pub mod address;
mod among;
pub mod as_rel;
mod beyond;
mod change;
pub mod check;
mod communities;
mod connectivity;
mod damping;
mod deployment;
pub mod diagnose;
mod distance;
mod edges;
mod exchanges;
mod fairness;
pub mod file;
mod flows;
pub mod generate;
pub mod graphml;
mod group;
mod groups;
mod guards;
mod id;
mod infrastructures;
pub mod keys;
mod links;
mod missing;
pub mod model;
mod multipath;
mod options;
mod origin;
mod origins;
mod overlays;
mod pacing;
mod parts;
mod policies;
mod policy;
mod ports;
mod prefixes;
mod read;
mod rpki;
mod rtr;
mod session;
pub(crate) mod size;
mod stubs;
mod table;
mod traffic;
mod values;

/// Longest name of the lab file, in characters of one byte.
pub const LONGEST_NAME: usize = 32;
/// Longest name of a node: a host's `STUB.NAME`.
const LONGEST_HOST: usize = 2 * LONGEST_NAME + 1;
const _: () = assert!(LONGEST_HOST <= crate::anycast::probe::MAX_HOST, "an answer to a probe names its host");

pub use address::Addresses;
pub use change::Change;
pub use check::Overrides;
pub use diagnose::{Diagnostic, Diagnostics};
pub use fairness::jain;
pub(crate) use groups::unknown_host;
pub use guards::{Excess, Guards, MaxPrefix};
pub use model::*;
pub use multipath::{Multipath, MultipathHash};
pub use origin::{Intervals, Origination, Roa, Rov, Rtr, is_invalid};
pub use policy::{Community, Direction, Pattern, Policy, Then, Which};
pub use traffic::{Flows, Transport};
