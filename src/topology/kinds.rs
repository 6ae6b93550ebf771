//! Kinds of infrastructures that a lab file can have, and their keys.

use crate::anycast::Infrastructure;
use crate::overlay::key::Key;

/// Kinds that have servers; plain IP anycast is there without being declared.
pub(super) fn kinds() -> impl Iterator<Item = Infrastructure> {
    Infrastructure::all().filter(|kind| kind.server.is_some())
}

/// Keys of all kinds, each once.
pub(super) fn all_keys() -> Vec<&'static Key> {
    let mut keys: Vec<&'static Key> = Vec::new();
    for key in kinds().flat_map(|kind| kind.keys) {
        if !keys.iter().any(|known| known.name == key.name) {
            keys.push(key);
        }
    }
    keys
}
