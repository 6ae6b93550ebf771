//! The end of OASIS on a host: a replica's, or only one that asks.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::asking::Asked;
use super::chooser::Chooser;
use super::meridian::node::{Node, Wish};
use super::message::{Contact, Landmark, Message, Registration};
use super::server::{REFUSES, landmarks};
use super::settings::Settings;
use crate::anycast::config::PORT;
use crate::anycast::face::{Agent, AgentConfig, Question, Said, Target, Unavailable};
use crate::anycast::member::cookie::Cookie;
use crate::machine::{Port, Stream, StreamId, Time};
use crate::overlay::id::Id;
use crate::overlay::wire::{Tag, decode, encode};

/// A core node that has not answered by now is asked again, or another.
pub(super) const ANSWER: Duration = Duration::from_millis(600);
/// Who leaves does not wait longer for somebody to hear it.
const FAREWELL: Duration = Duration::from_secs(1);
pub(super) struct Replica {
    pub(super) config: AgentConfig,
    pub(super) settings: Settings,
    pub(super) tag: Tag,
    pub(super) rng: ChaCha8Rng,
    pub(super) chooser: Chooser,
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
    pub(super) asks: BTreeMap<u64, Asked>,
    pub(super) said: VecDeque<Said>,
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
        let stream = Id::hash(&[
            b"oasis agent",
            &config.seed.to_be_bytes(),
            config.group.as_bytes(),
            config.host.as_bytes(),
            &now.0.as_nanos().to_be_bytes(),
        ]);
        let mut seed = [0; 32];
        seed[..16].copy_from_slice(&stream.0.to_be_bytes());
        let mut rng = ChaCha8Rng::from_seed(seed);
        Self {
            settings: Settings::of(&config.facts),
            tag: config.tag(),
            chooser: Chooser::new(&config.facts, &mut rng),
            meridian: None,
            membership: Membership::Out,
            told: None,
            cookie: None,
            nonce: rng.random(),
            tell_at: now,
            load: 0,
            asks: BTreeMap::new(),
            said: VecDeque::new(),
            rng,
            config,
        }
    }

    pub(super) fn is_out(&self) -> bool {
        self.membership == Membership::Out
    }

    fn transmit(&mut self, to: SocketAddr, tag: Tag, message: &Message) {
        if let Some(bytes) = encode(tag, message) {
            self.said.push_back(Said::Datagram { from: Port::unicast(PORT), to, bytes });
        }
    }

    pub(super) fn tell_core(&mut self, to: SocketAddr, message: &Message) {
        self.transmit(to, self.config.facts.tag(), message);
    }

    /// Tells a core node that it is there, or that it is not any more.
    fn tell(&mut self, now: Time) {
        if let Some((whom, _, false)) = self.told {
            self.chooser.silent(now, whom);
        }
        let Some(whom) = self.chooser.best(now) else {
            self.told = None;
            self.tell_at = now + self.jitter(ANSWER / 4);
            return;
        };
        self.told = Some((whom, now, false));
        self.tell_at = now + self.jitter(ANSWER);
        self.register(whom);
    }

    fn register(&mut self, whom: SocketAddr) {
        let cookie = self.cookie.filter(|(server, _)| *server == whom).map(|(_, cookie)| cookie);
        let registration = Registration {
            nonce: self.nonce,
            cookie,
            tag: self.tag,
            service: self.config.group.clone(),
            member: self.config.peer.address,
            place: self.config.place,
            load: self.load,
        };
        let leaving = matches!(self.membership, Membership::Leaving(_));
        let message = if leaving { Message::Unregister(registration) } else { Message::Register(registration) };
        self.tell_core(whom, &message);
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
        self.chooser.answered(from);
        match self.membership {
            Membership::Joining => {
                self.membership = Membership::In;
                self.said.push_back(Said::Member(true));
            }
            Membership::Leaving(_) => return self.left(),
            Membership::In => {}
            Membership::Out => return,
        }
        self.load = 0;
        self.tell_at = now + self.settings.heartbeat.mul_f64(self.rng.random_range(0.85..1.0));
    }

    fn left(&mut self) {
        self.membership = Membership::Out;
        self.told = None;
        self.said.push_back(Said::Member(false));
    }

    pub(super) fn jitter(&mut self, time: Duration) -> Duration {
        time.mul_f64(self.rng.random_range(0.75..1.25))
    }

    fn wishes(&mut self) {
        while let Some(wish) = self.meridian.as_mut().and_then(Node::wish) {
            match wish {
                Wish::Send(to, message) => self.transmit(to.address, to.tag, &message),
                Wish::Open(stream, target) => {
                    let open = Stream::Open { at: Port::unicast(0), peer: SocketAddr::new(target, REFUSES) };
                    self.said.push_back(Said::Stream(StreamId::Ours(stream), open));
                }
                Wish::Close(stream) => self.said.push_back(Said::Stream(StreamId::Ours(stream), Stream::Close)),
                // It begins no searches.
                Wish::Ended(_) => {}
            }
        }
    }

    /// Pings whom it has to; gives up measuring when nobody needs it.
    pub(super) fn measure(&mut self, now: Time) {
        if self.is_out() && self.asks.is_empty() {
            return self.chooser.stop();
        }
        for (nonce, to) in self.chooser.measure(now, &mut self.rng) {
            self.tell_core(to, &Message::Ping { nonce, tag: self.tag });
        }
    }

    fn contact(&self) -> Contact {
        Contact { address: SocketAddr::new(self.config.peer.address.ip(), PORT), tag: self.tag }
    }
}

