//! The triggers that a server keeps: soft state, and the rule by which a packet finds one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::ident::Ident;
use crate::machine::Time;
use crate::overlay::wire::Tag;

/// Most triggers a server keeps; more are refused.
pub(super) const MAX_TRIGGERS: usize = 65_536;
/// Most of them for one address.
pub(super) const MAX_OF_ONE: usize = 4096;
/// Most with the same identifier: each gets a copy of a packet.
pub(super) const MAX_SAME: usize = 16;

/// Where a trigger leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// To an agent, under its tag.
    Address(SocketAddr, Tag),
    Stack(Vec<Ident>),
}

#[derive(Clone, Debug, PartialEq)]
struct Held {
    goal: Goal,
    owner: IpAddr,
    until: Time,
}

/// It keeps no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

#[derive(Debug, Default)]
pub(super) struct Triggers {
    held: BTreeMap<Ident, Vec<Held>>,
    /// When the first lease of each identifier ends.
    ends: BTreeSet<(Time, Ident)>,
    of: BTreeMap<IpAddr, usize>,
    count: usize,
    /// Identifiers in stacks.
    stacked: usize,
}

impl Triggers {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn owners(&self) -> usize {
        self.of.len()
    }

    /// What the entries hold, about.
    pub(super) fn bytes(&self) -> usize {
        self.count * size_of::<(Ident, Held)>()
            + self.stacked * size_of::<Ident>()
            + self.ends.len() * size_of::<(Time, Ident)>()
            + self.of.len() * size_of::<(IpAddr, usize)>()
    }

    /// Keeps a trigger until then, or renews it; whether it is new.
    pub(super) fn insert(&mut self, ident: Ident, goal: Goal, owner: IpAddr, until: Time) -> Result<bool, Full> {
        let end = self.end(ident);
        let held = self.held.get_mut(&ident);
        let known = held.and_then(|held| held.iter_mut().find(|h| h.goal == goal && h.owner == owner));
        let new = known.is_none();
        if let Some(held) = known {
            held.until = until;
        } else {
            let same = self.held.get(&ident).map_or(0, Vec::len);
            let own = self.of.get(&owner).copied().unwrap_or_default();
            if self.count >= MAX_TRIGGERS || same >= MAX_SAME || own >= MAX_OF_ONE {
                return Err(Full);
            }
            self.count += 1;
            self.stacked += stacked(&goal);
            *self.of.entry(owner).or_default() += 1;
            self.held.entry(ident).or_default().push(Held { goal, owner, until });
        }
        self.ends_anew(ident, end);
        Ok(new)
    }

    /// When the first lease of an identifier ends.
    fn end(&self, ident: Ident) -> Option<Time> {
        self.held.get(&ident)?.iter().map(|held| held.until).min()
    }

    /// It was another before.
    fn ends_anew(&mut self, ident: Ident, before: Option<Time>) {
        if let Some(before) = before {
            self.ends.remove(&(before, ident));
        }
        if let Some(end) = self.end(ident) {
            self.ends.insert((end, ident));
        }
    }

    /// Only its owner takes a trigger back; whether it was there.
    pub(super) fn remove(&mut self, ident: Ident, goal: &Goal, owner: IpAddr) -> bool {
        !self.take(ident, |held| held.goal == *goal && held.owner == owner).is_empty()
    }

    /// Ends the leases whose time is over, and says of what.
    pub(super) fn expire(&mut self, now: Time) -> Vec<(Ident, Goal)> {
        let mut ended = Vec::new();
        while let Some((_, ident)) = self.ends.first().copied().filter(|(until, _)| *until <= now) {
            ended.extend(self.take(ident, |held| held.until <= now).into_iter().map(|goal| (ident, goal)));
        }
        ended
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.ends.first().map(|(until, _)| *until)
    }

    fn take(&mut self, ident: Ident, which: impl Fn(&Held) -> bool) -> Vec<Goal> {
        let end = self.end(ident);
        let Some(held) = self.held.get_mut(&ident) else { return Vec::new() };
        let taken: Vec<Held> = held.extract_if(.., |held| which(held)).collect();
        if held.is_empty() {
            self.held.remove(&ident);
        }
        self.ends_anew(ident, end);
        for Held { goal, owner, .. } in &taken {
            self.count -= 1;
            self.stacked -= stacked(goal);
            if let Some(own) = self.of.get_mut(owner) {
                *own -= 1;
                if *own == 0 {
                    self.of.remove(owner);
                }
            }
        }
        taken.into_iter().map(|held| held.goal).collect()
    }

    /// The trigger that a packet's identifier finds: the one with the longest common prefix, if that has the threshold's
    /// length. In a sorted list it is next to the packet's identifier, above or below; never are both equally good, as
    /// the first bit in which one differs from what lies between is 0 and of the other 1. Of several on one side that
    /// are equally good the nearest is taken.
    pub(super) fn longest(&self, ident: Ident) -> Option<Ident> {
        let above = self.held.range(ident..).next().map(|(other, _)| *other);
        let below = self.held.range(..ident).next_back().map(|(other, _)| *other);
        let best = below.into_iter().chain(above).max_by_key(|other| other.common(ident))?;
        (best.common(ident) >= Ident::THRESHOLD).then_some(best)
    }

    /// Where the triggers lead that it finds: all with that identifier.
    pub(super) fn matching(&self, ident: Ident) -> Vec<Goal> {
        let held = self.longest(ident).and_then(|found| self.held.get(&found));
        held.into_iter().flatten().map(|held| held.goal.clone()).collect()
    }
}

fn stacked(goal: &Goal) -> usize {
    if let Goal::Stack(stack) = goal { stack.len() } else { 0 }
}
