//! Streams that clients have opened.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::machine::{StreamId, Time};

/// One in which nothing was asked for so long ends (RFC 7766 §6.2.3: a few seconds).
const IDLE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Streams(pub(super) BTreeMap<StreamId, Open>);

pub(super) struct Open {
    pub(super) port: u16,
    pub(super) peer: SocketAddr,
    pub(super) heard: Vec<u8>,
    pub(super) since: Time,
}

impl Streams {
    pub(super) fn late(&self, now: Time) -> Vec<StreamId> {
        self.0.iter().filter(|(_, open)| now - open.since >= IDLE).map(|(id, _)| *id).collect()
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.0.values().map(|open| open.since + IDLE).min()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.values().map(|open| size_of::<(StreamId, Open)>() + open.heard.capacity()).sum()
    }
}
