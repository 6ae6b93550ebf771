//! A node of Meridian: it hears of others by gossip, measures them, and keeps some of them in its rings.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::RngExt;
use rand::seq::IteratorRandom;
use rand_chacha::ChaCha8Rng;

use super::rings::{RINGS, Rings};
use super::searching::Searches;
use super::wish::{Ended, Wish, micros};
use crate::anycast::member::cookie::Jar;
use crate::anycast::oasis::message::{Contact, Landmark, MOST, Message, Quest, Talk};
use crate::anycast::oasis::settings::Settings;
use crate::machine::Time;

/// Most pings, and questions for latencies, that are under way.
const MAX_PINGS: usize = 256;
/// Most nodes that it has heard of.
const MAX_KNOWN: usize = 1024;
/// Most latencies between others that it remembers.
const MAX_BETWEEN: usize = 4096;
/// Nodes that it measures at a time, of those that it has only heard of.
const STRANGERS: usize = 8;
/// A ping is not answered any more after this long.
const PATIENCE: Duration = Duration::from_secs(1);
/// A node that did not answer so many times is gone.
const MISSES: u8 = 3;

/// How long a cookie is good at least.
const COOKIES: Duration = Duration::from_secs(30);

/// What a landmark knows of others, and the searches in which it takes part.
pub(in super::super) struct Node {
    pub(super) me: Landmark,
    settings: Settings,
    pub(super) rings: Rings<Contact>,
    /// Of all whom it has heard of.
    known: BTreeMap<Contact, Known>,
    pings: BTreeMap<u64, (Contact, Time)>,
    /// Questions for latencies: whom, to whom, since when.
    asked: BTreeMap<u64, (Contact, Vec<Contact>, Time)>,
    between: BTreeMap<(Contact, Contact), Duration>,
    searches: Searches,
    jar: Jar,
    rng: ChaCha8Rng,
    gossip_at: Time,
    /// The ring whose members are chosen anew next.
    crowd: usize,
    wishes: VecDeque<Wish>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    landmark: Landmark,
    missed: u8,
    /// It was sent gossip, and has not asked for a proof since.
    told: bool,
    /// Known from the start: after a partition nobody else would name it.
    kept: bool,
}

impl Node {
    pub(in super::super) fn new(me: Landmark, settings: Settings, mut rng: ChaCha8Rng, now: Time) -> Self {
        let gossip_at = now + settings.rings.mul_f64(rng.random_range(0.0..0.25));
        Self {
            me,
            settings,
            rings: Rings::new(settings.ring),
            known: BTreeMap::new(),
            pings: BTreeMap::new(),
            asked: BTreeMap::new(),
            between: BTreeMap::new(),
            searches: Searches::default(),
            jar: Jar::new(rng.random(), COOKIES),
            rng,
            gossip_at,
            crowd: 0,
            wishes: VecDeque::new(),
        }
    }

    /// Of a landmark that is never forgotten.
    pub(in super::super) fn keep(&mut self, landmark: Landmark) {
        self.learn(landmark);
        if let Some(known) = self.known.get_mut(&landmark.contact) {
            known.kept = true;
        }
    }

    /// Whether it has measured nobody: it would find itself nearest to everything.
    pub(in super::super) fn is_alone(&self) -> bool {
        self.rings.len() == 0
    }

    /// Of a landmark that may be worth measuring.
    pub(in super::super) fn learn(&mut self, landmark: Landmark) {
        let fine = landmark.contact != self.me.contact && landmark.place.is_on_earth();
        if let Some(known) = self.known.get_mut(&landmark.contact) {
            if fine {
                known.landmark = landmark;
            }
        } else if fine {
            if self.known.len() >= MAX_KNOWN {
                let others = self.known.iter().filter(|(_, known)| !known.kept).map(|(contact, _)| contact);
                let strangers = others.filter(|contact| self.rings.latency(**contact).is_none());
                let Some(stranger) = strangers.copied().choose(&mut self.rng) else { return };
                self.known.remove(&stranger);
            }
            self.known.insert(landmark.contact, Known { landmark, missed: 0, told: false, kept: false });
        }
    }

    pub(in super::super) fn landmark(&self, contact: Contact) -> Option<Landmark> {
        if contact == self.me.contact { Some(self.me) } else { self.known.get(&contact).map(|k| k.landmark) }
    }

    /// Whether it is the address of a node that it has heard of.
    fn knows(&self, address: SocketAddr) -> bool {
        self.known.keys().any(|contact| contact.address == address)
    }

    /// A search for the landmark nearest to this address begins here. [`Wish::Ended`] follows, unless a node dies
    /// that has it.
    pub(in super::super) fn search(&mut self, now: Time, id: u64, target: IpAddr) {
        let quest = Quest { id, origin: self.me.contact, target, best: None, probes: 0, hops: 0 };
        self.quest(now, quest);
    }

