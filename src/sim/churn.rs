//! Nodes that come and go all the time, and what lookups find meanwhile.

use std::time::Duration;

use rand::RngExt;

use super::owners::Owners;
use super::world::World;
use crate::anycast::Command;
use crate::overlay::id::Id;
use crate::overlay::{Answer, Time};

/// An owner counts for so long after it has answered: one that has just joined answers before it knows that its
/// neighbors have noticed it.
const GRACE: Duration = Duration::from_secs(1);

/// How nodes come and go, and what is asked meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Churn {
    /// Median of a member's life, which is exponential and ends in a crash. For each that ends another node, which
    /// nobody has heard of, begins to join.
    pub session: Duration,
    /// So often some keys are looked up,
    pub every: Duration,
    /// so many of them,
    pub keys: usize,
    /// each by so many members at once.
    pub askers: usize,
    /// A lookup without an answer after this long has failed.
    pub patience: Duration,
}

/// What lookups found under churn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Churned {
    /// Lookups, but for those whose asker was gone before they ended.
    pub asked: usize,
    pub failed: usize,
    /// Answered by a node that was not the key's owner at any time from the question to the answer.
    pub wrong: usize,
    /// Keys that at least two askers had an answer for, and those of which two answers differ.
    pub compared: usize,
    pub inconsistent: usize,
    /// Sum of the answered lookups' hops, the owner included, and of their milliseconds.
    pub hops: u64,
    pub milliseconds: f64,
    pub crashes: usize,
    pub joins: usize,
    /// Members times seconds.
    pub member_seconds: f64,
    /// All that was sent, that of lookups included.
    pub datagrams: u64,
    pub bytes: u64,
}

/// A key that is looked up by several members at once.
struct Question {
    key: Id,
    at: Time,
    /// Since when who has owned it.
    owners: Vec<(Time, Option<usize>)>,
    askers: Vec<Asker>,
}

struct Asker {
    host: usize,
    token: u64,
    state: State,
}

enum State {
    Waiting,
    Gone,
    Answered { at: Time, owner: Option<usize>, owned: bool, hops: u32, milliseconds: f64 },
}

impl Churn {
    /// Hosts that it needs besides those that are members at its beginning, with room for chance.
    pub fn newcomers(&self, members: usize, time: Duration) -> usize {
        let expected = self.rate(members) * time.as_secs_f64();
        (expected + 5.0 * expected.sqrt()).ceil() as usize + 5
    }

    /// Crashes a second among so many members.
    pub fn rate(&self, members: usize) -> f64 {
        members as f64 * std::f64::consts::LN_2 / self.session.as_secs_f64()
    }
}

impl Churned {
    /// Datagrams that a member sent a second.
    pub fn datagrams_a_second(&self) -> f64 {
        self.datagrams as f64 / self.member_seconds
    }

    /// Payload of the same.
    pub fn bytes_a_second(&self) -> f64 {
        self.bytes as f64 / self.member_seconds
    }

    pub fn answered(&self) -> usize {
        self.asked - self.failed
    }

    fn take(&mut self, question: &Question) {
        let mut owners = Vec::new();
        for asker in &question.askers {
            match asker.state {
                State::Gone => continue,
                State::Answered { at, owner: Some(owner), owned, hops, milliseconds } => {
                    owners.push(owner);
                    self.hops += u64::from(hops);
                    self.milliseconds += milliseconds;
                    let was = |(since, of): &(Time, Option<usize>)| *since <= at + GRACE && *of == Some(owner);
                    self.wrong += usize::from(!owned && !question.owners.iter().any(was));
                }
                State::Waiting | State::Answered { owner: None, .. } => self.failed += 1,
            }
            self.asked += 1;
        }
        if owners.len() > 1 {
            self.compared += 1;
            self.inconsistent += usize::from(owners.iter().any(|o| *o != owners[0]));
        }
    }
}

impl Question {
    /// Whether there is nothing more to wait for.
    fn is_over(&self, now: Time, patience: Duration) -> bool {
        let last = self.askers.iter().map(|asker| match asker.state {
            State::Waiting => self.at + patience,
            State::Gone => self.at,
            State::Answered { at, .. } => at + GRACE,
        });
        last.max().is_none_or(|last| last <= now)
    }
}

