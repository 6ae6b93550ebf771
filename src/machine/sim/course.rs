//! What happens in the network: datagrams and parts of streams arrive, timers ring, routes change.

use std::net::SocketAddr;

use rand::RngExt;

use super::due::Due;
use super::{Happened, Sim};
use crate::machine::{Input, Machine, Output, Part, Port, Stream, StreamId, Time, Via};

impl<M: Machine> Sim<M> {
    pub(super) fn play(&mut self, end: Time) {
        while let Some((at, due)) = self.queue.pop(end) {
            self.now = at;
            self.happen(due);
        }
        self.now = end;
    }

    fn happen(&mut self, due: Due) {
        let now = self.now;
        match due {
            Due::Arrival { from, source, to, target, at, bytes } => {
                let moved = at.via == Via::Unicast && self.hosts[to].address.ip() != target.ip();
                if moved || self.hosts[from].side != self.hosts[to].side {
                    return;
                }
                for word in [now.0.as_nanos() as u64, from as u64, to as u64] {
                    self.trace.add(word);
                }
                self.trace.add_bytes(&bytes);
                self.drive(to, |machine| machine.input(now, Input::Datagram { at, from: source, bytes: &bytes }));
            }
            Due::Stream { from, to, part } => self.stream(from, to, part),
            Due::Closed { host, life, id } => {
                if self.hosts[host].life == life {
                    self.drive(host, |machine| machine.input(now, Input::Stream(id, Stream::Lost)));
                }
            }
            Due::Timer { host } => self.ring(host),
            Due::Routing { host, life, group, announce } => {
                if announce && self.hosts[host].life == life && self.hosts[host].machine.is_some() {
                    self.announcers[group].insert(host);
                } else if !announce {
                    self.announcers[group].remove(&host);
                }
                self.versions[group] += 1;
                if self.hosts[host].life == life {
                    let routing = Input::Routing { group: Part::nth(group), announced: announce };
                    self.drive(host, |machine| machine.input(now, routing));
                }
            }
        }
    }

    /// A host's timer has come, which may be earlier than it wants to be woken by now: most timers are
    /// for answers that arrive in time.
    fn ring(&mut self, host: usize) {
        let now = self.now;
        let h = &mut self.hosts[host];
        if h.timer == Some(now) {
            h.timer = None;
        }
        if h.wake.is_some_and(|wake| wake <= now) {
            h.wake = None;
            self.drive(host, |machine| machine.input(now, Input::Timer));
        } else {
            self.set_timer(host);
        }
    }

    /// Sees to it that a timer is due when the host wants to be woken, or before.
    fn set_timer(&mut self, host: usize) {
        let h = &mut self.hosts[host];
        if let Some(wake) = h.wake
            && h.timer.is_none_or(|timer| wake < timer)
        {
            h.timer = Some(wake);
            self.queue.push(wake, Due::Timer { host });
        }
    }

    /// Gives a machine one input and carries out what it wants.
    pub(super) fn drive(&mut self, host: usize, input: impl FnOnce(&mut M)) {
        let Some(mut machine) = self.hosts[host].machine.take() else { return };
        input(&mut machine);
        let life = self.hosts[host].life;
        while let Some(output) = machine.output() {
            match output {
                Output::Datagram { from, to, bytes } => self.transmit(host, from, to, bytes),
                Output::Stream(id, part) => self.send(host, id, part),
                Output::Announce(group, announce) => {
                    let (group, at) = (usize::from(group.0), self.now + self.settings.propagation);
                    self.queue.push(at, Due::Routing { host, life, group, announce });
                }
                Output::Said(event) => self.events.push(Happened { at: self.now, host, event }),
            }
        }
        self.hosts[host].wake = machine.due().map(|t| t.max(self.now));
        self.hosts[host].machine = Some(machine);
        self.set_timer(host);
    }

    /// Who has this address, as `from` sees it, and which of its ports is meant.
    fn receiver(&mut self, from: usize, to: SocketAddr) -> (Option<usize>, Port) {
        let number = to.port();
        match self.by_group.get(&to.ip()).copied() {
            Some(group) => (self.catchment(group, from), Port { via: Via::Group(Part::nth(group)), number }),
            None => (self.by_address.get(&to.ip()).copied(), Port::unicast(number)),
        }
    }

    /// The address of a machine's port.
    fn address(&self, host: usize, port: Port) -> SocketAddr {
        let address = match port.via {
            Via::Unicast => self.hosts[host].address,
            Via::Group(Part(group)) => self.settings.groups[usize::from(group)],
        };
        SocketAddr::new(address.ip(), port.number)
    }

    fn transmit(&mut self, from: usize, port: Port, to: SocketAddr, bytes: Vec<u8>) {
        self.datagrams += 1;
        self.hosts[from].sent += 1;
        self.bytes += bytes.len() as u64;
        let (receiver, at) = self.receiver(from, to);
        let lost = self.settings.loss > 0.0 && self.rng.random_bool(self.settings.loss);
        if let Some(receiver) = receiver.filter(|_| !lost) {
            let time = self.now + (self.settings.delay)(from, receiver);
            let source = self.address(from, port);
            self.queue.push(time, Due::Arrival { from, source, to: receiver, target: to, at, bytes });
        }
    }

    fn send(&mut self, host: usize, id: StreamId, part: Stream<Vec<u8>>) {
        let (far, part) = match part {
            Stream::Open { at, peer } => {
                let (Some(to), port) = self.receiver(host, peer) else { return self.tell_closed(host, id) };
                let far = self.streams.open(host, id, to, peer);
                (far, Stream::Open { at: port, peer: self.address(host, at) })
            }
            part => {
                let Some((far, target)) = self.streams.far(host, id) else { return };
                // Routing has moved the group: another host has that address, and knows of no such stream.
                if target.is_some_and(|target| self.receiver(host, target).0 != Some(far.0)) {
                    return self.cut(host, id);
                }
                (far, part)
            }
        };
        let time = self.now + (self.settings.delay)(host, far.0);
        let time = self.streams.in_order(host, id, time);
        if let Stream::Bytes(bytes) = &part {
            self.streamed = (self.streamed.0 + 1, self.streamed.1 + bytes.len() as u64);
        }
        if part == Stream::Close {
            self.streams.close(host, id);
        }
        self.queue.push(time, Due::Stream { from: (host, id), to: far, part });
    }

    /// Part of a stream arrives, unless the network has cut it meanwhile: then whoever sent it is told.
    fn stream(&mut self, from: (usize, StreamId), (host, id): (usize, StreamId), part: Stream<Vec<u8>>) {
        let reached = self.hosts[from.0].side == self.hosts[host].side && self.hosts[host].machine.is_some();
        if !reached || self.streams.far(host, id).is_none_or(|(far, _)| far != from) {
            return self.cut(from.0, from.1);
        }
        let now = self.now;
        let part = match &part {
            Stream::Open { at, peer } => Stream::Open { at: *at, peer: *peer },
            Stream::Bytes(bytes) => Stream::Bytes(&bytes[..]),
            Stream::Close | Stream::Lost => {
                self.streams.close(host, id);
                Stream::Close
            }
        };
        self.trace.add(host as u64);
        self.drive(host, |machine| machine.input(now, Input::Stream(id, part)));
    }

    /// A stream ends here. The other end notices when it sends.
    fn cut(&mut self, host: usize, id: StreamId) {
        if self.streams.close(host, id) {
            self.tell_closed(host, id);
        }
    }

    fn tell_closed(&mut self, host: usize, id: StreamId) {
        let life = self.hosts[host].life;
        self.queue.push(self.now, Due::Closed { host, life, id });
    }
}
