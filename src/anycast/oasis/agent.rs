//! The end of OASIS on a host: a replica's, or only one that asks.

use std::net::SocketAddr;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::asking::Questions;
use super::end::{ANSWER, End};
use super::landmarks::{REFUSES, landmarks};
use super::meridian::node::Node;
use super::meridian::wish::Wish;
use super::message::{Contact, Landmark, Message, Registration};
use crate::anycast::config::PORT;
use crate::anycast::face::{Agent, AgentConfig, Question, Said, Target, Unavailable};
use crate::anycast::member::cookie::Cookie;
use crate::machine::{Port, Stream, StreamId, Time};
use crate::overlay::wire::decode;

/// Who leaves does not wait longer for somebody to hear it.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) struct Replica {
    end: End,
    questions: Questions,
    /// While it is a member, if it is known where it stands.
    meridian: Option<Node>,
    membership: Membership,
    /// Whom it told last that it is there, when, and whether that was heard.
    told: Option<(SocketAddr, Time, bool)>,
    /// It proves by this to that core node that its address is its own.
    cookie: Option<(SocketAddr, Cookie)>,
    nonce: u64,
    tell_at: Time,
    /// Datagrams sent since the last heartbeat.
    load: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Membership {
    Out,
    Joining,
    In,
    /// Until then.
    Leaving(Time),
}

impl Replica {
    pub(super) fn new(config: AgentConfig, now: Time) -> Self {
        let mut end = End::new(config, now);
        let nonce = end.rng.random();
        Self {
            end,
            questions: Questions::default(),
            meridian: None,
            membership: Membership::Out,
            told: None,
            cookie: None,
            nonce,
            tell_at: now,
            load: 0,
        }
    }

    fn is_out(&self) -> bool {
        self.membership == Membership::Out
    }

    /// Tells a core node that it is there, or that it is not any more.
    fn tell(&mut self, now: Time) {
        if let Some((whom, _, false)) = self.told {
            self.end.chooser.silent(now, whom);
        }
        let Some(whom) = self.end.chooser.best(now) else {
            self.told = None;
            self.tell_at = now + self.end.jitter(ANSWER / 4);
            return;
        };
        self.told = Some((whom, now, false));
        self.tell_at = now + self.end.jitter(ANSWER);
        self.register(whom);
    }

    fn register(&mut self, whom: SocketAddr) {
        let cookie = self.cookie.filter(|(server, _)| *server == whom).map(|(_, cookie)| cookie);
        let registration = Registration {
            nonce: self.nonce,
            cookie,
            tag: self.end.tag,
            service: self.end.config.group.clone(),
            member: self.end.config.peer.address,
            place: self.end.config.place,
            load: self.load,
        };
        let leaving = matches!(self.membership, Membership::Leaving(_));
        let message = if leaving { Message::Unregister(registration) } else { Message::Register(registration) };
        self.end.tell_core(whom, &message);
    }

    fn challenged(&mut self, from: SocketAddr, nonce: u64, cookie: Cookie) {
        let asked = self.told.is_some_and(|(whom, _, heard)| whom == from && !heard);
        // Once for each time that it tells: a core node that challenges for ever is as good as silent.
        let again = self.cookie == Some((from, cookie));
        if asked && nonce == self.nonce && !again && !self.is_out() {
            self.cookie = Some((from, cookie));
            self.register(from);
        }
    }

    fn registered(&mut self, now: Time, from: SocketAddr, nonce: u64) {
        let Some((_, since, _)) = self.told.filter(|(whom, _, heard)| *whom == from && !heard) else { return };
        if nonce != self.nonce {
            return;
        }
        self.told = Some((from, since, true));
        self.end.chooser.answered(from);
        match self.membership {
            Membership::Joining => {
                self.membership = Membership::In;
                self.end.said.push_back(Said::Member(true));
            }
            Membership::Leaving(_) => return self.left(),
            Membership::In => {}
            Membership::Out => return,
        }
        self.load = 0;
        self.tell_at = now + self.end.settings.heartbeat.mul_f64(self.end.rng.random_range(0.85..1.0));
    }

    fn left(&mut self) {
        self.membership = Membership::Out;
        self.told = None;
        self.end.said.push_back(Said::Member(false));
    }

    fn wishes(&mut self) {
        while let Some(wish) = self.meridian.as_mut().and_then(Node::wish) {
            match wish {
                Wish::Send(to, message) => self.end.transmit(to.address, to.tag, &message),
                Wish::Open(stream, target) => {
                    let open = Stream::Open { at: Port::unicast(0), peer: SocketAddr::new(target, REFUSES) };
                    self.end.said.push_back(Said::Stream(StreamId::Ours(stream), open));
                }
                Wish::Close(stream) => self.end.said.push_back(Said::Stream(StreamId::Ours(stream), Stream::Close)),
                // It begins no searches.
                Wish::Ended(_) => {}
            }
        }
    }

    fn contact(&self) -> Contact {
        Contact { address: SocketAddr::new(self.end.config.peer.address.ip(), PORT), tag: self.end.tag }
    }
}

