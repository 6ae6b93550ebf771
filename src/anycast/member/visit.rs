//! Asking an overlay as one who is no member: whichever member anycast brings the Hello to answers the question.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::asks::Why;
use super::cookie::Cookie;
use super::core::Core;
use super::message::Message;
use crate::anycast::face::Question;
use crate::anycast::inquiry::{Inquiry, Reply};
use crate::overlay::Time;

/// A member that has not been heard of after so many tellings is gone: another one is looked for.
const TELLINGS: u32 = 3;
/// The wait between two tellings doubles this often.
const MAX_DOUBLINGS: u32 = 4;

/// The member has so much less time than who asks has patience.
pub(super) const MARGIN: Duration = Duration::from_millis(500);

/// Questions under way, by the desk's numbers.
#[derive(Debug, Default)]
pub(super) struct Visits(BTreeMap<u64, Visit>);

#[derive(Debug)]
struct Visit {
    inquiry: Inquiry,
    /// Until when an answer is of use.
    until: Time,
    told: Option<Told>,
    /// When it is said again, and how often it has been.
    next: Time,
    times: u32,
}

/// The member that has the question.
#[derive(Debug)]
struct Told {
    to: SocketAddr,
    nonce: u64,
    cookie: Cookie,
}

impl Visits {
    pub(super) fn due(&self) -> Option<Time> {
        self.0.values().map(|visit| visit.next).min()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn begin(&mut self, core: &mut Core, now: Time, number: u64, inquiry: Inquiry, until: Time) {
        let mut visit = Visit { inquiry, until, told: None, next: now, times: 0 };
        visit.again(core, now, number);
        self.0.insert(number, visit);
    }

    pub(super) fn end(&mut self, number: u64) {
        self.0.remove(&number);
    }

    /// A member is there, and wants to be shown this.
    pub(super) fn there(&mut self, core: &mut Core, now: Time, number: u64, told: (SocketAddr, u64, Cookie)) {
        let Some(visit) = self.0.get_mut(&number).filter(|visit| visit.told.is_none()) else { return };
        let (to, nonce, cookie) = told;
        (visit.told, visit.times) = (Some(Told { to, nonce, cookie }), 0);
        visit.again(core, now, number);
    }

    /// The member that has the question is still at it.
    pub(super) fn waits(&mut self, from: SocketAddr, nonce: u64) {
        if let Some(visit) = self.0.values_mut().find(|visit| visit.is_with(from, nonce)) {
            visit.times = 0;
        }
    }

    /// The member has answered; which question that was.
    pub(super) fn answered(&mut self, from: SocketAddr, nonce: u64, reply: &Reply) -> Option<u64> {
        let (number, _) = self.0.iter().find(|(_, visit)| visit.is_with(from, nonce))?;
        let number = *number;
        if !reply.is_fair() {
            return None;
        }
        self.0.remove(&number);
        Some(number)
    }

    pub(super) fn timeout(&mut self, core: &mut Core, now: Time) {
        for (number, visit) in &mut self.0 {
            if visit.next <= now {
                visit.again(core, now, *number);
            }
        }
    }
}

impl Visit {
    fn is_with(&self, from: SocketAddr, nonce: u64) -> bool {
        self.told.as_ref().is_some_and(|told| told.to == from && told.nonce == nonce)
    }

    /// Says it, or says it again.
    fn again(&mut self, core: &mut Core, now: Time, number: u64) {
        if self.told.is_some() && self.times >= TELLINGS {
            (self.told, self.times) = (None, 0);
        }
        self.next = now + core.config.rpc_timeout * 2u32.pow(self.times.min(MAX_DOUBLINGS));
        self.times += 1;
        match &self.told {
            None => core.look(now, &Question::Nearest, Why::Visit { number }),
            Some(told) => {
                let left = self.until.0.saturating_sub(now.0).saturating_sub(MARGIN);
                let milliseconds = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
                let inquiry = Inquiry { milliseconds, ..self.inquiry.clone() };
                let want = Message::Want { nonce: told.nonce, cookie: told.cookie, inquiry };
                core.send(told.to, &want);
            }
        }
    }
}