    /// It is reached elsewhere from now on.
    pub(in super::super) fn moved(&mut self, contact: Contact) {
        self.me.contact = contact;
    }

    fn quest(&mut self, now: Time, quest: Quest) {
        self.searches.begin(now, quest, &mut self.wishes);
    }

    /// An answer; whether it is one to this node.
    pub(in super::super) fn pong(&mut self, now: Time, from: SocketAddr, nonce: u64) -> bool {
        let Some((contact, since)) = self.pings.get(&nonce).copied().filter(|(c, _)| c.address == from) else {
            return false;
        };
        self.pings.remove(&nonce);
        if let Some(known) = self.known.get_mut(&contact) {
            known.missed = 0;
            if self.rings.latency(contact).is_none() {
                // It serves only whom it has heard of.
                self.tell(contact, Vec::new());
            }
            self.rings.insert(contact, now - since);
        }
        true
    }

    /// What another landmark says. `trusted`: it is a core node. Others are believed that it has heard of from those it
    /// believed, or that have registered here, or that prove that their address is their own.
    pub(in super::super) fn hear(&mut self, now: Time, from: SocketAddr, trusted: bool, talk: Talk) {
        let known = trusted || self.knows(from);
        match talk {
            Talk::Gossip { from: landmark, .. } if landmark.contact.address != from => {}
            Talk::Gossip { from: landmark, known: others, cookie } => {
                if known || cookie.is_some_and(|cookie| self.jar.accepts(now, from, &[], &cookie)) {
                    self.learn(landmark);
                    others.into_iter().take(MOST).for_each(|landmark| self.learn(landmark));
                } else {
                    let prove = Talk::Prove { cookie: self.jar.issue(now, from, &[]) };
                    self.wishes.push_back(Wish::Send(landmark.contact, Message::Landmark(prove)));
                }
            }
            Talk::Prove { cookie } => {
                // Once for each time that it was told something.
                let mut all = self.known.iter_mut();
                if let Some((contact, known)) = all.find(|(contact, known)| contact.address == from && known.told) {
                    let contact = *contact;
                    known.told = false;
                    let gossip = Talk::Gossip { from: self.me, known: Vec::new(), cookie: Some(cookie) };
                    self.wishes.push_back(Wish::Send(contact, Message::Landmark(gossip)));
                }
            }
            Talk::Latencies { nonce, tag, to } => {
                if known {
                    let micros = to.iter().take(MOST).map(|c| self.rings.latency(*c).map(micros)).collect();
                    let to = Contact { address: from, tag };
                    self.wishes.push_back(Wish::Send(to, Message::Landmark(Talk::Told { nonce, micros })));
                }
            }
            Talk::Told { nonce, micros } => self.told(from, nonce, &micros),
            Talk::Probe { nonce, tag, target } => {
                if known {
                    self.searches.asked(now, Contact { address: from, tag }, nonce, target, &mut self.wishes);
                }
            }
            Talk::Probed { nonce, micros } => {
                self.searches.answered(from, nonce, micros);
                self.go_on(now);
            }
            Talk::Search(quest) => {
                if known {
                    self.quest(now, quest);
                }
            }
            Talk::Ended { id, best, probes, hops } => {
                self.wishes.push_back(Wish::Ended(Ended { id, best, probes, hops }));
            }
        }
    }

    /// Of itself, and of others.
    fn tell(&mut self, whom: Contact, known: Vec<Landmark>) {
        if let Some(known) = self.known.get_mut(&whom) {
            known.told = true;
        }
        let gossip = Talk::Gossip { from: self.me, known, cookie: None };
        self.wishes.push_back(Wish::Send(whom, Message::Landmark(gossip)));
    }

    fn told(&mut self, from: SocketAddr, nonce: u64, micros: &[Option<u32>]) {
        let Some((whom, to, _)) = self.asked.get(&nonce).filter(|(whom, ..)| whom.address == from) else { return };
        for (other, micros) in to.iter().zip(micros) {
            if let Some(micros) = micros
                && self.between.len() < MAX_BETWEEN
            {
                self.between.insert((*whom, *other), Duration::from_micros(u64::from(*micros)));
            }
        }
        self.asked.remove(&nonce);
    }

    /// The stream of this number was refused, or could not reach its target.
    pub(in super::super) fn closed(&mut self, now: Time, stream: u64, refused: bool) {
        self.searches.closed(now, stream, refused, self.me, &mut self.wishes);
        self.go_on(now);
    }