impl Agent for Replica {
    fn join(&mut self, now: Time) {
        match self.membership {
            Membership::In => return self.end.said.push_back(Said::Member(true)),
            Membership::Joining => return,
            Membership::Out | Membership::Leaving(_) => self.membership = Membership::Joining,
        }
        if let Some(place) = self.end.config.place
            && self.meridian.is_none()
        {
            let below = ChaCha8Rng::from_seed(self.end.rng.random());
            let me = Landmark { contact: self.contact(), place };
            let mut node = Node::new(me, self.end.settings, below, now);
            landmarks(&self.end.config.facts).for_each(|landmark| node.keep(landmark));
            self.meridian = Some(node);
        }
        self.told = None;
        self.tell_at = now;
        self.end.chooser.start(now);
        self.timer(now);
    }

    fn leave(&mut self, now: Time) {
        match self.membership {
            Membership::In => {
                self.membership = Membership::Leaving(now + FAREWELL);
                self.told = None;
                self.tell(now);
            }
            Membership::Joining | Membership::Out => self.left(),
            Membership::Leaving(_) => {}
        }
    }

    fn ask(&mut self, now: Time, token: u64, question: &Question) -> Result<(), Unavailable> {
        let but = (!self.is_out()).then_some(self.end.config.peer.address);
        self.questions.begin(&mut self.end, now, token, question, but);
        Ok(())
    }

    fn send(&mut self, _: Time, to: Target, bytes: Vec<u8>) {
        if let Target::Address(to) = to {
            self.load = self.load.saturating_add(1);
            self.end.said.push_back(Said::Datagram { to, bytes });
        }
    }

    fn datagram(&mut self, now: Time, at: Port, from: SocketAddr, bytes: &[u8]) {
        let Ok(message) = decode::<Message>(self.end.tag, bytes) else { return };
        if at != Port::unicast(PORT) {
            return;
        }
        let is_core_node = self.end.is_core_node(from);
        match message {
            Message::Ping { nonce, tag } => self.end.transmit(from, tag, &Message::Pong { nonce }),
            Message::Pong { nonce } => {
                if !self.end.chooser.pong(now, from, nonce)
                    && let Some(node) = &mut self.meridian
                {
                    node.pong(now, from, nonce);
                }
                self.questions.answered(&mut self.end, now);
                if !self.is_out() && self.told.is_none() {
                    self.tell(now);
                }
            }
            Message::Challenge { nonce, cookie } => self.challenged(from, nonce, cookie),
            Message::Registered { nonce } => self.registered(now, from, nonce),
            Message::Found { nonce, members, .. } => self.questions.found(&mut self.end, from, nonce, members),
            Message::Landmark(talk) => {
                if let Some(node) = self.meridian.as_mut().filter(|_| self.membership == Membership::In) {
                    node.hear(now, from, is_core_node, talk);
                }
            }
            Message::Register(_) | Message::Unregister(_) | Message::Ask(_) | Message::Core(_) => {}
        }
        self.wishes();
    }

    fn stream(&mut self, now: Time, id: StreamId, part: Stream<&[u8]>) {
        let refused = part == Stream::Close;
        if let (StreamId::Ours(stream), true, Some(node)) = (id, refused || part == Stream::Lost, &mut self.meridian) {
            node.closed(now, stream, refused);
            self.wishes();
        }
    }

    fn renumbered(&mut self, now: Time, address: SocketAddr) {
        self.end.config.peer.address = address;
        self.cookie = None;
        self.told = None;
        self.tell_at = now;
        let contact = self.contact();
        if let Some(node) = &mut self.meridian {
            node.moved(contact);
        }
        self.questions.renumbered(address);
    }

    fn timer(&mut self, now: Time) {
        if self.is_out() && self.questions.len() == 0 {
            // Nobody needs it.
            self.end.chooser.stop();
        } else {
            self.end.measure(now);
        }
        if let Membership::Leaving(until) = self.membership
            && until <= now
        {
            self.left();
        }
        if !self.is_out() && self.tell_at <= now {
            self.tell(now);
        }
        self.questions.ask_again(&mut self.end, now);
        if let Some(node) = self.meridian.as_mut().filter(|_| self.membership == Membership::In)
            && node.due() <= now
        {
            node.timer(now);
        }
        self.wishes();
    }

    fn said(&mut self) -> Option<Said> {
        self.end.said.pop_front()
    }

    fn due(&self) -> Option<Time> {
        let leaving = if let Membership::Leaving(until) = self.membership { Some(until) } else { None };
        let tell = (!self.is_out()).then_some(self.tell_at);
        let node = self.meridian.as_ref().filter(|_| self.membership == Membership::In).map(Node::due);
        [leaving, tell, self.questions.due(), node, self.end.chooser.due()].into_iter().flatten().min()
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        let own = [("questions", self.questions.len()), ("pings to core nodes", self.end.chooser.len())];
        own.into_iter().chain(self.meridian.iter().flat_map(Node::tables)).collect()
    }
}
