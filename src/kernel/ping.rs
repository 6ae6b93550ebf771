//! ICMP echo between any nodes, many at a time: answered by the kernels themselves, so that it needs
//! no process at the other end (RFC 792, RFC 4443).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::socket::{SockaddrStorage, recvfrom};
use socket2::{Domain, Protocol, Socket, Type};

use super::namespace::{Namespace, Stepper, enter};
use super::{now, stamp};

/// Requests sent before answers are looked for: a socket's buffer holds some 270 small messages.
const BURST: usize = 64;

/// Marks our own messages among the ICMP of a namespace.
const MARK: [u8; 8] = *b"anybed\0\0";

/// Sockets for echo, one per source.
#[derive(Debug)]
pub struct Pinger {
    sockets: Vec<(Socket, IpAddr)>,
}

/// An echo request: the source's number, as given to [`Pinger::open`], and the target.
pub type Echo = (usize, IpAddr);

impl Pinger {
    /// Opens a socket in each namespace, bound to the source's address.
    pub async fn open(stepper: &Stepper, sources: Vec<(Namespace, IpAddr)>) -> Result<Self> {
        let open = |(namespace, address): (Namespace, IpAddr)| {
            enter(&namespace)?;
            let socket = open(address).with_context(|| format!("open an ICMP socket in {}", namespace.name()))?;
            Ok((socket, address))
        };
        let sockets = stepper.run(move || sources.into_iter().map(open).collect()).await?;
        Ok(Self { sockets })
    }

    /// Sends one request for each of `echoes`, `gap` apart, and waits until all are answered, or
    /// `patience` after the last one. Returns the round-trip times in nanoseconds, in order; `None`: no answer.
    pub async fn ping(self, echoes: Vec<Echo>, gap: Duration, patience: Duration) -> Result<Vec<Option<u64>>> {
        let burst = if gap.is_zero() { BURST } else { 1 };
        self.ping_in_bursts(echoes, burst, gap, patience).await
    }

    /// As [`Pinger::ping`], with `burst` requests at once, and `gap` between bursts.
    pub async fn ping_in_bursts(
        self,
        echoes: Vec<Echo>,
        burst: usize,
        gap: Duration,
        patience: Duration,
    ) -> Result<Vec<Option<u64>>> {
        let work = move || self.exchange(&echoes, burst, gap, patience);
        tokio::task::spawn_blocking(work).await.context("the pinging thread panicked")?
    }

    /// Sends one request with each number of hops that it may take, up to `hops`, from the first source,
    /// and returns who answered each, and after how many nanoseconds: the target, or the router at which
    /// it ran out of hops (time exceeded).
    pub async fn trace(self, target: IpAddr, hops: u32, patience: Duration) -> Result<Vec<Option<(IpAddr, u64)>>> {
        let work = move || self.step_by_step(target, hops, patience);
        tokio::task::spawn_blocking(work).await.context("the tracing thread panicked")?
    }

    fn step_by_step(&self, target: IpAddr, hops: u32, patience: Duration) -> Result<Vec<Option<(IpAddr, u64)>>> {
        let (socket, _) = self.sockets.first().context("a trace has a source")?;
        let mut found = Vec::new();
        for hop in 1..=hops {
            let set = if target.is_ipv4() { socket.set_ttl_v4(hop) } else { socket.set_unicast_hops_v6(hop) };
            set.context("set the number of hops")?;
            let sent = now();
            // Unreachable: as good as no answer.
            let _ = socket.send_to(&request(target.is_ipv4(), sent, hop), &SocketAddr::new(target, 0).into());
            let answer = wait_for(socket, target.is_ipv4(), hop, sent + patience.as_nanos() as u64)?;
            found.push(answer.map(|(from, at)| (from, at - sent)));
        }
        Ok(found)
    }

    fn exchange(&self, echoes: &[Echo], burst: usize, gap: Duration, patience: Duration) -> Result<Vec<Option<u64>>> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("create an epoll")?;
        for (index, (socket, _)) in self.sockets.iter().enumerate() {
            let interest = EpollEvent::new(EpollFlags::EPOLLIN, index as u64);
            epoll.add(socket.as_fd(), interest).context("watch an ICMP socket")?;
        }
        // Answers to an earlier exchange are none to this one.
        let nonce = now();
        let mut exchange = Exchange { pinger: self, epoll, nonce, sent: Vec::new(), times: vec![None; echoes.len()] };
        for burst in echoes.chunks(burst) {
            for echo in burst {
                exchange.send(echo);
            }
            exchange.receive_until(now() + gap.as_nanos() as u64, false)?;
        }
        exchange.receive_until(now() + patience.as_nanos() as u64, true)?;
        Ok(exchange.times)
    }
}

struct Exchange<'a> {
    pinger: &'a Pinger,
    epoll: Epoll,
    nonce: u64,
    sent: Vec<u64>,
    times: Vec<Option<u64>>,
}

