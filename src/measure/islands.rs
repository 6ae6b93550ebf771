//! The membership of one overlay: who has joined and lives, the islands, and the right ring.
//!
//! Islands are the connected components of the undirected graph of neighbor links (successors,
//! predecessor, fingers, as last reported) between live members. A member that has not reported its
//! neighbors yet counts as linked to the node that served its join, which is how it came in.

use std::collections::{BTreeMap, BTreeSet};

use crate::measure::connectivity::Connectivity;
use crate::overlay::id::Id;
use crate::overlay::oracle::Told;
use crate::overlay::{Answer, Ask, Neighbors, Protocol};
use crate::record::OverlayFacts;

/// Current members, links and ring of one overlay. Members are indices into its sorted host names.
pub(crate) struct Membership<'a> {
    names: Vec<&'a str>,
    hosts: BTreeMap<&'a str, usize>,
    ids: Vec<Id>,
    protocol: Protocol,
    /// What each host says of its neighbors.
    told: Vec<Neighbors>,
    /// Whom each host says it knows, live or not.
    claims: Vec<BTreeSet<usize>>,
    /// Who says it knows each host.
    claimed_by: Vec<BTreeSet<usize>>,
    reported: Vec<bool>,
    graph: Connectivity,
    by_id: BTreeMap<Id, usize>,
    /// Live members by ring id.
    ring: BTreeMap<Id, usize>,
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
            by_id: facts.ids.values().enumerate().map(|(i, id)| (*id, i)).collect(),
            protocol: facts.protocol,
            told: vec![Neighbors::default(); n],
            claims: vec![BTreeSet::new(); n],
            claimed_by: vec![BTreeSet::new(); n],
            reported: vec![false; n],
            graph: Connectivity::new(n),
            ring: BTreeMap::new(),
        }
    }

    pub(crate) fn host(&self, name: &str) -> Option<usize> {
        self.hosts.get(name).copied()
    }

    /// The id of a host's node.
    pub(crate) fn id(&self, name: &str) -> Option<Id> {
        self.host(name).map(|host| self.ids[host])
    }

    /// The same; of a stranger's, one that nobody else has.
    pub(crate) fn any_id(&self, name: &str) -> Id {
        self.id(name).unwrap_or_else(|| Id::of_key(name))
    }

    /// Whether the node with this id is in the island of a host's.
    pub(crate) fn near(&self, host: &str, other: Id) -> bool {
        let island = |host: usize| self.graph.component(host);
        let (host, other) = (self.host(host).and_then(island), self.by_id.get(&other).copied().and_then(island));
        host.is_some() && host == other
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
    }

    /// The host is no member any more, and what it knew is forgotten.
    pub(crate) fn leave(&mut self, host: usize) {
        if self.is_member(host) {
            self.graph.remove(host);
            self.ring.remove(&self.ids[host]);
        }
        self.claim(host, BTreeSet::new());
        self.told[host] = Neighbors::default();
        self.reported[host] = false;
    }

    /// The host's neighbors are these.
    pub(crate) fn neighbors(&mut self, host: usize, told: Neighbors) {
        let known: BTreeSet<usize> = told.all().filter_map(|id| self.by_id.get(id).copied()).collect();
        self.told[host] = told;
        self.reported[host] = true;
        self.claim(host, known);
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

    fn told(&self, host: usize) -> Told<'_> {
        Told { id: self.ids[host], neighbors: &self.told[host] }
    }

    /// What the overlay looks like now. Costs up to the number of members.
    pub(crate) fn shape(&self) -> Shape {
        let oracle = self.protocol.oracle;
        let (one, rings_right) = match self.graph.count() {
            0 => (false, false),
            1 => (true, oracle.whole(&mut self.ring.values().map(|host| self.told(*host)))),
            _ => {
                let mut islands: BTreeMap<Option<usize>, Vec<Told<'_>>> = BTreeMap::new();
                for &host in self.ring.values() {
                    islands.entry(self.graph.component(host)).or_default().push(self.told(host));
                }
                (false, islands.into_values().all(|island| oracle.whole(&mut island.into_iter())))
            }
        };
        Shape { members: self.ring.len(), sizes: self.graph.sizes(), whole: one && rings_right, rings_right }
    }

    /// Whether the answer is right by the members of the host's island for which `eligible` holds.
    /// `None` if the host is no member.
    pub(crate) fn right(
        &self,
        host: usize,
        ask: &Ask,
        answer: &Answer,
        eligible: impl Fn(&str) -> bool,
    ) -> Option<bool> {
        let island = self.graph.component(host)?;
        let here = |member: usize| self.graph.component(member) == Some(island) && eligible(self.names[member]);
        let members: Vec<Told<'_>> =
            self.ring.values().filter(|member| here(**member)).map(|member| self.told(*member)).collect();
        Some(self.protocol.oracle.right(ask, answer, &members))
    }
}
