//! What runs on the hosts of the simulated network.

use std::net::SocketAddr;

use crate::anycast::resident::{Deed, Resident, Told};
use crate::machine::{Input, Machine, Output, Port, Stream, StreamId, Time};

/// Whatever lives on a host: a resident at the agents' port, and else a program, which says who it is before what
/// it got.
pub(super) struct Being {
    pub(super) host: usize,
    pub(super) resident: Option<Resident>,
    pub(super) program: bool,
}

pub(super) enum Wish {
    Told(Told),
    Send { from: u16, to: SocketAddr, bytes: Vec<u8> },
    Stream(StreamId, Stream<Vec<u8>>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fact {
    Deed(Deed),
    Got { from: SocketAddr, bytes: Vec<u8> },
    Stream(StreamId, Stream<Vec<u8>>),
}

/// With what was made while an input was handled.
pub(super) struct Busy {
    pub(super) being: Being,
    pub(super) out: Vec<Output<Fact>>,
}

impl Machine for Busy {
    type Order = Wish;
    type Fact = Fact;

    fn input(&mut self, now: Time, input: Input<'_, Wish>) {
        let Being { host, resident, program } = &mut self.being;
        let name = format!("h{host}:");
        let told: Option<Input<'_, Told>> = match input {
            Input::Order(Wish::Told(told)) => Some(Input::Order(told)),
            Input::Order(Wish::Send { from, to, bytes }) => {
                self.out.push(Output::Datagram { from: Port::unicast(from), to, bytes });
                None
            }
            Input::Order(Wish::Stream(id, part)) => {
                self.out.push(Output::Stream(id, part));
                None
            }
            Input::Timer => Some(Input::Timer),
            Input::Routing { group, announced } => Some(Input::Routing { group, announced }),
            Input::Datagram { at, from, bytes } => {
                let server = matches!(resident, Some(Resident::Server(_)));
                if server || (resident.is_some() && at.number == crate::anycast::PORT) {
                    Some(Input::Datagram { at, from, bytes })
                } else {
                    self.out.push(Output::Said(Fact::Got { from, bytes: bytes.to_vec() }));
                    if *program {
                        let bytes = [name.as_bytes(), bytes].concat();
                        self.out.push(Output::Datagram { from: at, to: from, bytes });
                    }
                    None
                }
            }
            Input::Stream(id, part) if matches!(resident, Some(Resident::Server(_))) => Some(Input::Stream(id, part)),
            Input::Stream(id, part) => {
                let part = match part {
                    Stream::Open { at, peer } => Stream::Open { at, peer },
                    Stream::Bytes(bytes) => {
                        if *program {
                            let bytes = [name.as_bytes(), bytes].concat();
                            self.out.push(Output::Stream(id, Stream::Bytes(bytes)));
                        }
                        Stream::Bytes(bytes.to_vec())
                    }
                    Stream::Close | Stream::Lost => Stream::Close,
                };
                self.out.push(Output::Said(Fact::Stream(id, part)));
                None
            }
        };
        if let (Some(told), Some(resident)) = (told, resident) {
            resident.input(now, told);
        }
    }

    fn output(&mut self) -> Option<Output<Fact>> {
        if !self.out.is_empty() {
            return Some(self.out.remove(0));
        }
        Some(match self.being.resident.as_mut()?.output()? {
            Output::Datagram { from, to, bytes } => Output::Datagram { from, to, bytes },
            Output::Stream(id, part) => Output::Stream(id, part),
            Output::Announce(group, on) => Output::Announce(group, on),
            Output::Said(deed) => Output::Said(Fact::Deed(deed)),
        })
    }

    fn due(&self) -> Option<Time> {
        self.being.resident.as_ref()?.due()
    }
}
