//! Datagrams of an overlay with a key, and of one without.

use std::net::SocketAddr;

use super::member::Member;
use super::message::Message;
use super::{GroupRef, NodeConfig};
use crate::overlay::auth::{Opened, Seal};
use crate::overlay::wire::{self, Dropped, Tag};
use crate::overlay::{Time, Transmit, Via};

pub(super) fn seal(config: &NodeConfig, tag: Tag, now: Time) -> Option<Seal> {
    let life = [&config.seed.to_be_bytes()[..], &config.id.0.to_be_bytes(), &now.0.as_nanos().to_be_bytes()].concat();
    config.key.as_ref().map(|key| Seal::new(key, tag, &[b"session", &life]))
}

impl Member {
    pub(super) fn tick(&mut self, now: Time) {
        if let Some(seal) = &mut self.seal {
            seal.tick(now);
        }
    }

    /// The message in a datagram, if it is to be taken.
    pub(super) fn open<'a>(&mut self, from: SocketAddr, via: Via, bytes: &'a [u8]) -> Option<Message<'a>> {
        let message = match &self.seal {
            Some(_) => self.unseal(from, via, bytes).transpose()?,
            None => wire::decode(self.tag, bytes),
        };
        if message.is_err() {
            self.dropped += 1;
        }
        message.ok()
    }

    fn unseal<'a>(&mut self, from: SocketAddr, via: Via, bytes: &'a [u8]) -> Result<Option<Message<'a>>, Dropped> {
        let to = match via {
            Via::Unicast => Some(self.config.address),
            Via::Group(group) => GroupRef::at(group).and_then(|group| self.config.group_address(group)),
        };
        let (Some(seal), Some(to)) = (&mut self.seal, to) else { return Err(Dropped::Foreign) };
        let answer = match seal.open(from, to, bytes)? {
            Opened::Fresh(message) => return wire::read(message).map(Some),
            Opened::Unproven { message, challenge } => match wire::read(message)? {
                // It changes nothing here, and its answer is no larger: it may be repeated by anybody.
                hello @ Message::Hello { .. } => return Ok(Some(hello)),
                _ if via != Via::Unicast => return Err(Dropped::Repeated),
                _ => challenge,
            },
            Opened::Again(bytes) => bytes,
        };
        self.out.push_back(Transmit { to: from, bytes: answer });
        Ok(None)
    }
}
