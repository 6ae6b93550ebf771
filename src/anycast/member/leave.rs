//! Leaving: first nobody must find this node any more, then it hands its keys over.

use std::time::Duration;

use super::core::Core;
use crate::machine::Part;
use crate::overlay::Time;

/// The driver has this long to withdraw the groups.
const WITHDRAW_DEADLINE: Duration = Duration::from_secs(5);

/// A leave, if one is under way.
#[derive(Debug, Default)]
pub(super) struct Departure {
    waiting: Vec<Part>,
    deadline: Option<Time>,
}

impl Departure {
    pub(super) fn due(&self) -> Option<Time> {
        self.deadline
    }

    pub(super) fn begin(&mut self, core: &mut Core, now: Time) {
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
