//! The course of a question at the core node that is asked: where the asker is, then which replicas. Nothing is
//! probed on the way: who is in a prefix that nobody has probed yet gets an answer for somewhere near.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use super::base::Base;
use super::message::{Ask, Core, How, MOST, Mapped, Message, Order, Wanted};
use super::pending::{Asker, Pending, Stage};
use super::select::select;
use crate::anycast::facts::Place;
use crate::machine::Time;

/// Most questions under way.
const MAX_PENDING: usize = 1024;
/// Another core node that did not answer by now is passed over.
const PATIENCE: Duration = Duration::from_millis(400);

impl Base {
    /// An agent asks.
    pub(super) fn asked(&mut self, now: Time, from: SocketAddr, ask: Ask, room: usize) {
        let Some(service) = self.service(&ask.service) else { return };
        let (how, place) = match &ask.how {
            How::Near => (Order::Near, None),
            How::Idle => (Order::Idle, None),
            How::Random => (Order::Random, None),
            How::Region(host) => {
                let place = self.facts().server(host).and_then(|site| site.place);
                if place.is_none() {
                    let found = Message::Found { nonce: ask.nonce, ttl: 0, members: Vec::new() };
                    return self.answer(from, ask.tag, room, &found);
                }
                (Order::At, place)
            }
        };
        let wanted = Wanted { service, how, place, count: ask.count, except: ask.except, ipv6: None };
        self.begin(now, Asker::Agent { to: from, tag: ask.tag, nonce: ask.nonce, room }, from.ip(), wanted);
    }

    /// A question for replicas that suit this address.
    pub(super) fn begin(&mut self, now: Time, asker: Asker, address: IpAddr, wanted: Wanted) {
        if self.pending.len() >= MAX_PENDING {
            return self.reply(now, asker, address, self.prefixes.look(address).block, None);
        }
        let found = self.prefixes.look(address);
        let mut pending =
            Pending { asker, wanted, address, block: found.block, stage: Stage::Locating, until: now + PATIENCE };
        // Only for these it matters where the asker is.
        if pending.wanted.how != Order::Near {
            return self.choose(now, pending);
        }
        let keepers = self.keeping(address);
        if keepers.contains(&self.me) {
            self.probe_if_stale(now, address);
            pending.wanted.place = self.place_of(found.near);
            self.choose(now, pending);
        } else if let Some(mapped) = found.mapped.filter(|_| now - found.since < self.settings.ttl) {
            pending.wanted.place = Some(mapped.place);
            self.choose(now, pending);
        } else if let Some(keeper) = keepers.first() {
            let id = self.remember(pending);
            self.tell(*keeper, Core::Locate { id, address });
        }
    }

    fn remember(&mut self, pending: Pending) -> u64 {
        use rand::RngExt;
        let id = self.rng.random();
        self.pending.insert(id, pending);
        id
    }

    /// Where somebody is who may be near there: else whoever asks this core node is taken to be near it.
    fn place_of(&self, near: Option<Mapped>) -> Option<Place> {
        near.map(|mapped| mapped.place).or(self.place)
    }

    /// One that looks after the prefix has answered.
    pub(super) fn located(&mut self, now: Time, id: u64, block: IpNet, mapped: Option<Mapped>) {
        let located = |pending: &Pending| matches!(pending.stage, Stage::Locating) && block.contains(&pending.address);
        if !self.pending.get(&id).is_some_and(located) {
            return;
        }
        let Some(mut pending) = self.pending.remove(&id) else { return };
        let mapped = mapped.filter(|mapped| mapped.place.is_on_earth());
        if let Some(mapped) = mapped {
            self.prefixes.hear(now, block, mapped);
        }
        if block.prefix_len() > pending.block.prefix_len() {
            pending.block = block;
        }
        pending.wanted.place = self.place_of(mapped.or_else(|| self.prefixes.look(pending.address).near));
        self.choose(now, pending);
    }

    /// Where it is is known as well as it will be: now the replicas.
    fn choose(&mut self, now: Time, mut pending: Pending) {
        let mut knowing = self.knowing(pending.wanted.service);
        if knowing.contains(&self.me) {
            let members = self.select(now, &pending.wanted);
            if !members.is_empty() {
                return self.reply(now, pending.asker, pending.address, pending.block, Some(members));
            }
            // It may have begun to know them a moment ago.
            knowing.retain(|node| *node != self.me);
            if knowing.is_empty() {
                return self.reply(now, pending.asker, pending.address, pending.block, Some(members));
            }
        }
        knowing.reverse();
        pending.stage = Stage::Selecting(knowing);
        self.select_elsewhere(now, pending, None);
    }

    /// Asks the next that knows the replicas; when there is none, the answer is the last that was heard.
    fn select_elsewhere(&mut self, now: Time, mut pending: Pending, heard: Option<Vec<SocketAddr>>) {
        let Stage::Selecting(knowing) = &mut pending.stage else { return };
        let Some(node) = knowing.pop() else {
            return self.reply(now, pending.asker, pending.address, pending.block, heard);
        };
        pending.until = now + PATIENCE;
        let wanted = pending.wanted.clone();
        let id = self.remember(pending);
        self.tell(node, Core::Select { id, wanted });
    }

    pub(super) fn select(&mut self, now: Time, wanted: &Wanted) -> Vec<SocketAddr> {
        let members = select(&self.services, now, wanted, &mut self.rng);
        if let Some(first) = members.first() {
            self.services.given(wanted.service, *first);
        }
        members
    }

    /// One that knows the replicas has answered.
    pub(super) fn selected(&mut self, now: Time, id: u64, mut members: Vec<SocketAddr>) {
        if !self.pending.get(&id).is_some_and(|pending| matches!(pending.stage, Stage::Selecting(_))) {
            return;
        }
        let Some(pending) = self.pending.remove(&id) else { return };
        members.truncate(MOST);
        if members.is_empty() {
            return self.select_elsewhere(now, pending, Some(members));
        }
        self.reply(now, pending.asker, pending.address, pending.block, Some(members));
    }

    /// Those that were asked and did not answer are passed over.
    pub(super) fn late(&mut self, now: Time) {
        let late: Vec<_> = self.pending.iter().filter(|(_, pending)| pending.until <= now).map(|(id, _)| *id).collect();
        for id in late {
            let Some(mut pending) = self.pending.remove(&id) else { continue };
            if matches!(pending.stage, Stage::Locating) {
                pending.wanted.place = self.place_of(self.prefixes.look(pending.address).near);
                self.choose(now, pending);
            } else {
                self.select_elsewhere(now, pending, None);
            }
        }
    }
}