    fn go_on(&mut self, now: Time) {
        let known = |contact: Contact| self.known.get(&contact).map(|k| k.landmark);
        self.searches.go_on(now, self.me, &self.rings, known, &mut self.rng, &mut self.wishes);
    }

    pub(in super::super) fn timer(&mut self, now: Time) {
        self.searches.timeout(now, self.me, &mut self.wishes);
        self.go_on(now);
        if now < self.gossip_at {
            return;
        }
        self.gossip_at = now + self.settings.rings.mul_f64(self.rng.random_range(0.75..1.25));
        self.forget(now);
        self.gossip(now);
        self.choose(now);
    }

    /// Who did not answer.
    fn forget(&mut self, now: Time) {
        self.asked.retain(|_, (_, _, since)| now - *since < PATIENCE);
        let late: Vec<_> =
            self.pings.iter().filter(|(_, (_, since))| now - *since >= PATIENCE).map(|(n, p)| (*n, p.0)).collect();
        for (nonce, contact) in late {
            self.pings.remove(&nonce);
            let Some(known) = self.known.get_mut(&contact) else { continue };
            known.missed += 1;
            if known.missed >= MISSES {
                known.missed = 0;
                if !known.kept {
                    self.known.remove(&contact);
                }
                self.rings.remove(contact);
                self.between.retain(|(a, b), _| *a != contact && *b != contact);
            }
        }
    }

    /// Tells one member of each ring of one member of each ring, and measures it and some strangers.
    fn gossip(&mut self, now: Time) {
        let mut partners = Vec::new();
        for ring in self.rings.by_ring() {
            partners.extend(ring.iter().choose(&mut self.rng).map(|(contact, _)| *contact));
        }
        for partner in &partners {
            let one = |ring: &[(Contact, Duration)], rng: &mut ChaCha8Rng| {
                ring.iter().map(|(contact, _)| *contact).filter(|contact| contact != partner).choose(rng)
            };
            let some: Vec<_> = self.rings.by_ring().filter_map(|ring| one(ring, &mut self.rng)).collect();
            let known = some.into_iter().filter_map(|contact| self.landmark(contact)).collect();
            self.tell(*partner, known);
        }
        let strangers = self.known.keys().filter(|contact| self.rings.latency(**contact).is_none());
        let strangers = strangers.copied().sample(&mut self.rng, STRANGERS);
        for contact in partners.into_iter().chain(strangers) {
            self.ping(now, contact);
        }
    }

    fn ping(&mut self, now: Time, contact: Contact) {
        if self.pings.len() < MAX_PINGS {
            let nonce = self.rng.random();
            self.pings.insert(nonce, (contact, now));
            self.wishes.push_back(Wish::Send(contact, Message::Ping { nonce, tag: self.me.contact.tag }));
        }
    }

    /// Chooses the members of one ring by what was told, and asks for what that takes next time.
    fn choose(&mut self, now: Time) {
        self.crowd = (self.crowd + 1) % RINGS;
        let Some(all) = self.rings.crowded(self.crowd) else { return };
        let between = &self.between;
        let latency = |a: Contact, b: Contact| between.get(&(a, b)).or_else(|| between.get(&(b, a))).copied();
        self.rings.choose(self.crowd, self.settings.choice, latency, &mut self.rng);
        for whom in &all {
            let others = all.iter().copied().filter(|c| c != whom && !self.between.contains_key(&(*whom, *c)));
            let to = others.sample(&mut self.rng, MOST);
            if to.is_empty() || self.asked.len() >= MAX_PINGS {
                continue;
            }
            let nonce = self.rng.random();
            self.asked.insert(nonce, (*whom, to.clone(), now));
            let ask = Talk::Latencies { nonce, tag: self.me.contact.tag, to };
            self.wishes.push_back(Wish::Send(*whom, Message::Landmark(ask)));
        }
    }

    pub(in super::super) fn wish(&mut self) -> Option<Wish> {
        self.wishes.pop_front()
    }

    pub(in super::super) fn due(&self) -> Time {
        self.searches.due().map_or(self.gossip_at, |due| due.min(self.gossip_at))
    }

    pub(in super::super) fn tables(&self) -> Vec<(&'static str, usize)> {
        let own = [
            ("landmarks", self.known.len()),
            ("ring members", self.rings.len()),
            ("pings", self.pings.len() + self.asked.len()),
            ("latencies", self.between.len()),
        ];
        own.into_iter().chain(self.searches.tables()).collect()
    }

    pub(in super::super) fn bytes(&self) -> usize {
        let contact = size_of::<Contact>();
        self.known.len() * (contact + size_of::<Known>())
            + self.rings.len() * (contact + size_of::<Duration>())
            + self.between.len() * (2 * contact + size_of::<Duration>())
    }
}
