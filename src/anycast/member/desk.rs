//! Questions: a command's, another overlay's, a stranger's. A member asks its own overlay, and where that has no answer
//! the overlays that it is a gateway to; who is no member asks one.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use super::core::Core;
use super::message::Message;
use super::visit::{MARGIN, Visits};
use crate::anycast::event::Event;
use crate::anycast::inquiry::{Found, Inquiry, Reply, Step};
use crate::overlay::{Answer, Ask, Time, Token};

/// Most questions open at once, and most answers that are kept.
const MAX_OPEN: usize = 256;
const MAX_KEPT: usize = 64;
/// So long an answer is said again to a stranger who has not heard it.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(10);

/// Who wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// A command from outside.
    Command(u64),
    /// Another overlay's node on this host.
    Host(u64),
    /// Somebody who is no member, at this address.
    Stranger { at: SocketAddr, nonce: u64 },
    /// This overlay's protocol, of the overlay that it stands on.
    Below(u64),
}

/// Questions that have not been answered, and answers from elsewhere.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) visits: Visits,
    open: BTreeMap<u64, Open>,
    next: u64,
    /// What other overlays have answered of late.
    kept: VecDeque<Kept>,
    /// What strangers have been told of late.
    told: VecDeque<(Time, SocketAddr, u64, Reply)>,
}

#[derive(Debug)]
struct Open {
    asker: Asker,
    inquiry: Inquiry,
    begun: Time,
    until: Time,
    /// Whom it has been passed on to.
    beyond: Option<String>,
}

#[derive(Debug)]
struct Kept {
    ask: Ask,
    reply: Reply,
    until: Time,
}

impl Desk {
    pub(super) fn due(&self) -> Option<Time> {
        self.open.values().map(|open| open.until).chain(self.visits.due()).min()
    }