impl Exchange<'_> {
    fn send(&mut self, (source, target): &Echo) {
        let (socket, _) = &self.pinger.sockets[*source];
        let message = request(target.is_ipv4(), self.nonce, self.sent.len() as u32);
        self.sent.push(now());
        // Unreachable, or no route: unanswered like any other.
        let _ = socket.send_to(&message, &SocketAddr::new(*target, 0).into());
    }

    /// Reads what arrives until then, or until nothing is missing.
    fn receive_until(&mut self, end: u64, all_sent: bool) -> Result<()> {
        loop {
            self.receive(Duration::from_nanos(end.saturating_sub(now())))?;
            if now() >= end || all_sent && self.times.iter().all(Option::is_some) {
                return Ok(());
            }
        }
    }

    /// Waits up to `patience` for something to arrive, and reads it all.
    fn receive(&mut self, patience: Duration) -> Result<()> {
        let mut ready = [EpollEvent::empty(); 64];
        let count = super::wait(&self.epoll, &mut ready, patience).context("wait for echo replies")?;
        for event in &ready[..count] {
            let (socket, address) = &self.pinger.sockets[event.data() as usize];
            let mut buffer = [0; 256];
            while let Ok((length, at)) = stamp::receive(socket, &mut buffer) {
                let bytes = &buffer[..length];
                if let Some((nonce, number)) = reply(address.is_ipv4(), bytes)
                    && nonce == self.nonce
                    && let Some(sent) = self.sent.get(number as usize)
                {
                    // A duplicate changes nothing.
                    self.times[number as usize].get_or_insert(at.saturating_sub(*sent));
                }
            }
        }
        Ok(())
    }
}

/// Waits for an answer to request `number`: who sent it, and when it was read.
fn wait_for(socket: &Socket, v4: bool, number: u32, end: u64) -> Result<Option<(IpAddr, u64)>> {
    while now() < end {
        let milliseconds = (end - now()).div_ceil(1_000_000).min(1000) as u16;
        let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        poll(&mut ready, PollTimeout::from(milliseconds)).context("wait for an answer")?;
        let mut buffer = [0; 512];
        while let Ok((length, from)) = recvfrom::<SockaddrStorage>(socket.as_raw_fd(), &mut buffer) {
            let at = now();
            let v6 = || from.as_ref()?.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip()));
            let from =
                from.as_ref().and_then(|a| a.as_sockaddr_in()).map(|address| IpAddr::V4(address.ip())).or_else(v6);
            if answers(v4, &buffer[..length], number)
                && let Some(from) = from
            {
                return Ok(Some((from, at)));
            }
        }
    }
    Ok(None)
}

fn open(address: IpAddr) -> io::Result<Socket> {
    let (domain, protocol) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
    socket.set_nonblocking(true)?;
    stamp::stamp(&socket)?;
    socket.bind(&SocketAddr::new(address, 0).into())?;
    Ok(socket)
}

/// Types of echo messages: ICMP's and ICMPv6's.
const REQUEST: [u8; 2] = [8, 128];
const REPLY: [u8; 2] = [0, 129];
/// Time exceeded.
const EXCEEDED: [u8; 2] = [11, 3];
const HEADER: usize = 8;

pub(super) fn request(v4: bool, nonce: u64, number: u32) -> Vec<u8> {
    let mut message = vec![REQUEST[usize::from(!v4)], 0, 0, 0];
    message.extend(number.to_be_bytes());
    message.extend(MARK);
    message.extend(nonce.to_be_bytes());
    if v4 {
        let sum = checksum(&message).to_be_bytes();
        message[2..4].copy_from_slice(&sum);
    }
    // ICMPv6's checksum covers the addresses too: the kernel fills it in.
    message
}

/// Nonce and number of one of our replies. A raw IPv4 socket delivers the IP header as well.
pub(super) fn reply(v4: bool, packet: &[u8]) -> Option<(u64, u32)> {
    let header = if v4 { usize::from(packet.first()? & 0x0f) * 4 } else { 0 };
    let message = packet.get(header..)?;
    let body = message.get(HEADER..)?;
    if *message.first()? != REPLY[usize::from(!v4)] || body.get(..8)? != MARK {
        return None;
    }
    let number = u32::from_be_bytes(message.get(4..8)?.try_into().ok()?);
    Some((u64::from_be_bytes(body.get(8..16)?.try_into().ok()?), number))
}

/// Whether a packet answers our request `number`: by a reply, or by saying that it took too many hops.
/// Such a message holds the head of what it is about, of which only the first eight bytes are certain.
fn answers(v4: bool, packet: &[u8], number: u32) -> bool {
    if reply(v4, packet).is_some_and(|(_, found)| found == number) {
        return true;
    }
    let about = || {
        let header = if v4 { usize::from(packet.first()? & 0x0f) * 4 } else { 0 };
        let message = packet.get(header..)?;
        if *message.first()? != EXCEEDED[usize::from(!v4)] {
            return None;
        }
        let original = message.get(HEADER..)?;
        let header = if v4 { usize::from(original.first()? & 0x0f) * 4 } else { 40 };
        let request = original.get(header..header + 8)?;
        let ours = request[0] == REQUEST[usize::from(!v4)];
        ours.then(|| request.get(4..8).and_then(|n| n.try_into().ok()).map(u32::from_be_bytes)).flatten()
    };
    about() == Some(number)
}

/// The Internet checksum, RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_known_by_its_mark() {
        let mut message = request(true, 7, 3);
        assert_eq!(checksum(&message), 0, "a message with its checksum sums to nothing");
        message[0] = REPLY[0];
        let packet = [&[0x45; 20][..], &message].concat();
        assert_eq!(reply(true, &packet), Some((7, 3)));
        assert_eq!(reply(true, &packet[..40]), None);
        let mut foreign = packet.clone();
        foreign[30] ^= 1;
        assert_eq!(reply(true, &foreign), None);
        assert_eq!(reply(true, &[&[0x45; 20][..], &request(true, 7, 3)].concat()), None, "a request is no reply");
        let mut message = request(false, 9, 1);
        message[0] = REPLY[1];
        assert_eq!(reply(false, &message), Some((9, 1)));
    }
}
