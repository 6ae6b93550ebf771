//! The end of PIAS on a host: it registers its member, keeps it registered, and asks for others.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use super::asks::{Ask, Asks, Purpose};
use super::message::{How, MAX_NAMED, Message, Reply, Request, What, decode, encode};
use crate::anycast::config::PORT;
use crate::anycast::face::{Agent, AgentConfig, Question, Said, Target, Unavailable};
use crate::anycast::life::draws;
use crate::anycast::member::Cookie;
use crate::machine::{Part, Port, Time};

/// A proxy that has not answered is not asked for so long: routing finds another.
const AVOIDED: Duration = Duration::from_secs(5);

pub(super) struct Registering {
    config: AgentConfig,
    /// The number and the address of its group, if it has one in the block.
    group: Option<(Part, SocketAddr)>,
    rng: ChaCha8Rng,
    /// It is a member, or wants to be one.
    wanted: bool,
    told: bool,
    jap: Option<SocketAddr>,
    refresh: Option<Time>,
    /// By proxy: how to prove this address to it, and until when it is avoided.
    cookies: BTreeMap<SocketAddr, Cookie>,
    avoided: BTreeMap<SocketAddr, Time>,
    asks: Asks,
    said: VecDeque<Said>,
}

impl Registering {
    pub(super) fn new(config: AgentConfig, now: Time) -> Self {
        let names = [config.facts.name.as_bytes(), config.group.as_bytes(), config.host.as_bytes()];
        let rng = draws(&[b"agent", names[0], names[1], names[2], &config.seed.to_be_bytes()], now);
        let shared = config.facts.group(&config.group);
        let group = shared.map(|shared| (shared.part, config.address.unwrap_or(shared.address)));
        Self {
            group,
            config,
            rng,
            wanted: false,
            told: false,
            jap: None,
            refresh: None,
            cookies: BTreeMap::new(),
            avoided: BTreeMap::new(),
            asks: Asks::default(),
            said: VecDeque::new(),
        }
    }

    fn port(&self) -> u16 {
        self.config.peer.address.port()
    }

    /// Where routing finds the nearest proxy.
    fn registration(&self) -> Option<SocketAddr> {
        self.config.facts.block.map(|block| SocketAddr::new(block, PORT))
    }

    fn is_server(&self, from: SocketAddr) -> bool {
        self.config.facts.servers.iter().any(|site| site.peer.address == from)
    }

    /// The proxy that it has registered with, unless that is silent.
    fn own(&self, now: Time) -> Option<SocketAddr> {
        self.jap.filter(|jap| self.avoided.get(jap).is_none_or(|until| *until <= now))
    }

    fn transmit(&mut self, token: u64, what: What, to: Option<SocketAddr>) {
        let (Some((group, _)), Some(to)) = (self.group, to.or_else(|| self.registration())) else { return };
        // Behind the block's address is probably the proxy that has answered before.
        let known = self.cookies.get(&to).or_else(|| self.jap.and_then(|jap| self.cookies.get(&jap)));
        let cookie = known.copied().unwrap_or_default();
        let request = Request { tag: self.config.tag(), token, cookie, group: group.0, what };
        if let Some(bytes) = encode(self.config.facts.tag(), &Message::Request(request)) {
            self.said.push_back(Said::Datagram { to, bytes });
        }
    }

    fn ask_for(&mut self, now: Time, purpose: Purpose, what: What, of: Option<SocketAddr>) -> bool {
        let Some(token) = self.asks.add(now, &mut self.rng, purpose, what, of) else { return false };
        // Registrations find the nearest proxy anew each time.
        let to = of.or_else(|| self.own(now).filter(|_| purpose != Purpose::Register));
        self.transmit(token, what, to);
        true
    }

    fn register(&mut self, now: Time) {
        self.refresh = None;
        if !self.asks.has(Purpose::Register) {
            let what = What::Register { port: self.port(), plain: self.config.plain };
            self.ask_for(now, Purpose::Register, what, None);
        }
    }

    fn registered(&mut self, now: Time, by: SocketAddr, lease: Duration) {
        if !self.wanted {
            return;
        }
        let before = self.jap.replace(by).filter(|before| *before != by);
        self.avoided.remove(&by);
        if let Some(before) = before {
            // Routing has moved it. If the former proxy does not hear this, the lease ends there.
            let what = What::Leave { port: self.port() };
            self.transmit(0, what, Some(before));
        }
        self.refresh = Some(now + lease / 3);
        if !std::mem::replace(&mut self.told, true) {
            self.said.push_back(Said::Member(true));
        }
    }

    /// Nobody has to be told any more.
    fn left(&mut self) {
        self.asks.clear(Purpose::Leave);
        self.jap = None;
        if std::mem::take(&mut self.told) {
            self.said.push_back(Said::Member(false));
        }
    }

    fn found(&mut self, ask: &Ask, members: Vec<SocketAddr>) {
        if let Purpose::Question(token) = ask.purpose {
            let own = self.config.peer.address;
            let others = members.into_iter().filter(|member| *member != own);
            self.said.push_back(Said::Found { token, targets: others.map(Target::Address).collect() });
        }
    }

