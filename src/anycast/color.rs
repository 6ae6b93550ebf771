//! Which color a member announces: the file's, or the one that it finds farthest away.

use std::collections::BTreeMap;

use rand::RngExt;

use super::GroupRef;
use super::config::Coloring;
use super::member::{Event, Member};
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
}

impl Member {
    /// It is a member now and will announce a color, if there are any.
    pub(super) fn take_color(&mut self, now: Time) {
        match self.config.coloring {
            _ if self.config.colors.is_empty() => {}
            Coloring::Random | Coloring::ByAs => {
                self.color = self.config.color;
                if let Some(color) = self.color {
                    self.announce(GroupRef::Color(color));
                }
            }
            Coloring::Farthest => {
                self.color = None;
                let asked = self.palette.asked.unwrap_or(now);
                let all = self.palette.answers.len() == self.config.colors.len();
                self.palette.due = Some(if all { now } else { now.max(asked + self.config.rpc_timeout) });
            }
        }
    }

    pub(super) fn color_timeout(&mut self, now: Time) {
        if self.palette.due.is_none_or(|due| due > now) {
            return;
        }
        self.palette.due = None;
        let count = u16::try_from(self.config.colors.len()).unwrap_or(u16::MAX);
        let choice = self.palette.farthest(count);
        if !self.is_member() || choice.is_empty() {
            return;
        }
        let color = choice[self.rng.random_range(0..choice.len())];
        self.color = Some(color);
        self.emit(Event::Colored { color });
        self.announce(GroupRef::Color(color));
        self.start_healing(now);
    }
}
