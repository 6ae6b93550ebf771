//! A survey: which member of a group each node's packets reach, asked of several witnesses at one moment.
//!
//! - a **packet** from the node to the group's address, seen at every node that it comes to;
//! - the **routes** of the kernels, followed hop by hop along every equal-cost branch;
//! - an **echo** request from the group's address to the node, whose reply is routed to the member that
//!   catches the node (de Vries et al., "Broad and load-aware anycast mapping with Verfploeter", IMC 2017).
//!
//! The lab takes surveys, the record keeps them, and what judges them is here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// All witnesses' answers for one address of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    pub group: String,
    pub address: IpAddr,
    pub nodes: Vec<Surveyed>,
    /// Member to site: the AS that it is in.
    pub sites: BTreeMap<String, String>,
    /// Node to AS, of all nodes on the ways.
    #[serde(default)]
    pub ases: BTreeMap<String, String>,
    /// The values that `fib_multipath_hash_policy` has on the lab's nodes: by what their kernels choose among
    /// equal-cost routes, see [`hash_policy`]. Empty: they have no such setting.
    pub hash_policies: BTreeSet<u8>,
    /// Nothing changed meanwhile: no route, no link, no process. If not, witnesses of different moments are
    /// not compared.
    pub settled: bool,
    /// The member that sent the echo requests.
    #[serde(default)]
    pub echoed_by: Option<String>,
    pub cost: Vec<Cost>,
}

/// What one witness took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    pub witness: Witness,
    /// Sockets opened.
    pub sockets: usize,
    /// Packets, or questions to kernels, that were sent.
    pub sent: usize,
    pub milliseconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Witness {
    Packets,
    Routes,
    Echoes,
}

/// One node's answers; a witness that was not asked is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Surveyed {
    pub node: String,
    /// `router`, `gateway`, `member` or `client`.
    pub kind: String,
    #[serde(rename = "as")]
    pub as_name: String,
    #[serde(default)]
    pub packet: Option<Packet>,
    #[serde(default)]
    pub routes: Option<Routes>,
    #[serde(default)]
    pub echo: Option<Echo>,
}

/// A packet from the node to the group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Packet {
    /// Whose kernel took it in; `None`: nobody's.
    pub member: Option<String>,
    /// The nodes that it came to, in order; the last one took it, or dropped it.
    pub hops: Vec<String>,
    /// Who says to have answered it. `None`: no answer came back, which says nothing about the way there.
    pub answered_by: Option<String>,
    /// Nanoseconds until that answer.
    pub rtt: Option<u64>,
}

/// Where the kernels' routes lead from the node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Routes {
    /// Members that may be reached; several with equal-cost routes.
    pub members: BTreeSet<String>,
    /// Every branch, up to [`MOST_WAYS`].
    pub ways: Vec<Way>,
}

/// More branches than this are not listed; the members at their ends are.
pub const MOST_WAYS: usize = 8;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Way {
    /// The nodes on it, after the one that was asked.
    pub hops: Vec<String>,
    pub end: WayEnd,
}

/// How a way ends at its last node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WayEnd {
    /// The address is the last node's.
    Arrives,
    NoRoute,
    /// Over a link that is down or a black hole.
    DeadLink,
    /// The last node has been met before.
    Circle,
}

/// A reply of the node to the group's address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Echo {
    /// Who caught it; `None`: nobody did, or the request did not reach the node.
    pub member: Option<String>,
}

impl Survey {
    /// Nodes about which witnesses differ; none if something changed meanwhile.
    pub fn disagreements(&self) -> Vec<&Surveyed> {
        if !self.settled {
            return Vec::new();
        }
        self.nodes.iter().filter(|node| node.disagreement().is_some()).collect()
    }

    /// Nodes about which at least two witnesses were asked.
    pub fn compared(&self) -> usize {
        if self.settled { self.nodes.iter().filter(|node| node.is_compared()).count() } else { 0 }
    }

    /// How many nodes each site catches, and how many none does (`None`).
    pub fn shares(&self) -> BTreeMap<Option<&str>, usize> {
        let mut shares = BTreeMap::new();
        for node in self.nodes.iter().filter(|node| node.is_asked()) {
            let site = node.member().map(|member| self.sites.get(member).map_or(member, |site| site.as_str()));
            *shares.entry(site).or_default() += 1;
        }
        shares
    }
}

impl Surveyed {
    /// Whether any witness was asked about it.
    pub fn is_asked(&self) -> bool {
        self.packet.is_some() || self.routes.is_some() || self.echo.is_some()
    }

    fn is_compared(&self) -> bool {
        [self.packet.is_some(), self.routes.is_some(), self.echo.is_some()].iter().filter(|asked| **asked).count() > 1
    }

    /// Who catches it: by its packet, else by its echo, else by the routes if all lead to one member.
    pub fn member(&self) -> Option<&str> {
        if let Some(packet) = &self.packet {
            return packet.member.as_deref();
        }
        if let Some(echo) = &self.echo {
            return echo.member.as_deref();
        }
        let members = &self.routes.as_ref()?.members;
        members.first().filter(|_| members.len() == 1).map(String::as_str)
    }

