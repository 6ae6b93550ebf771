//! What a core node does for prefixes in the background: it has the landmark nearest to them looked for.

use std::net::IpAddr;
use std::time::Duration;

use rand::RngExt;

use super::base::Base;
use super::meridian::wish::Ended;
use super::message::{Core, Mapped};
use crate::anycast::facts::Place;
use crate::machine::Time;

/// Searches of its own at a time, and how long it waits for one.
const MAX_SEARCHES: usize = 16;
const SEARCH: Duration = Duration::from_secs(10);
/// An address that no landmark could measure is left alone for so long.
const VAIN: Duration = Duration::from_secs(10);
const MAX_VAIN: usize = 1024;

impl Base {
    pub(super) fn map(&mut self, now: Time, address: IpAddr, mapped: Mapped) {
        if mapped.place.is_on_earth() && self.prefixes.learn(now, address, mapped, self.settings.disagree) {
            self.said("split", None, address.to_string());
        }
    }

    /// Has the landmark nearest to an address looked for, if it is not known or was long ago. Nobody waits for it.
    pub(super) fn probe_if_stale(&mut self, now: Time, address: IpAddr) {
        let found = self.prefixes.look(address);
        let stale = found.mapped.is_none() || now - found.since > self.settings.fresh;
        let vain = self.vain.get(&found.block).is_some_and(|since| now - *since < VAIN);
        let under_way = self.searches.values().any(|(other, _)| found.block.contains(other));
        if !stale || vain || under_way || self.searches.len() >= MAX_SEARCHES {
            return;
        }
        let others = self.config.facts.servers.len() > 1;
        let Some(node) = self.meridian.as_mut().filter(|node| !(others && node.is_alone())) else { return };
        let id = self.rng.random();
        self.searches.insert(id, (address, now));
        node.search(now, id, target(address));
    }

    pub(super) fn ended(&mut self, now: Time, ended: Ended) {
        let Some((address, _)) = self.searches.remove(&ended.id) else { return };
        let Some((landmark, micros)) = ended.best else { return self.in_vain(now, address) };
        let mapped = Mapped { place: landmark.place, micros };
        self.map(now, address, mapped);
        for node in self.keeping(address) {
            if node != self.me {
                self.tell(node, Core::Mapped { address, mapped });
            }
        }
        tracing::debug!(%address, micros, probes = ended.probes, hops = ended.hops, "a prefix has a place");
    }

    pub(super) fn in_vain(&mut self, now: Time, address: IpAddr) {
        if self.vain.len() < MAX_VAIN {
            self.vain.insert(self.prefixes.look(address).block, now);
        }
    }

    /// Where a replica is that does not know: its prefix's place, as soon as that has one.
    pub(super) fn place_of_host(&mut self, now: Time, address: IpAddr) -> Option<Place> {
        self.probe_if_stale(now, address);
        self.prefixes.look(address).near.map(|mapped| mapped.place)
    }

    /// Forgets what has come to nothing.
    pub(super) fn give_up(&mut self, now: Time) {
        self.vain.retain(|_, since| now - *since < VAIN);
        let late: Vec<_> =
            self.searches.iter().filter(|(_, (_, since))| now - *since >= SEARCH).map(|(id, s)| (*id, s.0)).collect();
        for (id, address) in late {
            self.searches.remove(&id);
            self.in_vain(now, address);
        }
    }
}

/// The address that is probed: of a block of which only the first bits are known, its first host.
fn target(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(a) if a.octets()[3] == 0 => IpAddr::V4((a.to_bits() | 1).into()),
        IpAddr::V6(a) if a.segments()[4..] == [0; 4] => IpAddr::V6((a.to_bits() | 1).into()),
        other => other,
    }
}
