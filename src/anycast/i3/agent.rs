//! The end of i3 on a host: it keeps a member's trigger in place, makes identifiers out of questions, and sends to them.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::homes::Homes;
use super::ident::{Ident, bits, prefix_of, suffix};
use super::message::{Ask, Packet, Request, ToAgent, ToServer};
use super::own::Own;
use super::settings::Settings;
use super::survey::{Probe, Survey};
use crate::anycast::face::{Agent, AgentConfig, PATIENCE, Question, Said, Target, Unavailable};
use crate::anycast::life::draws;
use crate::machine::{Port, Time};
use crate::overlay::MAX_PEERS;
use crate::overlay::id::Id;
use crate::overlay::wire::{self, Tag};

/// Most questions that wait for the landmarks' answers; more are answered with nothing at once.
const MAX_QUESTIONS: usize = 64;
/// Most private triggers of others that are remembered, and most prefixes whose server is being asked for.
const MAX_REMEMBERED: usize = 64;
/// A server through which nobody has answered by then is avoided.
const SILENCE: Duration = Duration::from_secs(1);
/// Questions that wait are answered with nothing a little before the asker's patience ends.
const GIVEN_UP: Duration = PATIENCE.saturating_sub(Duration::from_millis(500));

pub(super) struct Applicant {
    config: AgentConfig,
    settings: Settings,
    rng: ChaCha8Rng,
    survey: Survey,
    homes: Homes,
    /// It wants to be found.
    joining: bool,
    /// That is known above.
    member: bool,
    leaving: bool,
    own: Vec<Own>,
    /// What follows the landmark's number in its identifier, for as long as it lives.
    rest: u128,
    questions: Vec<(Time, u64, Question)>,
    /// Prefixes whose server was asked for with a packet: through whom, and by when it should have answered.
    wondering: BTreeMap<Id, (SocketAddr, Time)>,
    /// Private triggers of those who have sent something here.
    replies: BTreeMap<SocketAddr, Ident>,
    said: VecDeque<Said>,
}

/// What i3 cannot do.
pub(super) fn can(question: &Question) -> Result<(), Unavailable> {
    match question {
        Question::Nearest | Question::Neighbors(_) | Question::Random | Question::Region(..) => Ok(()),
        Question::Idle => Err(Unavailable("a trigger says nothing of load: the longest prefix decides alone")),
    }
}

impl Applicant {
    pub(super) fn new(config: AgentConfig, now: Time) -> Self {
        let settings = Settings::of(&config.facts);
        let names = [config.group.as_bytes(), config.host.as_bytes()];
        let mut rng = draws(&[b"i3 agent", &config.seed.to_be_bytes(), names[0], names[1]], now);
        let servers = config.facts.servers.iter().map(|site| site.peer.address).collect();
        Self {
            survey: Survey::new(servers, settings.landmarks, settings.samples),
            homes: Homes::new(settings.belief()),
            rest: rng.random(),
            joining: false,
            member: false,
            leaving: false,
            own: Vec::new(),
            questions: Vec::new(),
            wondering: BTreeMap::new(),
            replies: BTreeMap::new(),
            said: VecDeque::new(),
            rng,
            settings,
            config,
        }
    }

    fn post(&mut self, to: SocketAddr, message: &ToServer<'_>) {
        if let Some(bytes) = wire::encode(self.config.facts.tag(), message) {
            self.said.push_back(Said::Datagram { to, bytes });
        }
    }

    fn request(&mut self, to: SocketAddr, ask: Ask) {
        let tag = self.config.tag();
        self.post(to, &ToServer::Request(Request { tag, ask }));
    }

    fn probe(&mut self, probe: Probe) {
        let tag: Tag = self.config.tag();
        match probe {
            Probe::Ping { to, nonce } => self.post(to, &ToServer::Ping { tag, nonce }),
            Probe::Where { to, prefix } => self.request(to, Ask::Where { prefix }),
        }
    }

    /// Who is known to be responsible.
    fn home(&self, now: Time, prefix: Id) -> Option<SocketAddr> {
        self.homes.get(now, prefix).filter(|home| self.survey.is_usable(now, *home))
    }

    /// To whom to send what is for this prefix.
    fn server(&mut self, now: Time, prefix: Id) -> Option<SocketAddr> {
        self.home(now, prefix).or_else(|| self.survey.gateway(now, &mut self.rng))
    }

    fn survey(&mut self, now: Time) {
        for probe in self.survey.timer(now, &mut self.rng) {
            self.probe(probe);
        }
    }

    fn ident(&self, landmark: usize, rest: u128) -> Ident {
        Ident::new(prefix_of(&self.config.group), suffix(landmark, bits(self.settings.landmarks), rest))
    }

