//! The network a lab file describes: the file's shape, its checks, and the model everything else reads.

pub mod address;
pub mod check;
mod connectivity;
mod deployment;
pub mod diagnose;
mod distance;
pub mod file;
mod flows;
pub mod generate;
pub mod graphml;
mod groups;
mod id;
mod infrastructures;
pub mod keys;
mod links;
mod missing;
pub mod model;
mod multipath;
mod options;
mod overlays;
mod parts;
mod ports;
mod read;
pub(crate) mod size;
mod table;
mod traffic;
mod values;

/// Longest name of the lab file, in characters of one byte.
pub const LONGEST_NAME: usize = 32;
/// Longest name of a node: a host's `STUB.NAME`.
const LONGEST_HOST: usize = 2 * LONGEST_NAME + 1;
const _: () = assert!(LONGEST_HOST <= crate::anycast::probe::MAX_HOST, "an answer to a probe names its host");

pub use address::Addresses;
pub use check::Overrides;
pub use diagnose::{Diagnostic, Diagnostics};
pub(crate) use groups::unknown_host;
pub use model::*;
pub use multipath::{Multipath, MultipathHash};
pub use traffic::{Flows, Transport};
