//! Chord (Stoica et al., SIGCOMM 2001) with the maintenance rules that Zave proved correct ("How to
//! make Chord correct", 2015): lists are copied whole, candidates are asked before they are adopted.
//!
//! - `ring`: one node's neighbors and what they say about a key
//! - `calls`: requests that wait for answers
//! - `task`: lookups, iterative and recursive, and what follows them
//! - `stabilize`: joining, repair, fingers, merging, leaving
//! - `keys`: storing and fetching; `replicate`: keeping the copies right

mod calls;
mod keys;
mod message;
mod replicate;
mod ring;
mod stabilize;
mod task;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::id::Id;
use super::store::{Item, Store};
use super::{Peer, Time};
use crate::overlay::LookupMode;
use calls::{Call, Calls, Late};
pub use message::{Body, Envelope, MAX_PEERS};
use message::{Request, Response, Route};
use ring::{Ring, View};
use task::Task;

/// Most lookups, puts and gets a node has under way; more are refused.
const MAX_TASKS: usize = 512;
/// Most foreign lookups a node passes on at once; more are dropped and their origins try again.
const MAX_FORWARDS: usize = 512;
/// Most recently heard peers remembered, for when all successors fail at once.
const MAX_ACQUAINTANCES: usize = 64;
/// Most failed peers remembered.
const MAX_DISTRUSTED: usize = 1024;
/// A peer that failed is not taken from others' lists for this many stabilization intervals: they
/// need that long to notice too.
const DISTRUST_ROUNDS: u32 = 6;

#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Length of the successor list, at most [`MAX_PEERS`].
    pub successors: usize,
    /// Copies of each key, the owner's included.
    pub replicas: usize,
    pub stabilize_every: Duration,
    pub rpc_timeout: Duration,
    pub rpc_tries: u32,
    pub lookup: LookupMode,
}

/// What the machine reports.
#[derive(Clone, Debug, PartialEq)]
pub enum Did {
    /// It has a successor, and that one has noticed it.
    Joined,
    JoinFailed,
    Left,
    Neighbors {
        successors: Vec<Id>,
        predecessor: Option<Id>,
        fingers: Vec<Id>,
    },
    Forgot(Id),
    Done {
        token: u64,
        outcome: Outcome,
    },
    /// A lookup asked for by [`Chord::watch`] ended.
    Watched {
        watch: u64,
        owner: Option<Id>,
    },
    Merged {
        ok: bool,
    },
    /// After [`Chord::renumber`]: its successor knows the new address; `None`: it has no successor.
    Renewed {
        by: Option<Id>,
        milliseconds: f64,
    },
}

/// Result of a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// `owner` is `None` when nobody answered. `hops`: nodes the lookup was passed to.
    Looked { key: Id, owner: Option<Id>, hops: u32, milliseconds: f64 },
    /// `stored`: all copies have been acknowledged.
    Put { key: String, stored: bool },
    /// `value` is `None` when neither the owner nor a replica had it.
    Got { key: String, value: Option<String> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Idle,
    Joining,
    Member,
    Leaving,
}

/// Why a call was made, and so what its answer or its failure means.
#[derive(Debug)]
enum Purpose {
    Stabilize,
    /// Asking a candidate before adopting it as successor.
    Adopt,
    Notify,
    /// Is it still there? If the predecessor is not, `instead` takes its place.
    Check {
        instead: Option<Peer>,
    },
    /// All successors failed: is any acquaintance still there?
    Rescue,
    Step(u64),
    Forward(Route),
    Put(u64),
    Get(u64),
    Copy {
        write: u64,
    },
    Compare {
        from: Id,
        to: Id,
    },
    Pull,
    Push,
    /// Strays given to their owner.
    Return {
        owner: Peer,
        predecessor: Option<Id>,
    },
    /// Everything held, given to the successor before leaving.
    HandOver,
    Leaving,
}

