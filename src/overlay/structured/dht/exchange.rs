//! Requests served, and what answers mean, and their absence.

use super::message::{Request, Response};
use super::{CallOf, Dht, Did, Geometry, MAX_FORWARDS, Phase, Purpose, RequestOf, ResponseOf};
use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};

impl<G: Geometry> Dht<G> {
    /// The answer to a request, if there is one now.
    pub(super) fn serve(&mut self, now: Time, sender: Peer, rpc: u64, request: RequestOf<G>) -> Option<ResponseOf<G>> {
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

    pub(super) fn answered(&mut self, now: Time, call: CallOf<G>, response: ResponseOf<G>) {
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
    pub(super) fn failed(&mut self, now: Time, call: CallOf<G>) {
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
    pub(super) fn abandoned(&mut self, now: Time, to: Peer, request: RequestOf<G>, purpose: Purpose<G::Purpose>) {
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
}