    /// Once the landmarks are measured: answers what has waited, and puts the triggers in place.
    fn settle(&mut self, now: Time) {
        if let Some(bin) = self.survey.bin() {
            for (_, token, question) in std::mem::take(&mut self.questions) {
                let targets = self.targets(bin, &question);
                self.said.push_back(Said::Found { token, targets });
            }
            if self.joining && self.own.is_empty() {
                self.own.push(Own::new(now, self.ident(bin, self.rest)));
            }
        }
        let (late, waiting) = std::mem::take(&mut self.questions).into_iter().partition(|(by, ..)| *by <= now);
        self.questions = waiting;
        let nothing = |(_, token, _)| Said::Found { token, targets: Vec::new() };
        self.said.extend(Vec::into_iter(late).map(nothing));
        let private = self.settings.private && self.member && self.own.len() == 1;
        if let Some((ident, _)) = self.survey.nearest_sample(now).filter(|_| private) {
            self.own.push(Own::new(now, ident));
        }
        self.renew(now);
        if self.leaving && self.own.iter().all(|own| own.next.is_none()) {
            self.leaving = false;
            self.member = false;
            self.own.clear();
            self.said.push_back(Said::Member(false));
        }
    }

    /// Attempts that are due.
    fn renew(&mut self, now: Time) {
        for index in 0..self.own.len() {
            if !self.own[index].is_due(now) {
                continue;
            }
            if let Some(silent) = self.own[index].silent() {
                self.survey.failed(now, silent);
                self.homes.forget(silent);
            }
            let prefix = self.own[index].ident.prefix();
            let Some(to) = self.server(now, prefix) else {
                // Without servers there is nothing to wait for.
                self.own[index].next = None;
                continue;
            };
            if let Some(ask) = self.own[index].attempt(now, to, &mut self.rng) {
                self.request(to, ask);
            }
        }
    }

    fn targets(&mut self, bin: usize, question: &Question) -> Vec<Target> {
        let target = |ident: Ident| Target::Id(ident.0);
        let rest: u128 = self.rng.random();
        match question {
            Question::Nearest => vec![target(self.ident(bin, rest))],
            Question::Random => vec![target(Ident::new(prefix_of(&self.config.group), rest))],
            Question::Neighbors(count) => self.spread(bin, *count),
            Question::Region(host, count) => match self.landmark(host) {
                Some(bin) => self.spread(bin, *count),
                None => Vec::new(),
            },
            Question::Idle => Vec::new(),
        }
    }

    fn landmark(&self, host: &str) -> Option<usize> {
        self.config.facts.servers.iter().take(self.settings.landmarks).position(|site| site.host == host)
    }

    /// So many identifiers of a bin, as far from one another as can be: they meet more members than random ones.
    fn spread(&mut self, bin: usize, count: usize) -> Vec<Target> {
        let count = count.min(MAX_PEERS);
        let begin: u128 = self.rng.random();
        let step = u128::MAX / count.max(1) as u128;
        let rests = (0..count).map(|index| begin.wrapping_add(step.wrapping_mul(index as u128)));
        rests.map(|rest| Target::Id(self.ident(bin, rest).0)).collect()
    }

    fn answered(&mut self, now: Time, from: SocketAddr, message: ToAgent) {
        self.survey.answered(from);
        let about = |own: &&mut Own, nonce| own.is_about(nonce);
        match message {
            ToAgent::Pong { nonce } => {
                if let Some(probe) = self.survey.ponged(now, from, nonce, &mut self.rng) {
                    self.probe(probe);
                }
                if self.survey.is_settled() {
                    self.survey(now);
                }
            }
            ToAgent::Home { prefix } => {
                if self.wondering.remove(&prefix).is_some() {
                    self.homes.learn(now, prefix, from);
                }
                if let Some(probe) = self.survey.home(now, from, prefix, &mut self.rng) {
                    self.probe(probe);
                }
            }
            ToAgent::Challenge { nonce, cookie } => {
                let Some(own) = self.own.iter_mut().find(|own| about(own, nonce)) else { return };
                let prefix = own.ident.prefix();
                if let Some(ask) = own.challenged(cookie) {
                    self.homes.learn(now, prefix, from);
                    self.request(from, ask);
                }
            }
            ToAgent::Inserted { nonce } => {
                let Some(own) = self.own.iter_mut().find(|own| about(own, nonce)) else { return };
                own.inserted(now, self.settings.refresh, &mut self.rng);
                let prefix = own.ident.prefix();
                self.homes.learn(now, prefix, from);
                if self.joining && !self.member && self.own[0].held {
                    self.member = true;
                    self.said.push_back(Said::Member(true));
                }
            }
            ToAgent::Removed { nonce } => {
                if let Some(own) = self.own.iter_mut().find(|own| about(own, nonce)) {
                    own.removed();
                }
            }
            // It tries again as if nobody had answered: others' leases end.
            ToAgent::Refused { .. } => {}
            // It is where a packet's way ends, whatever is left of the stack.
            ToAgent::Delivered { from, reply, data, .. } => {
                if let Some(reply) = reply {
                    if self.replies.len() >= MAX_REMEMBERED {
                        self.replies.pop_first();
                    }
                    self.replies.insert(from, reply);
                }
                if self.joining || self.leaving {
                    self.said.push_back(Said::Delivered { from, bytes: data });
                }
            }
        }
    }

