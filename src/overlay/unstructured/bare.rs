//! A node in the simulated network, without what finds it for others: for the protocols' tests.

use std::net::SocketAddr;
use std::time::Duration;

use crate::machine::sim::Conditions;
use crate::machine::{Input, Machine, Output, Port};
use crate::overlay::{Ask, Common, Did, LookupMode, OverlayNode, Peer, Time, Token};

const PORT: u16 = 4000;

pub(super) enum Order {
    Begin,
    Join(Peer),
    Merge(Peer),
    Leave,
    Ask(u64, Ask),
}

pub(super) struct Bare<N> {
    pub(super) node: N,
}

pub(super) fn address(host: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, (host / 250) as u8, (host % 250) as u8 + 1], PORT))
}

pub(super) fn common() -> Common {
    Common {
        replicas: 1,
        stabilize_every: Duration::from_millis(500),
        rpc_timeout: Duration::from_millis(200),
        rpc_tries: 3,
        lookup: LookupMode::Iterative,
    }
}

/// So many hosts, all 10 ms apart: what goes fewer hops comes first.
pub(super) fn conditions(hosts: usize, seed: u64) -> Conditions {
    Conditions {
        seed,
        hosts: (0..hosts).map(address).collect(),
        groups: Vec::new(),
        delay: Box::new(|_, _| Duration::from_millis(10)),
        loss: 0.0,
        propagation: Duration::ZERO,
    }
}

impl<N: OverlayNode> Machine for Bare<N> {
    type Order = Order;
    type Fact = Did;

    fn input(&mut self, now: Time, input: Input<'_, Order>) {
        match input {
            Input::Datagram { from, bytes, .. } => self.node.handle(now, from, bytes),
            Input::Stream(id, part) => self.node.stream(now, id, part),
            Input::Timer => self.node.handle_timeout(now),
            Input::Order(Order::Begin) => self.node.begin(now),
            Input::Order(Order::Join(through)) => self.node.join(now, through),
            Input::Order(Order::Merge(through)) => self.node.merge(now, through),
            Input::Order(Order::Leave) => self.node.leave(now),
            Input::Order(Order::Ask(token, ask)) => self.node.ask(now, Token::Command(token), ask),
            Input::Routing { .. } => {}
        }
    }

    fn output(&mut self) -> Option<Output<Did>> {
        if let Some((to, bytes)) = self.node.poll_transmit() {
            return Some(Output::Datagram { from: Port::unicast(PORT), to, bytes });
        }
        if let Some((id, part)) = self.node.poll_stream() {
            return Some(Output::Stream(id, part));
        }
        self.node.poll_event().map(Output::Said)
    }

    fn due(&self) -> Option<Time> {
        self.node.poll_timeout()
    }
}
