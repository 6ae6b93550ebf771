//! Items that members of a simulated overlay share, and that they search for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::batch::Searching;
use super::play::{Player, nanos};
use crate::anycast::Command;
use crate::overlay::{Spent, Time};
use crate::record::{Event, What};
use crate::scenario::items::Turn;
use crate::topology::NodeId;

/// Searches that have not ended after so long are given up.
const PATIENCE: Duration = Duration::from_secs(120);

impl Player<'_> {
    /// Members of these hosts, or all.
    pub(super) fn askers(&self, from: &[NodeId]) -> Vec<usize> {
        let may = |member: &usize| from.is_empty() || from.contains(&self.overlay.members[*member]);
        self.world.members().iter().copied().filter(may).collect()
    }

    pub(super) fn fresh_token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token - 1
    }

    pub(super) fn share(&mut self, count: u32) {
        let members = self.askers(&[]);
        for Turn { item, member } in self.keys.items.fresh(count, members.len()) {
            let token = self.fresh_token();
            self.world.command(members[member], Command::Share { token, name: item });
        }
    }

    pub(super) fn search(&mut self, count: u32, from: &[NodeId]) {
        let (members, before) = (self.askers(from), self.world.spent());
        let begun = self.world.now();
        let mut searching = Searching { begun, ended: begun, asked: count, waiting: BTreeSet::new(), before };
        for Turn { item, member } in self.keys.items.searches(count, members.len()) {
            let token = self.fresh_token();
            searching.waiting.insert(token);
            self.world.command(members[member], Command::Search { token, words: item });
        }
        self.searching.push_back(searching);
    }

    pub(super) fn search_ended(&mut self, token: u64, at: Time) {
        for searching in &mut self.searching {
            if searching.waiting.remove(&token) {
                searching.ended = at;
            }
        }
    }

    /// Records those that are over.
    pub(super) fn conclude_searches(&mut self) {
        let now = self.world.now();
        while let Some(first) = self.searching.front() {
            if !first.waiting.is_empty() && now - first.begun < PATIENCE {
                return;
            }
            let Some(Searching { begun, ended: last, asked, waiting, before }) = self.searching.pop_front() else {
                return;
            };
            // This is called only between actions.
            let over = if waiting.is_empty() { last } else { now };
            let Spent { messages, heard } = self.world.spent() - before;
            let (overlay, seconds) = (self.overlay.name.clone(), (over - begun).as_secs_f64());
            let ended = asked - (waiting.len() as u32).min(asked);
            let what = What::Search { overlay, asked, ended, messages, heard, seconds };
            self.events.push(Event { at: nanos(over.0), what });
        }
    }
}
