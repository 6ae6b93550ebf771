//! Datagrams of an overlay with a key, and of one without.

use std::net::SocketAddr;

use super::message::Message;
use crate::anycast::config::NodeConfig;
use crate::overlay::Time;
use crate::overlay::auth::{Opened, Seal};
use crate::overlay::wire::{self, Dropped, Tag};

/// Makes and opens one node's datagrams.
pub(super) struct Envelope {
    tag: Tag,
    /// With a key.
    seal: Option<Seal>,
}

/// What a datagram that was not dropped asks for.
pub(super) enum Content<'a> {
    Message(Message<'a>),
    /// To be sent to whom it came from, and nothing else.
    Answer(Vec<u8>),
}

impl Envelope {
    pub(super) fn new(config: &NodeConfig, now: Time) -> Self {
        let tag = Tag::of_overlay(&config.overlay);
        let (seed, id) = (config.seed.to_be_bytes(), config.id.0.to_be_bytes());
        let life = [&seed[..], &id, &now.0.as_nanos().to_be_bytes()].concat();
        Self { tag, seal: config.key.as_ref().map(|key| Seal::new(key, tag, &[b"session", &life])) }
    }

    pub(super) fn tick(&mut self, now: Time) {
        if let Some(seal) = &mut self.seal {
            seal.tick(now);
        }
    }

    /// Numbers of entries in its tables.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.seal.iter().flat_map(Seal::tables)
    }

    /// `None` if it is too long for a datagram.
    pub(super) fn close(&mut self, from: SocketAddr, to: SocketAddr, message: &Message<'_>) -> Option<Vec<u8>> {
        match &mut self.seal {
            Some(seal) => seal.seal(from, to, message),
            None => wire::encode(self.tag, message),
        }
    }

    /// What is in a datagram that arrived at `to`; `shared`: a group's address.
    pub(super) fn open<'a>(
        &mut self,
        from: SocketAddr,
        to: Option<SocketAddr>,
        shared: bool,
        bytes: &'a [u8],
    ) -> Result<Content<'a>, Dropped> {
        let Some(seal) = &mut self.seal else { return wire::decode(self.tag, bytes).map(Content::Message) };
        match seal.open(from, to.ok_or(Dropped::Foreign)?, bytes)? {
            Opened::Fresh(message) => wire::read(message).map(Content::Message),
            Opened::Unproven { message, challenge } => match wire::read(message)? {
                // It changes nothing here, and its answer is no larger: it may be repeated by anybody.
                hello @ Message::Hello { .. } => Ok(Content::Message(hello)),
                _ if shared => Err(Dropped::Repeated),
                _ => Ok(Content::Answer(challenge)),
            },
            Opened::Again(bytes) => Ok(Content::Answer(bytes)),
        }
    }
}
