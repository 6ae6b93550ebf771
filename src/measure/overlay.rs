//! The history of one overlay, replayed from the record: shape over time, joins, lookups, keys.
//!
//! A lookup is **failed** without an owner. It is **wrong** if its owner is the key's owner by the
//! protocol's rule (Chord: its successor; Pastry: the numerically closest; CAN: who has its zone)
//! neither by the membership of the asker's island when the lookup began nor by the one when it
//! ended. Between a link's failure and the moment when the last node has forgotten the far side, an
//! island still contains members that nothing can reach; so the owner among the island's
//! *reachable* members is as right as the one among all. Everything else is **ok**, an answer to a
//! node that was no member at either moment included.

use std::collections::{BTreeMap, BTreeSet};

use crate::anycast::Means;
use crate::measure::islands::{Membership, Shape};
use crate::measure::reach::Reach;
use crate::measure::searches::Searches;
use crate::overlay::id::Id;
use crate::overlay::{Answer, Ask};
use crate::record::{NodeDid, OverlayFacts, Record, What};

/// Of an answer to a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Correctness {
    Ok,
    Failed,
    Wrong,
}

#[derive(Clone, Debug)]
pub(crate) struct Lookup<'a> {
    pub(crate) asker: &'a str,
    pub(crate) sent: u64,
    pub(crate) answer: Correctness,
    pub(crate) hops: u32,
    pub(crate) milliseconds: f64,
}

#[derive(Clone, Debug)]
pub(crate) struct Join<'a> {
    pub(crate) at: u64,
    pub(crate) host: &'a str,
    pub(crate) served_by: Option<&'a str>,
    pub(crate) milliseconds: f64,
    pub(crate) attempts: u32,
    pub(crate) redirected: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Audited<'a> {
    pub(crate) at: u64,
    pub(crate) found: u32,
    pub(crate) missing: &'a [String],
    pub(crate) conflicts: u32,
}

/// A flood that is over.
#[derive(Clone, Debug)]
pub(crate) struct Flood<'a> {
    pub(crate) host: &'a str,
    pub(crate) begun: u64,
    pub(crate) rate: u32,
    pub(crate) sent: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) skipped: u64,
    pub(crate) answers: u64,
    pub(crate) answered_bytes: u64,
    pub(crate) seconds: f64,
}

/// The flood that an event tells of, and the overlay's name.
fn flood_of(what: &What) -> Option<(&str, Flood<'_>)> {
    let What::Flood { overlay, host, begun, rate, sent, sent_bytes, skipped, answers, answered_bytes, seconds } = what
    else {
        return None;
    };
    let flood = Flood {
        host,
        begun: *begun,
        rate: *rate,
        sent: *sent,
        sent_bytes: *sent_bytes,
        skipped: *skipped,
        answers: *answers,
        answered_bytes: *answered_bytes,
        seconds: *seconds,
    };
    Some((overlay, flood))
}

impl Flood<'_> {
    pub(crate) fn lasts(&self) -> std::ops::Range<u64> {
        self.begun..self.begun + (self.seconds * 1e9) as u64
    }
}

/// Everything the record says about one overlay.
pub(crate) struct History<'a> {
    pub(crate) facts: &'a OverlayFacts,
    /// False: the record has nothing about it.
    pub(crate) observed: bool,
    /// Changes only; begins with the empty overlay at the record's first event.
    pub(crate) shapes: Vec<(u64, Shape)>,
    pub(crate) joins: Vec<Join<'a>>,
    pub(crate) failed_joins: Vec<u64>,
    /// When a host began to join, by time.
    pub(crate) joining: Vec<(u64, &'a str)>,
    /// By the time they were sent.
    pub(crate) lookups: Vec<Lookup<'a>>,
    /// Time, host, peer, color.
    pub(crate) contacts: Vec<(u64, &'a str, &'a str, Means, Option<u16>)>,
    pub(crate) rejoins_begun: usize,
    /// Milliseconds each took.
    pub(crate) rejoins: Vec<f64>,
    pub(crate) stored: u64,
    pub(crate) overwritten: u64,
    pub(crate) not_stored: u64,
    pub(crate) audits: Vec<Audited<'a>>,
    pub(crate) floods: Vec<Flood<'a>>,
    pub(crate) searches: Searches<'a>,
}