    fn heard(&mut self, now: Time, from: SocketAddr, reply: Reply<'_>) {
        match reply {
            Reply::Challenge { token, cookie } => {
                if let Some(ask) = self.asks.prove(now, token) {
                    self.cookies.insert(from, cookie);
                    self.transmit(token, ask.what, Some(from));
                }
            }
            Reply::Registered { token, lease_ms } => {
                if self.asks.get(token).is_some_and(|ask| ask.purpose == Purpose::Register) {
                    self.asks.take(token);
                    self.registered(now, from, Duration::from_millis(lease_ms));
                }
            }
            Reply::Left { token } => {
                if self.asks.get(token).is_some_and(|ask| ask.purpose == Purpose::Leave) {
                    self.left();
                }
            }
            Reply::Members { token, members } => {
                if self.asks.get(token).is_some_and(|ask| matches!(ask.purpose, Purpose::Question(_)))
                    && let Some(ask) = self.asks.take(token)
                {
                    self.found(&ask, members);
                }
            }
            Reply::Ping { token } => {
                if self.wanted {
                    self.transmit(token, What::Pong, Some(from));
                }
            }
            Reply::Data { client, payload } => {
                if self.wanted {
                    self.said.push_back(Said::Delivered { from: client, bytes: payload.to_vec() });
                }
            }
        }
    }
}

impl Agent for Registering {
    fn join(&mut self, now: Time) {
        self.wanted = true;
        self.asks.clear(Purpose::Leave);
        self.register(now);
    }

    fn leave(&mut self, now: Time) {
        self.wanted = false;
        self.refresh = None;
        self.asks.clear(Purpose::Register);
        self.asks.clear(Purpose::Leave);
        let what = What::Leave { port: self.port() };
        let asked = self.jap.is_some_and(|jap| self.ask_for(now, Purpose::Leave, what, Some(jap)));
        if !asked {
            self.told = true;
            self.left();
        }
    }

    fn ask(&mut self, now: Time, token: u64, question: &Question) -> Result<(), Unavailable> {
        let Some((_, address)) = self.group else {
            return Err(Unavailable("the group has no address in the proxies' block"));
        };
        let (port, named) = (self.port(), |count: usize| count.min(MAX_NAMED) as u8);
        let (what, of) = match question {
            // Whatever is sent there is brought to a member.
            Question::Nearest => {
                self.said.push_back(Said::Found { token, targets: vec![Target::Address(address)] });
                return Ok(());
            }
            Question::Idle => (What::Draw { port, how: How::Idle }, None),
            Question::Random => (What::Draw { port, how: How::Uniform }, None),
            Question::Neighbors(count) => (What::Neighbors { port, count: named(*count) }, None),
            Question::Region(host, count) => {
                let proxy = self.config.facts.server(host).ok_or(Unavailable("no proxy stands on this host"))?;
                (What::Here { port, count: named(*count) }, Some(proxy.peer.address))
            }
        };
        if !self.ask_for(now, Purpose::Question(token), what, of) {
            self.said.push_back(Said::Found { token, targets: Vec::new() });
        }
        Ok(())
    }

    fn send(&mut self, _: Time, to: Target, bytes: Vec<u8>) {
        if let Target::Address(to) = to {
            self.said.push_back(Said::Datagram { to, bytes });
        }
    }

    fn datagram(&mut self, now: Time, _: Port, from: SocketAddr, bytes: &[u8]) {
        if self.is_server(from)
            && let Ok(reply) = decode(self.config.tag(), bytes)
        {
            self.heard(now, from, reply);
        }
    }

    fn renumbered(&mut self, now: Time, address: SocketAddr) {
        self.config.peer.address = address;
        self.cookies.clear();
        // What the former address has registered ends with its lease: nobody can take it back from here.
        self.jap = None;
        if self.wanted {
            self.asks.clear(Purpose::Register);
            self.register(now);
        }
    }

    fn timer(&mut self, now: Time) {
        let (again, over) = self.asks.due(now, &mut self.rng);
        for ask in over {
            match ask.purpose {
                Purpose::Leave => self.left(),
                _ => self.found(&ask, Vec::new()),
            }
        }
        for token in again {
            let Some(ask) = self.asks.get(token) else { continue };
            if let Some(jap) = self.own(now).filter(|_| ask.is_repeated() && ask.of.is_none()) {
                self.avoided.insert(jap, now + AVOIDED);
            }
            self.transmit(token, ask.what, ask.of);
        }
        self.avoided.retain(|_, until| *until > now);
        if self.refresh.is_some_and(|at| at <= now) {
            self.register(now);
        }
    }

    fn said(&mut self) -> Option<Said> {
        self.said.pop_front()
    }

    fn due(&self) -> Option<Time> {
        [self.asks.next(), self.refresh].into_iter().flatten().min()
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        let proxies = self.cookies.len().max(self.avoided.len());
        vec![("requests", self.asks.len()), ("cookies", proxies)]
    }
}
