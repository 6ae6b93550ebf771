//! Leaving: first nobody must find this node any more, then it hands its keys over.

use std::time::Duration;

use super::GroupRef;
use super::load::Load;
use super::member::{Event, Member};
use crate::overlay::{Phase, Time};

/// The driver has this long to withdraw the groups.
const WITHDRAW_DEADLINE: Duration = Duration::from_secs(5);

/// A leave under way.
#[derive(Debug)]
pub(super) struct Departure {
    waiting: Vec<GroupRef>,
    deadline: Time,
}

impl Departure {
    pub(super) fn due(&self) -> Time {
        self.deadline
    }
}

impl Member {
    pub(super) fn leave(&mut self, now: Time) {
        if self.departure.is_some() || self.overlay.phase() == Phase::Leaving {
            return;
        }
        if !self.is_member() {
            // Half joined: nobody relies on it yet.
            self.joining = None;
            self.overlay.abort();
            return self.emit(Event::Left);
        }
        self.stop_healing();
        self.load = Load::default();
        let waiting = std::mem::take(&mut self.own);
        for group in &waiting {
            self.emit(Event::Withdraw { group: *group });
        }
        self.departure = Some(Departure { waiting, deadline: now + WITHDRAW_DEADLINE });
        self.depart_if_withdrawn(now);
    }

    pub(super) fn departure_withdrew(&mut self, now: Time, group: GroupRef) {
        if let Some(departure) = &mut self.departure {
            departure.waiting.retain(|g| *g != group);
            self.depart_if_withdrawn(now);
        }
    }

    pub(super) fn departure_timeout(&mut self, now: Time) {
        if let Some(departure) = self.departure.as_mut().filter(|d| d.deadline <= now) {
            departure.waiting.clear();
            self.depart_if_withdrawn(now);
        }
    }

    fn depart_if_withdrawn(&mut self, now: Time) {
        if self.departure.as_ref().is_some_and(|d| d.waiting.is_empty()) {
            self.departure = None;
            self.overlay.leave(now);
        }
    }

    pub(super) fn overlay_left(&mut self) {
        self.asks.clear();
        self.emit(Event::Left);
    }
}