/// A lookup as reported, with what the replay finds on the way.
struct Asked<'a> {
    host: Option<usize>,
    asker: &'a str,
    key: Id,
    owner: Option<&'a str>,
    hops: u32,
    milliseconds: f64,
    sent: u64,
    ended: u64,
    /// At a moment when the asker was a member: whether the owner was right.
    seen: Vec<bool>,
}

impl<'a> History<'a> {
    pub(crate) fn of(record: &'a Record, facts: &'a OverlayFacts, reach: &Reach) -> Self {
        let mut history = Self::empty(facts);
        history.collect(record);
        let mut membership = Membership::new(facts);
        let mut asked = asked(record, facts, &membership);
        // Each lookup is looked at twice: at its begin and at its end.
        let mut visits: Vec<(u64, usize)> =
            asked.iter().enumerate().flat_map(|(i, a)| [(a.sent, i), (a.ended, i)]).collect();
        visits.sort_unstable();
        let mut visits = visits.into_iter().peekable();
        history.shapes.push((record.events.first().map_or(0, |e| e.at), membership.shape()));
        for batch in record.events.chunk_by(|a, b| a.at == b.at) {
            let at = batch[0].at;
            while let Some((moment, lookup)) = visits.next_if(|(moment, _)| *moment < at) {
                asked[lookup].visit(&membership, reach, moment);
            }
            let mut changed = false;
            for event in batch {
                changed |= membership.apply(facts, &event.what);
            }
            if changed {
                let shape = membership.shape();
                if history.shapes.last().is_none_or(|(_, last)| *last != shape) {
                    history.shapes.push((at, shape));
                }
            }
        }
        for (moment, lookup) in visits {
            asked[lookup].visit(&membership, reach, moment);
        }
        history.lookups = asked.into_iter().map(Asked::judged).collect();
        history.lookups.sort_by_key(|l| l.sent);
        history.searches = Searches::of(record, facts);
        history
    }

    fn empty(facts: &'a OverlayFacts) -> Self {
        Self {
            facts,
            observed: false,
            shapes: Vec::new(),
            joins: Vec::new(),
            failed_joins: Vec::new(),
            joining: Vec::new(),
            lookups: Vec::new(),
            contacts: Vec::new(),
            rejoins_begun: 0,
            rejoins: Vec::new(),
            stored: 0,
            overwritten: 0,
            not_stored: 0,
            audits: Vec::new(),
            floods: Vec::new(),
            searches: Searches::default(),
        }
    }

    /// Takes over what needs no replay.
    fn collect(&mut self, record: &'a Record) {
        let name = &self.facts.name;
        for event in &record.events {
            match &event.what {
                What::Node { node, overlay, did } if overlay == name => {
                    self.observed = true;
                    self.collect_node(event.at, node, did);
                }
                What::Put { overlay, stored, failed, .. } if overlay == name => {
                    self.stored += u64::from(*stored);
                    self.not_stored += u64::from(*failed);
                }
                What::Overwrite { overlay, stored, failed, .. } if overlay == name => {
                    self.overwritten += u64::from(*stored);
                    self.not_stored += u64::from(*failed);
                }
                What::Audit { overlay, found, missing, conflicts, .. } if overlay == name => {
                    self.audits.push(Audited { at: event.at, found: *found, missing, conflicts: *conflicts });
                }
                what => self.floods.extend(flood_of(what).filter(|(overlay, _)| overlay == name).map(|(_, f)| f)),
            }
        }
    }

