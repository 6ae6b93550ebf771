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

/// Most nodes that have come between two since one of them has looked.
const COME_BETWEEN: usize = 64;

/// Whether one has it as its first successor, and another as its predecessor: both are found by what nodes say of
/// theirs, going toward the node from the neighbors that it names, between whom and itself others may have come.
pub(super) fn noticed<'a>(node: Told<'a>, of: &dyn Fn(Id) -> Option<&'a Neighbors>) -> bool {
    let leads_here = |from: Option<Id>, next: &dyn Fn(&'a Neighbors) -> Option<Id>| {
        let toward = std::iter::successors(from, |at| of(*at).and_then(next).filter(|_| *at != node.id));
        toward.skip(1).take(COME_BETWEEN).any(|at| at == node.id)
    };
    let first = |n: &'a Neighbors| n.successors.first().copied();
    leads_here(node.neighbors.predecessor, &first) && leads_here(first(node.neighbors), &|n| n.predecessor)
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
    fn a_node_is_noticed_though_others_have_come_between() {
        let says = |before: u128, after: u128| Neighbors {
            predecessor: Some(Id(before)),
            successors: vec![Id(after)],
            ..Neighbors::default()
        };
        let is_noticed = |ring: &[(u128, Neighbors)]| {
            let of = |id: Id| ring.iter().find(|(n, _)| *n == id.0).map(|(_, neighbors)| neighbors);
            noticed(Told { id: Id(5), neighbors: of(Id(5)).unwrap() }, &of)
        };
        assert!(is_noticed(&[(1, says(9, 5)), (5, says(1, 9)), (9, says(5, 1))]));
        assert!(!is_noticed(&[(1, says(9, 9)), (5, says(1, 9)), (9, says(5, 1))]), "the one before does not know it");
        assert!(!is_noticed(&[(1, says(9, 5)), (5, says(1, 9)), (9, says(1, 1))]), "the one behind does not");
        assert!(is_noticed(&[(1, says(9, 5)), (5, says(1, 9)), (7, says(5, 9)), (9, says(7, 1))]));
        assert!(!is_noticed(&[(5, says(5, 5))]), "alone");
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
