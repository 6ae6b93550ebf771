//! Which names there are.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

use domain::base::Name;

use crate::anycast::facts::Facts;

/// Longest label of a name (RFC 1035 §2.3.4).
const LABEL: usize = 63;
/// Under which core nodes are named.
const NODES: &str = "ns";

/// The names of an infrastructure.
pub(in super::super) struct Zone {
    /// Without a dot at the end.
    origin: String,
    /// By their label.
    services: BTreeMap<String, u16>,
    /// By the label of their host.
    nodes: BTreeMap<String, IpAddr>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Named {
    /// The zone itself.
    Apex,
    Service(u16),
    /// A core node.
    Node(IpAddr),
    /// Only longer names have something.
    Inner,
    /// There is no such name in the zone.
    Nothing,
    /// It is not in the zone.
    Elsewhere,
}

impl Zone {
    /// Of two services whose names differ only in what a label cannot have, the first one is found.
    pub(in super::super) fn new(facts: &Facts) -> Self {
        let mut services = BTreeMap::new();
        for (index, group) in (0..).zip(&facts.groups) {
            services.entry(label(&group.name)).or_insert(index);
        }
        let nodes = facts.servers.iter().map(|site| (label(&site.host), site.peer.address.ip())).collect();
        Self { origin: format!("{}.test", label(&facts.name)), services, nodes }
    }

    /// What a name stands for, as text without a dot at the end. Case does not matter.
    pub(in super::super) fn named(&self, name: &str) -> Named {
        let name = name.to_ascii_lowercase();
        if name == self.origin {
            return Named::Apex;
        }
        let Some(inner) = name.strip_suffix(&self.origin).and_then(|rest| rest.strip_suffix('.')) else {
            return Named::Elsewhere;
        };
        if let Some(service) = self.services.get(inner) {
            return Named::Service(*service);
        }
        if inner == NODES {
            return Named::Inner;
        }
        let node =
            inner.strip_suffix(NODES).and_then(|rest| rest.strip_suffix('.')).and_then(|host| self.nodes.get(host));
        node.map_or(Named::Nothing, |address| Named::Node(*address))
    }

    /// The service of this label.
    pub(in super::super) fn service(&self, label: &str) -> Option<u16> {
        self.services.get(&label.to_ascii_lowercase()).copied()
    }

    pub(super) fn apex(&self) -> Option<Name<Vec<u8>>> {
        Name::from_str(&self.origin).ok()
    }

    /// Who answers for mistakes in it (RFC 1035 §3.3.13).
    pub(super) fn hostmaster(&self) -> Option<Name<Vec<u8>>> {
        Name::from_str(&format!("hostmaster.{}", self.origin)).ok()
    }

    /// The name of a core node.
    pub(super) fn node(&self, host: &str) -> Option<Name<Vec<u8>>> {
        Name::from_str(&format!("{}.{NODES}.{}", label(host), self.origin)).ok()
    }
}

/// A name as one label: what a label of a host's name cannot have becomes a hyphen.
pub(in super::super) fn label(name: &str) -> String {
    let fine = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.chars().take(LABEL).map(fine).collect::<String>().trim_matches('-').to_owned()
}
