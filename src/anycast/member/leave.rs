//! Leaving: first nobody must find this node any more, then it hands its keys over. In an overlay in which not every
//! node is found, it hands over before that whoever relies on finding it.

use std::time::Duration;

use super::core::Core;
use crate::machine::Part;
use crate::overlay::Time;

/// The driver has this long to withdraw the groups.
const WITHDRAW_DEADLINE: Duration = Duration::from_secs(5);

/// Longest that others are handed over.
const HAND_OVER_DEADLINE: Duration = Duration::from_secs(10);

/// A leave, if one is under way.
#[derive(Debug, Default)]
pub(super) struct Departure {
    waiting: Vec<Part>,
    deadline: Option<Time>,
    /// Others have to be handed over until then.
    hand_over: Option<Time>,
}

impl Departure {
    pub(super) fn due(&self) -> Option<Time> {
        self.deadline.into_iter().chain(self.hand_over).min()
    }

    /// Whoever relies on this node is being handed over; then it [begins](Self::begin), or when that takes too long.
    pub(super) fn wait(&mut self, core: &mut Core, now: Time) {
        core.departing = true;
        self.hand_over = Some(now + HAND_OVER_DEADLINE);
    }

    pub(super) fn begin(&mut self, core: &mut Core, now: Time) {
        self.hand_over = None;
        self.waiting.clone_from(&core.own);
        for group in &self.waiting {
            core.withdraw(now, *group);
        }
        self.deadline = Some(now + WITHDRAW_DEADLINE);
        core.departing = true;
        self.go_if_withdrawn(core, now);
    }

    pub(super) fn withdrew(&mut self, core: &mut Core, now: Time, group: Part) {
        self.waiting.retain(|g| *g != group);
        self.go_if_withdrawn(core, now);
    }

    pub(super) fn timeout(&mut self, core: &mut Core, now: Time) {
        if self.hand_over.is_some_and(|deadline| deadline <= now) {
            self.begin(core, now);
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.waiting.clear();
            self.go_if_withdrawn(core, now);
        }
    }

    fn go_if_withdrawn(&mut self, core: &mut Core, now: Time) {
        if self.deadline.is_some() && self.waiting.is_empty() {
            (self.deadline, core.departing) = (None, false);
            core.overlay.leave(now);
        }
    }
}
