//! What all structured overlays have in common: each key is owned by one node, lookups find it hop by
//! hop, and owners keep copies at their neighbors (the "common API" of Dabek et al., IPTPS 2003).
//!
//! - [`Geometry`]: what makes one structured overlay different from another; `tables`: what it keeps
//! - [`message`]: what nodes say to one another
//! - `machine`: what goes in and comes out; `exchange`: requests served, answers taken
//! - `calls`: requests that wait for answers; `patience`: for how long
//! - `goal`: what is under way; `task`: lookups, iterative and recursive, and what follows them
//! - `life`: joining, merging, leaving, and being lost
//! - `peers`: whom it has heard of, and who did not answer
//! - `keys`: storing and fetching; `replicate`: keeping the copies right

mod calls;
mod exchange;
mod goal;
mod keys;
mod life;
mod machine;
pub mod message;
mod patience;
mod peers;
mod replicate;
mod tables;
mod task;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::overlay::Common as Settings;
use crate::overlay::id::Id;
use crate::overlay::store::{Item, Store};
use crate::overlay::{Did, LookupMode, Neighbors, Peer, Phase, Time};
use calls::{Call, Calls};
use goal::{Goal, Task, Write};
use message::{Body, Envelope, Query, Request, Response, Route, Step};
pub use message::{MAX_AVOID, MAX_PEERS};
pub use tables::Tables;

/// Most lookups, puts and gets a node has under way; more are refused.
const MAX_TASKS: usize = 512;
/// Most foreign lookups a node passes on at once; more are dropped and their origins try again.
const MAX_FORWARDS: usize = 512;

type BodyOf<G> = Body<<G as Geometry>::Ask, <G as Geometry>::Tell, <G as Tables>::Place>;
type EnvelopeOf<G> = Envelope<<G as Geometry>::Ask, <G as Geometry>::Tell, <G as Tables>::Place>;
type RequestOf<G> = Request<<G as Geometry>::Ask>;
type ResponseOf<G> = Response<<G as Geometry>::Tell, <G as Tables>::Place>;
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

/// A protocol for keeping such tables. Functions that take the machine may send ([`Dht::ask`],
/// [`Dht::ping`]), start lookups ([`Dht::seek`]) and find the tables at `dht.geometry`.
pub trait Geometry: Tables {
    /// What is configured for this geometry only.
    type Settings: Clone + Debug;
    /// What only this geometry asks, and answers.
    type Ask: Serialize + DeserializeOwned + Clone + Debug + PartialEq;
    type Tell: Serialize + DeserializeOwned + Clone + Debug + PartialEq;
    /// Why it asked.
    type Purpose: Clone + Debug + PartialEq;
    /// Why it looked something up.
    type Goal: Clone + Debug + PartialEq;

    fn new(me: Peer, settings: &Self::Settings, common: &Settings) -> Self;

    /// Where a lookup goes from here.
    fn step(dht: &Dht<Self>, query: &Query) -> Step<Self::Place>;

    /// Begins an overlay of one.
    fn begin(dht: &mut Dht<Self>, now: Time);
    /// Where in the overlay to join, or to join another island.
    fn join_key(dht: &mut Dht<Self>) -> Id;
    /// A join's lookup has passed this node on its way.
    fn passed(_dht: &mut Dht<Self>, _now: Time, _peer: Peer) {}
    /// A join's lookup has come to a node that does not know how it goes on: another key to look for from there, if
    /// it may be another.
    fn lost(_dht: &mut Dht<Self>, _by: Peer) -> Option<Id> {
        None
    }
    /// A join's lookup has ended at this owner; calls [`Dht::joined`] when it is part of the overlay.
    fn join_at(dht: &mut Dht<Self>, now: Time, owner: Peer, place: Self::Place);
    /// The same in another island; calls [`Dht::merged`].
    fn merge_at(dht: &mut Dht<Self>, now: Time, owner: Peer, place: Self::Place);
    /// Whether a node that is still joining answers others already.
    fn answers_while_joining(&self) -> bool;

    /// Once in every stabilization interval.
    fn round(dht: &mut Dht<Self>, now: Time);
    /// A time that it set with [`Dht::wake_at`] has come.
    fn woken(_dht: &mut Dht<Self>, _now: Time) {}
    /// A node of the overlay and how long it takes to answer.
    fn meet(dht: &mut Dht<Self>, now: Time, peer: Peer, round_trip: Duration);
    /// Its own kind of request; `None`: no answer.
    fn serve(dht: &mut Dht<Self>, now: Time, sender: Peer, ask: Self::Ask)
    -> Option<Response<Self::Tell, Self::Place>>;
    /// Its request was answered; `None`: taken without an answer ([`Response::Done`]).
    fn answered(dht: &mut Dht<Self>, now: Time, peer: Peer, purpose: Self::Purpose, tell: Option<Self::Tell>);
    /// Its request was refused, or the peer is gone (and removed already).
    fn unanswered(dht: &mut Dht<Self>, now: Time, peer: Peer, purpose: Self::Purpose);
    /// Its lookup has ended; `None`: without an answer.
    fn found(dht: &mut Dht<Self>, now: Time, goal: Self::Goal, at: Option<(Peer, Self::Place)>);
    /// Neighbors have been removed because they did not answer.
    fn bereaved(dht: &mut Dht<Self>, now: Time);
    /// A node that had been lost altogether hears from this one again.
    fn rescued(dht: &mut Dht<Self>, now: Time, peer: Peer);
    /// It has told everybody its new address; calls [`Dht::renewed`] when a neighbor knows it.
    fn renumbered(dht: &mut Dht<Self>, now: Time);
    /// What it says to whom before it stops.
    fn goodbyes(&self) -> Vec<(Peer, Self::Ask)>;
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
    tasks: BTreeMap<u64, Task<G::Goal>>,
    next_task: u64,
    writes: BTreeMap<u64, Write>,
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
    /// Of its latest join, one after another.
    join_hops: u32,
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
            join_hops: 0,
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
        if self.peers.silent_for(now, peer).is_none_or(|silent| silent > self.rpc_patience()) {
            self.check(now, peer);
        }
    }

    /// After so long without an answer a node counts as failed.
    fn rpc_patience(&self) -> Duration {
        self.calls.timeout() * self.settings.rpc_tries
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