    fn packet(&mut self, now: Time, ident: Ident, data: Vec<u8>) {
        let prefix = ident.prefix();
        let wonders = self.home(now, prefix).is_none();
        let Some(to) = self.server(now, prefix) else { return };
        if wonders && (self.wondering.len() < MAX_REMEMBERED || self.wondering.contains_key(&prefix)) {
            self.wondering.insert(prefix, (to, now + SILENCE));
        }
        let reply = self.own.get(1).filter(|own| own.held).map(|own| own.ident);
        self.request(to, Ask::Packet(Packet { stack: vec![ident], wonders, reply, data }));
    }
}

impl Agent for Applicant {
    fn join(&mut self, now: Time) {
        if self.leaving {
            self.leaving = false;
            self.own.clear();
            self.member = false;
        }
        if self.member && self.joining {
            self.said.push_back(Said::Member(true));
        }
        self.joining = true;
        self.survey.begin(now);
        self.timer(now);
    }

    fn leave(&mut self, now: Time) {
        self.joining = false;
        self.leaving = true;
        self.own.iter_mut().for_each(|own| own.leave(now));
        self.timer(now);
    }

    fn ask(&mut self, now: Time, token: u64, question: &Question) -> Result<(), Unavailable> {
        can(question)?;
        if let Question::Region(host, _) = question {
            self.landmark(host).ok_or(Unavailable("regions are named after landmarks: no landmark is on that host"))?;
        }
        self.survey.begin(now);
        if self.questions.len() < MAX_QUESTIONS {
            self.questions.push((now + GIVEN_UP, token, question.clone()));
        } else {
            self.said.push_back(Said::Found { token, targets: Vec::new() });
        }
        self.timer(now);
        Ok(())
    }

    fn send(&mut self, now: Time, to: Target, bytes: Vec<u8>) {
        self.survey.begin(now);
        match to {
            Target::Id(ident) => self.packet(now, Ident(ident), bytes),
            Target::Address(to) => match self.replies.get(&to) {
                Some(reply) => self.packet(now, *reply, bytes),
                None => self.said.push_back(Said::Datagram { to, bytes }),
            },
        }
        self.timer(now);
    }

    fn datagram(&mut self, now: Time, _: Port, from: SocketAddr, bytes: &[u8]) {
        if let Ok(message) = wire::decode(self.config.tag(), bytes)
            && self.survey.is_server(from)
        {
            self.answered(now, from, message);
            self.settle(now);
        }
    }

    fn renumbered(&mut self, now: Time, address: SocketAddr) {
        self.config.peer.address = address;
        let begun = self.survey.due().is_some() || self.survey.is_settled();
        self.survey.anew();
        if begun {
            self.survey.begin(now);
        }
        // It may be near another landmark now. What leads to the old address ends with its lease.
        if self.joining {
            self.own.clear();
        }
        self.timer(now);
    }

    fn timer(&mut self, now: Time) {
        self.survey(now);
        for (prefix, (server, by)) in std::mem::take(&mut self.wondering) {
            if by > now {
                self.wondering.insert(prefix, (server, by));
            } else {
                self.survey.failed(now, server);
            }
        }
        self.settle(now);
    }

    fn said(&mut self) -> Option<Said> {
        self.said.pop_front()
    }

    fn due(&self) -> Option<Time> {
        let own = self.own.iter().filter_map(|own| own.next);
        let questions = self.questions.iter().map(|(by, ..)| *by);
        let wondering = self.wondering.values().map(|(_, by)| *by);
        own.chain(questions).chain(wondering).chain(self.survey.due()).min()
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        let own = [
            ("own triggers", self.own.len()),
            ("questions", self.questions.len()),
            ("homes", self.homes.len()),
            ("wondering", self.wondering.len()),
            ("replies", self.replies.len()),
        ];
        own.into_iter().chain(self.survey.tables()).collect()
    }
}
