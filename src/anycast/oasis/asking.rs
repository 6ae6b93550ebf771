//! What an agent asks core nodes, until one answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rand::RngExt;

use super::end::{ANSWER, End};
use super::message::{Ask, How, MOST, Message};
use crate::anycast::face::{PATIENCE, Question, Said, Target};
use crate::machine::Time;

/// Most questions under way.
const MAX_ASKS: usize = 64;
/// What an answer has besides addresses, and each of those, at most.
const HEAD: usize = 40;
const ADDRESS: usize = 20;

struct Asked {
    token: u64,
    ask: Ask,
    until: Time,
    /// Whom, and when to give that up.
    whom: Option<SocketAddr>,
    again: Time,
}

/// Questions under way, by nonce.
#[derive(Default)]
pub(super) struct Questions(BTreeMap<u64, Asked>);

impl Questions {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A question begins, and gets an answer, if with nothing. `but`: who asks, if it is a member.
    pub(super) fn begin(&mut self, end: &mut End, now: Time, token: u64, question: &Question, but: Option<SocketAddr>) {
        let most = end.settings.answers;
        let (how, count) = match question {
            Question::Nearest => (How::Near, most),
            Question::Idle => (How::Idle, most),
            Question::Neighbors(count) => (How::Near, *count),
            Question::Random => (How::Random, 1),
            Question::Region(host, count) => (How::Region(host.clone()), *count),
        };
        let count = count.min(MOST);
        if count == 0 || self.0.len() >= MAX_ASKS {
            end.said.push_back(Said::Found { token, targets: Vec::new() });
            return;
        }
        let nonce = end.rng.random();
        let ask = Ask {
            nonce,
            tag: end.tag,
            service: end.config.group.clone(),
            how,
            count: count as u16,
            except: but,
            padding: vec![0; HEAD + ADDRESS * count],
        };
        self.0.insert(nonce, Asked { token, ask, until: now + PATIENCE, whom: None, again: now });
        end.chooser.start(now);
        end.measure(now);
        self.ask_now(end, now, nonce);
    }

    /// Asks the nearest core node, or the next if that was silent.
    fn ask_now(&mut self, end: &mut End, now: Time, nonce: u64) {
        let again = now + end.jitter(ANSWER);
        let soon = now + end.jitter(ANSWER / 8);
        let Some(asked) = self.0.get_mut(&nonce) else { return };
        if let Some(whom) = asked.whom.take() {
            end.chooser.silent(now, whom);
        }
        asked.whom = end.chooser.best(now);
        asked.again = if asked.whom.is_some() { again } else { soon };
        let message = Message::Ask(asked.ask.clone());
        if let Some(whom) = asked.whom {
            end.tell_core(whom, &message);
        }
    }

    /// A core node answers pings: what has waited for the first that does waits no longer.
    pub(super) fn answered(&mut self, end: &mut End, now: Time) {
        let waiting: Vec<_> = self.0.iter().filter(|(_, a)| a.whom.is_none()).map(|(n, _)| *n).collect();
        for nonce in waiting {
            self.ask_now(end, now, nonce);
        }
    }

    pub(super) fn found(&mut self, end: &mut End, from: SocketAddr, nonce: u64, members: Vec<SocketAddr>) {
        let Some(asked) = self.0.get(&nonce) else { return };
        // A late answer of another core node that was asked is one too: its nonce was told to nobody else.
        let own = end.is_core_node(from);
        let most = usize::from(asked.ask.count);
        if let Some(asked) = own.then(|| self.0.remove(&nonce)).flatten() {
            end.chooser.answered(from);
            let targets = members.into_iter().take(most).map(Target::Address).collect();
            end.said.push_back(Said::Found { token: asked.token, targets });
        }
    }

    /// Questions that nobody answered are asked again, for a while.
    pub(super) fn ask_again(&mut self, end: &mut End, now: Time) {
        let due: Vec<_> =
            self.0.iter().filter(|(_, a)| a.again.min(a.until) <= now).map(|(n, a)| (*n, a.until)).collect();
        for (nonce, until) in due {
            if until > now {
                self.ask_now(end, now, nonce);
            } else if let Some(asked) = self.0.remove(&nonce) {
                end.said.push_back(Said::Found { token: asked.token, targets: Vec::new() });
            }
        }
    }

    /// Who asks has another address now.
    pub(super) fn renumbered(&mut self, address: SocketAddr) {
        for asked in self.0.values_mut() {
            asked.ask.except = asked.ask.except.map(|_| address);
        }
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.0.values().map(|asked| asked.again.min(asked.until)).min()
    }
}
