//! Dynamic querying (Fisk, "Gnutella Dynamic Query Protocol v0.1", 2003): an ultrapeer asks a few others not far, and
//! then one at a time, each as far as it takes by what the others had to find enough. Rare things cost most.

use std::collections::BTreeSet;
use std::time::Duration;

use super::asked::{Dynamic, horizon, ttl_for};
use super::message::Guid;
use super::settings::Role;
use super::{Gnutella, MAX_TTL};
use crate::overlay::Time;

/// Most queries that are asked dynamically at once.
pub(super) const MAX_DYNAMIC: usize = 256;
/// Results that are enough for a leaf, and for itself.
const ENOUGH: (usize, usize) = (50, 150);
/// Others that are asked first, with this TTL: at most one in four, since who is asked hears no second query.
const PROBES: usize = 3;
const PROBE_TTL: u8 = 1;
/// No query goes further.
const FARTHEST: u8 = 5;
/// It ends when so many servents should have heard it.
const WIDEST: f64 = 200_000.0;
const LONGEST: Duration = Duration::from_secs(600);

impl Gnutella {
    /// Begins to ask for a leaf, or for itself.
    pub(super) fn ask_for(&mut self, now: Time, guid: Guid, leaf: Option<u64>, payload: &[u8]) {
        if self.dynamics.len() >= MAX_DYNAMIC {
            return;
        }
        let (payload, asked) = (payload.to_vec(), BTreeSet::new());
        let mut dynamic = Dynamic { payload, leaf, results: 0, asked, horizon: 0.0, began: now, next: now };
        let others = self.up(|link| link.role != Role::Leaf);
        for number in others.iter().take((others.len() / 4).min(PROBES)) {
            self.ask_one(&mut dynamic, guid, *number, PROBE_TTL);
            dynamic.next = now + self.settings.wait;
        }
        self.dynamics.insert(guid, dynamic);
        self.dynamics_timeout(now);
    }

    fn ask_one(&mut self, dynamic: &mut Dynamic, guid: Guid, number: u64, ttl: u8) {
        let degree = self.links.get(&number).map_or(1, |link| link.degree);
        dynamic.asked.insert(number);
        dynamic.horizon += horizon(degree, ttl);
        let hops = u8::from(dynamic.leaf.is_some());
        self.send_query(number, guid, ttl.min(MAX_TTL - hops), hops, &dynamic.payload);
    }

    pub(super) fn dynamics_timeout(&mut self, now: Time) {
        let due: Vec<Guid> = self.dynamics.iter().filter(|(_, d)| d.next <= now).map(|(guid, _)| *guid).collect();
        for guid in due {
            let Some(mut dynamic) = self.dynamics.remove(&guid) else { continue };
            if self.ask_next(now, guid, &mut dynamic) {
                self.dynamics.insert(guid, dynamic);
            }
        }
    }

    /// Asks one more; whether there was one, and a reason to.
    fn ask_next(&mut self, now: Time, guid: Guid, dynamic: &mut Dynamic) -> bool {
        let enough = if dynamic.leaf.is_some() { ENOUGH.0 } else { ENOUGH.1 };
        let gone = dynamic.leaf.is_some_and(|leaf| !self.links.contains_key(&leaf));
        let over = dynamic.horizon >= WIDEST || now - dynamic.began >= LONGEST;
        let next = self.up(|link| link.role != Role::Leaf).into_iter().find(|number| !dynamic.asked.contains(number));
        if let Some(search) = self.searches.get_mut(&guid) {
            search.stir(now);
        }
        let Some(number) = next.filter(|_| dynamic.results < enough && !gone && !over) else { return false };
        let most = self.settings.ttl.min(FARTHEST);
        // What a servent has, by those that have heard it; of none, nothing is known, and the next goes far.
        let each = dynamic.results as f64 / dynamic.horizon.max(1.0);
        let missing = (enough - dynamic.results) as f64;
        let degree = self.links.get(&number).map_or(1, |link| link.degree);
        let ttl = if dynamic.results == 0 { most } else { ttl_for(missing / each, degree, most) };
        self.ask_one(dynamic, guid, number, ttl);
        dynamic.next = now + self.settings.wait;
        true
    }
}
