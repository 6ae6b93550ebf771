//! How links begin: who opens one, who is let in, and what two servents say before the first message.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::Gnutella;
use super::handshake::{Greeting, Headers, MAX_TRY, Read, Status};
use super::link::{Link, Stage, Why};
use super::quest::Wish;
use super::settings::Role;
use crate::machine::{Port, Stream, StreamId};
use crate::overlay::{Phase, Time};

/// Most handshakes under way that others have begun.
const MAX_SHAKING: usize = 64;
/// Links to peers or ultrapeers beyond the most that are kept for those who are not heard of: they may come from
/// another island.
const RESERVE: usize = 2;

impl Gnutella {
    /// A handshake that takes longer has failed.
    pub(super) fn patience(&self) -> Duration {
        self.common.rpc_timeout * self.common.rpc_tries * 3
    }

    fn headers(&self) -> Headers {
        Headers::of(self.role, self.at(), self.count(|link| link.role != Role::Leaf))
    }

    /// Begins a link, unless there is one to this address.
    pub(super) fn open(&mut self, now: Time, to: SocketAddrV4, why: Why) -> bool {
        if self.links.values().any(|link| link.ip() == *to.ip()) {
            return false;
        }
        let stream = StreamId::Ours(self.next.1);
        self.next.1 += 1;
        let number = self.add(Link::new(now, stream, Stage::Greeted, why, to));
        self.parts.push_back((stream, Stream::Open { at: Port::unicast(0), peer: to.into() }));
        let greeting = if self.settings.new { Greeting::New(self.headers()) } else { Greeting::Old };
        self.say(number, greeting.bytes());
        true
    }

    fn add(&mut self, link: Link) -> u64 {
        let number = self.next.0;
        self.next.0 += 1;
        self.streams.insert(link.stream, number);
        self.links.insert(number, link);
        number
    }

    /// Somebody has opened a stream.
    pub(super) fn opened(&mut self, now: Time, stream: StreamId, ip: std::net::Ipv4Addr) {
        let shaking = self.links.values().filter(|link| matches!(link.stage, Stage::Accepted | Stage::Answered));
        if self.phase != Phase::Member || shaking.count() >= MAX_SHAKING {
            return self.parts.push_back((stream, Stream::Close));
        }
        self.add(Link::new(now, stream, Stage::Accepted, Why::More, SocketAddrV4::new(ip, self.settings.port)));
    }

    /// Takes what is whole of a handshake; how many bytes that was. `None`: nothing is whole yet, or the link is gone.
    pub(super) fn shake(&mut self, now: Time, number: u64, bytes: &[u8]) -> Option<usize> {
        match self.links.get(&number)?.stage {
            Stage::Accepted => match Greeting::read(bytes) {
                Read::Whole(greeting, length) => {
                    self.greeted(now, number, greeting);
                    return Some(length);
                }
                Read::Nonsense => self.nonsense(now, number),
                Read::Partly => {}
            },
            Stage::Greeted | Stage::Answered => match Status::read(bytes) {
                Read::Whole(status, length) => {
                    self.told(now, number, &status);
                    return Some(length);
                }
                Read::Nonsense => self.nonsense(now, number),
                Read::Partly => {}
            },
            Stage::Up => {}
        }
        None
    }

    /// Somebody asks for a link.
    fn greeted(&mut self, now: Time, number: u64, greeting: Greeting) {
        let Some(link) = self.links.get_mut(&number) else { return };
        let ip = link.ip();
        if let Greeting::New(headers) = &greeting {
            link.role = headers.role();
            link.degree = headers.degree.unwrap_or(link.degree);
            // Of what it says only the port is believed.
            let port = headers.listens.map_or(link.at.port(), |at| at.port());
            link.at.set_port(port);
        }
        let (role, new) = (link.role, greeting != Greeting::Old);
        let twin = self.links.iter().find(|(other, link)| **other != number && link.ip() == ip);
        // Of two that open at once the stream of the one with the higher address stays.
        let yields = twin.map(|(other, link)| (*other, link.stage == Stage::Greeted && *self.at().ip() < ip, link.why));
        let welcome = self.phase == Phase::Member && (!new || self.settings.new) && self.has_room(role, ip);
        match yields {
            Some((_, false, _)) => return self.refuse(now, number, new),
            Some((other, true, why)) if welcome => {
                self.close(other);
                if let Some(link) = self.links.get_mut(&number) {
                    link.why = why;
                }
            }
            _ => {}
        }
        if !welcome {
            return self.refuse(now, number, new);
        }
        if new {
            let status = Status::yes(self.headers());
            self.say(number, status.bytes());
            self.stage(number, Stage::Answered);
        } else {
            self.say(number, Status::old().bytes());
            self.up_now(now, number);
        }
    }

