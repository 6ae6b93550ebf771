//! Messages that are repeated until they are answered: datagrams may be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::message::Message;
use crate::overlay::Time;
use crate::overlay::id::Id;

/// Most of them at once.
pub(super) const MAX_CALLS: usize = 4096;
/// It waits at most so many times what it waits at least, and comes down from that by one part in so many an answer.
const MOST: u32 = 16;
const EASE: u32 = 16;

/// Why a node waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// To be sure that it has arrived.
    Sure,
    /// To know that it is there: a neighbor that does not answer is lost.
    There,
    /// To have it as its supernode.
    Join,
    Link(Reason),
    /// So many of its items are known there then.
    Share {
        count: usize,
    },
    /// Before it goes.
    Farewell,
    /// It was met.
    Met,
}

/// Why a link is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// To have one more.
    More,
    /// To have another one instead of the oldest.
    Instead,
    /// What is one would fall apart without it.
    Mend,
    /// To be a supernode.
    Promoted,
    /// To join another island.
    Merge,
    /// The same for a child, who is not told.
    Bridge,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) to: SocketAddr,
    /// Who is there, as far as it is known.
    pub(super) id: Option<Id>,
    pub(super) why: Why,
    pub(super) message: Message,
    /// When it was said, each time.
    turns: Vec<Time>,
    /// How long its answer took.
    pub(super) round_trip: Option<Duration>,
    tries: u32,
    wait: Duration,
    due: Time,
}

impl Call {
    pub(super) fn began(&self) -> Time {
        self.turns.first().copied().unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Calls {
    next: u64,
    /// The least that one waits, and what it waits now.
    timeout: Duration,
    patience: Duration,
    tries: u32,
    calls: BTreeMap<u64, Call>,
    due: BTreeSet<(Time, u64)>,
}

/// What a timeout asks for.
pub(super) enum Late {
    Repeat { call: u64, turn: u8, to: SocketAddr, message: Message },
    Failed(Call),
}

impl Calls {
    /// `first`: where numbers begin; unpredictable, so that a restarted node takes no answers that were for its former
    /// self.
    pub(super) fn new(first: u64, timeout: Duration, tries: u32) -> Self {
        Self { next: first, timeout, patience: timeout, tries, calls: BTreeMap::new(), due: BTreeSet::new() }
    }

    /// Its number; 0 if there are too many.
    pub(super) fn start(&mut self, now: Time, to: SocketAddr, id: Option<Id>, message: &Message, why: Why) -> u64 {
        if self.calls.len() >= MAX_CALLS {
            return 0;
        }
        self.next = self.next.wrapping_add(1).max(1);
        let (tries, wait, due) = (self.tries.saturating_sub(1), self.patience, now + self.patience);
        let message = message.clone();
        self.calls
            .insert(self.next, Call { to, id, why, message, turns: vec![now], round_trip: None, tries, wait, due });
        self.due.insert((due, self.next));
        self.next
    }

    fn take(&mut self, number: u64) -> Option<Call> {
        let call = self.calls.remove(&number)?;
        self.due.remove(&(call.due, number));
        Some(call)
    }

    /// Ends the call that this answers. Where answers take longer, all wait longer.
    pub(super) fn answered(&mut self, now: Time, number: u64, turn: u8, from: SocketAddr) -> Option<Call> {
        self.calls.get(&number).filter(|call| call.to == from)?;
        let mut call = self.take(number)?;
        let took = now - *call.turns.get(usize::from(turn))?;
        call.round_trip = Some(took);
        let enough = (took * 3 / 2).clamp(self.timeout, self.timeout * MOST);
        self.patience = enough.max((self.patience * (EASE - 1) + enough) / EASE);
        Some(call)
    }

    /// The next that has waited too long. It waits longer each time.
    pub(super) fn late(&mut self, now: Time) -> Option<Late> {
        let (due, number) = self.due.first().copied().filter(|(due, _)| *due <= now)?;
        let call = self.calls.get_mut(&number)?;
        if call.tries == 0 {
            return self.take(number).map(Late::Failed);
        }
        self.due.remove(&(due, number));
        call.tries -= 1;
        call.wait *= 2;
        call.turns.push(now);
        call.due = now + call.wait;
        let turn = u8::try_from(call.turns.len() - 1).unwrap_or(u8::MAX);
        self.due.insert((call.due, number));
        Some(Late::Repeat { call: number, turn, to: call.to, message: call.message.clone() })
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due)
    }

    pub(super) fn any(&self, of: impl Fn(&Call) -> bool) -> bool {
        self.calls.values().any(of)
    }

    pub(super) fn count(&self, of: impl Fn(&Call) -> bool) -> usize {
        self.calls.values().filter(|call| of(call)).count()
    }

    /// Ends those without an answer.
    pub(super) fn end(&mut self, of: impl Fn(&Call) -> bool) {
        let ended = self.calls.iter().filter(|(_, call)| of(call)).map(|(number, _)| *number).collect::<Vec<_>>();
        for number in ended {
            self.take(number);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// The same node is elsewhere now.
    pub(super) fn readdress(&mut self, id: Id, to: SocketAddr) {
        self.calls.values_mut().filter(|call| call.id == Some(id)).for_each(|call| call.to = to);
    }
}
