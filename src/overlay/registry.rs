//! The protocols that there are: a row for each, which says all that anybody outside its room may know of it.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::key::Key;
use super::layered::index;
use super::row::Row;
use super::structured::{can, chord, pastry};
use super::unstructured::{freenet, gnutella, kazaa};
use super::{AskKind, Values};
use crate::machine::Need;

/// One more protocol is one more line.
static PROTOCOLS: &[&Row] =
    &[&chord::ROW, &pastry::ROW, &can::ROW, &freenet::ROW, &gnutella::ROW, &kazaa::ROW, &index::ROW];

/// One of the rows.
#[derive(Clone, Copy)]
pub struct Protocol(&'static Row);

impl Protocol {
    /// All of them, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        PROTOCOLS.iter().copied().map(Self)
    }

    /// Those in which every key has an owner.
    pub fn keyed() -> impl Iterator<Item = Self> {
        Self::all().filter(|protocol| protocol.is_keyed())
    }

    /// Whether every key has an owner, who is found by a lookup.
    pub fn is_keyed(self) -> bool {
        self.may(AskKind::Find)
    }

    /// Whether this may be asked of it.
    pub fn may(self, ask: AskKind) -> bool {
        self.0.asks.contains(&ask)
    }

    /// The TCP ports that its nodes listen at.
    pub fn tcp_ports(self, given: &Values) -> impl Iterator<Item = u16> {
        (self.0.needs)(given).into_iter().filter(|need| matches!(need, Need::Tcp(_))).map(Need::port)
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|protocol| protocol.name == name)
    }

    /// Its own key of this name.
    pub fn key(self, name: &str) -> Option<&'static Key> {
        self.0.keys.iter().find(|key| key.name == name)
    }

    /// Every protocol's own keys, each once.
    pub fn all_keys() -> Vec<&'static Key> {
        let mut keys: Vec<&'static Key> = Vec::new();
        for key in PROTOCOLS.iter().flat_map(|row| row.keys) {
            if keys.iter().all(|known| known.name != key.name) {
                keys.push(key);
            }
        }
        keys
    }
}

/// The first of the table: for whoever is not after one protocol.
impl Default for Protocol {
    fn default() -> Self {
        Self(PROTOCOLS[0])
    }
}

impl Deref for Protocol {
    type Target = Row;

    fn deref(&self) -> &Row {
        self.0
    }
}

impl PartialEq for Protocol {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Protocol {}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title)
    }
}

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| serde::de::Error::custom(format!("there is no protocol `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_are_read_back() {
        for protocol in Protocol::all() {
            assert_eq!(Protocol::named(protocol.name), Some(protocol), "{protocol:?}");
            let text = serde_json::to_string(&protocol).unwrap();
            assert_eq!(serde_json::from_str::<Protocol>(&text).unwrap(), protocol);
        }
        assert!(serde_json::from_str::<Protocol>("\"ring\"").is_err());
    }

    #[test]
    fn a_shared_key_is_of_one_kind() {
        for key in Protocol::all().flat_map(|protocol| protocol.0.keys) {
            let first = Protocol::all_keys().into_iter().find(|first| first.name == key.name).unwrap();
            assert_eq!(format!("{:?}", (&first.what, &first.default)), format!("{:?}", (&key.what, &key.default)));
            assert!(!key.help.is_empty(), "{}", key.name);
        }
    }
}
