//! What all structured overlays have in common: each key is owned by one node, lookups find it hop by
//! hop, and owners keep copies at their neighbors (the "common API" of Dabek et al., IPTPS 2003).
//!
//! - [`Geometry`]: what makes one structured overlay different from another
//! - [`message`]: what nodes say to one another
//! - `calls`: requests that wait for answers; `patience`: for how long
//! - `task`: lookups, iterative and recursive, and what follows them
//! - `life`: joining, merging, leaving, and being lost
//! - `peers`: whom it has heard of, and who did not answer
//! - `keys`: storing and fetching; `replicate`: keeping the copies right

mod calls;
mod geometry;
mod keys;
mod life;
pub mod message;
mod patience;
mod peers;
mod replicate;
mod task;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::id::Id;
use super::store::{Item, Store};
use super::{Did, LookupMode, Neighbors, Overlay, Peer, Phase, Time};
use calls::{Call, Calls, Late};
pub use geometry::Geometry;
use message::{Body, Envelope, Query, Request, Response, Route, Step};
pub use message::{MAX_AVOID, MAX_PEERS};
use task::{Goal, Task};

/// Most lookups, puts and gets a node has under way; more are refused.
const MAX_TASKS: usize = 512;
/// Most foreign lookups a node passes on at once; more are dropped and their origins try again.
const MAX_FORWARDS: usize = 512;

/// What is configured for every structured overlay.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Copies of each key, the owner's included.
    pub replicas: usize,
    pub stabilize_every: Duration,
    /// The least: it grows while answers take longer.
    pub rpc_timeout: Duration,
    pub rpc_tries: u32,
    pub lookup: LookupMode,
}

type BodyOf<G> = Body<<G as Geometry>::Ask, <G as Geometry>::Tell, <G as Geometry>::Place>;
type EnvelopeOf<G> = Envelope<<G as Geometry>::Ask, <G as Geometry>::Tell, <G as Geometry>::Place>;
type RequestOf<G> = Request<<G as Geometry>::Ask>;
type ResponseOf<G> = Response<<G as Geometry>::Tell, <G as Geometry>::Place>;
type CallOf<G> = Call<<G as Geometry>::Ask, Purpose<<G as Geometry>::Purpose>>;

/// Why a call was made, and so what its answer or its failure means.
#[derive(Debug)]
enum Purpose<P> {
    /// Is it still there, and how far away?
    Check,
    /// All neighbors failed: is any acquaintance still there?
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
    /// Strays given to their owner, who owns the interval.
    Return {
        owner: Peer,
        range: (Id, Id),
    },
    /// Everything held, given to the heir before leaving.
    HandOver,
    Leaving,
    Own(P),
}

/// The machine.
pub struct Dht<G: Geometry> {
    pub(super) me: Peer,
    pub(super) settings: Settings,
    own_settings: G::Settings,
    pub(super) rng: ChaCha8Rng,
    phase: Phase,
    pub(super) geometry: G,
    seen: (u64, Neighbors),
    store: Store,
    calls: Calls<G::Ask, Purpose<G::Purpose>>,
    tasks: BTreeMap<u64, Task<G>>,
    next_task: u64,
    writes: BTreeMap<u64, keys::Write>,
    /// Ranges that their owners compare with this node: owner and begin to (end, when last).
    covers: BTreeMap<(Id, Id), (Id, Time)>,
    peers: peers::Peers,
    handover: VecDeque<Vec<Item>>,
    /// Since when its neighbors have not known its new address.
    renewing: Option<Time>,
    next_round: Option<Time>,
    next_maintain: Option<Time>,
    /// The geometry's own timer.
    wake: Option<Time>,
    /// Joining or leaving ends by then.
    deadline: Option<Time>,
    out: VecDeque<(SocketAddr, BodyOf<G>)>,
    events: VecDeque<Did>,
}