    fn collect_node(&mut self, at: u64, node: &'a str, did: &'a NodeDid) {
        match did {
            // Renumbered: that took no bootstrap.
            NodeDid::Joined { served_by: Some(_), attempts: 0, .. } => {}
            NodeDid::Joined { served_by, milliseconds, attempts, redirected } => self.joins.push(Join {
                at,
                host: node,
                served_by: served_by.as_deref(),
                milliseconds: *milliseconds,
                attempts: *attempts,
                redirected: *redirected,
            }),
            NodeDid::Joining => self.joining.push((at, node)),
            NodeDid::JoinFailed { .. } => self.failed_joins.push(at),
            NodeDid::Contact { peer, by, color } => self.contacts.push((at, node, peer, *by, *color)),
            NodeDid::Rejoining { .. } => self.rejoins_begun += 1,
            NodeDid::Rejoined { milliseconds, .. } => self.rejoins.push(*milliseconds),
            _ => {}
        }
    }

    /// Hosts that ever joined.
    pub(crate) fn joined(&self) -> BTreeSet<&'a str> {
        self.joins.iter().map(|j| j.host).collect()
    }

    /// The shape at a moment.
    pub(crate) fn shape_at(&self, at: u64) -> &Shape {
        &self.shapes[self.shapes.partition_point(|(from, _)| *from <= at).max(1) - 1].1
    }

    /// From when on the ring was whole: `at` if it was then, else the first moment before `until`.
    pub(crate) fn whole_from(&self, at: u64, until: u64) -> Option<u64> {
        if self.shape_at(at).whole {
            return Some(at);
        }
        let later = self.shapes.partition_point(|(from, _)| *from <= at);
        self.shapes[later..].iter().take_while(|(from, _)| *from < until).find(|(_, s)| s.whole).map(|(from, _)| *from)
    }
}

fn asked<'a>(record: &'a Record, facts: &OverlayFacts, membership: &Membership<'_>) -> Vec<Asked<'a>> {
    let lookup = |event: &'a crate::record::Event| match &event.what {
        What::Node { node, overlay, did: NodeDid::Looked { key, owner, hops, milliseconds } }
            if *overlay == facts.name =>
        {
            Some(Asked {
                host: membership.host(node),
                asker: node,
                key: *key,
                owner: owner.as_deref(),
                hops: *hops,
                milliseconds: *milliseconds,
                sent: event.at.saturating_sub((milliseconds * 1e6) as u64),
                ended: event.at,
                seen: Vec::new(),
            })
        }
        _ => None,
    };
    record.events.iter().filter_map(lookup).collect()
}

impl<'a> Asked<'a> {
    fn visit(&mut self, membership: &Membership<'_>, reach: &Reach, at: u64) {
        let (Some(owner), Some(host)) = (self.owner, self.host) else { return };
        let (key, hops, milliseconds) = (self.key, self.hops, self.milliseconds);
        let answer = Answer::Looked { key, owner: membership.id(owner), hops, milliseconds };
        let right = |eligible: &dyn Fn(&str) -> bool| membership.right(host, &Ask::Find { key }, &answer, eligible);
        let Some(by_island) = right(&|_| true) else { return };
        let by_reach = || !reach.undivided(at) && right(&|name| reach.connected(at, self.asker, name)) == Some(true);
        let right = by_island || by_reach();
        self.seen.push(right);
    }

    fn judged(self) -> Lookup<'a> {
        let answer = match self.owner {
            None => Correctness::Failed,
            Some(_) if !self.seen.is_empty() && !self.seen.contains(&true) => Correctness::Wrong,
            Some(_) => Correctness::Ok,
        };
        let Self { asker, sent, hops, milliseconds, .. } = self;
        Lookup { asker, sent, answer, hops, milliseconds }
    }
}

/// Host name to stub name.
pub(crate) fn stubs(record: &Record) -> BTreeMap<&str, &str> {
    record.facts.nodes.iter().filter_map(|n| Some((n.name.as_str(), n.stub.as_deref()?))).collect()
}
