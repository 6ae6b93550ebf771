//! Queries and hits of others: a query goes on to all who have not sent it, once; a hit goes back the way it came.

use super::message::{self, HIT, Head, Hits, QUERY, frame};
use super::settings::Role;
use super::{Gnutella, MAX_TTL, Source};
use crate::overlay::Time;
use crate::overlay::words::words;

/// Most own items in answer to one query.
const MAX_RESULTS: usize = 200;

impl Gnutella {
    /// Whether it was a query.
    pub(super) fn queried(&mut self, now: Time, number: u64, head: Head, payload: &[u8]) -> bool {
        let Some(text) = message::asked(payload) else { return false };
        if self.queries.get(&head.guid).is_some() {
            self.counts.queries_repeated += 1;
            return true;
        }
        if head.ttl == 0 || head.hops >= MAX_TTL {
            self.counts.queries_spent += 1;
            return true;
        }
        let Some(role) = self.links.get(&number).map(|link| link.role) else { return true };
        self.queries.add(now, head.guid, Source::Link(number));
        self.counts.queries_heard += 1;
        let asked: Vec<String> = words(text).collect();
        self.answer(number, head, &asked);
        if self.role == Role::Leaf {
            return true;
        }
        self.spread_to_leaves(Some(number), head, payload, &asked);
        if role == Role::Leaf && self.settings.dynamic {
            self.ask_for(now, head.guid, Some(number), payload);
        } else if let Some(on) = Self::further(head) {
            let others = self.up(|link| link.role != Role::Leaf).into_iter().filter(|other| *other != number);
            for other in others.collect::<Vec<_>>() {
                self.counts.queries_forwarded += 1;
                self.say(other, frame(on, payload));
            }
        }
        true
    }

    /// Says what there is here.
    fn answer(&mut self, number: u64, head: Head, asked: &[String]) {
        let results = self.library.find(asked).take(MAX_RESULTS);
        let results: Vec<_> = results.map(|(index, item)| (index, item.name.clone())).collect();
        let hits = Hits { at: self.at(), results, servent: self.me.id.0.to_be_bytes() };
        // One hop to spare, in case the way back is longer.
        let back = Head { kind: HIT, ttl: (head.hops + 2).min(MAX_TTL), hops: 0, ..head };
        for payload in hits.payloads() {
            self.counts.hits_sent += 1;
            self.say(number, frame(back, &payload));
        }
    }

    /// Passes a query on to leaves whose words may answer it: for them it need not go any further.
    pub(super) fn spread_to_leaves(&mut self, from: Option<u64>, head: Head, payload: &[u8], asked: &[String]) {
        let on = Head { ttl: 1, hops: head.hops + u8::from(from.is_some()), ..head };
        for leaf in self.up(|link| link.role == Role::Leaf).into_iter().filter(|leaf| Some(*leaf) != from) {
            if self.settings.query_routing && !self.links[&leaf].words.passes(asked) {
                self.counts.queries_spared += 1;
                continue;
            }
            if from.is_some() {
                self.counts.queries_forwarded += 1
            } else {
                self.counts.queries_sent += 1
            }
            self.say(leaf, frame(on, payload));
        }
    }

    /// Whether it was a hit.
    pub(super) fn hit(&mut self, now: Time, number: u64, head: Head, payload: &[u8]) -> bool {
        let Some(hits) = Hits::read(payload) else { return false };
        self.servents.add(now, hits.servent, number);
        if let Some(dynamic) = self.dynamics.get_mut(&head.guid) {
            dynamic.results += hits.results.len();
        }
        match self.queries.get(&head.guid).copied() {
            Some(Source::Here) => self.gather(now, head, hits),
            Some(Source::Link(back)) if self.links.get(&back).is_some_and(super::link::Link::is_up) => {
                if let Some(on) = Self::further(head) {
                    self.counts.hits_forwarded += 1;
                    self.say(back, frame(on, payload));
                } else {
                    self.counts.hits_dropped += 1;
                }
            }
            _ => self.counts.hits_dropped += 1,
        }
        true
    }

    /// Whether it was a push. It is passed on by the way that the servent's hits came.
    pub(super) fn push(&mut self, number: u64, head: Head, payload: &[u8]) -> bool {
        let Some(servent) = message::pushed(payload) else { return false };
        let to = self.servents.get(&servent).copied().filter(|to| *to != number);
        if let (Some(to), Some(on)) = (to, Self::further(head)) {
            self.say(to, frame(on, payload));
        }
        true
    }

    /// A copy of an own query, or of a leaf's.
    pub(super) fn send_query(&mut self, to: u64, guid: message::Guid, ttl: u8, hops: u8, payload: &[u8]) {
        self.counts.queries_sent += 1;
        self.say(to, frame(Head { guid, kind: QUERY, ttl, hops }, payload));
    }
}