impl<G: Geometry> Dht<G> {
    /// `rng` decides jitter and request numbers.
    pub fn new(me: Peer, mut settings: Settings, own_settings: G::Settings, mut rng: ChaCha8Rng) -> Self {
        settings.replicas = settings.replicas.max(1);
        settings.rpc_tries = settings.rpc_tries.max(1);
        Self {
            me,
            phase: Phase::Idle,
            geometry: G::new(me, &own_settings, &settings),
            seen: (0, Neighbors::default()),
            store: Store::default(),
            calls: Calls::new(rng.random(), settings.rpc_timeout),
            tasks: BTreeMap::new(),
            next_task: rng.random(),
            writes: BTreeMap::new(),
            covers: BTreeMap::new(),
            peers: peers::Peers::default(),
            handover: VecDeque::new(),
            renewing: None,
            next_round: None,
            next_maintain: None,
            wake: None,
            deadline: None,
            out: VecDeque::new(),
            events: VecDeque::new(),
            settings,
            own_settings,
            rng,
        }
    }

    pub(super) fn is_member(&self) -> bool {
        self.phase == Phase::Member
    }

    pub(super) fn is_joining(&self) -> bool {
        self.phase == Phase::Joining
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.phase == Phase::Leaving
    }

    /// Sends a request of the geometry's own; [`Geometry::answered`] or [`Geometry::unanswered`] follows.
    pub(super) fn ask(&mut self, now: Time, to: Peer, ask: G::Ask, purpose: G::Purpose) {
        self.call(now, to, Request::Own(ask), Purpose::Own(purpose));
    }

    /// Asks whether a node is there; the same follow, and its round trip is known then.
    pub(super) fn ping(&mut self, now: Time, to: Peer, purpose: G::Purpose) {
        self.call(now, to, Request::Ping, Purpose::Own(purpose));
    }

    /// Asks whether a node is there: it is forgotten if not.
    pub(super) fn check(&mut self, now: Time, peer: Peer) {
        if !self.calls.any(|c| c.to.id == peer.id) {
            self.call(now, peer, Request::Ping, Purpose::Check);
        }
    }

    /// The same of a node that somebody else does not know (any more). Who gave it up has waited so long
    /// in vain; if it has spoken meanwhile, it is new.
    pub(super) fn check_missed(&mut self, now: Time, peer: Peer) {
        let patience = self.calls.timeout() * self.settings.rpc_tries;
        if self.peers.silent_for(now, peer).is_none_or(|silent| silent > patience) {
            self.check(now, peer);
        }
    }

    /// Whether a request of the geometry's own is under way to this node (`None`: to any) for this purpose.
    pub(super) fn asking(&self, to: Option<Id>, purpose: impl Fn(&G::Purpose) -> bool) -> bool {
        self.calls.any(|c| to.is_none_or(|id| c.to.id == id) && matches!(&c.purpose, Purpose::Own(p) if purpose(p)))
    }

    /// Whom the geometry is asking for this purpose.
    pub(super) fn asked(&self, purpose: impl Fn(&G::Purpose) -> bool) -> impl Iterator<Item = Id> {
        let of = move |c: &CallOf<G>| matches!(&c.purpose, Purpose::Own(p) if purpose(p)).then_some(c.to.id);
        self.calls.iter().filter_map(of)
    }

    /// Looks a key up for the geometry; [`Geometry::found`] follows.
    pub(super) fn seek(&mut self, now: Time, key: Id, goal: G::Goal) {
        self.start_task(now, key, Goal::Own(goal), None);
    }

    /// The same beginning at another node, and as if this one did not own it.
    pub(super) fn seek_through(&mut self, now: Time, key: Id, goal: G::Goal, through: Peer) {
        self.start_task(now, key, Goal::Own(goal), Some(through));
    }

    /// Looks for the place to join again, with another key.
    pub(super) fn join_anew(&mut self, now: Time, key: Id, through: Peer) {
        self.start_task(now, key, Goal::Join, Some(through));
    }

    /// Whether the geometry's lookup for this goal is under way.
    pub(super) fn seeking(&self, goal: impl Fn(&G::Goal) -> bool) -> bool {
        self.tasks.values().any(|t| matches!(&t.goal, Goal::Own(g) if goal(g)))
    }

    /// The next round is not later than this.
    pub(super) fn round_by(&mut self, at: Time) {
        if self.phase != Phase::Idle {
            self.next_round = Some(self.next_round.map_or(at, |t| t.min(at)));
        }
    }

    /// [`Geometry::woken`] follows, once.
    pub(super) fn wake_at(&mut self, at: Option<Time>) {
        self.wake = at;
    }

    /// `every` times a random factor in 0.9..1.1, so that nodes started together drift apart.
    pub(super) fn jittered(&mut self, every: Duration) -> Duration {
        every.mul_f64(self.rng.random_range(0.9..1.1))
    }

