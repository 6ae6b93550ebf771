//! Requests that wait for their answers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::message::Request;
use crate::overlay::{Peer, Time};

/// A request under way, and why it was made.
#[derive(Debug)]
pub(super) struct Call<A, P> {
    pub(super) to: Peer,
    pub(super) request: Request<A>,
    pub(super) purpose: P,
    tries_left: u32,
    sent: Time,
    repeated: bool,
    due: Time,
}

#[derive(Debug)]
pub(super) struct Calls<A, P> {
    next: u64,
    timeout: Duration,
    calls: BTreeMap<u64, Call<A, P>>,
    due: BTreeSet<(Time, u64)>,
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
        let waits = matches!(self.request, Request::Put { .. });
        (!self.repeated && !waits).then(|| now - self.sent)
    }
}

impl<A: Clone, P> Calls<A, P> {
    /// `first`: where request numbers begin; unpredictable, so that a restarted node does not take
    /// answers meant for its former self.
    pub(super) fn new(first: u64, timeout: Duration) -> Self {
        Self { next: first, timeout, calls: BTreeMap::new(), due: BTreeSet::new() }
    }

    pub(super) fn start(&mut self, now: Time, to: Peer, request: Request<A>, purpose: P, tries: u32) -> u64 {
        let rpc = self.next;
        self.next = self.next.wrapping_add(1);
        let due = now + self.timeout;
        let tries_left = tries.saturating_sub(1);
        self.calls.insert(rpc, Call { to, request, purpose, tries_left, sent: now, repeated: false, due });
        self.due.insert((due, rpc));
        rpc
    }

    fn take(&mut self, rpc: u64) -> Option<Call<A, P>> {
        let call = self.calls.remove(&rpc)?;
        self.due.remove(&(call.due, rpc));
        Some(call)
    }

    /// Ends the call that this answers. An answer from elsewhere than asked is no answer.
    pub(super) fn answer(&mut self, rpc: u64, from: SocketAddr) -> Option<Call<A, P>> {
        self.calls.get(&rpc).filter(|c| c.to.address == from)?;
        self.take(rpc)
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
        let call = self.calls.get_mut(&rpc)?;
        if call.tries_left == 0 {
            return self.take(rpc).map(Late::Failed);
        }
        self.due.remove(&(call.due, rpc));
        call.tries_left -= 1;
        call.repeated = true;
        call.due = now + self.timeout;
        self.due.insert((call.due, rpc));
        Some(Late::Repeat(rpc, call.to, call.request.clone()))
    }

    pub(super) fn clear(&mut self) {
        self.calls.clear();
        self.due.clear();
    }
}
