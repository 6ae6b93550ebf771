//! Requests that wait for their answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::message::Request;
use crate::overlay::{Peer, Time};

/// A request under way, and why it was made.
#[derive(Debug)]
pub(super) struct Call<P> {
    pub(super) to: Peer,
    pub(super) request: Request,
    pub(super) purpose: P,
    tries_left: u32,
    due: Time,
}

#[derive(Debug)]
pub(super) struct Calls<P> {
    next: u64,
    timeout: Duration,
    calls: BTreeMap<u64, Call<P>>,
}

/// What a timeout asks for.
pub(super) enum Late<P> {
    Repeat(u64, Peer, Request),
    Failed(Call<P>),
}

impl<P> Calls<P> {
    /// `first`: where request numbers begin; unpredictable, so that a restarted node does not take
    /// answers meant for its former self.
    pub(super) fn new(first: u64, timeout: Duration) -> Self {
        Self { next: first, timeout, calls: BTreeMap::new() }
    }

    pub(super) fn start(&mut self, now: Time, to: Peer, request: Request, purpose: P, tries: u32) -> u64 {
        let rpc = self.next;
        self.next = self.next.wrapping_add(1);
        let due = now + self.timeout;
        self.calls.insert(rpc, Call { to, request, purpose, tries_left: tries.saturating_sub(1), due });
        rpc
    }

    /// Ends the call that this answers. An answer from elsewhere than asked is no answer.
    pub(super) fn answer(&mut self, rpc: u64, from: SocketAddr) -> Option<Call<P>> {
        self.calls.get(&rpc).filter(|c| c.to.address == from)?;
        self.calls.remove(&rpc)
    }

    /// Takes away every call to this node at this address.
    pub(super) fn take_to(&mut self, peer: Peer) -> Vec<Call<P>> {
        let of: Vec<u64> = self.calls.iter().filter(|(_, c)| c.to == peer).map(|(rpc, _)| *rpc).collect();
        of.iter().filter_map(|rpc| self.calls.remove(rpc)).collect()
    }

    /// The node answers, and is asked again, at this address.
    pub(super) fn readdress(&mut self, peer: Peer) {
        self.calls.values_mut().filter(|c| c.to.id == peer.id).for_each(|c| c.to = peer);
    }

    pub(super) fn any(&self, matching: impl Fn(&Call<P>) -> bool) -> bool {
        self.calls.values().any(matching)
    }

    pub(super) fn count(&self, matching: impl Fn(&Call<P>) -> bool) -> usize {
        self.calls.values().filter(|c| matching(c)).count()
    }

    pub(super) fn next_due(&self) -> Option<Time> {
        self.calls.values().map(|c| c.due).min()
    }

    /// The next call whose time is up, if there is one.
    pub(super) fn late(&mut self, now: Time) -> Option<Late<P>> {
        let (&rpc, call) = self.calls.iter_mut().find(|(_, c)| c.due <= now)?;
        if call.tries_left == 0 {
            return self.calls.remove(&rpc).map(Late::Failed);
        }
        call.tries_left -= 1;
        call.due = now + self.timeout;
        Some(Late::Repeat(rpc, call.to, call.request.clone()))
    }

    pub(super) fn clear(&mut self) {
        self.calls.clear();
    }
}