    /// What the witnesses differ about, in words.
    ///
    /// Routes that branch agree with each member that they may lead to. A packet that nobody took is at odds
    /// only with routes all of whose branches arrive; an echo that nobody caught, with nothing: its request
    /// may not have reached the node.
    pub fn disagreement(&self) -> Option<String> {
        let packet = self.packet.as_ref().map(|packet| packet.member.as_deref());
        let echo = self.echo.as_ref().and_then(|echo| echo.member.as_deref());
        if let Some(Packet { member: Some(member), answered_by: Some(answered_by), .. }) = &self.packet
            && member != answered_by
        {
            return Some(format!("its packet reached {member}, and {answered_by} answered it"));
        }
        if let Some(routes) = &self.routes {
            let members: Vec<&str> = routes.members.iter().map(String::as_str).collect();
            let led = if members.is_empty() { "nobody".to_owned() } else { members.join(" or ") };
            let arrives = !routes.ways.is_empty() && routes.ways.iter().all(|way| way.end == WayEnd::Arrives);
            match packet {
                Some(Some(member)) if !routes.members.contains(member) => {
                    return Some(format!("its packet reached {member}, the routes lead to {led}"));
                }
                Some(None) if arrives => return Some(format!("its packet reached nobody, the routes lead to {led}")),
                _ => {}
            }
            if let Some(member) = echo.filter(|member| !routes.members.contains(*member)) {
                return Some(format!("its echo was caught by {member}, the routes lead to {led}"));
            }
            return None;
        }
        match (packet, echo) {
            (Some(Some(reached)), Some(caught)) if reached != caught => {
                Some(format!("its packet reached {reached}, its echo was caught by {caught}"))
            }
            _ => None,
        }
    }
}

impl WayEnd {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arrives => "arrives",
            Self::NoRoute => "no-route",
            Self::DeadLink => "dead-link",
            Self::Circle => "circle",
        }
    }
}

/// What `net.ipv4.fib_multipath_hash_policy` and its IPv6 sibling mean (Linux, `ip-sysctl.rst`).
pub fn hash_policy(value: u8) -> &'static str {
    match value {
        0 => "layer 3: the addresses",
        1 => "layer 4: the addresses and ports",
        2 => "layer 3, of the inner packet if there is one",
        3 => "chosen fields",
        _ => "a policy of a newer kernel",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surveyed(packet: Option<&str>, routed: &[(&str, WayEnd)], echo: Option<&str>) -> Surveyed {
        let way = |(last, end): &(&str, WayEnd)| Way { hops: vec![(*last).to_owned()], end: *end };
        let arrived = routed.iter().filter(|(_, end)| *end == WayEnd::Arrives);
        Surveyed {
            node: "home.c1".into(),
            kind: "client".into(),
            as_name: "home".into(),
            packet: Some(Packet { member: packet.map(str::to_owned), ..Packet::default() }),
            routes: Some(Routes {
                members: arrived.map(|(last, _)| (*last).to_owned()).collect(),
                ways: routed.iter().map(way).collect(),
            }),
            echo: Some(Echo { member: echo.map(str::to_owned) }),
        }
    }

    #[test]
    fn witnesses_agree_or_do_not() {
        use WayEnd::{Arrives, DeadLink};
        let differ = |packet, routed: &[(&str, WayEnd)], echo| surveyed(packet, routed, echo).disagreement();
        let one: &[_] = &[("west", Arrives)];
        let two: &[_] = &[("west", Arrives), ("east", Arrives)];
        assert_eq!(differ(Some("west"), one, Some("west")), None);
        assert_eq!(differ(Some("east"), two, Some("west")), None, "either branch will do");
        assert_eq!(differ(None, &[("r1", DeadLink)], None), None, "both say nobody");
        assert_eq!(
            differ(None, &[("west", Arrives), ("r1", DeadLink)], None),
            None,
            "it may have taken the dead branch"
        );
        assert_eq!(differ(Some("west"), one, None), None, "the request may have been lost");
        assert!(differ(Some("east"), one, None).is_some());
        assert!(differ(None, one, None).is_some());
        assert!(differ(Some("west"), &[("r1", DeadLink)], None).is_some());
        assert!(differ(Some("west"), one, Some("east")).is_some());
        let mut without = surveyed(Some("west"), one, Some("east"));
        without.routes = None;
        assert!(without.disagreement().is_some(), "packet and echo, where routes were not asked");
        without.packet = Some(Packet {
            member: Some("west".into()),
            answered_by: Some("east".into()),
            ..without.packet.unwrap_or_default()
        });
        assert!(without.disagreement().is_some(), "one took it and another answered");
    }

    #[test]
    fn witnesses_of_different_moments_are_not_compared() {
        let nodes = vec![surveyed(Some("east"), &[("west", WayEnd::Arrives)], None)];
        let sites = BTreeMap::from([("east".to_owned(), "harbor".to_owned())]);
        let mut survey = Survey {
            group: "dns".into(),
            address: "198.51.100.1".parse().expect("an address"),
            nodes,
            sites,
            ases: BTreeMap::new(),
            hash_policies: BTreeSet::new(),
            settled: true,
            echoed_by: None,
            cost: Vec::new(),
        };
        assert_eq!((survey.disagreements().len(), survey.compared()), (1, 1));
        assert_eq!(survey.shares(), BTreeMap::from([(Some("harbor"), 1)]));
        survey.settled = false;
        assert_eq!((survey.disagreements().len(), survey.compared()), (0, 0));
    }
}
