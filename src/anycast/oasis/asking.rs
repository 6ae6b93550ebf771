//! What an agent asks core nodes, until one answers.

use std::net::SocketAddr;

use rand::RngExt;

use super::agent::{ANSWER, Replica};
use super::message::{Ask, How, MOST, Message};
use crate::anycast::face::{PATIENCE, Question, Said, Target};
use crate::machine::Time;

/// Most questions under way.
const MAX_ASKS: usize = 64;
/// What an answer has besides addresses, and each of those, at most.
const HEAD: usize = 40;
const ADDRESS: usize = 20;

pub(super) struct Asked {
    pub(super) token: u64,
    pub(super) ask: Ask,
    pub(super) until: Time,
    /// Whom, and when to give that up.
    pub(super) whom: Option<SocketAddr>,
    pub(super) again: Time,
}

impl Replica {
    /// A question begins, and gets an answer, if with nothing.
    pub(super) fn begin(&mut self, now: Time, token: u64, question: &Question) {
        let most = self.settings.answers;
        let (how, count) = match question {
            Question::Nearest => (How::Near, most),
            Question::Idle => (How::Idle, most),
            Question::Neighbors(count) => (How::Near, *count),
            Question::Random => (How::Random, 1),
            Question::Region(host, count) => (How::Region(host.clone()), *count),
        };
        let count = count.min(MOST);
        if count == 0 || self.asks.len() >= MAX_ASKS {
            self.said.push_back(Said::Found { token, targets: Vec::new() });
            return;
        }
        let nonce = self.rng.random();
        let ask = Ask {
            nonce,
            tag: self.tag,
            service: self.config.group.clone(),
            how,
            count: count as u16,
            except: (!self.is_out()).then_some(self.config.peer.address),
            padding: vec![0; HEAD + ADDRESS * count],
        };
        self.asks.insert(nonce, Asked { token, ask, until: now + PATIENCE, whom: None, again: now });
        self.chooser.start(now);
        self.measure(now);
        self.ask_now(now, nonce);
    }

    /// Asks the nearest core node, or the next if that was silent.
    pub(super) fn ask_now(&mut self, now: Time, nonce: u64) {
        let again = now + self.jitter(ANSWER);
        let soon = now + self.jitter(ANSWER / 8);
        let Some(asked) = self.asks.get_mut(&nonce) else { return };
        if let Some(whom) = asked.whom.take() {
            self.chooser.silent(now, whom);
        }
        asked.whom = self.chooser.best(now);
        asked.again = if asked.whom.is_some() { again } else { soon };
        let message = Message::Ask(asked.ask.clone());
        if let Some(whom) = asked.whom {
            self.tell_core(whom, &message);
        }
    }

    pub(super) fn found(&mut self, from: SocketAddr, nonce: u64, members: Vec<SocketAddr>) {
        let Some(asked) = self.asks.get(&nonce) else { return };
        // A late answer of another core node that was asked is one too: its nonce was told to nobody else.
        let own = self.config.facts.servers.iter().any(|site| site.peer.address == from);
        let most = usize::from(asked.ask.count);
        if let Some(asked) = own.then(|| self.asks.remove(&nonce)).flatten() {
            self.chooser.answered(from);
            let targets = members.into_iter().take(most).map(Target::Address).collect();
            self.said.push_back(Said::Found { token: asked.token, targets });
        }
    }

    /// Questions that nobody answered are asked again, for a while.
    pub(super) fn ask_again(&mut self, now: Time) {
        let due: Vec<_> =
            self.asks.iter().filter(|(_, a)| a.again.min(a.until) <= now).map(|(n, a)| (*n, a.until)).collect();
        for (nonce, until) in due {
            if until > now {
                self.ask_now(now, nonce);
            } else if let Some(asked) = self.asks.remove(&nonce) {
                self.said.push_back(Said::Found { token: asked.token, targets: Vec::new() });
            }
        }
    }
}