/// The machine.
pub struct Chord {
    me: Peer,
    settings: Settings,
    rng: ChaCha8Rng,
    phase: Phase,
    ring: Ring,
    seen: View,
    store: Store,
    calls: Calls<Purpose>,
    tasks: BTreeMap<u64, Task>,
    next_task: u64,
    writes: BTreeMap<u64, keys::Write>,
    /// Ranges that their owners compare with this node: owner to (from, to, when last).
    covers: BTreeMap<Id, (Id, Id, Time)>,
    /// At the address at which it did not answer.
    distrusted: BTreeMap<Id, (SocketAddr, Time)>,
    acquaintances: BTreeMap<Id, (SocketAddr, Time)>,
    handover: VecDeque<Vec<Item>>,
    /// Since when its successor has not known its new address.
    renewing: Option<Time>,
    next_finger: u32,
    next_stabilize: Option<Time>,
    next_maintain: Option<Time>,
    /// Joining or leaving ends by then.
    deadline: Option<Time>,
    out: VecDeque<(SocketAddr, Envelope)>,
    events: VecDeque<Did>,
}

impl Chord {
    /// `rng` decides jitter and request numbers.
    pub fn new(me: Peer, mut settings: Settings, mut rng: ChaCha8Rng) -> Self {
        settings.successors = settings.successors.clamp(1, MAX_PEERS);
        settings.replicas = settings.replicas.max(1);
        settings.rpc_tries = settings.rpc_tries.max(1);
        let calls = Calls::new(rng.random(), settings.rpc_timeout);
        Self {
            me,
            settings,
            phase: Phase::Idle,
            ring: Ring::new(me.id, settings.successors),
            seen: View::default(),
            store: Store::default(),
            calls,
            tasks: BTreeMap::new(),
            next_task: rng.random(),
            writes: BTreeMap::new(),
            covers: BTreeMap::new(),
            distrusted: BTreeMap::new(),
            acquaintances: BTreeMap::new(),
            handover: VecDeque::new(),
            renewing: None,
            next_finger: 0,
            next_stabilize: None,
            next_maintain: None,
            deadline: None,
            out: VecDeque::new(),
            events: VecDeque::new(),
            rng,
        }
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    pub fn keys(&self) -> usize {
        self.store.len()
    }

    /// Estimated number of nodes in this node's island.
    pub fn size(&self) -> u32 {
        self.ring.size()
    }

    /// All neighbors, each once.
    pub fn peers(&self) -> Vec<Peer> {
        self.ring.peers().into_iter().collect()
    }

    /// Ids of the successors in ring order, of the predecessor, and of the distinct fingers.
    pub fn neighbors(&self) -> (Vec<Id>, Option<Id>, Vec<Id>) {
        let view = self.ring.view();
        (view.successors, view.predecessor, view.fingers)
    }

    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Envelope)> {
        self.out.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<Did> {
        self.events.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<Time> {
        let tasks = self.tasks.values().filter_map(|t| t.due);
        let timers = [self.next_stabilize, self.next_maintain, self.deadline, self.calls.next_due()];
        timers.into_iter().flatten().chain(tasks).min()
    }

    pub fn handle_timeout(&mut self, now: Time) {
        while let Some(late) = self.calls.late(now) {
            match late {
                Late::Repeat(rpc, to, request) => self.send(to.address, Body::Request { rpc, request }),
                Late::Failed(call) => self.failed(now, call),
            }
        }
        let late: Vec<u64> =
            self.tasks.iter().filter(|(_, t)| t.due.is_some_and(|d| d <= now)).map(|(i, _)| *i).collect();
        for task in late {
            self.retry(now, task, None);
        }
        if self.deadline.is_some_and(|d| d <= now) {
            self.give_up(now);
        }
        if self.next_stabilize.is_some_and(|t| t <= now) {
            self.stabilize(now);
        }
        if self.next_maintain.is_some_and(|t| t <= now) {
            self.maintain(now);
        }
        self.settle(now);
    }

    /// A message that came from this address.
    pub fn handle(&mut self, now: Time, from: SocketAddr, envelope: Envelope) {
        let sender = Peer { id: envelope.sender, address: from };
        if self.phase == Phase::Idle || sender.id == self.me.id {
            return;
        }
        self.heard(now, sender);
        match envelope.body {
            Body::Request { rpc, request } => {
                if let Some(response) = self.serve(now, sender, rpc, request) {
                    self.send(from, Body::Response { rpc, response });
                }
            }
            Body::Response { rpc, response } => {
                if let Some(call) = self.calls.answer(rpc, from) {
                    self.answered(now, call, response);
                }
            }
            Body::Found { lookup, hops, at } => self.found_by_route(now, lookup, hops, sender, at),
        }
        self.settle(now);
    }

    /// The answer to a request, if there is one now.
    fn serve(&mut self, now: Time, sender: Peer, rpc: u64, request: Request) -> Option<Response> {
        let in_ring = match self.phase {
            Phase::Member | Phase::Leaving => true,
            Phase::Joining => self.ring.successor().is_some(),
            Phase::Idle => false,
        };
        if !in_ring {
            return (request == Request::Ping).then_some(Response::Done);
        }
        let unfit = self.phase == Phase::Leaving || self.rescuing();
        match request {
            Request::Ping => Some(Response::Done),
            Request::State => Some(self.state()),
            Request::Notify if self.phase == Phase::Leaving => Some(Response::Refused),
            Request::Notify => {
                self.rectify(now, sender);
                Some(self.state())
            }
            Request::Step(query) => Some(Response::Step(self.step(&query))),
            Request::Route(route) => {
                let full = self.calls.count(|c| matches!(c.purpose, Purpose::Forward(_))) >= MAX_FORWARDS;
                (!full).then(|| {
                    self.route(now, route);
                    Response::Done
                })
            }
            Request::Put { .. } | Request::Keep { .. } | Request::Compare { .. } if unfit => Some(Response::Refused),
            Request::Put { key, value } => self.serve_put(now, sender, rpc, key, value),
            Request::Get { key } => Some(Response::Value { item: self.store.get(Id::of_key(&key)).cloned() }),
            Request::Keep { items } => Some(self.serve_keep(items)),
            Request::Compare { from, to, digest, whole } => {
                if whole {
                    self.cover(now, sender.id, from, to);
                }
                Some(self.serve_compare(from, to, digest))
            }
            Request::Pull { ids } => Some(self.serve_pull(&ids)),
            Request::Leaving { predecessor, successors } => {
                self.departed(now, sender, predecessor, &successors);
                Some(Response::Done)
            }
        }
    }

    fn state(&self) -> Response {
        Response::State { predecessor: self.ring.predecessor(), successors: self.ring.successors().to_vec() }
    }

    fn answered(&mut self, now: Time, call: Call<Purpose>, response: Response) {
        match (call.purpose, response) {
            (Purpose::Stabilize | Purpose::Adopt, Response::State { predecessor, successors }) => {
                self.adopt(now, call.to, predecessor, &successors);
            }
            (Purpose::Notify, Response::State { predecessor, .. }) => self.noticed(now, predecessor),
            (Purpose::Rescue, Response::Done) => {
                self.ring.merge(&[call.to]);
                self.next_stabilize = Some(now);
            }
            (Purpose::Step(task), Response::Step(step)) => self.stepped(now, task, call.to, step),
            (Purpose::Put(task), response) => self.put_answered(now, task, call.to, response == Response::Done),
            (Purpose::Get(task), Response::Value { item }) => self.get_answered(now, task, item),
            (Purpose::Copy { write }, Response::Kept { .. }) => self.copied(now, write, call.to.id),
            (Purpose::Compare { from, to }, Response::Differs { stamps }) => {
                self.differs(now, call.to, from, to, stamps);
            }
            (Purpose::Pull, Response::Items { items }) => self.pulled(items),
            (Purpose::Return { owner, predecessor }, Response::Kept { replicas }) => {
                self.returned(now, owner, predecessor, &replicas, &call.request);
            }
            (Purpose::HandOver, Response::Kept { .. }) => self.hand_over(now),
            (Purpose::Leaving, _) => self.left_if_told(),
            // A refusing node is leaving or full: for the write and the handover it is as good as gone.
            (purpose @ (Purpose::Copy { .. } | Purpose::HandOver), Response::Refused) => {
                self.abandoned(now, call.to, call.request, purpose);
            }
            _ => {}
        }
    }

    /// A peer did not answer: it is forgotten everywhere at once, and everything that waits for it
    /// goes another way.
    fn failed(&mut self, now: Time, call: Call<Purpose>) {
        if let Purpose::Put(task) = call.purpose {
            // The owner may only be waiting for its replicas.
            self.retry(now, task, None);
            return;
        }
        let peer = call.to;
        let was_neighbor = self.forget(now, peer);
        let waiting = self.calls.take_to(peer);
        for call in std::iter::once(call).chain(waiting) {
            self.abandoned(now, call.to, call.request, call.purpose);
        }
        if was_neighbor {
            self.events.push_back(Did::Forgot(peer.id));
            self.suspect_neighbors(now);
        }
    }

    /// What to do instead, when a call's target is gone.
    fn abandoned(&mut self, now: Time, to: Peer, request: Request, purpose: Purpose) {
        // One that is known at another address by now need not be gone.
        let dead = (!self.ring.knows(to.id)).then_some(to.id);
        match purpose {
            Purpose::Stabilize => self.next_stabilize = Some(now),
            Purpose::Check { instead: Some(peer) } if self.ring.predecessor().is_none() => {
                self.ring.set_predecessor(Some(peer));
            }
            Purpose::Step(task) | Purpose::Put(task) => self.retry(now, task, dead),
            Purpose::Forward(mut route) => {
                route.query.avoid.extend(dead);
                self.route(now, route);
            }
            Purpose::Get(task) => self.get_answered(now, task, None),
            Purpose::Copy { write } => self.copy_elsewhere(now, write, to.id),
            Purpose::HandOver => {
                self.forget(now, to);
                if let Request::Keep { items } = request {
                    self.handover.push_back(items);
                }
                self.hand_over(now);
            }
            Purpose::Leaving => self.left_if_told(),
            _ => {}
        }
    }

    /// Removes a node from every table; whether it was a neighbor. One that is known at another address
    /// too remains there.
    fn forget(&mut self, now: Time, peer: Peer) -> bool {
        let Peer { id, address } = peer;
        self.distrusted.retain(|_, (_, until)| *until > now);
        if self.distrusted.len() >= MAX_DISTRUSTED {
            self.distrusted.pop_first();
        }
        self.distrusted.insert(id, (address, now + self.settings.stabilize_every * DISTRUST_ROUNDS));
        if self.acquaintances.get(&id).is_some_and(|(known, _)| *known == address) {
            self.acquaintances.remove(&id);
        }
        let was_neighbor = self.ring.remove(peer);
        if self.ring.knows(id) {
            return false;
        }
        self.covers.remove(&id);
        if was_neighbor && self.phase == Phase::Member && self.ring.successor().is_none() {
            self.rescue(now);
        }
        was_neighbor
    }

    fn trusted(&self, now: Time, peer: &Peer) -> bool {
        self.distrusted.get(&peer.id).is_none_or(|(address, until)| *address != peer.address || *until <= now)
    }

    fn heard(&mut self, now: Time, peer: Peer) {
        self.distrusted.remove(&peer.id);
        let before = self.acquaintances.insert(peer.id, (peer.address, now));
        if self.ring.readdress(peer) || before.is_some_and(|(address, _)| address != peer.address) {
            // It has been renumbered. The address heard last is right.
            self.calls.readdress(peer);
            self.tasks.values_mut().for_each(|task| task.avoid.retain(|id| *id != peer.id));
        }
        if self.acquaintances.len() > MAX_ACQUAINTANCES {
            let stalest = self.acquaintances.iter().min_by_key(|(_, (_, at))| *at).map(|(id, _)| *id);
            stalest.and_then(|id| self.acquaintances.remove(&id));
        }
    }

    fn send(&mut self, to: SocketAddr, body: Body) {
        self.out.push_back((to, Envelope { sender: self.me.id, body }));
    }

    fn call(&mut self, now: Time, to: Peer, request: Request, purpose: Purpose) {
        self.call_patiently(now, to, request, purpose, self.settings.rpc_tries);
    }

    fn call_patiently(&mut self, now: Time, to: Peer, request: Request, purpose: Purpose, tries: u32) {
        let rpc = self.calls.start(now, to, request.clone(), purpose, tries);
        self.send(to.address, Body::Request { rpc, request });
    }

    /// After every input: reports changed neighbors and sees to what the change requires.
    fn settle(&mut self, now: Time) {
        let view = self.ring.view();
        if view == self.seen {
            return;
        }
        if (&view.successors, view.predecessor) != (&self.seen.successors, self.seen.predecessor) {
            let soon = now + self.settings.stabilize_every / 4;
            self.next_maintain = self.next_maintain.map(|t| t.min(soon));
        }
        self.seen = view.clone();
        let View { successors, predecessor, fingers } = view;
        self.events.push_back(Did::Neighbors { successors, predecessor, fingers });
    }

    /// `every` times a random factor in 0.9..1.1, so that nodes started together drift apart.
    fn jittered(&mut self, every: Duration) -> Duration {
        every.mul_f64(self.rng.random_range(0.9..1.1))
    }
}
