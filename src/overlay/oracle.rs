//! What is right, for whoever judges and not for nodes: they know only their neighbors.

use super::id::Id;
use super::{Answer, Ask, Neighbors};

/// A member, by what it is and by what it says of its neighbors.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub id: Id,
    pub neighbors: &'a Neighbors,
}

/// A protocol's rules. Members always come in order of their ids.
pub trait Oracle: Sync {
    /// Whether ids alone tell who owns a key, so that nobody needs to know its members' neighbors.
    fn by_ids(&self) -> bool {
        false
    }
    /// Whether all of these have the neighbors that an overlay of them alone should have.
    fn whole(&self, island: &mut dyn Iterator<Item = Told<'_>>) -> bool;
    /// Whether the neighbors that a node names name it in turn: lookups come to it. `of`: what others say of theirs.
    fn noticed<'a>(&self, node: Told<'a>, of: &dyn Fn(Id) -> Option<&'a Neighbors>) -> bool {
        node.neighbors.all().all(|other| of(*other).is_some_and(|theirs| theirs.all().any(|id| *id == node.id)))
    }
    /// Which of these members should own the key; `None` if none does, and in overlays without owners.
    fn owner(&self, _key: Id, _members: &[Told<'_>]) -> Option<Id> {
        None
    }
    /// Whether this member is as right an owner of the key as any.
    fn is_owner(&self, key: Id, candidate: Id, members: &[Told<'_>]) -> bool {
        self.owner(key, members) == Some(candidate)
    }
    /// Whether this is a right answer if these are the members. Of a search [`super::truth`] tells more: here, whether
    /// all that it found is there.
    fn right(&self, ask: &Ask, answer: &Answer, members: &[Told<'_>]) -> bool {
        match (ask, answer) {
            (Ask::Find { key }, Answer::Looked { owner: Some(owner), .. }) => self.is_owner(*key, *owner, members),
            (Ask::Put { .. }, Answer::Put { stored, .. }) => *stored,
            (Ask::Get { .. }, Answer::Got { value, .. }) => value.is_some(),
            (Ask::Share { .. }, Answer::Shared { stored, .. }) => *stored,
            (Ask::Search { .. }, Answer::Searched { hits, .. }) => {
                hits.iter().all(|hit| members.iter().any(|told| told.id == hit.at))
            }
            _ => false,
        }
    }
}
