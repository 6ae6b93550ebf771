//! The membership of one overlay: who has joined and lives, the islands, and the right ring.
//!
//! Islands are the connected components of the undirected graph of neighbor links (successors,
//! predecessor, fingers, as last reported) between live members. A member that has not reported its
//! neighbors yet counts as linked to the node that served its join, which is how it came in.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::OverlayFacts;
use crate::measure::connectivity::Connectivity;
use crate::overlay::Protocol;
use crate::overlay::id::Id;
use crate::overlay::owner::{holds, tile};

/// Current members, links and ring of one overlay. Members are indices into its sorted host names.
pub(crate) struct Membership<'a> {
    names: Vec<&'a str>,
    hosts: BTreeMap<&'a str, usize>,
    ids: Vec<Id>,
    protocol: Protocol,
    /// What each host says it owns, where that is not clear from ids.
    zones: Vec<Vec<(Id, Id)>>,
    /// Whom each host says it knows, live or not.
    claims: Vec<BTreeSet<usize>>,
    /// Who says it knows each host.
    claimed_by: Vec<BTreeSet<usize>>,
    successor: Vec<Option<usize>>,
    reported: Vec<bool>,
    graph: Connectivity,
    /// Live members by ring id.
    ring: BTreeMap<Id, usize>,
    /// Live members whose first successor is not the next live one.
    misled: BTreeSet<usize>,
}

/// Shape of an overlay at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) members: usize,
    /// Sizes of the islands, largest first.
    pub(crate) sizes: Vec<usize>,
    pub(crate) whole: bool,
    pub(crate) rings_right: bool,
}

impl<'a> Membership<'a> {
    pub(crate) fn new(facts: &'a OverlayFacts) -> Self {
        let n = facts.ids.len();
        Self {
            names: facts.ids.keys().map(String::as_str).collect(),
            hosts: facts.ids.keys().enumerate().map(|(i, h)| (h.as_str(), i)).collect(),
            ids: facts.ids.values().copied().collect(),
            protocol: facts.protocol,
            zones: vec![Vec::new(); n],
            claims: vec![BTreeSet::new(); n],
            claimed_by: vec![BTreeSet::new(); n],
            successor: vec![None; n],
            reported: vec![false; n],
            graph: Connectivity::new(n),
            ring: BTreeMap::new(),
            misled: BTreeSet::new(),
        }
    }

    pub(crate) fn host(&self, name: &str) -> Option<usize> {
        self.hosts.get(name).copied()
    }

    pub(crate) fn is_member(&self, host: usize) -> bool {
        self.graph.contains(host)
    }

    /// The host is a member from now on.
    pub(crate) fn join(&mut self, host: usize, served_by: Option<usize>) {
        if !self.reported[host] {
            self.claim(host, served_by.into_iter().collect());
        }
        if self.is_member(host) {
            return;
        }
        self.graph.insert(host);
        self.ring.insert(self.ids[host], host);
        let known: Vec<usize> = self.claims[host].union(&self.claimed_by[host]).copied().collect();
        for other in known {
            self.graph.link(host, other);
        }
        self.review_around(host);
    }

    /// The host is no member any more, and what it knew is forgotten.
    pub(crate) fn leave(&mut self, host: usize) {
        if self.is_member(host) {
            self.graph.remove(host);
            self.ring.remove(&self.ids[host]);
            self.misled.remove(&host);
            self.review_around(host);
        }
        self.claim(host, BTreeSet::new());
        self.zones[host].clear();
        self.successor[host] = None;
        self.reported[host] = false;
    }

    /// The host's neighbors are these, and these are its zones.
    pub(crate) fn neighbors(
        &mut self,
        host: usize,
        successor: Option<usize>,
        all: BTreeSet<usize>,
        zones: &[(Id, Id)],
    ) {
        self.zones[host] = zones.to_vec();
        self.reported[host] = true;
        self.successor[host] = successor;
        self.claim(host, all);
        self.review(host);
    }

