//! The replicas of services, at the core nodes that know them: soft state.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::message::Stored;
use crate::anycast::facts::Place;
use crate::machine::Time;

/// Most replicas of a service, and of all.
const MAX_REPLICAS: usize = 4096;
const MAX_ALL: usize = 16_384;
/// Most at one host.
const MAX_HOST: usize = 16;

/// A replica that was heard of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replica {
    pub(super) place: Option<Place>,
    /// As it says, with how often it was part of an answer since.
    pub(super) load: u32,
    /// Until when it is there, unless it is heard of again.
    until: Time,
}

#[derive(Default)]
pub(super) struct Services(BTreeMap<u16, BTreeMap<SocketAddr, Replica>>);

impl Services {
    /// It is there; whether that is news. A table that is full takes no new ones.
    pub(super) fn store(&mut self, now: Time, service: u16, stored: Stored, lease: Duration) -> bool {
        let all = self.len();
        let replicas = self.0.entry(service).or_default();
        let place = stored.place.filter(|place| place.is_on_earth());
        let replica = Replica { place, load: stored.load, until: now + lease };
        if let Some(known) = replicas.get_mut(&stored.member) {
            *known = replica;
            return false;
        }
        let at = |port| SocketAddr::new(stored.member.ip(), port);
        let same_host = replicas.range(at(0)..=at(u16::MAX)).count();
        if replicas.len() >= MAX_REPLICAS || all >= MAX_ALL || same_host >= MAX_HOST {
            return false;
        }
        replicas.insert(stored.member, replica);
        true
    }

    /// It is not there any more; whether it was.
    pub(super) fn drop(&mut self, service: u16, member: SocketAddr) -> bool {
        self.0.get_mut(&service).is_some_and(|replicas| replicas.remove(&member).is_some())
    }

    /// Those that were not heard of for too long.
    pub(super) fn expire(&mut self, now: Time) -> Vec<(u16, SocketAddr)> {
        let mut gone = Vec::new();
        for (service, replicas) in &mut self.0 {
            replicas.retain(|member, replica| {
                let live = replica.until > now;
                if !live {
                    gone.push((*service, *member));
                }
                live
            });
        }
        self.0.retain(|_, replicas| !replicas.is_empty());
        gone
    }

    /// Those of a service that are there.
    pub(super) fn live(&self, now: Time, service: u16) -> impl Iterator<Item = (SocketAddr, &Replica)> {
        let replicas = self.0.get(&service).into_iter().flatten();
        replicas.map(|(member, replica)| (*member, replica)).filter(move |(_, replica)| replica.until > now)
    }

    pub(super) fn get(&self, service: u16, member: SocketAddr) -> Option<&Replica> {
        self.0.get(&service)?.get(&member)
    }

    /// It was the first of an answer.
    pub(super) fn given(&mut self, service: u16, member: SocketAddr) {
        if let Some(replica) = self.0.get_mut(&service).and_then(|replicas| replicas.get_mut(&member)) {
            replica.load = replica.load.saturating_add(1);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.len() * (size_of::<SocketAddr>() + size_of::<Replica>())
    }
}
