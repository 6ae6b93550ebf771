//! Who announces which prefixes, and who may: what gateways originate, and ROAs (RFC 6482, RFC 6811).

use ipnet::IpNet;
use serde::Serialize;

use super::id::{GroupId, NodeId};
use super::policy::Community;

/// A prefix of a group that a gateway announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origination {
    /// The gateway.
    pub at: NodeId,
    pub group: GroupId,
    pub prefix: IpNet,
    pub communities: Vec<Community>,
    /// The host that packets go to; `None`: they are dropped where no longer prefix leads on.
    pub to: Option<NodeId>,
    /// The AS that the path says it begins at; `None`: the gateway's own.
    pub claims: Option<u32>,
}

/// An AS may originate a prefix, and longer ones in it up to a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Roa {
    pub prefix: IpNet,
    pub max_length: u8,
    pub origin: u32,
}

/// The server that tells routers which ROAs there are (RFC 8210).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtr {
    /// Where it runs.
    pub host: NodeId,
    pub intervals: Intervals,
}

/// What an RTR server tells routers of times (RFC 8210 §6), in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Intervals {
    /// From one question for news to the next, while nobody notifies.
    pub refresh: u64,
    /// Until a server that did not answer is asked again.
    pub retry: u64,
    /// How long ROAs are believed while it does not answer.
    pub expire: u64,
}

/// What an AS does with a route that it hears from another one, and that some ROA is about but none allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rov {
    /// It does not look.
    #[default]
    Off,
    /// It does not believe it.
    Drop,
    /// It takes it where there is no other.
    PreferValid,
}

impl Roa {
    /// Whether a prefix is one that it is about.
    fn covers(&self, prefix: &IpNet) -> bool {
        self.prefix.contains(prefix)
    }

    fn allows(&self, prefix: &IpNet, origin: u32) -> bool {
        self.covers(prefix) && prefix.prefix_len() <= self.max_length && self.origin == origin && origin != 0
    }
}

/// Whether a route is invalid: some are about its prefix, and none allows it (RFC 6811 §2).
pub fn is_invalid(roas: &[Roa], prefix: &IpNet, origin: Option<u32>) -> bool {
    let covered = roas.iter().any(|roa| roa.covers(prefix));
    covered && !origin.is_some_and(|origin| roas.iter().any(|roa| roa.allows(prefix, origin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_invalid_if_it_is_covered_and_not_allowed() {
        let net = |text: &str| text.parse::<IpNet>().expect("a prefix");
        let roas = [
            Roa { prefix: net("198.51.100.0/24"), max_length: 25, origin: 7 },
            Roa { prefix: net("203.0.113.0/24"), max_length: 24, origin: 0 },
        ];
        let invalid = |prefix: &str, origin| is_invalid(&roas, &net(prefix), origin);
        assert!(!invalid("198.51.100.0/24", Some(7)) && !invalid("198.51.100.128/25", Some(7)));
        assert!(invalid("198.51.100.0/24", Some(8)), "another AS");
        assert!(invalid("198.51.100.0/26", Some(7)), "longer than allowed");
        assert!(invalid("198.51.100.0/24", None), "a path that begins nowhere");
        assert!(invalid("203.0.113.0/24", Some(0)), "AS 0 disallows (RFC 6483 §4)");
        assert!(!invalid("192.0.2.0/24", Some(8)) && !invalid("198.51.0.0/16", Some(8)), "not found");
    }
}
