//! The end of plain IP anycast: it asks for announcements, and nobody else.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::anycast::face::{Agent, AgentConfig, Question, Said, Target, Unavailable};
use crate::anycast::member::JOIN;
use crate::machine::{Part, Port, Time, Via};

pub(super) struct Announcing {
    group: Option<SocketAddr>,
    said: VecDeque<Said>,
}

impl Announcing {
    pub(super) fn new(config: &AgentConfig) -> Self {
        Self { group: config.address, said: VecDeque::new() }
    }
}

/// What routes alone cannot do (RFC 1546: a datagram is brought to some member, and that is all).
pub(super) fn can(question: &Question) -> Result<(), Unavailable> {
    match question {
        Question::Nearest => Ok(()),
        Question::Idle => Err(Unavailable("routes know nothing of load: members can drain, or point to others")),
        Question::Neighbors(_) => {
            Err(Unavailable("a member that asks at its group's address reaches itself: colors are addresses of others"))
        }
        Question::Random => Err(Unavailable("routing chooses, and always the same for the same asker")),
        Question::Region(..) => Err(Unavailable("a route has no region: that would be an address of its own")),
    }
}

impl Agent for Announcing {
    fn join(&mut self, _: Time) {
        self.said.push_back(Said::Announce(JOIN, true));
    }

    fn leave(&mut self, _: Time) {
        self.said.push_back(Said::Announce(JOIN, false));
    }

    fn ask(&mut self, _: Time, token: u64, question: &Question) -> Result<(), Unavailable> {
        can(question)?;
        let targets = self.group.into_iter().map(Target::Address).collect();
        self.said.push_back(Said::Found { token, targets });
        Ok(())
    }

    fn send(&mut self, _: Time, to: Target, bytes: Vec<u8>) {
        if let Target::Address(to) = to {
            self.said.push_back(Said::Datagram { to, bytes });
        }
    }

    fn datagram(&mut self, _: Time, at: Port, from: SocketAddr, bytes: &[u8]) {
        if at.via == Via::Group(JOIN) {
            self.said.push_back(Said::Delivered { from, bytes: bytes.to_vec() });
        }
    }

    fn routed(&mut self, _: Time, group: Part, announced: bool) {
        if group == JOIN {
            self.said.push_back(Said::Member(announced));
        }
    }

    fn renumbered(&mut self, _: Time, _: SocketAddr) {}

    fn timer(&mut self, _: Time) {}

    fn said(&mut self) -> Option<Said> {
        self.said.pop_front()
    }

    fn due(&self) -> Option<Time> {
        None
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        Vec::new()
    }
}
