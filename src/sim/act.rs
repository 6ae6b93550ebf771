//! What plays actions without a network: which, their rows say.

use super::batch::{Batch, PATIENCE, Purpose};
use super::play::{Player, Stage, nanos};
use super::ways::Ways;
use crate::anycast::{Bootstrap, Command};
use crate::overlay::{Answer, Spent, Time};
use crate::program::Process;
use crate::record::{Event, What};
use crate::scenario::damage::{Damage, ProcessState};
use crate::scenario::keys::Write;
use crate::scenario::{Action, Entry, OverlayAct};

/// Why a simulation cannot do this; `None`: it can.
pub fn refuse(action: &Action) -> Option<String> {
    action.simulated().err()
}

impl Stage<'_> {
    pub(super) fn act(&mut self, Entry { action, origin, .. }: &Entry) {
        match action {
            Action::Link(_)
            | Action::Process(_)
            | Action::Site(_)
            | Action::Policy(_)
            | Action::Rogue(_)
            | Action::Roa(_) => {
                let before = self.damage.clone();
                // What cannot be done has been recorded as such.
                if self.damage.apply(action, *origin, self.topology).is_ok() {
                    self.inflict(&before);
                }
            }
            Action::Overlay(act) => self.tell(act),
            // These have been refused, or spread out into faults.
            Action::Look(_) | Action::Series(_) => {}
        }
    }

    fn tell(&mut self, act: &OverlayAct) {
        match act {
            OverlayAct::Join { host, overlay } => {
                if let Some(host) = self.place(*host) {
                    self.join(*overlay, host);
                }
            }
            OverlayAct::Leave { host, overlay } => {
                if let Some(host) = self.place(*host) {
                    self.players[*overlay].wanted.remove(&host);
                    self.town.command(*overlay, host, Command::Leave);
                }
            }
            OverlayAct::Put { overlay, keys } => {
                let writes = self.players[*overlay].keys.fresh(*keys);
                self.begin_batch(Purpose::Put, writes, [*overlay; 2], &self.askers(*overlay, &[]));
            }
            OverlayAct::Overwrite { overlay, keys, from } => {
                let writes = self.players[*overlay].keys.again(*keys);
                let mut members = self.askers(*overlay, &[]);
                members.retain(|host| from.is_empty() || from.contains(&self.hosts[*host]));
                self.begin_batch(Purpose::Overwrite, writes, [*overlay; 2], &members);
            }
            OverlayAct::Audit { overlay, asked, from } => {
                let writes = self.players[*overlay].keys.stored();
                self.begin_batch(Purpose::Audit, writes, [*overlay, *asked], &self.askers(*asked, from));
            }
            OverlayAct::Share { overlay, items } => self.share(*overlay, *items),
            OverlayAct::Search { overlay, of, searches, from } => self.search(*overlay, *of, *searches, from),
            // It has been refused.
            OverlayAct::Flood { .. } => {}
        }
    }

    /// The first of those who may begin the overlay does if nobody answers.
    fn join(&mut self, overlay: usize, host: usize) {
        let Player { overlay: of, wanted, .. } = &mut self.players[overlay];
        let may = |host: &usize| match of.bootstrap {
            Bootstrap::Anycast => true,
            Bootstrap::WellKnown => of.well_known.contains(&self.hosts[*host]),
        };
        let found = may(&host) && !wanted.iter().any(may);
        wanted.insert(host);
        self.town.command(overlay, host, Command::Join { found });
    }

    fn inflict(&mut self, before: &Damage) {
        let ways = Ways::between(&self.hosts, self.topology, &self.damage);
        self.town.set_sides(&ways.sides);
        self.town.set_delays(ways.delays);
        for (host, node) in self.hosts.clone().into_iter().enumerate() {
            let state = |damage: &Damage| damage.process(node, Process::NODE);
            match (state(before), state(&self.damage)) {
                (was, is) if was == is => {}
                (_, ProcessState::Dead) => self.town.crash(host),
                (ProcessState::Dead, _) => {
                    self.town.restart(host);
                    // As in a lab, it joins again what it was a member of.
                    for overlay in 0..self.players.len() {
                        if self.players[overlay].wanted.remove(&host) {
                            self.join(overlay, host);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Stores or fetches keys of the first overlay by asking the second, these hosts in turn.
    fn begin_batch(&mut self, purpose: Purpose, writes: Vec<Write>, [of, asked]: [usize; 2], hosts: &[usize]) {
        let (waiting, done, missing) = Default::default();
        let begun = self.town.now();
        let fetches = purpose == Purpose::Audit;
        let searches = fetches && !self.players[of].overlay.settings.protocol.is_keyed();
        let cost = searches.then(|| (asked, self.spent(asked)));
        let mut batch = Batch { purpose, begun, ended: begun, waiting, done, missing, conflicts: 0, cost };
        for (index, write) in writes.into_iter().enumerate() {
            let token = self.town.fresh_token();
            let Write { key, value, .. } = write.clone();
            batch.waiting.insert(token, write);
            // Another stride, so that few keys are asked of the node that stored them.
            let turn = if fetches { index * 7 + 3 } else { index };
            let Some(host) = hosts.get(turn % hosts.len().max(1)).copied() else { continue };
            let command = if fetches { Command::Get { token, key } } else { Command::Put { token, key, value } };
            self.town.command(asked, host, command);
        }
        self.players[of].batches.push_back(batch);
    }

    pub(super) fn ended(&mut self, token: u64, outcome: &Answer, at: Time) {
        self.search_ended(token, at);
        for batch in self.players.iter_mut().flat_map(|player| &mut player.batches) {
            let Some(write) = batch.waiting.remove(&token) else { continue };
            batch.ended = at;
            batch.conflicts += u32::from(matches!(outcome, Answer::Got { others, .. } if !others.is_empty()));
            let fine = match outcome {
                Answer::Put { stored, .. } => *stored,
                Answer::Got { value, others, .. } => value.iter().chain(others).any(|value| *value == write.value),
                Answer::Looked { .. } | Answer::Shared { .. } | Answer::Searched { .. } => false,
            };
            if fine { batch.done.push(write) } else { batch.missing.push(write.key) }
        }
    }

    /// Records the batches and searches that are done, or take too long.
    pub(super) fn conclude(&mut self) {
        let now = self.town.now();
        for index in 0..self.players.len() {
            self.conclude_searches(index);
            while let Some((event, cost)) = self.players[index].concluded(now) {
                let searched = cost.and_then(|(asked, before)| {
                    let What::Audit { overlay, found, missing, seconds, .. } = &event.what else { return None };
                    let (overlay, seconds, all) = (overlay.clone(), *seconds, found + missing.len() as u32);
                    let Spent { messages, heard } = self.spent(asked) - before;
                    let what = What::Search { overlay, asked: all, ended: all, messages, heard, seconds };
                    Some(Event { at: event.at, what })
                });
                self.events.extend([event].into_iter().chain(searched));
            }
        }
    }
}

impl Player<'_> {
    /// The first batch, if it is over, and its [`Batch::cost`].
    fn concluded(&mut self, now: Time) -> Option<(Event, Option<(usize, Spent)>)> {
        self.batches.front().filter(|batch| batch.waiting.is_empty() || now - batch.begun >= PATIENCE)?;
        let mut batch = self.batches.pop_front()?;
        let over = if batch.waiting.is_empty() { batch.ended } else { now };
        batch.missing.extend(std::mem::take(&mut batch.waiting).into_values().map(|write| write.key));
        batch.missing.sort();
        let (overlay, seconds) = (self.overlay.name.clone(), (over - batch.begun).as_secs_f64());
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
        Some((Event { at: nanos(over.0), what }, batch.cost))
    }
}
