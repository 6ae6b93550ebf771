//! Whatever lives on a host as a machine: a node of an overlay, a program's agent, a server of an infrastructure.

use super::endpoint::{Call, Endpoint, Heard};
use super::event::{Command, Event};
use super::row::Node;
use super::server::{Served, Server};
use crate::machine::{Input, Machine, Output, Time};

/// One of them.
pub enum Resident {
    Node(Box<dyn Node>),
    Endpoint(Box<Endpoint>),
    Server(Box<dyn Server>),
    /// A host without anybody.
    Nobody,
}

/// What one is told. What is for another kind is not heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Node(Command),
    Endpoint(Call),
}

/// What one did.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    Node(Event),
    Endpoint(Heard),
    Server(Served),
}

impl Resident {
    pub fn node(&self) -> Option<&dyn Node> {
        if let Self::Node(node) = self { Some(&**node) } else { None }
    }

    pub fn node_mut(&mut self) -> Option<&mut dyn Node> {
        if let Self::Node(node) = self { Some(&mut **node) } else { None }
    }

    pub fn endpoint(&self) -> Option<&Endpoint> {
        if let Self::Endpoint(endpoint) = self { Some(endpoint) } else { None }
    }

    pub fn server(&self) -> Option<&dyn Server> {
        if let Self::Server(server) = self { Some(&**server) } else { None }
    }
}

/// The same input for a machine with other orders; `None`: it is an order.
fn plain<O>(input: Input<'_, Told>) -> Option<Input<'_, O>> {
    Some(match input {
        Input::Datagram { at, from, bytes } => Input::Datagram { at, from, bytes },
        Input::Stream(id, part) => Input::Stream(id, part),
        Input::Timer => Input::Timer,
        Input::Routing { group, announced } => Input::Routing { group, announced },
        Input::Order(_) => return None,
    })
}

fn said<F>(output: Output<F>, deed: impl FnOnce(F) -> Deed) -> Output<Deed> {
    match output {
        Output::Datagram { from, to, bytes } => Output::Datagram { from, to, bytes },
        Output::Stream(id, part) => Output::Stream(id, part),
        Output::Announce(group, on) => Output::Announce(group, on),
        Output::Said(fact) => Output::Said(deed(fact)),
    }
}

impl Machine for Resident {
    type Order = Told;
    type Fact = Deed;

    fn input(&mut self, now: Time, input: Input<'_, Told>) {
        match (self, input) {
            (Self::Node(node), Input::Order(Told::Node(command))) => node.input(now, Input::Order(command)),
            (Self::Endpoint(endpoint), Input::Order(Told::Endpoint(call))) => endpoint.input(now, Input::Order(call)),
            (Self::Node(node), input) => {
                if let Some(input) = plain(input) {
                    node.input(now, input);
                }
            }
            (Self::Endpoint(endpoint), input) => {
                if let Some(input) = plain(input) {
                    endpoint.input(now, input);
                }
            }
            (Self::Server(server), input) => {
                if let Some(input) = plain(input) {
                    server.input(now, input);
                }
            }
            (Self::Nobody, _) => {}
        }
    }

    fn output(&mut self) -> Option<Output<Deed>> {
        match self {
            Self::Node(node) => node.output().map(|output| said(output, Deed::Node)),
            Self::Endpoint(endpoint) => endpoint.output().map(|output| said(output, Deed::Endpoint)),
            Self::Server(server) => server.output().map(|output| said(output, Deed::Server)),
            Self::Nobody => None,
        }
    }

    fn due(&self) -> Option<Time> {
        match self {
            Self::Node(node) => node.due(),
            Self::Endpoint(endpoint) => endpoint.due(),
            Self::Server(server) => server.due(),
            Self::Nobody => None,
        }
    }
}
