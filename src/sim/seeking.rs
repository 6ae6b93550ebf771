//! What a simulated overlay without owners is asked: things are put there and searched for, one search at a time.

use std::time::Duration;

use super::world::{PATIENCE, World};
use crate::anycast::{Command, Event, Node};
use crate::overlay::{Answer, AskKind, Hit, Spent};

/// After the end of a search its last messages still arrive.
const LAST: Duration = Duration::from_secs(1);

/// One search: what it found, and what it cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sought {
    /// By keyword, what was found and where; by key nothing is said of where it was.
    pub hits: Vec<Hit>,
    pub found: bool,
    /// Nodes on the way to the first hit; of a request by key, all that it came to.
    pub path: u64,
    /// Until the first hit, or the end.
    pub milliseconds: f64,
    /// Messages of all nodes, and nodes that the query came to.
    pub spent: Spent,
}

impl World {
    /// Has these hosts share things of these names, or, where things are stored under keys, insert them. The names by
    /// which they are found; `None`: it was not stored.
    pub fn place(&mut self, things: &[(usize, String)]) -> Vec<Option<String>> {
        let shares = self.protocol().may(AskKind::Share);
        let tokens: Vec<u64> = things
            .iter()
            .map(|(host, name)| {
                let (token, name) = (self.token(), name.clone());
                let put = |key| Command::Put { token, value: format!("what {key} stands for"), key };
                self.command(*host, if shares { Command::Share { token, name } } else { put(name) });
                token
            })
            .collect();
        self.wait();
        self.run_for(LAST);
        let mut stored = |token: &u64| match self.outcomes.remove(token)? {
            Answer::Shared { name, stored: true } => Some(name),
            Answer::Put { key, stored: true } => Some(key),
            _ => None,
        };
        tokens.iter().map(&mut stored).collect()
    }

    /// Has a host search for this, and waits for the end of that.
    pub fn seek(&mut self, host: usize, what: &str) -> Sought {
        let (token, before, begun) = (self.token(), self.spent(), self.now());
        let searches = self.protocol().may(AskKind::Search);
        let what = what.to_owned();
        self.keep_happenings();
        self.take_happenings();
        self.command(
            host,
            if searches { Command::Search { token, words: what } } else { Command::Get { token, key: what } },
        );
        self.run_until(PATIENCE, |world| !world.waiting.contains(&token));
        self.waiting.remove(&token);
        let is_it = |event: &Event| matches!(event, Event::Done { token: of, .. } if *of == token);
        let ended =
            self.take_happenings().iter().find(|happening| is_it(&happening.event)).map(|happening| happening.at);
        self.run_for(LAST);
        let outcome = self.outcomes.remove(&token);
        let spent = self.spent() - before;
        match outcome {
            Some(Answer::Searched { hits, hops, milliseconds, .. }) => {
                Sought { found: !hits.is_empty(), hits, path: hops.into(), milliseconds, spent }
            }
            Some(Answer::Got { value, .. }) => Sought {
                found: value.is_some(),
                hits: Vec::new(),
                path: spent.heard,
                milliseconds: ended.map_or(0.0, |ended| (ended - begun).as_secs_f64() * 1e3),
                spent,
            },
            _ => Sought { spent, ..Sought::default() },
        }
    }

    /// How many messages of this name all nodes have counted.
    pub fn counted(&self, what: &str) -> u64 {
        let of = |node: &dyn Node| {
            node.counts().iter().filter(|(name, _)| *name == what).map(|(_, count)| count).sum::<u64>()
        };
        self.running().filter_map(|host| self.node(host)).map(of).sum()
    }

    /// Tells a node of a member, with their true round trip.
    pub fn introduce(&mut self, host: usize, other: usize) {
        let (now, peer, round_trip) = (self.now(), self.configs()[other].peer(), self.delays().round_trip(host, other));
        self.tell(host, |node| node.introduce(now, peer, round_trip));
    }
}
