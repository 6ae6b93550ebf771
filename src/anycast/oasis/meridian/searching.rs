//! A node's part in searches: it measures targets, by the time in which they refuse a stream, and asks others to.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::rings::Rings;
use super::search::{BETA, HOPS, annulus, next};
use super::wish::{Ended, Wish, micros};
use crate::anycast::oasis::message::{Contact, Landmark, Message, Quest, Talk};
use crate::machine::Time;

/// Most streams open at a time.
const MAX_PROBES: usize = 64;
/// Most searches that are here at a time.
const MAX_SEARCHES: usize = 32;
/// A target that has not refused by now does not answer.
const REFUSAL: Duration = Duration::from_millis(1000);
/// Others are given longer to say so.
const ANSWERS: Duration = Duration::from_millis(1500);

#[derive(Default)]
pub(super) struct Searches {
    /// Streams under way, by their number.
    probes: BTreeMap<u64, Probe>,
    opened: u64,
    /// By the stream that measures the target from here, at first.
    here: BTreeMap<u64, Here>,
}

struct Probe {
    since: Time,
    why: Why,
}

#[derive(Clone, Copy)]
enum Why {
    /// Another node has asked, by this nonce.
    Asked(Contact, u64),
    Own,
}

/// A search that is here.
struct Here {
    quest: Quest,
    /// Until when answers are waited for.
    until: Time,
    own: Option<Duration>,
    /// Whether others were asked.
    asked: bool,
    /// Those asked who have not answered, by nonce.
    waiting: BTreeMap<u64, Contact>,
    answers: Vec<(Contact, Duration)>,
}

impl Searches {
    /// A search comes here. The first thing is to measure the target.
    pub(super) fn begin(&mut self, now: Time, mut quest: Quest, wishes: &mut VecDeque<Wish>) {
        if self.here.len() >= MAX_SEARCHES || quest.hops > HOPS {
            return;
        }
        let Some(stream) = self.open(now, quest.target, Why::Own, wishes) else { return };
        quest.probes = quest.probes.saturating_add(1);
        let until = now + ANSWERS;
        let (own, asked, waiting, answers) = (None, false, BTreeMap::new(), Vec::new());
        self.here.insert(stream, Here { quest, until, own, asked, waiting, answers });
    }

    /// Another node asks how far a target is.
    pub(super) fn asked(&mut self, now: Time, who: Contact, nonce: u64, target: IpAddr, wishes: &mut VecDeque<Wish>) {
        self.open(now, target, Why::Asked(who, nonce), wishes);
    }

    fn open(&mut self, now: Time, target: IpAddr, why: Why, wishes: &mut VecDeque<Wish>) -> Option<u64> {
        if self.probes.len() >= MAX_PROBES || !can_be_probed(target) {
            return None;
        }
        let stream = self.opened;
        self.opened += 1;
        self.probes.insert(stream, Probe { since: now, why });
        wishes.push_back(Wish::Open(stream, target));
        Some(stream)
    }

    /// The target has refused a stream: that took a round trip. When the network has said that it cannot be reached,
    /// that says nothing of how far it is.
    pub(super) fn closed(&mut self, now: Time, stream: u64, refused: bool, me: Landmark, wishes: &mut VecDeque<Wish>) {
        let Some(probe) = self.probes.remove(&stream) else { return };
        self.measured(stream, probe.why, refused.then(|| now - probe.since), me, wishes);
    }

    fn measured(&mut self, id: u64, why: Why, took: Option<Duration>, me: Landmark, wishes: &mut VecDeque<Wish>) {
        if let Why::Asked(who, nonce) = why {
            let probed = Talk::Probed { nonce, micros: took.map(micros) };
            return wishes.push_back(Wish::Send(who, Message::Landmark(probed)));
        }
        match (self.here.get_mut(&id), took) {
            (Some(here), Some(took)) => {
                here.own = Some(took);
                here.quest.improve(me, micros(took));
            }
            // What does not answer one node does not answer another.
            (Some(_), None) => self.end(id, me, wishes),
            (None, _) => {}
        }
    }

