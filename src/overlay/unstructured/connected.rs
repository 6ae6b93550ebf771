//! Islands of overlays whose neighbors are links and nothing more.

use std::collections::{BTreeMap, BTreeSet};

use crate::overlay::Neighbors;
use crate::overlay::id::Id;
use crate::overlay::oracle::{Oracle, Told};

/// An island is whole when links lead from each of its members to each other, and from none to anybody else.
pub(in crate::overlay) struct Connected {
    /// Whom a node knows need not know it: a link leads to either side, and one that is known by any of those whom it
    /// knows is noticed.
    pub(in crate::overlay) either_way: bool,
}

impl Oracle for Connected {
    fn whole(&self, island: &mut dyn Iterator<Item = Told<'_>>) -> bool {
        let mut members: BTreeMap<Id, BTreeSet<Id>> =
            island.map(|told| (told.id, told.neighbors.all().copied().collect())).collect();
        if !members.values().flatten().all(|id| members.contains_key(id)) {
            return false;
        }
        if self.either_way {
            for (from, to) in members.clone() {
                for to in to {
                    members.entry(to).or_default().insert(from);
                }
            }
        }
        let mut reached: BTreeSet<Id> = members.keys().next().copied().into_iter().collect();
        let mut left: Vec<Id> = reached.iter().copied().collect();
        while let Some(neighbors) = left.pop().and_then(|id| members.get(&id)) {
            left.extend(neighbors.iter().copied().filter(|next| reached.insert(*next)));
        }
        reached.len() == members.len() && !members.is_empty()
    }

    fn noticed<'a>(&self, node: Told<'a>, of: &dyn Fn(Id) -> Option<&'a Neighbors>) -> bool {
        let known_by = |other: &Id| of(*other).is_some_and(|theirs| theirs.all().any(|id| *id == node.id));
        let mut known = node.neighbors.all().peekable();
        if self.either_way { known.peek().is_none() || known.any(known_by) } else { known.all(known_by) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Connected = Connected { either_way: false };
    const EITHER: Connected = Connected { either_way: true };

    fn told(links: &[(u128, &[u128])]) -> Vec<(Id, Neighbors)> {
        let neighbors = |to: &[u128]| {
            let to = to.iter().map(|id| Id(*id)).collect();
            Neighbors { roles: [("peers".to_owned(), to)].into(), ..Neighbors::default() }
        };
        links.iter().map(|(id, to)| (Id(*id), neighbors(to))).collect()
    }

    fn whole(oracle: &Connected, links: &[(u128, &[u128])]) -> bool {
        oracle.whole(&mut told(links).iter().map(|(id, neighbors)| Told { id: *id, neighbors }))
    }

    #[test]
    fn whole_is_connected_and_closed() {
        for oracle in [BOTH, EITHER] {
            assert!(whole(&oracle, &[(1, &[])]) && whole(&oracle, &[(1, &[2]), (2, &[1, 3]), (3, &[2])]));
            assert!(!whole(&oracle, &[]) && !whole(&oracle, &[(1, &[2]), (2, &[1]), (3, &[])]), "two islands");
            assert!(!whole(&oracle, &[(1, &[2]), (2, &[1, 3])]), "a link leads out");
        }
    }

    #[test]
    fn who_is_known_need_not_know() {
        let links: &[(u128, &[u128])] = &[(1, &[2]), (2, &[]), (3, &[2])];
        assert!(whole(&EITHER, links) && !whole(&BOTH, links));
        let all = told(&[(1, &[2, 3]), (2, &[]), (3, &[1]), (4, &[2]), (5, &[])]);
        let noticed = |oracle: Connected| {
            let of = |id: Id| all.iter().find(|(known, _)| *known == id).map(|(_, neighbors)| neighbors);
            all.iter().map(|(id, neighbors)| oracle.noticed(Told { id: *id, neighbors }, &of)).collect::<Vec<_>>()
        };
        assert_eq!(noticed(EITHER), [true, true, true, false, true]);
        assert_eq!(noticed(BOTH), [false, true, true, false, true]);
    }
}
