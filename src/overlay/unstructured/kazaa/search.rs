//! Searches: an ordinary node asks its supernode, which answers from its index and asks others; hits come to it from
//! wherever they are, and it passes them on.

use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;

use super::calls::Why;
use super::kept::{Relay, Search};
use super::message::{Forwarded, Found, Head, Message, Query, hit_length, pieces};
use super::{Kazaa, Role};
use crate::overlay::unstructured::pursuit::{MAX_HITS, Pursuit};
use crate::overlay::words::words;
use crate::overlay::{Answer, Did, Hit, Peer, Phase, Time, Token};

/// Most searches of its own at once, and of its children.
pub(super) const MAX_SEARCHES: usize = 64;
pub(super) const MAX_RELAYS: usize = 1024;
/// Longest text in bytes.
const MAX_WORDS: usize = 200;
/// No search goes further, whatever it says.
const MAX_TTL: u8 = 7;
/// Longest that an own search waits for its end.
const LONGEST: Duration = Duration::from_secs(30);

impl Kazaa {
    pub(super) fn search(&mut self, now: Time, token: Token, text: String) {
        let asked: Vec<String> = words(&text).collect();
        let fine = self.phase == Phase::Member && self.searches.len() < MAX_SEARCHES;
        if !fine || asked.is_empty() || text.len() > MAX_WORDS {
            let outcome = Answer::Searched { words: text, hits: Vec::new(), hops: 0, milliseconds: 0.0 };
            return self.events.push_back(Did::Done { token, outcome });
        }
        let own = self.library.find(&asked).map(|(_, item)| Hit { name: item.name.clone(), at: self.me.id });
        self.pursue(now, Search { pursuit: Pursuit::new(now, token, text, own), deadline: now + LONGEST });
    }

    fn pursue(&mut self, now: Time, search: Search) {
        let number = self.rng.random();
        let (words, asked) = (search.pursuit.text().to_owned(), search.pursuit.asked().to_owned());
        self.searches.insert(number, search);
        if self.role == Role::Supernode {
            let hits = self.have(&asked);
            self.gather(now, number, 0, hits);
            return self.spread(now, number, None, words);
        }
        if let Some(peer) = self.parent.as_ref().map(|parent| parent.peer) {
            self.counts.searches_sent += 1;
            let query = Message::Search(Query { search: number, words });
            self.call(now, peer.address, Some(peer.id), query, Why::There);
        }
    }

    /// There is another supernode to ask: who has heard a search before does not answer it again.
    pub(super) fn search_again(&mut self, now: Time) {
        for search in std::mem::take(&mut self.searches).into_values() {
            self.pursue(now, search);
        }
    }

    /// A child asks.
    pub(super) fn queried(&mut self, now: Time, from: SocketAddr, head: Head, query: Query) {
        let child = self.children.get_mut(&head.id).filter(|child| child.peer.address == from);
        let Some(child) = child else { return self.disown(from, head) };
        child.heard = now;
        let peer = child.peer;
        self.answer(from, head, &Message::Ack(()));
        if self.seen.get(&query.search).is_some() || self.relays.len() >= MAX_RELAYS || query.words.len() > MAX_WORDS {
            self.counts.searches_repeated += 1;
            return;
        }
        self.counts.children_asked += 1;
        self.counts.searches_heard += 1;
        let asked: Vec<String> = words(&query.words).collect();
        let hits = self.have(&asked);
        self.counts.answered_at_first += u64::from(hits.iter().any(|hit| hit.at != peer.id));
        let found = hits.len();
        self.reply(now, peer.address, query.search, 1, hits);
        self.spread(now, query.search, Some(peer), query.words);
        if let Some(relay) = self.relays.get_mut(&query.search) {
            relay.hits = found;
        }
    }

    /// Asks all supernodes that it is linked to.
    fn spread(&mut self, now: Time, search: u64, child: Option<Peer>, words: String) {
        self.seen.add(now, search, ());
        let links: Vec<Peer> = self.links.values().map(|link| link.peer).collect();
        let due = if links.is_empty() { now } else { now + self.settings.wait };
        self.relays.insert(search, Relay { child, hits: 0, due });
        let (ttl, back) = (self.settings.ttl.min(MAX_TTL), self.me.address);
        let forwarded = Forwarded { search, ttl, hops: 1 + u8::from(child.is_some()), back, words };
        for peer in links {
            self.counts.searches_sent += 1;
            self.call(now, peer.address, Some(peer.id), Message::Forward(forwarded.clone()), Why::There);
        }
    }

