//! What arrives in a stream: which message it is, and which part it concerns.

use super::link::{STRIKES, Stage, Why};
use super::message::{self, BYE, HIT, Head, PING, PONG, PUSH, QUERY, ROUTES};
use super::{Gnutella, MAX_TTL};
use crate::machine::{Stream, StreamId};
use crate::overlay::{Did, Peer, Time};

impl Gnutella {
    pub(super) fn streamed(&mut self, now: Time, id: StreamId, part: Stream<&[u8]>) {
        match part {
            Stream::Open { peer, .. } => match peer {
                std::net::SocketAddr::V4(peer) => self.opened(now, id, *peer.ip()),
                std::net::SocketAddr::V6(_) => self.parts.push_back((id, Stream::Close)),
            },
            Stream::Bytes(bytes) => {
                if let Some(number) = self.streams.get(&id).copied() {
                    self.bytes(now, number, bytes);
                }
            }
            Stream::Close | Stream::Lost => {
                if let Some(number) = self.streams.get(&id).copied() {
                    self.ended(now, number, false);
                }
            }
        }
    }

    fn bytes(&mut self, now: Time, number: u64, mut bytes: &[u8]) {
        while let Some(link) = self.links.get_mut(&number) {
            if bytes.is_empty() {
                return;
            }
            // What is whole is taken at once: what is left is part of something that has room.
            if !link.fill(&mut bytes) {
                return self.nonsense(now, number);
            }
            link.heard = now;
            let inbox = std::mem::take(link.inbox());
            let mut from = 0;
            while let Some(length) = self.take_one(now, number, &inbox[from..]) {
                from += length;
            }
            if let Some(link) = self.links.get_mut(&number) {
                *link.inbox() = inbox[from..].to_vec();
            }
        }
    }

    /// Takes what comes first; how many bytes that was. `None`: it is not whole, or the link is gone.
    fn take_one(&mut self, now: Time, number: u64, bytes: &[u8]) -> Option<usize> {
        if !self.links.get(&number)?.is_up() {
            return self.shake(now, number, bytes);
        }
        match message::first(bytes) {
            Ok(Some((head, payload))) => {
                self.heed(now, number, head, payload);
                Some(message::HEADER + payload.len())
            }
            Ok(None) => None,
            Err(()) => {
                self.nonsense(now, number);
                None
            }
        }
    }

    /// A message. Of kinds that it does not know others may say what they like.
    fn heed(&mut self, now: Time, number: u64, head: Head, payload: &[u8]) {
        let understood = match head.kind {
            PING => {
                self.pinged(now, number, head);
                true
            }
            PONG => self.ponged(now, number, head, payload),
            QUERY => self.queried(now, number, head, payload),
            HIT => self.hit(now, number, head, payload),
            PUSH => self.push(number, head, payload),
            ROUTES => self.links.get_mut(&number).is_some_and(|link| link.words.take(payload)),
            BYE => {
                self.ended(now, number, true);
                true
            }
            _ => true,
        };
        if let Some(link) = self.links.get_mut(&number).filter(|_| !understood) {
            link.strikes += 1;
            if link.strikes >= STRIKES {
                self.nonsense(now, number);
            }
        }
    }

    /// A link has ended, or ends here: `polite` if the other has said so.
    pub(super) fn ended(&mut self, now: Time, number: u64, polite: bool) {
        let Some(link) = self.links.get(&number) else { return };
        let (at, id, stage, why) = (link.at, link.id, link.stage, link.why);
        // In 0.4 whoever is full says yes, tells of others, and ends.
        if stage != Stage::Up || (why != Why::More && self.quest.is_some()) {
            let others = if stage == Stage::Up { self.hosts.latest(MAX_TTL.into()) } else { Vec::new() };
            return self.fail(now, number, false, at, &others);
        }
        self.close(number);
        self.hosts.forget(*at.ip());
        if let Some(id) = id.filter(|_| !polite) {
            self.events.push_back(Did::Forgot(Peer { id, address: self.beside(*at.ip()) }));
        }
        self.grow(now);
    }

    /// How far a message may go on from here: its TTL and hops as they leave; `None`: no further.
    pub(super) fn further(head: Head) -> Option<Head> {
        let left = MAX_TTL.checked_sub(head.hops)?;
        let ttl = head.ttl.min(left);
        (ttl > 1).then(|| Head { ttl: ttl - 1, hops: head.hops + 1, ..head })
    }
}
