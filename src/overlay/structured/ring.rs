//! What overlays on a ring of ids have in common for those who judge them.

use crate::overlay::Neighbors;
use crate::overlay::id::Id;
use crate::overlay::oracle::Told;

/// Whether every member's first successor is the next member. One that is alone may name none.
pub(super) fn whole(island: &mut dyn Iterator<Item = Told<'_>>) -> bool {
    let Some(first) = island.next() else { return false };
    let follows =
        |told: &Told<'_>, next: Id| told.neighbors.successors.first().map_or(told.id == next, |id| *id == next);
    let mut latest = first;
    for told in island {
        if !follows(&latest, told.id) {
            return false;
        }
        latest = told;
    }
    follows(&latest, first.id)
}

/// Whether the node before it has it as its first successor, and the one behind it as its predecessor.
pub(super) fn noticed<'a>(node: Told<'a>, of: &dyn Fn(Id) -> Option<&'a Neighbors>) -> bool {
    let (before, after) = (node.neighbors.predecessor, node.neighbors.successors.first());
    let follows = before.and_then(of).is_some_and(|before| before.successors.first() == Some(&node.id));
    follows && after.copied().and_then(of).is_some_and(|after| after.predecessor == Some(node.id))
}

/// The members next to the key, before it and at or after it: all that a ring's rule has to choose from.
pub(super) fn around(key: Id, members: &[Told<'_>]) -> Option<(Id, Id)> {
    let after = members.partition_point(|told| told.id < key);
    let n = members.len();
    (n > 0).then(|| (members[(after + n - 1) % n].id, members[after % n].id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::{Neighbors, Protocol};

    fn owner(protocol: &str, key: u128, members: &[u128]) -> Option<u128> {
        let neighbors = Neighbors::default();
        let members: Vec<_> = members.iter().map(|id| Told { id: Id(*id), neighbors: &neighbors }).collect();
        Protocol::named(protocol)?.oracle.owner(Id(key), &members).map(|id| id.0)
    }

    #[test]
    fn the_successor_and_the_closest() {
        let members = [10, 20, u128::MAX - 1];
        assert_eq!(owner("chord", 11, &members), Some(20));
        assert_eq!(owner("chord", 21, &members), Some(u128::MAX - 1));
        assert_eq!(owner("chord", u128::MAX, &members), Some(10));
        assert_eq!(owner("pastry", 14, &members), Some(10));
        assert_eq!(owner("pastry", 15, &members), Some(10), "of two equally close ones the smaller");
        assert_eq!(owner("pastry", 3, &members), Some(u128::MAX - 1), "around the ring");
        assert_eq!(owner("chord", 1, &[]), None);
    }

    #[test]
    fn a_ring_closes() {
        let knows = |successor: Option<u128>| Neighbors {
            successors: successor.map(Id).into_iter().collect(),
            ..Neighbors::default()
        };
        let is_whole = |ring: &[(u128, Option<u128>)]| {
            let all: Vec<_> = ring.iter().map(|(id, successor)| (Id(*id), knows(*successor))).collect();
            whole(&mut all.iter().map(|(id, neighbors)| Told { id: *id, neighbors }))
        };
        assert!(is_whole(&[(1, None)]) && is_whole(&[(1, Some(1))]) && is_whole(&[(1, Some(5)), (5, Some(1))]));
        assert!(!is_whole(&[]) && !is_whole(&[(1, Some(5))]) && !is_whole(&[(1, Some(5)), (5, None)]));
    }
}
