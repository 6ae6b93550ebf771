//! The protocols that there are: a row for each, which says all that anybody outside its room may know of it.

use std::fmt;
use std::ops::Deref;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::key::{Holders, Key, Value};
use super::oracle::Oracle;
use super::structured::{can, chord, pastry};
use super::{AskKind, Common, Given, Overlay, Peer};

/// One more protocol is one more line.
static PROTOCOLS: &[&Row] = &[&chord::ROW, &pastry::ROW, &can::ROW];

/// A protocol.
pub struct Row {
    /// As lab files, records and commands have it.
    pub name: &'static str,
    /// As a text has it.
    pub title: &'static str,
    /// Its own keys of an `[[overlay]]`. Protocols may share one, of the same name and kind.
    pub keys: &'static [Key],
    /// What may be asked of it.
    pub asks: &'static [AskKind],
    /// What differs from the defaults in an overlay of thousands.
    pub large: &'static [(&'static str, Value)],
    /// How many copies of a key it has nodes for; `None`: it keeps no copies.
    pub holders: fn(&Given) -> Option<Holders>,
    /// A node that has been told nothing yet. The generator decides jitter and request numbers.
    pub node: fn(Peer, &Given, Common, ChaCha8Rng) -> Box<dyn Overlay>,
    /// What is right, for whoever judges.
    pub oracle: &'static dyn Oracle,
    /// What its paper says about the length of a path among so many nodes, told what `large` says.
    pub published: fn(f64) -> (&'static str, f64),
}

/// One of the rows.
#[derive(Clone, Copy)]
pub struct Protocol(&'static Row);

impl Protocol {
    /// All of them, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        PROTOCOLS.iter().copied().map(Self)
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

    /// What nodes of an overlay of thousands are told.
    pub fn large(self) -> Given {
        self.0.large.iter().fold(Given::of(self), |given, (key, value)| given.with(key, value.clone()))
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
    fn values_survive_the_way_to_a_node() {
        for protocol in Protocol::all() {
            let given = protocol.large().with("proximity", "none");
            let text = serde_json::to_string(&given).unwrap();
            assert_eq!(serde_json::from_str::<Given>(&text).unwrap(), given, "{text}");
        }
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