    /// A node that was asked has measured the target.
    pub(super) fn answered(&mut self, from: SocketAddr, nonce: u64, micros: Option<u32>) {
        for here in self.here.values_mut() {
            let Some(contact) = here.waiting.get(&nonce).copied().filter(|c| c.address == from) else { continue };
            here.waiting.remove(&nonce);
            if let Some(micros) = micros {
                here.answers.push((contact, Duration::from_micros(u64::from(micros))));
            }
        }
    }

    /// Searches that have measured the target ask others; those that have heard them go on, or end.
    pub(super) fn go_on(
        &mut self,
        now: Time,
        me: Landmark,
        rings: &Rings<Contact>,
        known: impl Fn(Contact) -> Option<Landmark>,
        rng: &mut ChaCha8Rng,
        wishes: &mut VecDeque<Wish>,
    ) {
        let mut over = Vec::new();
        for (id, here) in &mut self.here {
            let Some(own) = here.own else { continue };
            if !here.asked {
                let (from, to) = annulus(own, BETA);
                for contact in rings.within(from, to) {
                    let nonce = rng.random();
                    here.waiting.insert(nonce, contact);
                    let probe = Talk::Probe { nonce, tag: me.contact.tag, target: here.quest.target };
                    wishes.push_back(Wish::Send(contact, Message::Landmark(probe)));
                }
                here.quest.probes = here.quest.probes.saturating_add(here.waiting.len() as u16);
                here.until = (now + ANSWERS).min(now + own * 4 + Duration::from_millis(200));
                here.asked = true;
            }
            if here.waiting.is_empty() || here.until <= now {
                over.push((*id, own));
            }
        }
        for (id, own) in over {
            let Some(here) = self.here.get_mut(&id) else { continue };
            for (contact, latency) in &here.answers {
                if let Some(landmark) = known(*contact) {
                    here.quest.improve(landmark, micros(*latency));
                }
            }
            match next(own, &here.answers, BETA) {
                Some(contact) if here.quest.hops < HOPS => {
                    let quest = Quest { hops: here.quest.hops + 1, ..here.quest };
                    wishes.push_back(Wish::Send(contact, Message::Landmark(Talk::Search(quest))));
                    self.here.remove(&id);
                }
                _ => self.end(id, me, wishes),
            }
        }
    }

    fn end(&mut self, id: u64, me: Landmark, wishes: &mut VecDeque<Wish>) {
        let Some(Here { quest: Quest { id, origin, best, probes, hops, .. }, .. }) = self.here.remove(&id) else {
            return;
        };
        wishes.push_back(if origin == me.contact {
            Wish::Ended(Ended { id, best, probes, hops })
        } else {
            Wish::Send(origin, Message::Landmark(Talk::Ended { id, best, probes, hops }))
        });
    }

    pub(super) fn timeout(&mut self, now: Time, me: Landmark, wishes: &mut VecDeque<Wish>) {
        let late: Vec<_> =
            self.probes.iter().filter(|(_, p)| now - p.since >= REFUSAL).map(|(id, p)| (*id, p.why)).collect();
        for (stream, why) in late {
            self.probes.remove(&stream);
            wishes.push_back(Wish::Close(stream));
            self.measured(stream, why, None, me, wishes);
        }
    }

    pub(super) fn due(&self) -> Option<Time> {
        let probes = self.probes.values().map(|probe| probe.since + REFUSAL);
        probes.chain(self.here.values().map(|here| here.until)).min()
    }

    pub(super) fn tables(&self) -> [(&'static str, usize); 2] {
        [("probes", self.probes.len()), ("searches", self.here.len())]
    }
}

impl Quest {
    fn improve(&mut self, landmark: Landmark, micros: u32) {
        if self.best.is_none_or(|(_, best)| micros < best) {
            self.best = Some((landmark, micros));
        }
    }
}

/// Whether it can be the address of one host.
fn can_be_probed(address: IpAddr) -> bool {
    let local = match address {
        IpAddr::V4(a) => a.is_broadcast() || a.is_link_local(),
        IpAddr::V6(a) => a.is_unicast_link_local(),
    };
    !(local || address.is_unspecified() || address.is_multicast() || address.is_loopback())
}