    pub(super) fn tables(&self) -> [(&'static str, usize); 4] {
        let (open, kept, told) = (self.open.len(), self.kept.len(), self.told.len());
        [("questions", open), ("visits", self.visits.len()), ("answers kept", kept), ("answers told", told)]
    }

    pub(super) fn begin(&mut self, core: &mut Core, now: Time, asker: Asker, mut inquiry: Inquiry) {
        let own = core.config.overlay.clone();
        if let Asker::Stranger { at, nonce } = asker
            && self.has_heard(core, now, at, nonce)
        {
            return;
        }
        let begun = now;
        let until = now + inquiry.patience();
        let open = |inquiry| Open { asker, inquiry, begun, until, beyond: None };
        if self.open.len() >= MAX_OPEN || !inquiry.is_fair() || inquiry.asked.contains(&own) {
            let asked = inquiry.asked.clone();
            return self.tell(core, now, open(inquiry), Reply { asked, ..Reply::default() });
        }
        let number = self.next;
        self.next += 1;
        if let Asker::Below(_) = asker {
            self.open.insert(number, open(inquiry));
            return self.pass_on(core, now, number);
        }
        if !core.is_member() {
            self.open.insert(number, open(inquiry.clone()));
            return self.visits.begin(core, now, number, inquiry, until);
        }
        inquiry.asked.push(own);
        let protocol = core.config.protocol.protocol;
        let here = inquiry.ask.clone().suiting(|kind| protocol.may(kind));
        self.open.insert(number, open(inquiry));
        match here {
            Some(ask) => core.overlay.ask(now, Token::Question(number), ask),
            None => self.pass_on(core, now, number),
        }
    }

    /// This node's overlay has answered.
    pub(super) fn answered(&mut self, core: &mut Core, now: Time, number: u64, answer: Answer) {
        let Some(open) = self.open.get(&number) else { return };
        match Found::of(answer) {
            Some(found) => {
                let asked = open.inquiry.asked.clone();
                self.end(core, now, number, Reply { found: Some(found), path: Vec::new(), asked });
            }
            None => self.pass_on(core, now, number),
        }
    }

    /// Another overlay has, or could not.
    pub(super) fn replied(&mut self, core: &mut Core, now: Time, number: u64, reply: Reply) {
        let Some(open) = self.open.get_mut(&number).filter(|_| reply.is_fair()) else { return };
        let Some(overlay) = open.beyond.take() else { return };
        for asked in reply.asked.iter().chain([&overlay]) {
            if !open.inquiry.asked.contains(asked) {
                open.inquiry.asked.push(asked.clone());
            }
        }
        if reply.found.is_none() {
            return self.pass_on(core, now, number);
        }
        let (asker, ask) = (open.asker, open.inquiry.ask.clone());
        let keeps = core.config.beyond.cache;
        if !keeps.is_zero() && !matches!(asker, Asker::Below(_)) && !matches!(ask, Ask::Put { .. }) {
            self.kept.retain(|kept| kept.until > now && kept.ask != ask);
            self.kept.truncate(MAX_KEPT - 1);
            self.kept.push_front(Kept { ask, reply: reply.clone(), until: now + keeps });
        }
        self.end(core, now, number, reply);
    }

    /// A member has answered this node, which is none.
    pub(super) fn visited(&mut self, core: &mut Core, now: Time, number: u64, reply: Reply) {
        if let Some(open) = self.open.remove(&number) {
            self.tell(core, now, open, reply);
        }
    }

    pub(super) fn timeout(&mut self, core: &mut Core, now: Time) {
        let late: Vec<u64> = self.open.iter().filter(|(_, open)| open.until <= now).map(|(n, _)| *n).collect();
        for number in late {
            self.visits.end(number);
            if let Some(open) = self.open.remove(&number) {
                let asked = open.inquiry.asked.clone();
                self.tell(core, now, open, Reply { asked, ..Reply::default() });
            }
        }
        self.visits.timeout(core, now);
        self.told.retain(|(since, ..)| now - *since <= AGAIN);
    }

    /// To the next overlay that has not been asked, unless what it would say is known.
    fn pass_on(&mut self, core: &mut Core, now: Time, number: u64) {
        let Some(open) = self.open.get_mut(&number) else { return };
        let Inquiry { ask, asked, hops, .. } = &open.inquiry;
        let kept = self.kept.iter().find(|kept| kept.until > now && kept.ask == *ask);
        if let (Some(kept), false) = (kept, matches!(open.asker, Asker::Below(_))) {
            let reply = kept.reply.clone();
            return self.end(core, now, number, reply);
        }
        let to: Vec<&String> = match (open.asker, ask) {
            (Asker::Below(_), _) => core.config.beyond.over.iter().collect(),
            // Whose a key is, and where something is kept, is each overlay's own affair.
            (_, Ask::Find { .. } | Ask::Put { .. }) => Vec::new(),
            _ => core.config.beyond.gateways.iter().collect(),
        };
        let next = to.into_iter().find(|overlay| !asked.contains(overlay));
        let left = open.until.0.saturating_sub(now.0).saturating_sub(MARGIN);
        match next.filter(|_| *hops > 0 && left > MARGIN) {
            Some(overlay) => {
                let milliseconds = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
                let inquiry = Inquiry { hops: hops - 1, milliseconds, ..open.inquiry.clone() };
                open.beyond = Some(overlay.clone());
                core.emit(Event::Asks { token: number, overlay: overlay.clone(), inquiry });
            }
            None => {
                let asked = asked.clone();
                self.end(core, now, number, Reply { asked, ..Reply::default() });
            }
        }
    }

    /// A question that this node, a member, has the end of.
    fn end(&mut self, core: &mut Core, now: Time, number: u64, mut reply: Reply) {
        let Some(open) = self.open.remove(&number) else { return };
        if !matches!(open.asker, Asker::Below(_)) {
            reply.path.insert(0, Step { overlay: core.config.overlay.clone(), member: core.config.id });
        }
        self.tell(core, now, open, reply);
    }

    fn tell(&mut self, core: &mut Core, now: Time, open: Open, reply: Reply) {
        match open.asker {
            Asker::Command(token) => {
                let own = |step: &Step| step.member == core.config.id && step.overlay == core.config.overlay;
                let path = reply.path.iter().skip_while(|step| own(step)).cloned().collect();
                let outcome = reply.answer(open.inquiry.ask, now.millis_since(open.begun));
                core.emit(Event::Done { token, path, outcome });
            }
            Asker::Host(token) => core.emit(Event::Replies { token, reply }),
            Asker::Stranger { at, nonce } => {
                core.send(at, &Message::Found { nonce, reply: reply.clone() });
                self.told.truncate(MAX_KEPT - 1);
                self.told.push_front((now, at, nonce, reply));
            }
            Asker::Below(number) => {
                let answer = reply.answer(open.inquiry.ask, now.millis_since(open.begun));
                core.overlay.answered_below(now, number, answer);
            }
        }
    }

    /// Whether a stranger asks once more: then it is told what it has been told, or that there is nothing to tell yet.
    fn has_heard(&mut self, core: &mut Core, now: Time, at: SocketAddr, nonce: u64) -> bool {
        let said = self.told.iter().find(|(since, to, of, _)| now - *since <= AGAIN && (*to, *of) == (at, nonce));
        let open = self.open.values().any(|open| open.asker == Asker::Stranger { at, nonce });
        match said {
            Some((.., reply)) => core.send(at, &Message::Found { nonce, reply: reply.clone() }),
            None if open => core.send(at, &Message::Wait { nonce }),
            None => return false,
        }
        true
    }
}