    /// Whether another of this role, at this address, is let in.
    fn has_room(&self, role: Role, ip: std::net::Ipv4Addr) -> bool {
        let waiting = |link: &&Link| link.is_up() || link.stage == Stage::Answered;
        let leaves = self.links.values().filter(waiting).filter(|link| link.role == Role::Leaf).count();
        let equals = self.links.values().filter(waiting).filter(|link| link.role != Role::Leaf).count();
        let known = self.hosts.knows(ip, Time::default());
        match (self.role, role) {
            (Role::Leaf, _) => false,
            (_, Role::Leaf) => self.role == Role::Ultrapeer && leaves < self.settings.leaves,
            _ => equals < self.settings.most() + if known { 0 } else { RESERVE },
        }
    }

    /// Says no, and who else may say yes. In 0.4 there is no word for that: it says yes, tells of others by pongs, and
    /// ends.
    fn refuse(&mut self, now: Time, number: u64, new: bool) {
        if new && self.settings.new {
            let ultrapeers = match self.role {
                Role::Leaf => self.links.values().filter(|l| l.is_up()).map(|link| link.at).take(MAX_TRY).collect(),
                _ => self.hosts.latest(MAX_TRY),
            };
            let needed =
                (self.role == Role::Ultrapeer).then(|| self.count(|l| l.role != Role::Leaf) < self.settings.most());
            let status = Status::no(Headers { ultrapeers, needed, ..self.headers() });
            self.say(number, status.bytes());
        } else if !self.settings.new && self.phase == Phase::Member {
            self.say(number, Status::old().bytes());
            self.tell_of_others(now, number);
        }
        self.close(number);
    }

    /// An answer to a greeting, or a confirmation of one.
    fn told(&mut self, now: Time, number: u64, status: &Status) {
        let Some(link) = self.links.get_mut(&number) else { return };
        let (at, greeted) = (link.at, link.stage == Stage::Greeted);
        if status.code != 200 || (greeted && status.new != self.settings.new) {
            let others = status.headers.ultrapeers.clone();
            others.iter().for_each(|at| self.hosts.heard(now, *at));
            return self.fail(now, number, status.headers.needed == Some(true), at, &others);
        }
        if greeted && status.new {
            link.role = status.headers.role();
            link.degree = status.headers.degree.unwrap_or(link.degree);
            let role = link.role;
            // Two leaves have nothing to say to each other.
            if self.role == Role::Leaf && role != Role::Ultrapeer {
                self.say(number, Status::no(self.headers()).bytes());
                return self.fail(now, number, false, at, &[]);
            }
            let status = Status::yes(self.headers());
            self.say(number, status.bytes());
        }
        self.up_now(now, number);
    }

    fn stage(&mut self, number: u64, stage: Stage) {
        if let Some(link) = self.links.get_mut(&number) {
            link.stage = stage;
        }
    }

    /// Both have agreed.
    fn up_now(&mut self, now: Time, number: u64) {
        self.stage(number, Stage::Up);
        let Some(link) = self.links.get_mut(&number) else { return };
        link.heard = now;
        let (ip, at, why, role) = (link.ip(), link.at, link.why, link.role);
        if role != Role::Leaf {
            self.hosts.heard(now, at);
        }
        self.ask_who(ip);
        self.ping(now, number, super::MAX_TTL);
        // In 0.4 a yes is not to be believed until it has shown itself.
        if self.settings.new {
            self.achieved(now, why);
        }
        self.tell_words();
    }

    /// A link has not come to be.
    pub(super) fn fail(&mut self, now: Time, number: u64, needed: bool, at: SocketAddrV4, others: &[SocketAddrV4]) {
        let Some(why) = self.links.get(&number).map(|link| link.why) else { return };
        self.close(number);
        self.hosts.forget(*at.ip());
        let sought = match self.quest.as_ref().map(|quest| quest.wish) {
            Some(Wish::Join) => why == Why::Join,
            Some(_) => why == Why::Merge,
            None => false,
        };
        if sought {
            self.refused(now, at, needed, others);
        }
    }

    /// Ends a link without a word.
    pub(super) fn close(&mut self, number: u64) {
        if let Some(link) = self.links.remove(&number) {
            self.streams.remove(&link.stream);
            self.parts.push_back((link.stream, Stream::Close));
        }
    }

    /// What was said is not Gnutella.
    pub(super) fn nonsense(&mut self, now: Time, number: u64) {
        self.counts.nonsense += 1;
        self.ended(now, number, false);
    }
}
