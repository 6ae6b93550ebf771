//! Who should own a key, for whoever judges answers and not for nodes: they know only their neighbors.

use super::Protocol;
use super::id::Id;

impl Protocol {
    /// Which of these members should own the key: Chord's successor of it, Pastry's numerically closest
    /// (of two equally close ones the smaller). `None` without members, and where ids do not say (CAN:
    /// see [`holds`]).
    pub fn owner(self, key: Id, members: impl IntoIterator<Item = Id>) -> Option<Id> {
        let members = members.into_iter();
        match self {
            Self::Chord => members.min_by_key(|id| key.to(*id)),
            Self::Pastry => members.min_by_key(|id| (key.distance(*id), *id)),
            Self::Can => None,
        }
    }
}

/// Whether one of these zones (first and last id of each) contains the key.
pub fn holds(zones: &[(Id, Id)], key: Id) -> bool {
    zones.iter().any(|(first, last)| (*first..=*last).contains(&key))
}

/// Whether these zones cover all ids, each exactly once.
pub fn tile(zones: impl IntoIterator<Item = (Id, Id)>) -> bool {
    let mut zones: Vec<(Id, Id)> = zones.into_iter().collect();
    zones.sort_unstable();
    let follows = |pair: &[(Id, Id)]| pair[0].1.0.checked_add(1) == Some(pair[1].0.0);
    zones.first().is_some_and(|(first, _)| first.0 == 0)
        && zones.last().is_some_and(|(_, last)| last.0 == u128::MAX)
        && zones.windows(2).all(follows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_and_the_closest() {
        let members = [10, 20, u128::MAX - 1].map(Id);
        let owner = |protocol: Protocol, key| protocol.owner(Id(key), members).map(|id| id.0);
        assert_eq!(owner(Protocol::Chord, 11), Some(20));
        assert_eq!(owner(Protocol::Chord, 21), Some(u128::MAX - 1));
        assert_eq!(owner(Protocol::Chord, u128::MAX), Some(10));
        assert_eq!(owner(Protocol::Pastry, 14), Some(10));
        assert_eq!(owner(Protocol::Pastry, 15), Some(10), "of two equally close ones the smaller");
        assert_eq!(owner(Protocol::Pastry, 3), Some(u128::MAX - 1), "around the ring");
        assert_eq!(Protocol::Chord.owner(Id(1), []), None);
    }

    #[test]
    fn zones_hold_and_tile() {
        let half = u128::MAX / 2;
        let zones = [(Id(half + 1), Id(u128::MAX)), (Id(0), Id(half))];
        assert!(holds(&zones[..1], Id(u128::MAX)) && !holds(&zones[..1], Id(half)));
        assert!(tile(zones) && !tile([zones[0]]) && !tile([zones[0], zones[1], zones[1]]) && !tile([]));
        assert!(!tile([zones[1], (Id(half + 2), Id(u128::MAX))]), "a gap");
    }
}
