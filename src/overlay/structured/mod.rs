//! Structured overlays: every key has an owner, and every member knows whom to ask to come nearer to it.

use std::borrow::Cow;

use super::AskKind;
use super::key::{Key, Value, What};

pub mod can;
pub mod chord;
pub mod dht;
pub mod pastry;
mod ring;

/// What may be asked of all of them.
const KEYED: &[AskKind] = &[AskKind::Find, AskKind::Put, AskKind::Get];

/// The key that all of them have.
const PROXIMITY: Key = Key {
    name: "proximity",
    what: What::Word(&["anycast", "probed", "none"]),
    default: Value::Word(Cow::Borrowed("anycast")),
    wrong: Key::fine,
    help: "which neighbors a node prefers, of those that serve as well",
};
