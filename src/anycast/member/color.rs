//! Which color a member announces: the file's, or the one that it finds farthest away.

use std::collections::BTreeMap;

use rand::RngExt;

use super::core::Core;
use super::parts;
use crate::anycast::config::Coloring;
use crate::anycast::event::Event;
use crate::overlay::Time;

/// What a joiner, who can reach every color, has learned of them.
#[derive(Debug, Default)]
pub(super) struct Palette {
    asked: Option<Time>,
    /// By color, milliseconds until it was answered.
    answers: BTreeMap<u16, f64>,
    /// When the color is chosen: answers from far away may still come.
    due: Option<Time>,
}

impl Palette {
    pub(super) fn asked(now: Time) -> Self {
        Self { asked: Some(now), ..Self::default() }
    }

    pub(super) fn answered(&mut self, color: u16, milliseconds: f64) {
        self.answers.entry(color).or_insert(milliseconds);
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.due
    }

    /// The slowest color, if all have answered; otherwise those that have not.
    fn farthest(&self, count: u16) -> Vec<u16> {
        let silent: Vec<u16> = (0..count).filter(|c| !self.answers.contains_key(c)).collect();
        let slowest = || self.answers.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(color, _)| *color);
        if silent.is_empty() { slowest().into_iter().collect() } else { silent }
    }

    /// It is a member now and will announce a color, if there are any.
    pub(super) fn take(&mut self, core: &mut Core, now: Time) {
        match core.config.coloring {
            _ if parts::colors(&core.config).len() == 0 => {}
            Coloring::Random | Coloring::ByAs => {
                core.color = core.config.color;
                if let Some(color) = core.color {
                    core.announce(now, parts::color(color));
                }
            }
            Coloring::Farthest => {
                core.color = None;
                let asked = self.asked.unwrap_or(now);
                let all = self.answers.len() == parts::colors(&core.config).len();
                self.due = Some(if all { now } else { now.max(asked + core.config.rpc_timeout) });
            }
        }
    }

    /// Whether it has chosen a color now: others than before can be asked.
    pub(super) fn timeout(&mut self, core: &mut Core, now: Time) -> bool {
        if self.due.is_none_or(|due| due > now) {
            return false;
        }
        self.due = None;
        let count = u16::try_from(parts::colors(&core.config).len()).unwrap_or(u16::MAX);
        let choice = self.farthest(count);
        if !core.is_member() || choice.is_empty() {
            return false;
        }
        let color = choice[core.rng.random_range(0..choice.len())];
        core.color = Some(color);
        core.emit(Event::Colored { color });
        core.announce(now, parts::color(color));
        true
    }
}
