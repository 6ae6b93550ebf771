//! What a node of an overlay is configured with: values of its protocol's keys, and what all have in common.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::key::{Key, Value};
use super::peer::Peer;
use super::proximity::{LookupMode, Proximity};

/// Values of a protocol's keys.
#[derive(Clone, Debug)]
pub struct Values {
    keys: &'static [Key],
    /// Those that differ from the default.
    pub(super) set: BTreeMap<String, Value>,
}

/// What is configured for every overlay, whatever its protocol.
#[derive(Clone, Copy, Debug)]
pub struct Common {
    /// Copies of each key, the owner's included.
    pub replicas: usize,
    pub stabilize_every: Duration,
    /// The least: it grows while answers take longer.
    pub rpc_timeout: Duration,
    pub rpc_tries: u32,
    pub lookup: LookupMode,
}

/// Of the same keys.
impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        self.set == other.set
    }
}

/// Those that differ from the default.
impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.set.serialize(serializer)
    }
}

impl Values {
    /// The defaults of a lab file.
    pub fn of(keys: &'static [Key]) -> Self {
        Self { keys, set: BTreeMap::new() }
    }

    /// The same with these values of some keys.
    pub fn set(keys: &'static [Key], set: BTreeMap<String, Value>) -> Self {
        Self { keys, set }
    }

    /// The same with another value of this key.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.set.insert(key.to_owned(), value.into());
        self
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.set.get(key).or_else(|| self.keys.iter().find(|own| own.name == key).map(|own| &own.default))
    }

    /// The value of a key that is a whole number; 0 if it is none.
    pub fn int(&self, key: &str) -> u64 {
        if let Some(Value::Int(number)) = self.value(key) { *number } else { 0 }
    }

    /// The same for a size, which a key's range keeps small.
    pub fn size(&self, key: &str) -> usize {
        usize::try_from(self.int(key)).unwrap_or(usize::MAX)
    }

    pub fn word(&self, key: &str) -> &str {
        if let Some(Value::Word(word)) = self.value(key) { word } else { "" }
    }

    pub fn float(&self, key: &str) -> f64 {
        if let Some(Value::Float(number)) = self.value(key) { *number } else { 0.0 }
    }

    pub fn bool(&self, key: &str) -> bool {
        matches!(self.value(key), Some(Value::Bool(true)))
    }

    pub fn time(&self, key: &str) -> Duration {
        if let Some(Value::Time(time)) = self.value(key) { *time } else { Duration::ZERO }
    }

    pub fn hosts(&self, key: &str) -> &[Peer] {
        if let Some(Value::Hosts(hosts)) = self.value(key) { hosts } else { &[] }
    }

    /// Which of several nodes that would serve as neighbors are taken.
    pub fn proximity(&self) -> Proximity {
        Proximity::ALL.into_iter().find(|p| p.word() == self.word("proximity")).unwrap_or_default()
    }
}
