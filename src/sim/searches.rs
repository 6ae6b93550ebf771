//! Items that members of a simulated overlay share, and that are searched for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::batch::Searching;
use super::play::{Stage, nanos};
use crate::anycast::Command;
use crate::overlay::{Spent, Time};
use crate::record::{Event, What};
use crate::scenario::items::Turn;
use crate::topology::NodeId;

/// Searches that have not ended after so long are given up.
const PATIENCE: Duration = Duration::from_secs(120);

impl Stage<'_> {
    pub(super) fn share(&mut self, overlay: usize, count: u32) {
        let members = self.askers(overlay, &[]);
        for Turn { item, member } in self.players[overlay].keys.items.fresh(count, members.len()) {
            let token = self.town.fresh_token();
            self.town.command(overlay, members[member], Command::Share { token, name: item });
        }
    }

    /// Asks one overlay for items of another, or of its own.
    pub(super) fn search(&mut self, overlay: usize, of: usize, count: u32, from: &[NodeId]) {
        let (hosts, before) = (self.askers(overlay, from), self.spent(overlay));
        let begun = self.town.now();
        let mut searching = Searching { begun, ended: begun, asked: count, waiting: BTreeSet::new(), before };
        for Turn { item, member } in self.players[of].keys.items.searches(count, hosts.len()) {
            let token = self.town.fresh_token();
            searching.waiting.insert(token);
            self.town.command(overlay, hosts[member], Command::Search { token, words: item });
        }
        self.players[overlay].searching.push_back(searching);
    }

    /// What searches have cost all that a question to this overlay may come to.
    pub(super) fn spent(&self, overlay: usize) -> Spent {
        self.town.spent(self.topology.reached(overlay))
    }

    pub(super) fn search_ended(&mut self, token: u64, at: Time) {
        for searching in self.players.iter_mut().flat_map(|player| &mut player.searching) {
            if searching.waiting.remove(&token) {
                searching.ended = at;
            }
        }
    }

    /// Records those of an overlay that are over.
    pub(super) fn conclude_searches(&mut self, index: usize) {
        let now = self.town.now();
        let over = |first: &Searching| first.waiting.is_empty() || now - first.begun >= PATIENCE;
        while self.players[index].searching.front().is_some_and(over) {
            let Some(first) = self.players[index].searching.pop_front() else { return };
            let Searching { begun, ended: last, asked, waiting, before } = first;
            // This is called only between actions.
            let over = if waiting.is_empty() { last } else { now };
            let Spent { messages, heard } = self.spent(index) - before;
            let (overlay, seconds) = (self.players[index].overlay.name.clone(), (over - begun).as_secs_f64());
            let ended = asked - (waiting.len() as u32).min(asked);
            let what = What::Search { overlay, asked, ended, messages, heard, seconds };
            self.events.push(Event { at: nanos(over.0), what });
        }
    }
}
