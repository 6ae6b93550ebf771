//! What a node of an overlay is told: its protocol, and values of the protocol's keys.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize};

use super::key::Value;
use super::registry::Protocol;
use super::values::Values;

/// A protocol and values of its keys.
#[derive(Clone, Debug, Serialize)]
pub struct Given {
    pub protocol: Protocol,
    #[serde(skip_serializing_if = "is_default", serialize_with = "set")]
    values: Values,
}

impl Given {
    /// The defaults of a lab file.
    pub fn of(protocol: Protocol) -> Self {
        Self { protocol, values: Values::of(protocol.keys) }
    }

    /// What nodes of an overlay of thousands are told.
    pub fn large(protocol: Protocol) -> Self {
        protocol.large.iter().fold(Self::of(protocol), |given, (key, value)| given.with(key, value.clone()))
    }

    /// The same with another value of this key. One that the protocol does not have is left out.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        if self.protocol.key(key).is_some() {
            self.values.set.insert(key.to_owned(), value.into());
        }
        self
    }
}

impl Deref for Given {
    type Target = Values;

    fn deref(&self) -> &Values {
        &self.values
    }
}

impl PartialEq for Given {
    fn eq(&self, other: &Self) -> bool {
        (self.protocol, &self.values.set) == (other.protocol, &other.values.set)
    }
}

fn is_default(values: &Values) -> bool {
    values.set.is_empty()
}

fn set<S: serde::Serializer>(values: &Values, serializer: S) -> Result<S::Ok, S::Error> {
    values.set.serialize(serializer)
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Written {
            protocol: Protocol,
            #[serde(default)]
            values: BTreeMap<String, Value>,
        }
        let Written { protocol, values } = Written::deserialize(deserializer)?;
        let mut given = Self::of(protocol);
        given.values.set = values;
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_way_to_a_node() {
        for protocol in Protocol::all() {
            let given = Given::large(protocol).with("proximity", "none");
            let text = serde_json::to_string(&given).unwrap();
            assert_eq!(serde_json::from_str::<Given>(&text).unwrap(), given, "{text}");
        }
    }
}
