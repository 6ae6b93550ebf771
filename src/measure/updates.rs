//! BGP updates, counted: how much the routers had to say to one another before they agreed.

use std::collections::BTreeMap;

use crate::measure::model::{NodeUpdates, Updates};
use crate::record::{Record, What};

/// Every UPDATE of a record, by time.
pub(crate) struct Heard<'a> {
    messages: Vec<Message<'a>>,
}

struct Message<'a> {
    at: u64,
    node: &'a str,
    peer: &'a str,
    announced: u32,
    withdrawn: u32,
}

impl<'a> Heard<'a> {
    /// `None`: the record does not have them.
    pub(crate) fn of(record: &'a Record) -> Option<Self> {
        record.events.iter().find(|e| e.what == What::FollowsBgp)?;
        let message = |at: u64, what: &'a What| match what {
            What::Update { node, peer, announced, withdrawn } => {
                Some(Message { at, node, peer, announced: *announced, withdrawn: *withdrawn })
            }
            _ => None,
        };
        Some(Self { messages: record.events.iter().filter_map(|e| message(e.at, &e.what)).collect() })
    }

    /// When each arrived.
    pub(crate) fn times(&self) -> Vec<u64> {
        self.messages.iter().map(|m| m.at).collect()
    }

    /// Those that arrived from `from` on and before `to`.
    pub(crate) fn within(&self, from: u64, to: u64) -> Updates {
        let index = |at| self.messages.partition_point(|m| m.at < at);
        let messages = &self.messages[index(from)..index(to).max(index(from))];
        let mut nodes: BTreeMap<String, NodeUpdates> = BTreeMap::new();
        for message in messages {
            nodes.entry(message.node.to_owned()).or_default().received += 1;
            nodes.entry(message.peer.to_owned()).or_default().sent += 1;
        }
        Updates {
            messages: messages.len(),
            announced: messages.iter().map(|m| m.announced as usize).sum(),
            withdrawn: messages.iter().map(|m| m.withdrawn as usize).sum(),
            nodes,
        }
    }
}