    fn claim(&mut self, host: usize, mut new: BTreeSet<usize>) {
        new.remove(&host);
        let old = std::mem::replace(&mut self.claims[host], new.clone());
        // First link, then unlink: exchanging one neighbor for another never splits an island.
        for &other in new.difference(&old) {
            self.claimed_by[other].insert(host);
            self.graph.link(host, other);
        }
        for &other in old.difference(&new) {
            self.claimed_by[other].remove(&host);
            if !self.claims[other].contains(&host) {
                self.graph.unlink(host, other);
            }
        }
    }

    fn next(&self, host: usize) -> Option<usize> {
        let after = (std::ops::Bound::Excluded(self.ids[host]), std::ops::Bound::Unbounded);
        self.ring.range(after).next().or_else(|| self.ring.first_key_value()).map(|(_, h)| *h)
    }

    fn previous(&self, host: usize) -> Option<usize> {
        self.ring.range(..self.ids[host]).next_back().or_else(|| self.ring.last_key_value()).map(|(_, h)| *h)
    }

    fn review_around(&mut self, host: usize) {
        if let Some(previous) = self.previous(host) {
            self.review(previous);
        }
        self.review(host);
    }

    fn review(&mut self, host: usize) {
        if !self.is_member(host) {
            return;
        }
        if self.next(host).is_some_and(|next| self.follows(host, next)) {
            self.misled.remove(&host);
        } else {
            self.misled.insert(host);
        }
    }

    /// Whether the host's first successor is `next`; a node that is alone may name none.
    fn follows(&self, host: usize, next: usize) -> bool {
        self.successor[host].map_or(host == next, |s| s == next)
    }

    /// What the overlay looks like now. Costs the number of members while there are several islands, and
    /// where zones must be looked at.
    pub(crate) fn shape(&self) -> Shape {
        let one = self.graph.count() == 1;
        let (whole, rings_right) = match self.protocol {
            Protocol::Can => {
                let right = self.graph.count() > 0 && self.spaces_right();
                (one && right, right)
            }
            Protocol::Chord | Protocol::Pastry => {
                let whole = one && self.misled.is_empty();
                (whole, if self.graph.count() <= 1 { whole } else { self.rings_right() })
            }
        };
        Shape { members: self.ring.len(), sizes: self.graph.sizes(), whole, rings_right }
    }

    /// Whether the zones of each island's members cover the whole space, each id once.
    fn spaces_right(&self) -> bool {
        let mut spaces: BTreeMap<Option<usize>, Vec<(Id, Id)>> = BTreeMap::new();
        for &host in self.ring.values() {
            spaces.entry(self.graph.component(host)).or_default().extend(&self.zones[host]);
        }
        spaces.into_values().all(tile)
    }

    fn rings_right(&self) -> bool {
        // Island to its first and its latest member met on the way around.
        let mut met: BTreeMap<Option<usize>, (usize, usize)> = BTreeMap::new();
        for &host in self.ring.values() {
            let (_, latest) = met.entry(self.graph.component(host)).or_insert((host, host));
            if *latest != host && !self.follows(*latest, host) {
                return false;
            }
            *latest = host;
        }
        met.values().all(|(first, latest)| self.follows(*latest, *first))
    }

    /// Whether `candidate` owns the key among the members of the host's island for which `eligible` holds.
    /// Where zones say who owns what, whoever has the key's zone does, even if another claims it too.
    /// `None` if the host is no member.
    pub(crate) fn is_owner(
        &self,
        host: usize,
        key: Id,
        candidate: &str,
        eligible: impl Fn(&str) -> bool,
    ) -> Option<bool> {
        let island = self.graph.component(host)?;
        let here = |member: usize| self.graph.component(member) == Some(island) && eligible(self.names[member]);
        let Some(candidate) = self.host(candidate).filter(|member| here(*member)) else { return Some(false) };
        if self.protocol == Protocol::Can {
            return Some(holds(&self.zones[candidate], key));
        }
        // The nearest on either side are all that any protocol's rule has to choose from.
        let after = self.ring.range(key..).chain(self.ring.range(..key)).find(|(_, member)| here(**member));
        let before =
            self.ring.range(..key).rev().chain(self.ring.range(key..).rev()).find(|(_, member)| here(**member));
        let nearest = after.into_iter().chain(before).map(|(id, _)| *id);
        Some(self.protocol.owner(key, nearest) == Some(self.ids[candidate]))
    }
}
