//! Messages that are repeated until they are acknowledged, or for so long.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};

/// Most at once: more are sent once, whatever becomes of them.
pub(super) const MAX_CALLS: usize = 4096;

/// A message under way, and why it was sent.
#[derive(Clone, Debug)]
pub(super) struct Call<W> {
    pub(super) to: Peer,
    pub(super) why: W,
    pub(super) bytes: Vec<u8>,
    tries_left: u32,
    wait: Duration,
    due: Time,
}

#[derive(Debug)]
pub(super) struct Post<W> {
    next: u64,
    tries: u32,
    timeout: Duration,
    calls: BTreeMap<u64, Call<W>>,
    due: BTreeSet<(Time, u64)>,
}

/// What a timeout asks for.
pub(super) enum Late<W> {
    Repeat(SocketAddr, Vec<u8>),
    /// Nobody is there.
    Failed(u64, Call<W>),
}

impl<W> Post<W> {
    /// `first`: where numbers of messages begin; unpredictable, so that nobody acknowledges what it did not get.
    pub(super) fn new(first: u64, timeout: Duration, tries: u32) -> Self {
        Self { next: first, tries: tries.max(1), timeout, calls: BTreeMap::new(), due: BTreeSet::new() }
    }

    /// The number of the next message, never 0; `None`: there are too many.
    pub(super) fn number(&mut self) -> Option<u64> {
        if self.calls.len() >= MAX_CALLS {
            return None;
        }
        self.next = self.next.wrapping_add(1).max(1);
        Some(self.next)
    }

    pub(super) fn add(&mut self, now: Time, number: u64, to: Peer, bytes: Vec<u8>, why: W) {
        let due = now + self.timeout;
        self.due.insert((due, number));
        self.calls.insert(number, Call { to, why, bytes, tries_left: self.tries - 1, wait: self.timeout, due });
    }

    /// Nobody waits for this any more.
    pub(super) fn end(&mut self, number: u64) -> Option<Call<W>> {
        let call = self.calls.remove(&number)?;
        self.due.remove(&(call.due, number));
        Some(call)
    }

    /// The message that this acknowledges. From elsewhere than it was sent to it is no acknowledgment.
    pub(super) fn acknowledged(&mut self, number: u64, from: SocketAddr) -> Option<Call<W>> {
        self.calls.get(&number).filter(|call| call.to.address == from)?;
        self.end(number)
    }

    /// The node is sent to at this address from now on.
    pub(super) fn readdress(&mut self, Peer { id, address }: Peer) {
        self.calls.values_mut().filter(|call| call.to.id == id).for_each(|call| call.to.address = address);
    }

    pub(super) fn any(&self, to: Id) -> bool {
        self.calls.values().any(|call| call.to.id == to)
    }

    /// The next one whose time is up. Each time it is waited for twice as long.
    pub(super) fn late(&mut self, now: Time) -> Option<Late<W>> {
        let (_, number) = self.due.first().copied().filter(|(due, _)| *due <= now)?;
        let call = self.calls.get_mut(&number)?;
        if call.tries_left == 0 {
            return self.end(number).map(|call| Late::Failed(number, call));
        }
        self.due.remove(&(call.due, number));
        call.tries_left -= 1;
        call.wait *= 2;
        call.due = now + call.wait;
        self.due.insert((call.due, number));
        Some(Late::Repeat(call.to.address, call.bytes.clone()))
    }

    pub(super) fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due)
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    pub(super) fn clear(&mut self) {
        self.calls.clear();
        self.due.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> Peer {
        Peer { id: Id(n.into()), address: SocketAddr::from(([10, 0, 0, n], 4000)) }
    }

    #[test]
    fn a_message_is_repeated_until_acknowledged_by_whom_it_was_for() {
        let after = |ms| Time(Duration::from_millis(ms));
        let mut post = Post::new(u64::MAX, Duration::from_millis(100), 3);
        let number = post.number().unwrap();
        assert_ne!(number, 0);
        post.add(after(0), number, peer(1), vec![7], 'a');
        assert!(post.late(after(99)).is_none());
        for ms in [100, 300] {
            assert!(matches!(post.late(after(ms)), Some(Late::Repeat(to, _)) if to == peer(1).address), "{ms}");
            assert!(post.late(after(ms)).is_none());
        }
        assert!(post.acknowledged(number, peer(2).address).is_none() && post.any(Id(1)));
        post.readdress(Peer { address: peer(3).address, ..peer(1) });
        let mut lost = Post { calls: post.calls.clone(), due: post.due.clone(), ..Post::new(0, Duration::ZERO, 1) };
        assert!(matches!(lost.late(after(700)), Some(Late::Failed(_, call)) if call.why == 'a') && lost.len() == 0);
        assert_eq!(post.acknowledged(number, peer(3).address).map(|call| call.why), Some('a'));
        assert!(post.next_due().is_none() && post.acknowledged(number, peer(3).address).is_none());
    }

    #[test]
    fn there_are_so_many_at_most() {
        let mut post = Post::new(0, Duration::from_millis(100), 3);
        let now = Time::default();
        while let Some(number) = post.number() {
            post.add(now, number, peer(1), Vec::new(), ());
        }
        assert_eq!(post.len(), MAX_CALLS);
    }
}