    fn send(&mut self, to: SocketAddr, body: BodyOf<G>) {
        self.out.push_back((to, body));
    }

    fn call(&mut self, now: Time, to: Peer, request: RequestOf<G>, purpose: Purpose<G::Purpose>) {
        self.call_patiently(now, to, request, purpose, self.settings.rpc_tries);
    }

    fn call_patiently(&mut self, now: Time, to: Peer, request: RequestOf<G>, purpose: Purpose<G::Purpose>, tries: u32) {
        let rpc = self.calls.start(now, to, request.clone(), purpose, tries);
        self.send(to.address, Body::Request { rpc, request });
    }

    /// The answer to a request, if there is one now.
    fn serve(&mut self, now: Time, sender: Peer, rpc: u64, request: RequestOf<G>) -> Option<ResponseOf<G>> {
        let takes_part = match self.phase {
            Phase::Member | Phase::Leaving => true,
            Phase::Joining => self.geometry.answers_while_joining(),
            Phase::Idle => false,
        };
        if !takes_part {
            return (request == Request::Ping).then_some(Response::Done);
        }
        let unfit = self.phase == Phase::Leaving || self.rescuing();
        match request {
            Request::Ping => Some(Response::Done),
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
            Request::Own(ask) => G::serve(self, now, sender, ask),
        }
    }

