//! A server's place in the ring: the overlay that is the substrate, how a server gets into it, and how rings that came
//! apart become one again.
//!
//! A server that is in no ring asks the first of the list and some others whether they are. Through one that is it joins.
//! If none is, it begins a ring, unless one that comes before it in the list has answered. In the ring every server asks another of the list now and then
//! where it finds this one's id, rather one that is not among its neighbors: another place than its own means another
//! ring, into which it merges. Every server does that for itself, so nobody has to be told.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::message::ToServer;
use super::settings::Settings;
use crate::anycast::facts::Facts;
use crate::machine::Time;
use crate::overlay::id::Id;
use crate::overlay::{Ask, Common, Did, Given, LookupMode, OverlayNode, Peer, Phase, Protocol, Token};

/// Who asks whether others are in a ring waits so long for their answers.
const HAIL: Duration = Duration::from_millis(400);
/// So many servers, the first of the list, and as many others are asked.
const HAILED: usize = 8;
/// A neighbor that has not answered so often counts as failed, each time waited for so long or as long as it takes.
const TRIES: u32 = 3;
const TIMEOUT: Duration = Duration::from_millis(300);
/// So many stabilization intervals lie between two questions where this server is found.
const DOUBT_EVERY: u32 = 4;

pub(super) struct Ring {
    me: Peer,
    sites: Vec<Peer>,
    addresses: BTreeSet<SocketAddr>,
    node: Box<dyn OverlayNode>,
    rng: ChaCha8Rng,
    stabilize: Duration,
    hailing: Option<Hailing>,
    /// Who was asked where this server is found.
    doubt: Option<(u64, Peer)>,
    next: Time,
}

/// Who has answered.
#[derive(Default)]
struct Hailing {
    members: Vec<Peer>,
    /// One that comes before this server in the list.
    elder: bool,
}

impl Ring {
    pub(super) fn new(me: Peer, facts: &Facts, settings: &Settings, now: Time, mut rng: ChaCha8Rng) -> Self {
        let sites: Vec<Peer> = facts.servers.iter().map(|site| site.peer).collect();
        let common = Common {
            replicas: 1,
            stabilize_every: settings.stabilize,
            rpc_timeout: TIMEOUT,
            rpc_tries: TRIES,
            lookup: LookupMode::Iterative,
        };
        // The substrate is Chord (§2.2 of the paper); should the table not have it, another with owners of keys serves.
        let given = Given::of(Protocol::named("chord").unwrap_or_default());
        let node = (given.protocol.node)(me, &given, common, ChaCha8Rng::from_seed(rng.random()));
        let addresses = sites.iter().map(|peer| peer.address).collect();
        let stabilize = settings.stabilize;
        Self { me, sites, addresses, node, rng, stabilize, hailing: None, doubt: None, next: now }
    }

    pub(super) fn is_member(&self) -> bool {
        self.node.phase() == Phase::Member
    }

    /// Whether this server is responsible for the prefix.
    pub(super) fn owns(&self, prefix: Id) -> bool {
        self.node.owns(prefix)
    }

    /// Whether a server of the infrastructure has this address.
    pub(super) fn is_server(&self, address: SocketAddr) -> bool {
        self.addresses.contains(&address)
    }

    pub(super) fn address_of(&self, server: Id) -> Option<SocketAddr> {
        self.sites.iter().find(|peer| peer.id == server).map(|peer| peer.address)
    }

    pub(super) fn tables(&self) -> Vec<(&'static str, usize)> {
        self.node.tables()
    }

    pub(super) fn due(&self) -> Time {
        self.node.poll_timeout().map_or(self.next, |due| due.min(self.next))
    }

    /// [`Did::Done`] with the key follows.
    pub(super) fn find(&mut self, now: Time, key: Id) {
        self.node.ask(now, Token::Own(0), Ask::Find { key });
    }

    pub(super) fn heard(&mut self, now: Time, from: SocketAddr, message: &[u8]) {
        self.node.handle(now, from, message);
    }

    /// What the ring's node wants to send.
    pub(super) fn transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.node.poll_transmit()
    }

    pub(super) fn did(&mut self, now: Time) -> Option<Did> {
        let did = self.node.poll_event()?;
        match did {
            Did::JoinFailed => self.next = now,
            Did::Joined => self.next = now + self.jittered(self.stabilize * DOUBT_EVERY),
            _ => {}
        }
        Some(did)
    }

    pub(super) fn timer(&mut self, now: Time, mut send: impl FnMut(SocketAddr, ToServer<'_>)) {
        if self.node.poll_timeout().is_some_and(|due| due <= now) {
            self.node.handle_timeout(now);
        }
        if self.next > now {
            return;
        }
        match self.node.phase() {
            Phase::Idle => self.enter(now, send),
            Phase::Joining | Phase::Leaving => self.next = now + self.jittered(self.stabilize),
            Phase::Member => {
                self.next = now + self.jittered(self.stabilize * DOUBT_EVERY);
                if let Some(peer) = self.somebody() {
                    let nonce = self.rng.random();
                    self.doubt = Some((nonce, peer));
                    send(peer.address, ToServer::Locate { nonce, key: self.me.id });
                }
            }
        }
    }

    /// Joins through one of those that have answered, or begins; else asks again.
    fn enter(&mut self, now: Time, mut send: impl FnMut(SocketAddr, ToServer<'_>)) {
        self.next = now + self.jittered(HAIL);
        if let Some(Hailing { members, elder }) = self.hailing.take() {
            if let Some(member) = members.choose(&mut self.rng) {
                return self.node.join(now, *member);
            }
            if !elder {
                return self.node.begin(now);
            }
        }
        self.hailing = Some(Hailing::default());
        let (first, rest) = self.sites.split_at(HAILED.min(self.sites.len()));
        let some = rest.sample(&mut self.rng, HAILED);
        let others = first.iter().chain(some).filter(|peer| peer.id != self.me.id);
        others.for_each(|peer| send(peer.address, ToServer::Hail));
    }

    /// Another server has said whether it is in a ring.
    pub(super) fn hailed(&mut self, from: SocketAddr, member: bool) {
        let Some(hailing) = &mut self.hailing else { return };
        let of = |address| self.sites.iter().position(|peer| peer.address == address);
        let Some(index) = of(from) else { return };
        hailing.elder |= of(self.me.address).is_some_and(|me| index < me);
        if member && hailing.members.iter().all(|peer| peer.address != from) {
            hailing.members.push(self.sites[index]);
        }
    }

    /// Another server has said where it finds this one's id: elsewhere than here in another ring.
    pub(super) fn located(&mut self, now: Time, from: SocketAddr, nonce: u64, owner: Id) {
        let asked = self.doubt.take_if(|(asked, peer)| *asked == nonce && peer.address == from);
        if let Some((_, peer)) = asked.filter(|_| owner != self.me.id && self.is_member()) {
            self.node.merge(now, peer);
        }
    }

    fn somebody(&mut self) -> Option<Peer> {
        let near: BTreeSet<Id> = self.node.peers().into_iter().map(|peer| peer.id).chain([self.me.id]).collect();
        let (known, strange): (Vec<Peer>, Vec<Peer>) = self.sites.iter().partition(|peer| near.contains(&peer.id));
        let known: Vec<Peer> = known.into_iter().filter(|peer| peer.id != self.me.id).collect();
        strange.choose(&mut self.rng).or_else(|| known.choose(&mut self.rng)).copied()
    }

    fn jittered(&mut self, every: Duration) -> Duration {
        every.mul_f64(self.rng.random_range(0.9..1.1))
    }
}
