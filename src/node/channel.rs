//! What the supervisor and a node's process say to each other: JSON, one object a line, over a Unix
//! socket. A path of the file system is reached from every network namespace.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::announce::GroupConfig;
use crate::anycast::{Command, Digest, Event, Served, Tenants};

/// What a node's process is told when it starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostConfig {
    pub host: String,
    /// The host's unicast address.
    pub address: IpAddr,
    /// Name of the host's routing daemon, and where it is controlled.
    pub routing: String,
    pub control: PathBuf,
    /// The supervisor's socket for nodes.
    pub supervisor: PathBuf,
    pub tenants: Tenants,
    /// Every group the host may announce.
    pub groups: Vec<GroupConfig>,
    /// Names of the groups it announces as soon as it runs: it is a plain site of them.
    pub sites: Vec<String>,
    /// Groups' addresses at which it serves clients' flows.
    pub flows: Vec<IpAddr>,
    /// Addresses of others at which it answers.
    #[serde(default)]
    pub impersonates: Vec<IpAddr>,
}

/// From the supervisor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub enum Order {
    /// To the node of one overlay.
    Overlay {
        overlay: String,
        what: Command,
    },
    Announce {
        group: String,
    },
    Withdraw {
        group: String,
    },
    /// Asks others to route around this host (RFC 8326), waits, and withdraws.
    Drain {
        group: String,
    },
    /// It answers probes at these addresses of others, and at no other of theirs.
    Impersonate {
        addresses: Vec<IpAddr>,
    },
    /// The host has another unicast address from now on.
    Renumber {
        address: IpAddr,
    },
    /// Answered by [`Report::Digest`].
    Digest {
        overlay: String,
    },
}

/// From a node. Times are CLOCK_MONOTONIC nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "kebab-case")]
pub enum Report {
    /// The first line.
    Hello {
        host: String,
    },
    Overlay {
        at: u64,
        overlay: String,
        what: Event,
    },
    /// A server did what is worth a line.
    Served {
        at: u64,
        infrastructure: String,
        what: Served,
    },
    Announced {
        at: u64,
        group: String,
    },
    Withdrew {
        at: u64,
        group: String,
    },
    Digest {
        overlay: String,
        digest: Box<Digest>,
    },
    /// Something the node could not do.
    Trouble {
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::machine::Part;
    use crate::overlay::id::Id;
    use crate::overlay::{Neighbors, Phase, Spent};

    /// Maps from numbers do not come back from an enum with a tag inside (serde_json 1).
    #[test]
    fn the_fullest_digest_arrives() {
        let digest = Digest {
            host: "near.n1".to_owned(),
            id: Id(1),
            phase: Phase::Member,
            neighbors: Neighbors { predecessor: Some(Id(3)), successors: vec![Id(2)], ..Neighbors::default() },
            keys: 4,
            conflicts: 1,
            color: Some(3),
            island: 7,
            announced: vec![Part(0), Part(2)],
            met: BTreeMap::from([(Id(2), 1.5)]),
            heard: vec![(1, Id(2)), (2, Id(3))],
            dropped: 9,
            counts: [("pings".to_owned(), 3)].into(),
            spent: Spent { messages: 4, heard: 2 },
        };
        let report = Report::Digest { overlay: "music".to_owned(), digest: Box::new(digest) };
        let line = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&line).unwrap(), report);
    }
}
