//! Unstructured overlays: things lie where they were put, and whoever wants one asks around.
//!
//! - `library`: what a node shares; `pursuit`: what it searches for; `seen`: which messages have come by, and from where
//! - `connected`: the truth about islands, for whoever judges; `bare`: a node alone, for tests
//! - a room for each protocol

use super::AskKind;

#[cfg(test)]
mod bare;
mod connected;
pub mod freenet;
pub mod gnutella;
pub mod kazaa;
mod library;
mod pursuit;
mod seen;

pub(super) use connected::Connected;

/// What may be asked of those that store things under keys without an owner.
const KEPT: &[AskKind] = &[AskKind::Put, AskKind::Get];
/// What may be asked of those that search for words.
pub(super) const SEARCHED: &[AskKind] = &[AskKind::Share, AskKind::Search];
