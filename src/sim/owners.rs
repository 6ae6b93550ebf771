//! The oracle: who owns a key, by what all members are, not by what any of them believes about others.

use crate::anycast::Member;
use crate::overlay::Protocol;
use crate::overlay::id::Id;

/// Who owns each key among some members at one moment, by [`Protocol::owner`].
pub struct Owners {
    protocol: Protocol,
    /// In order of their ids.
    ring: Vec<(Id, usize)>,
    /// First and last id, in order, with whose it is.
    zones: Vec<(Id, Id, usize)>,
}

impl Owners {
    /// Members with the hosts they are on.
    pub fn among<'a>(protocol: Protocol, members: impl IntoIterator<Item = (usize, &'a Member)>) -> Self {
        let (mut ring, mut zones) = (Vec::new(), Vec::new());
        for (host, member) in members {
            ring.push((member.config().id, host));
            if protocol == Protocol::Can {
                zones.extend(member.neighbors().zones.into_iter().map(|(first, last)| (first, last, host)));
            }
        }
        ring.sort_unstable();
        zones.sort_unstable();
        Self { protocol, ring, zones }
    }

    /// The host whose node owns the key; `None`: nobody does.
    pub fn of(&self, key: Id) -> Option<usize> {
        if self.protocol == Protocol::Can {
            let after = self.zones.partition_point(|(first, ..)| *first <= key);
            let (_, last, host) = self.zones[..after].last()?;
            return (key <= *last).then_some(*host);
        }
        // The nearest on either side are all that the rule has to choose from.
        let (after, n) = (self.ring.partition_point(|(id, _)| *id < key), self.ring.len());
        let near: Vec<(Id, usize)> = (0..n.min(2)).map(|back| self.ring[(after + n - back) % n]).collect();
        let owner = self.protocol.owner(key, near.iter().map(|(id, _)| *id))?;
        near.iter().find(|(id, _)| *id == owner).map(|(_, host)| *host)
    }
}
