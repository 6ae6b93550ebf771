//! When a member is to be found. In some overlays not every one is: the node says when this one is, and when it is not
//! any more. Nobody shall find one that leaves.

use super::node::Member;
use super::parts::{self, JOIN};
use super::served::Served;
use crate::anycast::event::Event;
use crate::overlay::{Phase, Time};

impl Member {
    /// Others shall find it from now on; or nobody shall any more, and nobody relies on that.
    pub(super) fn serves(&mut self, now: Time, on: bool) {
        let core = &mut self.core;
        if core.departing {
            if !on {
                self.departure.begin(core, now);
            }
            return;
        }
        if !core.is_member() {
            return;
        }
        if on {
            core.announce(now, JOIN);
            if let Some(color) = core.color {
                core.announce(now, parts::color(color));
            }
        } else {
            self.served = Served::default();
            for group in core.own.clone() {
                core.withdraw(now, group);
            }
        }
        self.healer.start(core, now);
    }

    /// Leaves, as soon as nobody relies on it any more.
    pub(super) fn leave(&mut self, now: Time) {
        let core = &mut self.core;
        if core.departing || core.overlay.phase() == Phase::Leaving {
            return;
        }
        if !core.is_member() {
            self.joining.give_up();
            core.overlay.abort();
            return core.emit(Event::Left);
        }
        self.healer.stop();
        self.served = Served::default();
        if core.overlay.retire(now) {
            self.departure.wait(core, now);
        } else {
            self.departure.begin(core, now);
        }
    }
}
