//! Requests of an agent that are not answered yet: they are repeated, until there is no point any more.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::message::What;
use crate::anycast::face::PATIENCE;
use crate::machine::Time;

/// Most requests at a time.
const MAX_ASKS: usize = 64;

/// A request is first repeated after this, then after twice as long, and so on.
const FIRST: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(2);

/// Agents stop waiting for answers to questions a little before those who asked them do.
const MARGIN: Duration = Duration::from_millis(200);

/// What a leaver waits for a proxy.
const LEAVING: Duration = Duration::from_millis(1500);

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Repeated as long as the member wants to be one.
    Register,
    Leave,
    /// Of whoever asked, by their token.
    Question(u64),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) purpose: Purpose,
    pub(super) what: What,
    /// A proxy of which it has to be; `None`: routing chooses.
    pub(super) of: Option<SocketAddr>,
    since: Time,
    again: Time,
    tries: u32,
    /// Whether a challenge was answered since it was sent last: of a flood of challenges one is.
    proven: bool,
}

#[derive(Debug, Default)]
pub(super) struct Asks(BTreeMap<u64, Ask>);

impl Asks {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn clear(&mut self, purpose: Purpose) {
        self.0.retain(|_, ask| ask.purpose != purpose);
    }

    pub(super) fn has(&self, purpose: Purpose) -> bool {
        self.0.values().any(|ask| ask.purpose == purpose)
    }

    /// Its token; `None`: there are too many.
    pub(super) fn add(
        &mut self,
        now: Time,
        rng: &mut ChaCha8Rng,
        purpose: Purpose,
        what: What,
        of: Option<SocketAddr>,
    ) -> Option<u64> {
        if self.0.len() >= MAX_ASKS {
            return None;
        }
        let token = rng.random();
        let again = now + FIRST.mul_f64(rng.random_range(0.75..1.25));
        self.0.insert(token, Ask { purpose, what, of, since: now, again, tries: 1, proven: false });
        Some(token)
    }

    pub(super) fn get(&self, token: u64) -> Option<Ask> {
        self.0.get(&token).copied()
    }

    pub(super) fn take(&mut self, token: u64) -> Option<Ask> {
        self.0.remove(&token)
    }

    /// Whether to answer a challenge.
    pub(super) fn prove(&mut self, now: Time, token: u64) -> Option<Ask> {
        let ask = self.0.get_mut(&token).filter(|ask| !ask.proven)?;
        ask.proven = true;
        ask.again = ask.again.max(now + FIRST);
        Some(*ask)
    }

    /// What to send again, and what there is no point in any more.
    pub(super) fn due(&mut self, now: Time, rng: &mut ChaCha8Rng) -> (Vec<u64>, Vec<Ask>) {
        let (mut again, mut over) = (Vec::new(), Vec::new());
        self.0.retain(|token, ask| {
            if ask.end().is_some_and(|end| end <= now) {
                over.push(*ask);
                return false;
            }
            if ask.again <= now {
                let pause = (FIRST * 2u32.pow(ask.tries.min(8))).min(LONGEST);
                ask.again = now + pause.mul_f64(rng.random_range(0.75..1.25));
                ask.tries += 1;
                ask.proven = false;
                again.push(*token);
            }
            true
        });
        (again, over)
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.0.values().map(|ask| ask.end().map_or(ask.again, |end| end.min(ask.again))).min()
    }
}

impl Ask {
    fn end(&self) -> Option<Time> {
        match self.purpose {
            Purpose::Register => None,
            Purpose::Leave => Some(self.since + LEAVING),
            Purpose::Question(_) => Some(self.since + (PATIENCE - MARGIN)),
        }
    }

    /// Whether it was sent before in vain.
    pub(super) fn is_repeated(&self) -> bool {
        self.tries > 1
    }
}