impl World {
    /// Plays for this long while members crash and other nodes join. Hosts that have been told nothing yet are those
    /// who come: there have to be [`Churn::newcomers`].
    pub fn churn(&mut self, churn: &Churn, time: Duration) -> Churned {
        let mut found = Churned::default();
        let (end, joins) = (self.now() + time, self.joins().len());
        let (datagrams, bytes) = (self.sim.datagrams(), self.sim.bytes());
        let mut fresh = self.members.last().map_or(0, |last| last + 1)..self.configs.len();
        let mut change = self.now() + self.until_change(churn);
        let mut ask = self.now();
        let mut open: Vec<Question> = Vec::new();
        while self.now() < end {
            let at = change.min(ask).min(end);
            found.member_seconds += self.members.len() as f64 * (at - self.now()).as_secs_f64();
            self.run_for(at - self.now());
            self.watch(&mut open);
            open.retain(|question| {
                let over = question.is_over(at, churn.patience);
                if over {
                    found.take(question);
                }
                !over
            });
            if at == change {
                found.crashes += usize::from(self.exchange_one(&mut fresh));
                change = at + self.until_change(churn);
            }
            if at == ask {
                // The last ones are waited for as long as the others.
                if at + churn.patience + GRACE <= end {
                    (0..churn.keys).for_each(|_| open.push(self.question(churn.askers)));
                }
                ask = at + churn.every;
            }
        }
        self.watch(&mut open);
        open.iter().for_each(|question| found.take(question));
        self.waiting.clear();
        found.joins = self.joins().len() - joins;
        found.datagrams = self.sim.datagrams() - datagrams;
        found.bytes = self.sim.bytes() - bytes;
        found
    }

    /// Between crashes that do not know of each other the time is exponential.
    fn until_change(&mut self, churn: &Churn) -> Duration {
        let draw = self.rng.random_range(f64::MIN_POSITIVE..1.0_f64);
        let rate = churn.rate(self.members.len().max(1));
        Duration::from_secs_f64((-draw.ln() / rate).min(1e6))
    }

    /// A member crashes, and a node that is new begins to join. False: there was no member.
    fn exchange_one(&mut self, fresh: &mut std::ops::Range<usize>) -> bool {
        let members: Vec<usize> = self.members.iter().copied().collect();
        // The last one stays: nobody could join through it.
        if members.len() > 1 {
            let host = members[self.rng.random_range(0..members.len())];
            self.crash(host);
        }
        if let Some(host) = fresh.next() {
            self.command(host, Command::Join { found: false });
        }
        members.len() > 1
    }

    fn question(&mut self, askers: usize) -> Question {
        let members: Vec<usize> = self.members.iter().copied().collect();
        let key = Id(self.rng.random());
        let mut question = Question { key, at: self.now(), owners: Vec::new(), askers: Vec::new() };
        for at in rand::seq::index::sample(&mut self.rng, members.len(), askers.min(members.len())) {
            let (host, token) = (members[at], self.token());
            self.command(host, Command::Lookup { token, key });
            question.askers.push(Asker { host, token, state: State::Waiting });
        }
        question
    }

    /// Notes answers, askers that are gone, and owners that are others than before.
    fn watch(&mut self, open: &mut [Question]) {
        if open.is_empty() {
            return;
        }
        let (now, owners) = (self.now(), self.owners(&self.members));
        for Question { key, at, owners: known, askers } in open {
            let owner = owners.of(*key);
            if known.last().is_none_or(|(_, last)| *last != owner) {
                known.push((if known.is_empty() { *at } else { now }, owner));
            }
            for asker in askers.iter_mut().filter(|a| matches!(a.state, State::Waiting)) {
                if let Some(answer) = self.outcomes.remove(&asker.token) {
                    asker.state = self.answered(*at, &answer, &owners);
                } else if !self.members.contains(&asker.host) {
                    self.waiting.remove(&asker.token);
                    asker.state = State::Gone;
                }
            }
        }
    }

    fn answered(&self, asked: Time, answer: &Answer, owners: &Owners) -> State {
        let Answer::Looked { key, owner, hops, milliseconds } = *answer else { return State::Waiting };
        let owner = owner.and_then(|id| self.host_of(id));
        let owned = owner.is_some_and(|host| owners.is(key, host));
        let at = asked + Duration::from_secs_f64(milliseconds / 1e3);
        State::Answered { at, owner, owned, hops, milliseconds }
    }
}
