//! What will happen, in the order of time; at the same time, in the order in which it was planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::machine::Time;

/// Things that are due. What is moved about while they are sorted is small, whatever they are.
pub(super) struct Queue<D> {
    /// Nanoseconds, number, slot.
    order: BinaryHeap<Reverse<(u64, u64, u32)>>,
    slots: Vec<Option<D>>,
    free: Vec<u32>,
    planned: u64,
}

impl<D> Queue<D> {
    pub(super) fn new() -> Self {
        Self { order: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), planned: 0 }
    }

    pub(super) fn push(&mut self, at: Time, due: D) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        self.slots[slot as usize] = Some(due);
        // 584 years of virtual time.
        self.order.push(Reverse((at.0.as_nanos() as u64, self.planned, slot)));
        self.planned += 1;
    }

    /// The next thing, if it is due at `end` or before.
    pub(super) fn pop(&mut self, end: Time) -> Option<(Time, D)> {
        let Reverse((at, ..)) = *self.order.peek()?;
        let at = Time(Duration::from_nanos(at));
        if at > end {
            return None;
        }
        let Reverse((.., slot)) = self.order.pop()?;
        self.free.push(slot);
        self.slots[slot as usize].take().map(|due| (at, due))
    }
}
