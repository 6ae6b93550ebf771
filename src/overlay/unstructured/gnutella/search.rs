//! What this node asks itself: a query, and the hits that come of it until no more do.

use std::time::Duration;

use super::asked::Search;
use super::message::{Guid, Head, Hits, QUERY, query};
use super::settings::Role;
use super::{Gnutella, Source};
use crate::overlay::id::Id;
use crate::overlay::unstructured::pursuit::Pursuit;
use crate::overlay::words::words;
use crate::overlay::{Answer, Did, Hit, Phase, Time, Token};

/// Most searches at once.
pub(super) const MAX_SEARCHES: usize = 64;
/// Longest text of a query in bytes.
const MAX_WORDS: usize = 200;
/// A leaf waits no longer for its ultrapeers to ask others.
const LONGEST: Duration = Duration::from_secs(60);

impl Gnutella {
    pub(super) fn search(&mut self, now: Time, token: Token, text: String) {
        let asked: Vec<String> = words(&text).collect();
        let fine = self.phase == Phase::Member && self.searches.len() < MAX_SEARCHES;
        if !fine || asked.is_empty() || text.len() > MAX_WORDS || text.contains('\0') {
            let outcome = Answer::Searched { words: text, hits: Vec::new(), hops: 0, milliseconds: 0.0 };
            return self.events.push_back(Did::Done { token, outcome });
        }
        let (guid, payload) = (self.guid(), query(&text));
        let own = self.library.find(&asked).map(|(_, item)| Hit { name: item.name.clone(), at: self.me.id });
        let pursuit = Pursuit::new(now, token, text, own);
        let quiet = match self.role {
            Role::Leaf => {
                let degrees = self.links.values().filter(|link| link.is_up()).map(|link| link.degree);
                (self.settings.wait * (degrees.max().unwrap_or(0) + 2)).min(LONGEST)
            }
            _ => self.settings.wait,
        };
        self.searches.insert(guid, Search { pursuit, last: now, quiet });
        self.queries.add(now, guid, Source::Here);
        if self.role == Role::Ultrapeer {
            let head = Head { guid, kind: QUERY, ttl: 1, hops: 0 };
            self.spread_to_leaves(None, head, &payload, &asked);
        }
        if self.role == Role::Ultrapeer && self.settings.dynamic {
            self.ask_for(now, guid, None, &payload);
        } else {
            for number in self.up(|link| link.role != Role::Leaf) {
                self.send_query(number, guid, self.settings.ttl, 0, &payload);
            }
        }
    }

    /// Hits for a query of its own. What does not have the words was not asked for.
    pub(super) fn gather(&mut self, now: Time, head: Head, found: Hits) {
        let Some(search) = self.searches.get_mut(&head.guid) else { return };
        let at = Id(u128::from_be_bytes(found.servent));
        for (_, name) in found.results {
            if search.pursuit.take(now, u32::from(head.hops) + 1, Hit { name, at }) {
                search.last = now;
            }
        }
    }

    pub(super) fn searches_timeout(&mut self, now: Time) {
        let is_due = |(guid, search): &(&Guid, &Search)| search.due() <= now && !self.dynamics.contains_key(*guid);
        let due: Vec<Guid> = self.searches.iter().filter(is_due).map(|(guid, _)| *guid).collect();
        for search in due.into_iter().filter_map(|guid| self.searches.remove(&guid)).collect::<Vec<_>>() {
            self.events.push_back(search.pursuit.done(now));
        }
    }
}
