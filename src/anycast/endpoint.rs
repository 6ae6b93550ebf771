//! An agent that stands alone: for a program that knows nothing of infrastructures, and for whoever measures one.

use std::collections::VecDeque;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::config::PORT;
use super::face::{Agent, AgentConfig, Question, Said, Target};
use crate::machine::{Input, Machine, Output, Port, Stream, StreamId, Time, Via};
use crate::overlay::wire::Tag;

/// What it is told to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
pub enum Call {
    Join,
    Leave,
    Ask { token: u64, question: Question },
    Send { to: Target, bytes: Vec<u8> },
    Renumber { address: SocketAddr },
}

/// What it heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "heard", rename_all = "kebab-case")]
pub enum Heard {
    /// Others can find it from now on, or not any more.
    Member {
        joined: bool,
    },
    Found {
        token: u64,
        targets: Vec<Target>,
    },
    /// The infrastructure cannot answer such a question.
    Unavailable {
        token: u64,
        why: String,
    },
    Delivered {
        from: SocketAddr,
        bytes: Vec<u8>,
    },
}

/// An agent as a machine.
pub struct Endpoint {
    config: AgentConfig,
    agent: Box<dyn Agent>,
    heard: VecDeque<Heard>,
    /// Streams that others opened: its host has no such port.
    refused: VecDeque<StreamId>,
}

impl Endpoint {
    pub fn new(config: AgentConfig, agent: Box<dyn Agent>) -> Self {
        Self { config, agent, heard: VecDeque::new(), refused: VecDeque::new() }
    }

    pub fn config(&self) -> &AgentConfig {
        &self.config
    }

    /// Numbers of entries in its tables.
    pub fn tables(&self) -> Vec<(&'static str, usize)> {
        self.agent.tables()
    }

    fn call(&mut self, now: Time, call: Call) {
        match call {
            Call::Join => self.agent.join(now),
            Call::Leave => self.agent.leave(now),
            Call::Ask { token, question } => {
                if let Err(why) = self.agent.ask(now, token, &question) {
                    self.heard.push_back(Heard::Unavailable { token, why: why.to_string() });
                }
            }
            Call::Send { to, bytes } => self.agent.send(now, to, bytes),
            Call::Renumber { address } => {
                self.config.peer.address = address;
                self.agent.renumbered(now, address);
            }
        }
    }
}

impl Machine for Endpoint {
    type Order = Call;
    type Fact = Heard;

    fn input(&mut self, now: Time, input: Input<'_, Call>) {
        match input {
            // What is sent to the member itself, by whoever was told of it, is no agent's.
            Input::Datagram { at, from, bytes }
                if at.via == Via::Unicast && Tag::of_datagram(bytes) != Some(self.config.tag()) =>
            {
                self.heard.push_back(Heard::Delivered { from, bytes: bytes.to_vec() });
            }
            Input::Datagram { at, from, bytes } => self.agent.datagram(now, at, from, bytes),
            Input::Timer => self.agent.timer(now),
            Input::Order(call) => self.call(now, call),
            Input::Routing { group, announced } => self.agent.routed(now, group, announced),
            Input::Stream(id @ StreamId::Theirs(_), Stream::Open { .. }) => self.refused.push_back(id),
            Input::Stream(id, part) => self.agent.stream(now, id, part),
        }
    }

    fn output(&mut self) -> Option<Output<Heard>> {
        if let Some(heard) = self.heard.pop_front() {
            return Some(Output::Said(heard));
        }
        if let Some(id) = self.refused.pop_front() {
            return Some(Output::Stream(id, Stream::Close));
        }
        Some(match self.agent.said()? {
            Said::Datagram { to, bytes } => Output::Datagram { from: Port::unicast(PORT), to, bytes },
            Said::Stream(id, part) => Output::Stream(id, part),
            Said::Announce(group, on) => Output::Announce(group, on),
            Said::Member(joined) => Output::Said(Heard::Member { joined }),
            Said::Found { token, targets } => Output::Said(Heard::Found { token, targets }),
            Said::Delivered { from, bytes } => Output::Said(Heard::Delivered { from, bytes }),
        })
    }

    fn due(&self) -> Option<Time> {
        self.agent.due()
    }
}