    /// Another supernode asks.
    pub(super) fn forwarded(&mut self, now: Time, from: SocketAddr, head: Head, asked: Forwarded) {
        if !self.is_supernode() {
            return self.disown(from, head);
        }
        self.answer(from, head, &Message::Ack(()));
        if self.seen.get(&asked.search).is_some() {
            self.counts.searches_repeated += 1;
            return;
        }
        if asked.ttl == 0 || asked.words.len() > MAX_WORDS {
            self.counts.nonsense += 1;
            return;
        }
        self.seen.add(now, asked.search, ());
        self.counts.searches_heard += 1;
        let hits = self.have(&words(&asked.words).collect::<Vec<_>>());
        self.reply(now, asked.back, asked.search, asked.hops, hits);
        let ttl = asked.ttl.min(MAX_TTL) - 1;
        if ttl == 0 {
            return;
        }
        let onward = Forwarded { ttl, hops: asked.hops.saturating_add(1), ..asked };
        let links = self.links.values().map(|link| link.peer).filter(|peer| peer.id != head.id);
        for peer in links.collect::<Vec<_>>() {
            self.counts.searches_forwarded += 1;
            self.call(now, peer.address, Some(peer.id), Message::Onward(onward.clone()), Why::There);
        }
    }

    fn reply(&mut self, now: Time, to: SocketAddr, search: u64, hops: u8, hits: Vec<Hit>) {
        for hits in pieces(hits.into_iter(), hit_length) {
            self.counts.hits_sent += 1;
            self.call(now, to, None, Message::Reply(Found { search, hops, hits }), Why::Sure);
        }
    }

    /// Somebody has found something.
    pub(super) fn replied(&mut self, now: Time, from: SocketAddr, head: Head, found: Found) {
        self.answer(from, head, &Message::Ack(()));
        let Found { search, hops, hits } = found;
        match self.relays.get_mut(&search) {
            Some(relay) => {
                relay.due = now + self.settings.wait;
                relay.hits += hits.len();
                let child = relay.child.filter(|_| relay.hits <= MAX_HITS);
                if let Some(child) = child {
                    self.counts.hits_passed += 1;
                    let message = Message::Reply(Found { search, hops, hits: hits.clone() });
                    self.call(now, child.address, Some(child.id), message, Why::Sure);
                }
            }
            None if self.searches.contains_key(&search) => {}
            None => self.counts.hits_dropped += 1,
        }
        self.gather(now, search, hops, hits);
    }

    /// Hits for a search of its own. What does not have the words was not asked for.
    fn gather(&mut self, now: Time, search: u64, hops: u8, hits: Vec<Hit>) {
        let Some(search) = self.searches.get_mut(&search) else { return };
        for hit in hits {
            search.pursuit.take(now, hops.into(), hit);
        }
    }

    pub(super) fn relays_timeout(&mut self, now: Time) {
        let due: Vec<u64> =
            self.relays.iter().filter(|(_, relay)| relay.due <= now).map(|(search, _)| *search).collect();
        due.into_iter().for_each(|search| self.end_relay(now, search));
    }

    /// It sees to none any more.
    pub(super) fn end_relays(&mut self, now: Time) {
        let all: Vec<u64> = self.relays.keys().copied().collect();
        all.into_iter().for_each(|search| self.end_relay(now, search));
    }

    fn end_relay(&mut self, now: Time, search: u64) {
        match self.relays.remove(&search).map(|relay| relay.child) {
            Some(Some(child)) => self.call(now, child.address, Some(child.id), Message::End(search), Why::Sure),
            Some(None) => self.finish(now, search),
            None => {}
        }
    }

    pub(super) fn searches_timeout(&mut self, now: Time) {
        let due = self.searches.iter().filter(|(_, search)| search.deadline <= now);
        let due: Vec<u64> = due.map(|(number, _)| *number).collect();
        due.into_iter().for_each(|search| self.finish(now, search));
    }

    /// A search of its own is over.
    pub(super) fn finish(&mut self, now: Time, number: u64) {
        let search = self.searches.remove(&number);
        self.events.extend(search.map(|search| search.pursuit.done(now)));
    }
}
