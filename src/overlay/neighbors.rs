//! A node's neighbors by what they are to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::id::Id;

/// Neighbors as a node tells of them, by id, or as a record does, by host. A protocol fills what it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbors<N = Id> {
    /// The nodes that follow it on the ring, nearest first: Chord's successor list, the upper half of
    /// Pastry's leaf set.
    pub successors: Vec<N>,
    pub predecessor: Option<N>,
    /// All others it would route through, in order of their ids.
    pub fingers: Vec<N>,
    /// First and last id of each zone it owns (CAN).
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<(Id, Id)>,
    /// By role, in protocols whose neighbors have others than these.
    #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, Vec<N>>,
}

impl<N> Neighbors<N> {
    /// Every neighbor, as often as it has a role.
    pub fn all(&self) -> impl Iterator<Item = &N> {
        self.successors.iter().chain(&self.predecessor).chain(&self.fingers).chain(self.roles.values().flatten())
    }

    /// The same with each neighbor called otherwise.
    pub fn map<M>(self, name: impl Fn(N) -> M) -> Neighbors<M> {
        let all = |nodes: Vec<N>| nodes.into_iter().map(&name).collect();
        Neighbors {
            successors: all(self.successors),
            predecessor: self.predecessor.map(&name),
            fingers: all(self.fingers),
            zones: self.zones,
            roles: self.roles.into_iter().map(|(role, nodes)| (role, all(nodes))).collect(),
        }
    }
}

impl Neighbors {
    /// Itself, if it is not what was `shown` last; that is then what has been shown.
    pub(crate) fn news(self, shown: &mut Self) -> Option<Self> {
        (self != *shown).then(|| {
            shown.clone_from(&self);
            self
        })
    }
}

impl<N> Default for Neighbors<N> {
    fn default() -> Self {
        Self {
            successors: Vec::new(),
            predecessor: None,
            fingers: Vec::new(),
            zones: Vec::new(),
            roles: BTreeMap::new(),
        }
    }
}
