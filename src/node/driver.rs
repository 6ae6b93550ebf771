//! A machine among sockets and clocks: what arrives is told it, and what it wants is carried out.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use tokio::net::TcpStream;

use super::sockets::{Arrived, QUEUE, Sockets};
use crate::kernel::now;
use crate::machine::{Input, Machine, Need, Output, Part, Port, Stream, StreamId, Time};

/// A machine without a timer still wakes so often.
const IDLE: Duration = Duration::from_secs(3600);

/// What the driver leaves to whoever owns it.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<F> {
    /// The machine wants a group announced, or withdrawn.
    Announce(Part, bool),
    Said(F),
}

/// A machine, its sockets, and what happened and has not been taken.
pub struct Driver<M: Machine> {
    machine: M,
    sockets: Sockets,
    events: VecDeque<Event<M::Fact>>,
}

impl<M: Machine> Driver<M> {
    /// Without a port yet. Within a runtime.
    pub fn new(machine: M) -> Self {
        Self { machine, sockets: Sockets::new(), events: VecDeque::new() }
    }

    /// Opens a port at an address, which need not be the host's yet.
    ///
    /// # Errors
    /// A socket that cannot be opened.
    pub fn open(&mut self, port: Port, need: Need, address: IpAddr) -> Result<()> {
        self.sockets.open(port, need, address)
    }

    /// The host has another unicast address. The machine has to be told.
    ///
    /// # Errors
    /// A socket that cannot be opened.
    pub fn renumber(&mut self, address: IpAddr) -> Result<()> {
        self.sockets.renumber(address)
    }

    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, to be told something; what it wants is carried out afterwards.
    pub fn tell<T>(&mut self, tell: impl FnOnce(&mut M, Time) -> T) -> T {
        let told = tell(&mut self.machine, time());
        self.settle();
        told
    }

    /// What happened since the last that was taken.
    pub fn take_event(&mut self) -> Option<Event<M::Fact>> {
        self.events.pop_front()
    }

    /// Waits until something arrives or the machine's time has come. May be given up at any time.
    pub async fn step(&mut self) {
        let wait = self.machine.due().map_or(IDLE, |t| t.0.saturating_sub(Duration::from_nanos(now())));
        // The runtime's timers are a millisecond late at least: under many datagrams none would ever fire.
        if wait.is_zero() {
            return self.wake().await;
        }
        tokio::select! {
            Some(arrived) = self.sockets.arrival() => self.hear(arrived),
            () = tokio::time::sleep(wait) => {}
        }
    }

    /// The machine's time has come. On a busy computer this process may itself be late, and the answer whose absence
    /// the machine would act on lie in a socket: what has arrived comes first.
    async fn wake(&mut self) {
        // The runtime looks at the sockets, and their tasks read, before it resumes.
        tokio::task::yield_now().await;
        for _ in 0..QUEUE {
            let Some(arrived) = self.sockets.try_arrival() else { break };
            self.hear(arrived);
        }
        self.tell(|machine, time| machine.input(time, Input::Timer));
    }

    fn hear(&mut self, arrived: Arrived) {
        match arrived {
            Arrived::Datagram { at, from, bytes } => {
                self.tell(|machine, time| machine.input(time, Input::Datagram { at, from, bytes: &bytes }));
            }
            Arrived::Accepted { at, peer, stream } => self.accept(at, peer, stream),
            // Of a stream that the machine has closed it hears nothing more.
            Arrived::Bytes { id, bytes } => {
                if self.sockets.has(id) {
                    self.tell(|machine, time| machine.input(time, Input::Stream(id, Stream::Bytes(&bytes))));
                }
            }
            Arrived::Closed { id } => self.end(id, Stream::Close),
            Arrived::Lost { id } => self.end(id, Stream::Lost),
        }
    }

    fn end(&mut self, id: StreamId, how: Stream<&[u8]>) {
        if self.sockets.ended(id) {
            self.tell(|machine, time| machine.input(time, Input::Stream(id, how)));
        }
    }

    fn accept(&mut self, at: Port, peer: SocketAddr, stream: TcpStream) {
        let id = self.sockets.accept(stream);
        self.tell(|machine, time| machine.input(time, Input::Stream(id, Stream::Open { at, peer })));
    }

    /// Carries out what the machine wants.
    fn settle(&mut self) {
        while let Some(output) = self.machine.output() {
            match output {
                Output::Datagram { from, to, bytes } => self.sockets.send(from, to, &bytes),
                Output::Stream(id, part) => self.sockets.stream(id, part),
                Output::Announce(group, on) => self.events.push_back(Event::Announce(group, on)),
                Output::Said(fact) => self.events.push_back(Event::Said(fact)),
            }
        }
    }
}

fn time() -> Time {
    Time(Duration::from_nanos(now()))
}
