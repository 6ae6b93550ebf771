//! The oracle: who owns a key, by what all members are, not by what any of them believes.

use crate::anycast::Member;
use crate::overlay::Protocol;
use crate::overlay::id::Id;

/// Who owns each key among some members at one moment.
pub struct Owners {
    protocol: Protocol,
    /// In order of their ids.
    ring: Vec<(Id, usize)>,
}

impl Owners {
    /// Members with the hosts they are on.
    pub fn among<'a>(protocol: Protocol, members: impl IntoIterator<Item = (usize, &'a Member)>) -> Self {
        let mut ring: Vec<(Id, usize)> = members.into_iter().map(|(host, m)| (m.config().id, host)).collect();
        ring.sort_unstable();
        Self { protocol, ring }
    }

    /// The host whose node owns the key; `None`: nobody does.
    pub fn of(&self, key: Id) -> Option<usize> {
        match self.protocol {
            Protocol::Chord => self.successor(key).map(|(_, host)| host),
        }
    }

    /// The first at the key or after it.
    fn successor(&self, key: Id) -> Option<(Id, usize)> {
        let after = self.ring.partition_point(|(id, _)| *id < key);
        self.ring.get(after).or(self.ring.first()).copied()
    }
}
