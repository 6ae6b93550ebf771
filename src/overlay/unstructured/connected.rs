//! Islands of overlays whose neighbors are links and nothing more.

use std::collections::{BTreeMap, BTreeSet};

use crate::overlay::id::Id;
use crate::overlay::oracle::{Oracle, Told};

/// An island is whole when links lead from each of its members to each other, and from none to anybody else.
pub(super) struct Connected;

impl Oracle for Connected {
    fn whole(&self, island: &mut dyn Iterator<Item = Told<'_>>) -> bool {
        let members: BTreeMap<Id, BTreeSet<Id>> =
            island.map(|told| (told.id, told.neighbors.all().copied().collect())).collect();
        let mut reached: BTreeSet<Id> = members.keys().next().copied().into_iter().collect();
        let mut left: Vec<Id> = reached.iter().copied().collect();
        while let Some(id) = left.pop() {
            let Some(neighbors) = members.get(&id) else { return false };
            left.extend(neighbors.iter().copied().filter(|next| reached.insert(*next)));
        }
        reached.len() == members.len() && !members.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::Neighbors;

    #[test]
    fn whole_is_connected_and_closed() {
        let whole = |links: &[(u128, &[u128])]| {
            let told: Vec<(Id, Neighbors)> = links
                .iter()
                .map(|(id, to)| {
                    let to = to.iter().map(|id| Id(*id)).collect();
                    (Id(*id), Neighbors { roles: [("peers".to_owned(), to)].into(), ..Neighbors::default() })
                })
                .collect();
            Connected.whole(&mut told.iter().map(|(id, neighbors)| Told { id: *id, neighbors }))
        };
        assert!(whole(&[(1, &[])]) && whole(&[(1, &[2]), (2, &[1, 3]), (3, &[2])]));
        assert!(!whole(&[]) && !whole(&[(1, &[2]), (2, &[1]), (3, &[])]), "two islands");
        assert!(!whole(&[(1, &[2]), (2, &[1, 3])]), "a link leads out");
    }
}
