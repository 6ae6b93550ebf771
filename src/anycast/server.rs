//! A server of an infrastructure: a process on a host, and a machine.

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use crate::machine::{Machine, Need, Port, Time};

/// What a server is told before it starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerConfig {
    pub facts: Facts,
    /// Its host; `facts` has its id and address.
    pub host: String,
    pub seed: u64,
}

/// What a server did that is worth a line in the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// In a word: `registered`, `expired`, `forwarded`, `answered`, `took over`.
    pub what: String,
    /// The group it concerns.
    pub group: Option<String>,
    /// Who it concerns: a host's name, or an address.
    pub who: Option<String>,
}

/// What drivers, and those who look on, may expect of a server.
pub trait Server: Machine<Order = (), Fact = Served> {
    fn config(&self) -> &ServerConfig;

    /// Numbers of entries in its tables, each of which has a limit.
    fn tables(&self) -> Vec<(&'static str, usize)>;

    /// Bytes that its state takes, about: what each entry of its tables holds.
    fn bytes(&self) -> usize;
}

/// How to make one, and what it listens at.
pub struct ServerRow {
    pub make: fn(ServerConfig, Time) -> Box<dyn Server>,
    /// Ports besides the tagged one of its host: of the groups' addresses (by their part) and its own.
    pub ports: fn(&Facts) -> Vec<(Port, Need)>,
    /// Whether all servers announce one block, in which the groups' addresses are.
    pub announces: bool,
    /// Whether servers and members must have a place.
    pub places: bool,
    /// Why nothing reaches a program that does not know the infrastructure; `None`: it does.
    pub no_programs: Option<&'static str>,
}
