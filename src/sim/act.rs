//! What plays actions without a network: which, their rows say.

use super::batch::{Batch, PATIENCE, Purpose};
use super::play::{Player, hosts, nanos};
use super::ways::Ways;
use crate::anycast::{Bootstrap, Command};
use crate::overlay::{Answer, Time};
use crate::program::Process;
use crate::record::{Event, What};
use crate::scenario::damage::{Damage, ProcessState};
use crate::scenario::keys::Write;
use crate::scenario::{Action, Entry, OverlayAct};
use crate::topology::NodeId;

/// Why a simulation cannot do this; `None`: it can.
pub fn refuse(action: &Action) -> Option<String> {
    action.simulated().err()
}

impl Player<'_> {
    pub(super) fn act(&mut self, Entry { action, origin, .. }: &Entry) {
        match action {
            Action::Link(_) | Action::Process(_) | Action::Site(_) => {
                let before = self.damage.clone();
                // What cannot be done has been recorded as such.
                if self.damage.apply(action, *origin, self.topology).is_ok() {
                    self.inflict(&before);
                }
            }
            Action::Overlay(act) if act.overlay() == self.index => self.tell(act),
            Action::Overlay(_) => {}
            // These have been refused, or spread out into faults.
            Action::Look(_) | Action::Series(_) => {}
        }
    }

    /// What concerns this overlay.
    fn tell(&mut self, act: &OverlayAct) {
        match act {
            OverlayAct::Join { host, .. } => {
                if let Some(host) = self.place(*host) {
                    self.join(host);
                }
            }
            OverlayAct::Leave { host, .. } => {
                if let Some(host) = self.place(*host) {
                    self.wanted.remove(&host);
                    self.world.command(host, Command::Leave);
                }
            }
            OverlayAct::Put { keys, .. } => {
                let writes = self.keys.fresh(*keys);
                self.begin_batch(Purpose::Put, writes, &[]);
            }
            OverlayAct::Overwrite { keys, from, .. } => {
                let writes = self.keys.again(*keys);
                self.begin_batch(Purpose::Overwrite, writes, from);
            }
            OverlayAct::Audit { .. } => {
                let writes = self.keys.stored();
                self.begin_batch(Purpose::Audit, writes, &[]);
            }
            OverlayAct::Share { items, .. } => self.share(*items),
            OverlayAct::Search { searches, from, .. } => self.search(*searches, from),
            // It has been refused.
            OverlayAct::Flood { .. } => {}
        }
    }

    /// The first of those who may begin the overlay does if nobody answers.
    fn join(&mut self, host: usize) {
        let may = |host: &usize| match self.overlay.bootstrap {
            Bootstrap::Anycast => true,
            Bootstrap::WellKnown => self.overlay.well_known.contains(&self.overlay.members[*host]),
        };
        let found = may(&host) && !self.wanted.iter().any(may);
        self.wanted.insert(host);
        self.world.command(host, Command::Join { found });
    }

    fn inflict(&mut self, before: &Damage) {
        let ways = Ways::between(&hosts(self.topology, self.overlay), self.topology, &self.damage);
        self.world.set_sides(&ways.sides);
        self.world.set_delays(ways.delays);
        for (host, node) in hosts(self.topology, self.overlay).into_iter().enumerate() {
            let state = |damage: &Damage| damage.process(node, Process::NODE);
            match (state(before), state(&self.damage)) {
                (was, is) if was == is => {}
                (_, ProcessState::Dead) => self.world.crash(host),
                (ProcessState::Dead, _) => {
                    self.world.restart(host);
                    // As in a lab, it joins again what it was a member of.
                    if self.wanted.remove(&host) {
                        self.join(host);
                    }
                }
                _ => {}
            }
        }
    }

    /// Stores or fetches keys through members in turn: of these hosts, or of all.
    pub(super) fn begin_batch(&mut self, purpose: Purpose, writes: Vec<Write>, from: &[NodeId]) {
        let members = self.askers(from);
        let (waiting, done, missing) = Default::default();
        let begun = self.world.now();
        let mut batch = Batch { purpose, begun, waiting, done, missing, conflicts: 0 };
        let fetches = purpose == Purpose::Audit;
        for (index, write) in writes.into_iter().enumerate() {
            let token = self.fresh_token();
            let Write { key, value, .. } = write.clone();
            batch.waiting.insert(token, write);
            // Another stride, so that few keys are asked of the node that stored them.
            let turn = if fetches { index * 7 + 3 } else { index };
            let Some(host) = members.get(turn % members.len().max(1)).copied() else { continue };
            let command = if fetches { Command::Get { token, key } } else { Command::Put { token, key, value } };
            self.world.command(host, command);
        }
        self.batches.push_back(batch);
    }

    pub(super) fn ended(&mut self, token: u64, outcome: &Answer, at: Time) {
        self.search_ended(token, at);
        for batch in &mut self.batches {
            let Some(write) = batch.waiting.remove(&token) else { continue };
            batch.conflicts += u32::from(matches!(outcome, Answer::Got { others, .. } if !others.is_empty()));
            let fine = match outcome {
                Answer::Put { stored, .. } => *stored,
                Answer::Got { value, others, .. } => value.iter().chain(others).any(|value| *value == write.value),
                Answer::Looked { .. } | Answer::Shared { .. } | Answer::Searched { .. } => false,
            };
            if fine { batch.done.push(write) } else { batch.missing.push(write.key) }
        }
    }

    /// Records the batches that are done, or take too long.
    pub(super) fn conclude(&mut self) {
        self.conclude_searches();
        let now = self.world.now();
        while let Some(batch) = self.batches.front() {
            if !batch.waiting.is_empty() && now - batch.begun < PATIENCE {
                return;
            }
            let Some(mut batch) = self.batches.pop_front() else { return };
            batch.missing.extend(std::mem::take(&mut batch.waiting).into_values().map(|write| write.key));
            batch.missing.sort();
            let (overlay, seconds) = (self.overlay.name.clone(), (now - batch.begun).as_secs_f64());
            let (done, missing) = (batch.done.len() as u32, batch.missing);
            let failed = missing.len() as u32;
            if batch.purpose != Purpose::Audit {
                batch.done.into_iter().for_each(|write| self.keys.acknowledged(write));
            }
            let what = match batch.purpose {
                Purpose::Put => What::Put { overlay, stored: done, failed, seconds },
                Purpose::Overwrite => What::Overwrite { overlay, stored: done, failed, seconds },
                Purpose::Audit => What::Audit { overlay, found: done, missing, conflicts: batch.conflicts, seconds },
            };
            self.events.push(Event { at: nanos(now.0), what });
        }
    }
}
