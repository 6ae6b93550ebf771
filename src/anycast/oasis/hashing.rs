//! Consistent hashing: which core nodes know a service, or look after a prefix (Karger et al., STOC 1997).

use crate::overlay::Peer;
use crate::overlay::id::Id;

/// Points of each core node on the circle.
const POINTS: u32 = 32;

/// The circle, with the points of all core nodes: those that are gone are passed over.
pub(super) struct Circle(Vec<(Id, u16)>);

impl Circle {
    pub(super) fn new<'a>(nodes: impl Iterator<Item = &'a Peer>) -> Self {
        let points = |(index, peer): (usize, &Peer)| {
            let id = peer.id.0.to_be_bytes();
            (0..POINTS)
                .map(move |n| (Id::hash(&[b"core node", &id, &n.to_be_bytes()]), index as u16))
                .collect::<Vec<_>>()
        };
        let mut all: Vec<_> = nodes.enumerate().flat_map(points).collect();
        all.sort_unstable();
        Self(all)
    }

    /// The first so many of those alive, from the key on.
    pub(super) fn owners(&self, key: Id, most: usize, alive: &[bool]) -> Vec<usize> {
        let start = self.0.partition_point(|(id, _)| *id < key);
        let mut owners = Vec::with_capacity(most);
        for (_, node) in self.0[start..].iter().chain(&self.0[..start]) {
            let node = usize::from(*node);
            if owners.len() == most {
                break;
            }
            if alive.get(node).copied().unwrap_or(false) && !owners.contains(&node) {
                owners.push(node);
            }
        }
        owners
    }

    /// Of a service.
    pub(super) fn of_service(name: &str) -> Id {
        Id::hash(&[b"service", name.as_bytes()])
    }

    /// Of a prefix.
    pub(super) fn of_prefix(prefix: &ipnet::IpNet) -> Id {
        Id::hash(&[b"prefix", prefix.to_string().as_bytes()])
    }
}
