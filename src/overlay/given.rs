//! What a node of an overlay is told: its protocol, values of the protocol's keys, and what all have in common.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::key::Value;
use super::{LookupMode, Peer, Protocol, Proximity};

/// A protocol and values of its keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Given {
    pub protocol: Protocol,
    /// Those that differ from the default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<String, Value>,
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

impl Given {
    /// The defaults of a lab file.
    pub fn of(protocol: Protocol) -> Self {
        Self { protocol, values: BTreeMap::new() }
    }

    /// The same with another value of this key. One that the protocol does not have is left out.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        if self.protocol.key(key).is_some() {
            self.values.insert(key.to_owned(), value.into());
        }
        self
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).or_else(|| self.protocol.key(key).map(|key| &key.default))
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
