//! Keys of the lab file that belong to a protocol, as data: whoever reads the file asks them what may be written.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::peer::Peer;

/// A key of an `[[overlay]]` that only some protocols have.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub what: What,
    /// What holds where the file does not say.
    pub default: Value,
    /// What else is wrong with a value of the right kind.
    pub wrong: fn(&Value) -> Option<Wrong>,
    pub help: &'static str,
}

/// What may be written.
#[derive(Debug)]
pub enum What {
    Int(RangeInclusive<u64>),
    Float(RangeInclusive<f64>),
    Word(&'static [&'static str]),
    Time(RangeInclusive<Duration>),
    Bool,
    /// Names of hosts and stubs, of which at most so many hosts.
    Hosts(usize),
}

/// A message, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub message: String,
    pub label: &'static str,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    Int(u64),
    Float(f64),
    Word(Cow<'static, str>),
    Time(Duration),
    Bool(bool),
    Hosts(Vec<Peer>),
}

/// How many copies of a key there are nodes for, and why not more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holders {
    pub most: usize,
    pub what: String,
    pub why: &'static str,
}

impl What {
    /// A value as a command's argument has it; `None`: nothing that may be written.
    pub fn parse(&self, text: &str) -> Option<Value> {
        match self {
            Self::Int(range) => text.parse().ok().filter(|n| range.contains(n)).map(Value::Int),
            Self::Float(range) => text.parse().ok().filter(|n| range.contains(n)).map(Value::Float),
            Self::Word(words) => words.iter().find(|word| **word == text).map(|word| Value::Word(Cow::Borrowed(word))),
            Self::Time(range) => {
                humantime::parse_duration(text).ok().filter(|time| range.contains(time)).map(Value::Time)
            }
            Self::Bool => text.parse().ok().map(Value::Bool),
            Self::Hosts(_) => None,
        }
    }
}

impl Key {
    /// Nothing else is wrong.
    pub(crate) const fn fine(_: &Value) -> Option<Wrong> {
        None
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Int(number)
    }
}

impl From<&'static str> for Value {
    fn from(word: &'static str) -> Self {
        Self::Word(Cow::Borrowed(word))
    }
}

impl From<Vec<Peer>> for Value {
    fn from(hosts: Vec<Peer>) -> Self {
        Self::Hosts(hosts)
    }
}