impl Agent for Replica {
    fn join(&mut self, now: Time) {
        match self.membership {
            Membership::In => return self.said.push_back(Said::Member(true)),
            Membership::Joining => return,
            Membership::Out | Membership::Leaving(_) => self.membership = Membership::Joining,
        }
        if let Some(place) = self.config.place
            && self.meridian.is_none()
        {
            let below = ChaCha8Rng::from_seed(self.rng.random());
            let me = Landmark { contact: self.contact(), place };
            let mut node = Node::new(me, self.settings, below, now);
            landmarks(&self.config.facts).for_each(|landmark| node.keep(landmark));
            self.meridian = Some(node);
        }
        self.told = None;
        self.tell_at = now;
        self.chooser.start(now);
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
        self.begin(now, token, question);
        Ok(())
    }

    fn send(&mut self, _: Time, to: Target, bytes: Vec<u8>) {
        if let Target::Address(to) = to {
            self.load = self.load.saturating_add(1);
            self.said.push_back(Said::Datagram { from: Port::unicast(PORT), to, bytes });
        }
    }

    fn datagram(&mut self, now: Time, at: Port, from: SocketAddr, bytes: &[u8]) {
        let Ok(message) = decode::<Message>(self.tag, bytes) else { return };
        if at != Port::unicast(PORT) {
            return;
        }
        let is_core_node = self.config.facts.servers.iter().any(|site| site.peer.address == from);
        match message {
            Message::Ping { nonce, tag } => self.transmit(from, tag, &Message::Pong { nonce }),
            Message::Pong { nonce } => {
                if !self.chooser.pong(now, from, nonce)
                    && let Some(node) = &mut self.meridian
                {
                    node.pong(now, from, nonce);
                }
                // What has waited for the first that answers waits no longer.
                let waiting: Vec<_> = self.asks.iter().filter(|(_, a)| a.whom.is_none()).map(|(n, _)| *n).collect();
                for nonce in waiting {
                    self.ask_now(now, nonce);
                }
                if !self.is_out() && self.told.is_none() {
                    self.tell(now);
                }
            }
            Message::Challenge { nonce, cookie } => self.challenged(from, nonce, cookie),
            Message::Registered { nonce } => self.registered(now, from, nonce),
            Message::Found { nonce, members, .. } => self.found(from, nonce, members),
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
        self.config.peer.address = address;
        self.cookie = None;
        self.told = None;
        self.tell_at = now;
        let contact = self.contact();
        if let Some(node) = &mut self.meridian {
            node.moved(contact);
        }
        for asked in self.asks.values_mut() {
            asked.ask.except = asked.ask.except.map(|_| address);
        }
    }

    fn timer(&mut self, now: Time) {
        self.measure(now);
        if let Membership::Leaving(until) = self.membership
            && until <= now
        {
            self.left();
        }
        if !self.is_out() && self.tell_at <= now {
            self.tell(now);
        }
        self.ask_again(now);
        if let Some(node) = self.meridian.as_mut().filter(|_| self.membership == Membership::In)
            && node.due() <= now
        {
            node.timer(now);
        }
        self.wishes();
    }

    fn said(&mut self) -> Option<Said> {
        self.said.pop_front()
    }

    fn due(&self) -> Option<Time> {
        let leaving = if let Membership::Leaving(until) = self.membership { Some(until) } else { None };
        let tell = (!self.is_out()).then_some(self.tell_at);
        let asks = self.asks.values().map(|asked| asked.again.min(asked.until)).min();
        let node = self.meridian.as_ref().filter(|_| self.membership == Membership::In).map(Node::due);
        [leaving, tell, asks, node, self.chooser.due()].into_iter().flatten().min()
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        let own = [("questions", self.asks.len()), ("pings to core nodes", self.chooser.len())];
        own.into_iter().chain(self.meridian.iter().flat_map(Node::tables)).collect()
    }
}
