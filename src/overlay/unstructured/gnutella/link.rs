//! A stream to another servent: how far its handshake has come, what has arrived of it, what is known of the other.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::handshake::MAX_GROUP;
use super::message::{HEADER, MAX_PAYLOAD};
use super::qrp::Theirs;
use super::settings::Role;
use crate::machine::StreamId;
use crate::overlay::Time;
use crate::overlay::id::Id;

/// Malformed messages after which a link ends.
pub(super) const STRIKES: u8 = 4;

/// Where a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The other has opened it, and has yet to greet.
    Accepted,
    /// This node has greeted, and the other has yet to answer.
    Greeted,
    /// The other has been told yes, and has yet to confirm that.
    Answered,
    Up,
}

/// What it was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// To have one more.
    More,
    Join,
    /// To join another island.
    Merge,
}

/// One link.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) stream: StreamId,
    pub(super) stage: Stage,
    pub(super) why: Why,
    /// Where the other listens, as far as it is known.
    pub(super) at: SocketAddrV4,
    pub(super) id: Option<Id>,
    /// What the other is.
    pub(super) role: Role,
    pub(super) since: Time,
    /// When anything came last.
    pub(super) heard: Time,
    /// When a ping of it was answered in full.
    pub(super) ponged: Option<Time>,
    /// Ultrapeers that it is linked to.
    pub(super) degree: u32,
    /// The words of a leaf.
    pub(super) words: Theirs,
    /// Whether it has the table of this node's words as it is now.
    pub(super) told_words: bool,
    pub(super) strikes: u8,
    inbox: Vec<u8>,
}

impl Link {
    pub(super) fn new(now: Time, stream: StreamId, stage: Stage, why: Why, at: SocketAddrV4) -> Self {
        Self {
            stream,
            stage,
            why,
            at,
            id: None,
            role: Role::Peer,
            since: now,
            heard: now,
            ponged: None,
            degree: 1,
            words: Theirs::default(),
            told_words: false,
            strikes: 0,
            inbox: Vec::new(),
        }
    }

    pub(super) fn ip(&self) -> Ipv4Addr {
        *self.at.ip()
    }

    pub(super) fn is_up(&self) -> bool {
        self.stage == Stage::Up
    }

    /// Adds what has arrived; whether there was room for it. Whatever is whole is taken at once, so that no more than
    /// a part of one message waits.
    pub(super) fn fill(&mut self, bytes: &mut &[u8]) -> bool {
        let most = if self.is_up() { HEADER + MAX_PAYLOAD } else { MAX_GROUP };
        let room = most.saturating_sub(self.inbox.len());
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        self.inbox.extend_from_slice(now);
        *bytes = later;
        !now.is_empty()
    }

    /// What has arrived and was not taken.
    pub(super) fn inbox(&mut self) -> &mut Vec<u8> {
        &mut self.inbox
    }
}
