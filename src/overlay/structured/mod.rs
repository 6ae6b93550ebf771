//! Structured overlays: every key has an owner, and every member knows whom to ask to come nearer to it.

use super::AskKind;

pub mod can;
pub mod chord;
pub mod dht;
pub mod pastry;
mod ring;

/// What may be asked of all of them.
const KEYED: &[AskKind] = &[AskKind::Find, AskKind::Put, AskKind::Get];
