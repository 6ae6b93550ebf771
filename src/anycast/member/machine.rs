//! The overlay's node as a machine among others, and what those who look on may expect of it.

use std::net::SocketAddr;
use std::time::Duration;

use super::node::Member;
use super::parts::JOIN;
use super::streams;
use crate::anycast::config::{NodeConfig, PORT};
use crate::anycast::event::{Command, Digest, Event};
use crate::anycast::row::{Node, Tally};
use crate::machine::{Input, Machine, Output, Port, Stream, StreamId};
use crate::overlay::{Neighbors, Peer, Phase, Spent, Time, Transmit};

impl Machine for Member {
    type Order = Command;
    type Fact = Event;

    fn input(&mut self, now: Time, input: Input<'_, Command>) {
        match input {
            Input::Datagram { at, from, bytes } => self.handle(now, from, at.via, bytes),
            Input::Timer => self.handle_timeout(now),
            Input::Order(command) => self.command(now, command),
            Input::Routing { group: JOIN, announced } => {
                self.core.agent.routed(now, JOIN, announced);
                self.settle(now);
            }
            Input::Routing { group, announced: true } => self.announced(now, group),
            Input::Routing { group, announced: false } => self.withdrawn(now, group),
            // Its host has no such port.
            Input::Stream(id @ StreamId::Theirs(_), Stream::Open { at, .. }) if !self.core.listens(at) => {
                self.core.said.push_back(Output::Stream(id, Stream::Close));
            }
            Input::Stream(id, part) => {
                match streams::inner(id) {
                    (streams::AGENT, id) => self.core.agent.stream(now, id, part),
                    (_, id) => self.core.overlay.stream(now, id, part),
                }
                self.settle(now);
            }
        }
    }

    fn output(&mut self) -> Option<Output<Event>> {
        let datagram = |Transmit { to, bytes }| Output::Datagram { from: Port::unicast(PORT), to, bytes };
        self.poll_transmit().map(datagram).or_else(|| self.core.said.pop_front())
    }

    fn due(&self) -> Option<Time> {
        self.poll_timeout()
    }
}

impl Node for Member {
    fn config(&self) -> &NodeConfig {
        Self::config(self)
    }

    fn digest(&self) -> Digest {
        Self::digest(self)
    }

    fn phase(&self) -> Phase {
        self.core.overlay.phase()
    }

    fn neighbors(&self) -> Neighbors {
        self.core.overlay.neighbors()
    }

    fn peers(&self) -> Vec<Peer> {
        self.core.overlay.peers()
    }

    fn round_trips(&self) -> Vec<(SocketAddr, Duration)> {
        Self::round_trips(self)
    }

    fn tally(&self) -> Tally {
        Tally { join_hops: self.core.overlay.join_hops(), hellos: self.core.hellos }
    }

    fn spent(&self) -> Spent {
        self.core.overlay.spent()
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        self.core.overlay.counts()
    }

    fn link(&mut self, now: Time, peer: Peer) {
        self.core.overlay.merge(now, peer);
        self.settle(now);
    }

    fn introduce(&mut self, now: Time, peer: Peer, round_trip: Duration) {
        self.core.overlay.meet(now, peer, round_trip);
        self.settle(now);
    }
}