    fn answered(&mut self, now: Time, call: CallOf<G>, response: ResponseOf<G>) {
        if let Some(round_trip) = call.round_trip(now) {
            self.peers.measured(call.to.id, round_trip);
        }
        match (call.purpose, response) {
            (Purpose::Own(purpose), Response::Own(tell)) => G::answered(self, now, call.to, purpose, Some(tell)),
            (Purpose::Own(purpose), Response::Done) => G::answered(self, now, call.to, purpose, None),
            (Purpose::Own(purpose), _) => G::unanswered(self, now, call.to, purpose),
            (Purpose::Rescue, Response::Done) => G::rescued(self, now, call.to),
            (Purpose::Step(task), Response::Step(step)) => self.stepped(now, task, call.to, step),
            (Purpose::Put(task), response) => self.put_answered(now, task, call.to, response == Response::Done),
            (Purpose::Get(task), Response::Value { item }) => self.get_answered(now, task, item),
            (Purpose::Copy { write }, Response::Kept { .. }) => self.copied(now, write, call.to.id),
            (Purpose::Compare { from, to }, Response::Differs { stamps }) => {
                self.differs(now, call.to, from, to, stamps);
            }
            (Purpose::Pull, Response::Items { items }) => self.pulled(items),
            (Purpose::Return { owner, range }, Response::Kept { replicas }) => {
                self.returned(now, owner, range, &replicas, &call.request);
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
    fn failed(&mut self, now: Time, call: CallOf<G>) {
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
            self.events.push_back(Did::Forgot(peer));
            G::bereaved(self, now);
        }
    }

    /// What to do instead, when a call's target is gone.
    fn abandoned(&mut self, now: Time, to: Peer, request: RequestOf<G>, purpose: Purpose<G::Purpose>) {
        // One that is known at another address by now need not be gone.
        let dead = (!self.geometry.knows(to.id)).then_some(to.id);
        match purpose {
            Purpose::Own(purpose) => G::unanswered(self, now, to, purpose),
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

    /// After every input: reports changed neighbors and sees to what the change requires.
    fn settle(&mut self, now: Time) {
        let version = self.geometry.version();
        if version == self.seen.0 {
            return;
        }
        let neighbors = self.geometry.neighbors();
        let seen = std::mem::replace(&mut self.seen, (version, neighbors.clone()));
        if seen.1 == neighbors {
            return;
        }
        let close = |n: &Neighbors| (n.successors.clone(), n.predecessor, n.zones.clone());
        if close(&seen.1) != close(&neighbors) {
            let soon = now + self.settings.stabilize_every / 4;
            self.next_maintain = self.next_maintain.map(|t| t.min(soon));
        }
        self.events.push_back(Did::Neighbors(neighbors));
    }
}

impl<G: Geometry> Overlay for Dht<G> {
    fn phase(&self) -> Phase {
        self.phase
    }

    fn begin(&mut self, now: Time) {
        self.reset();
        G::begin(self, now);
        self.enter(now);
        self.settle(now);
    }

    fn join(&mut self, now: Time, through: Peer) {
        self.join_through(now, through);
        self.settle(now);
    }

    fn merge(&mut self, now: Time, through: Peer) {
        let key = G::join_key(self);
        self.start_task(now, key, Goal::Merge, Some(through));
    }

    fn leave(&mut self, now: Time) {
        self.start_leaving(now);
    }

    fn abort(&mut self) {
        self.reset();
    }

    fn renumber(&mut self, now: Time, address: SocketAddr) {
        self.move_to(now, address);
    }

    fn meet(&mut self, now: Time, peer: Peer, round_trip: Duration) {
        if peer.id != self.me.id {
            self.peers.measured(peer.id, round_trip);
            G::meet(self, now, peer, round_trip);
            self.settle(now);
        }
    }

    fn find(&mut self, now: Time, token: u64, key: Id) {
        self.start_task(now, key, Goal::Find { token }, None);
    }

    fn watch(&mut self, now: Time, watch: u64, key: Id) {
        self.start_task(now, key, Goal::Watch(watch), None);
    }

    fn put(&mut self, now: Time, token: u64, key: String, value: String) {
        self.start_put(now, token, key, value);
    }

    fn get(&mut self, now: Time, token: u64, key: String) {
        self.start_task(now, Id::of_key(&key), Goal::Get { token, key, rest: Vec::new() }, None);
    }

    fn place(&self) -> Id {
        self.geometry.own_key()
    }

    fn owns(&self, key: Id) -> bool {
        self.phase == Phase::Member && !self.rescuing() && self.geometry.owns(key)
    }

    fn size(&self) -> u32 {
        self.geometry.size()
    }

    fn keys(&self) -> usize {
        self.store.len()
    }

    fn conflicts(&self) -> usize {
        self.store.conflicts()
    }

    fn peers(&self) -> Vec<Peer> {
        self.geometry.peers()
    }

    fn neighbors(&self) -> Neighbors {
        self.geometry.neighbors()
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        let own = [
            ("neighbors", self.geometry.peers().len()),
            ("keys", self.store.len()),
            ("calls", self.calls.count(|_| true)),
            ("tasks", self.tasks.len()),
            ("writes", self.writes.len()),
            ("covers", self.covers.len()),
        ];
        own.into_iter().chain(self.peers.tables()).collect()
    }

    fn handle(&mut self, now: Time, from: SocketAddr, message: &[u8]) {
        let Ok((envelope, [])) = postcard::take_from_bytes::<EnvelopeOf<G>>(message) else { return };
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
                if let Some(call) = self.calls.answer(now, rpc, from) {
                    self.answered(now, call, response);
                }
            }
            Body::Found { lookup, hops, at } => self.found_by_route(now, lookup, hops, sender, at),
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        while let Some(late) = self.calls.late(now) {
            match late {
                Late::Repeat(rpc, to, request) => self.send(to.address, Body::Request { rpc, request }),
                Late::Failed(call) => self.failed(now, call),
            }
        }
        self.tasks_timeout(now);
        if self.deadline.is_some_and(|d| d <= now) {
            self.give_up(now);
        }
        if self.next_round.is_some_and(|t| t <= now) {
            self.next_round = Some(now + self.jittered(self.settings.stabilize_every));
            G::round(self, now);
        }
        if self.wake.is_some_and(|t| t <= now) {
            self.wake = None;
            G::woken(self, now);
        }
        if self.next_maintain.is_some_and(|t| t <= now) {
            self.maintain(now);
        }
        self.settle(now);
    }

    fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let (to, body) = self.out.pop_front()?;
        let envelope = Envelope { sender: self.me.id, body };
        // Messages are lists and numbers: there is nothing that postcard cannot encode.
        postcard::to_extend(&envelope, Vec::with_capacity(128)).ok().map(|bytes| (to, bytes))
    }

    fn poll_timeout(&self) -> Option<Time> {
        let tasks = self.tasks.values().filter_map(|t| t.due);
        let timers = [self.next_round, self.next_maintain, self.wake, self.deadline, self.calls.next_due()];
        timers.into_iter().flatten().chain(tasks).min()
    }

    fn poll_event(&mut self) -> Option<Did> {
        self.events.pop_front()
    }
}
