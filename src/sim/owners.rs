//! Who owns a key, by what all members are, not by what any of them believes about others.

use crate::anycast::Node;
use crate::overlay::id::Id;
use crate::overlay::oracle::Told;
use crate::overlay::{Neighbors, Protocol};

/// Some members at one moment, for the protocol's oracle.
pub struct Owners {
    protocol: Protocol,
    /// In order of their ids, with the hosts they are on.
    members: Vec<(Id, usize, Neighbors)>,
}

impl Owners {
    /// Members with the hosts they are on.
    pub fn among<'a>(protocol: Protocol, members: impl IntoIterator<Item = (usize, &'a dyn Node)>) -> Self {
        let of = |(host, member): (usize, &dyn Node)| (member.config().id, host, member.neighbors());
        let mut members: Vec<_> = members.into_iter().map(of).collect();
        members.sort_unstable_by_key(|(id, host, _)| (*id, *host));
        Self { protocol, members }
    }

    fn told(&self) -> impl Iterator<Item = Told<'_>> {
        self.members.iter().map(|(id, _, neighbors)| Told { id: *id, neighbors })
    }

    /// The host whose node owns the key; `None`: nobody does.
    pub fn of(&self, key: Id) -> Option<usize> {
        let owner = self.protocol.oracle.owner(key, &self.told().collect::<Vec<_>>())?;
        let at = self.members.binary_search_by_key(&owner, |(id, ..)| *id).ok()?;
        Some(self.members[at].1)
    }

    /// Whether this host's node is as right an owner of the key as any.
    pub fn is(&self, key: Id, host: usize) -> bool {
        let candidate = self.members.iter().find(|(_, of, _)| *of == host);
        candidate.is_some_and(|(id, ..)| self.protocol.oracle.is_owner(key, *id, &self.told().collect::<Vec<_>>()))
    }

    /// Whether each has the right neighbors for an overlay of them alone.
    pub fn are_whole(&self) -> bool {
        self.protocol.oracle.whole(&mut self.told())
    }
}
