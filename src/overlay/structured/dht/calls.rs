//! Requests that wait for their answers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::message::Request;
use super::patience::Patience;
use crate::overlay::{Peer, Time};

/// Most failed calls whose answers are still expected.
const MAX_FAILED: usize = 64;

/// A request under way, and why it was made.
#[derive(Debug)]
pub(super) struct Call<A, P> {
    pub(super) to: Peer,
    pub(super) request: Request<A>,
    pub(super) purpose: P,
    /// Questions one after another up to this one.
    depth: u32,
    tries_left: u32,
    sent: Time,
    repeated: bool,
    due: Time,
}

#[derive(Debug)]
pub(super) struct Calls<A, P> {
    next: u64,
    /// Of the call that ended last: what is asked now may follow from it.
    depth: u32,
    patience: Patience,
    calls: BTreeMap<u64, Call<A, P>>,
    due: BTreeSet<(Time, u64)>,
    /// Where they went, and when: one that is answered after all was given up too early.
    failed: BTreeMap<u64, (SocketAddr, Time)>,
}

/// What a timeout asks for.
pub(super) enum Late<A, P> {
    Repeat(u64, Peer, Request<A>),
    Failed(Call<A, P>),
}

impl<A, P> Call<A, P> {
    /// How long its answer took; `None` when it is not clear which of several requests it answers, or
    /// the peer waited for others before it answered.
    pub(super) fn round_trip(&self, now: Time) -> Option<Duration> {
        (!self.repeated && !self.waits()).then(|| now - self.sent)
    }

    /// Whether who is asked waits for others before it answers.
    fn waits(&self) -> bool {
        matches!(self.request, Request::Put { .. })
    }
}

impl<A: Clone, P> Calls<A, P> {
    /// `first`: where request numbers begin; unpredictable, so that a restarted node does not take
    /// answers meant for its former self.
    pub(super) fn new(first: u64, timeout: Duration) -> Self {
        let patience = Patience::new(timeout);
        Self { next: first, depth: 0, patience, calls: BTreeMap::new(), due: BTreeSet::new(), failed: BTreeMap::new() }
    }

    /// How long one request waits for its answer now.
    pub(super) fn timeout(&self) -> Duration {
        self.patience.timeout()
    }

    pub(super) fn start(&mut self, now: Time, to: Peer, request: Request<A>, purpose: P, tries: u32) -> u64 {
        let rpc = self.next;
        self.next = self.next.wrapping_add(1);
        let due = now + self.timeout();
        let tries_left = tries.saturating_sub(1);
        let depth = self.depth.saturating_add(1);
        self.calls.insert(rpc, Call { to, request, purpose, depth, tries_left, sent: now, repeated: false, due });
        self.due.insert((due, rpc));
        rpc
    }

    fn take(&mut self, rpc: u64) -> Option<Call<A, P>> {
        let call = self.calls.remove(&rpc)?;
        self.due.remove(&(call.due, rpc));
        self.depth = call.depth;
        Some(call)
    }

    /// Questions that led to what is done now, one after another.
    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    /// Ends the call that this answers. An answer from elsewhere than asked is no answer; one that comes
    /// too late shows only that this node waits too little.
    pub(super) fn answer(&mut self, now: Time, rpc: u64, from: SocketAddr) -> Option<Call<A, P>> {
        if let Some((_, sent)) = self.failed.get(&rpc).filter(|(to, _)| *to == from) {
            self.patience.answered(now - *sent);
            self.failed.remove(&rpc);
        }
        self.calls.get(&rpc).filter(|c| c.to.address == from)?;
        let call = self.take(rpc)?;
        if !call.waits() {
            self.patience.answered(now - call.sent);
        }
        Some(call)
    }

    /// Takes away every call to this node at this address.
    pub(super) fn take_to(&mut self, peer: Peer) -> Vec<Call<A, P>> {
        let of: Vec<u64> = self.calls.iter().filter(|(_, c)| c.to == peer).map(|(rpc, _)| *rpc).collect();
        of.into_iter().filter_map(|rpc| self.take(rpc)).collect()
    }

    /// The node answers, and is asked again, at this address.
    pub(super) fn readdress(&mut self, peer: Peer) {
        self.calls.values_mut().filter(|c| c.to.id == peer.id).for_each(|c| c.to = peer);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Call<A, P>> {
        self.calls.values()
    }

    pub(super) fn any(&self, matching: impl Fn(&Call<A, P>) -> bool) -> bool {
        self.calls.values().any(matching)
    }

    pub(super) fn count(&self, matching: impl Fn(&Call<A, P>) -> bool) -> usize {
        self.calls.values().filter(|c| matching(c)).count()
    }

    pub(super) fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The next call whose time is up, if there is one.
    pub(super) fn late(&mut self, now: Time) -> Option<Late<A, P>> {
        let (_, rpc) = self.due.first().copied().filter(|(due, _)| *due <= now)?;
        let timeout = self.timeout();
        let call = self.calls.get_mut(&rpc)?;
        if call.tries_left == 0 {
            let call = self.take(rpc)?;
            self.remember_failed(rpc, &call);
            return Some(Late::Failed(call));
        }
        self.due.remove(&(call.due, rpc));
        call.tries_left -= 1;
        call.repeated = true;
        call.due = now + timeout;
        self.due.insert((call.due, rpc));
        Some(Late::Repeat(rpc, call.to, call.request.clone()))
    }

    fn remember_failed(&mut self, rpc: u64, call: &Call<A, P>) {
        if call.waits() {
            return;
        }
        if self.failed.len() >= MAX_FAILED {
            self.failed.pop_first();
        }
        self.failed.insert(rpc, (call.to.address, call.sent));
    }

    pub(super) fn clear(&mut self) {
        self.depth = 0;
        self.calls.clear();
        self.due.clear();
        self.failed.clear();
        self.patience.clear();
    }
}
