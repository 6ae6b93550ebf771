//! Following single datagrams: which namespaces each one comes to, and whose kernel takes it in.
//!
//! No route back is needed: every namespace is listened in, by a packet socket, which sees each frame that
//! arrives, and by a raw socket, which sees what the kernel keeps for itself (raw(7)).

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::namespace::{Namespace, Stepper, enter};
use super::{now, sys};

/// Datagrams sent before anything is read: more would wait for one another.
const BURST: usize = 16;
/// A datagram that nobody took is sent again, from the same port: the same flow, so the same branch.
const TRIES: usize = 3;

/// Threads that close sockets.
const CLOSERS: usize = 32;

const ETHERNET: usize = 14;
const UDP: usize = 8;

/// How the datagrams are told apart: by a number in each.
#[derive(Clone, Copy)]
pub struct Wording {
    pub ask: fn(u64) -> Vec<u8>,
    pub asked: fn(&[u8]) -> Option<u64>,
    /// Of an answer: the number, and who says to have sent it.
    pub answered: fn(&[u8]) -> Option<(u64, String)>,
}

/// What became of one asker's datagram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Index of the namespace whose kernel took it in.
    pub taken_by: Option<usize>,
    /// Namespaces that it came to, in order.
    pub hops: Vec<usize>,
    /// Who answered, and nanoseconds until then. The askers ask in bursts: a time to go by, not to rely on.
    pub answer: Option<(String, u64)>,
    /// Datagrams sent, of which this is about the first that was taken, else about the last.
    pub tries: usize,
}

/// Listens for datagrams to one address.
pub struct Follower {
    target: SocketAddr,
    /// In the order of the namespaces.
    frames: Vec<Socket>,
    taken: Vec<Socket>,
}

impl Follower {
    /// Listens in each of `namespaces`.
    pub async fn open(stepper: &Stepper, namespaces: Vec<Namespace>, target: SocketAddr) -> Result<Self> {
        let open = move |namespace: Namespace| {
            enter(&namespace)?;
            let opened = open_frames(target.ip()).and_then(|frames| Ok((frames, raw(Protocol::UDP, target.ip())?)));
            opened.with_context(|| format!("listen in {}", namespace.name()))
        };
        let sockets: Result<Vec<(Socket, Socket)>> =
            stepper.run(move || namespaces.into_iter().map(open).collect()).await;
        let (frames, taken) = sockets?.into_iter().unzip();
        Ok(Self { target, frames, taken })
    }

    /// Sends one datagram from each of `askers`, and follows it; `patience` is how long each may take, and
    /// its answer. In the order of the askers.
    pub async fn follow(
        self,
        stepper: &Stepper,
        askers: Vec<Namespace>,
        wording: Wording,
        patience: Duration,
    ) -> Result<Vec<Followed>> {
        let any = SocketAddr::new(if self.target.is_ipv4() { [0; 4].into() } else { [0; 16].into() }, 0);
        let open = move |namespace: Namespace| {
            enter(&namespace)?;
            let socket = UdpSocket::bind(any).with_context(|| format!("open a socket in {}", namespace.name()))?;
            socket.set_nonblocking(true).context("set a socket non-blocking")?;
            Ok(socket)
        };
        let sockets: Result<Vec<_>> = stepper.run(move || askers.into_iter().map(open).collect()).await;
        let (sockets, sent) = (sockets?, HashMap::new());
        let work = move || {
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("create an epoll")?;
            let found = vec![Followed::default(); sockets.len()];
            let following = Following { follower: self, wording, sockets, epoll, sent, seen: BTreeMap::new(), found };
            following.watch()?;
            following.run(patience)
        };
        tokio::task::spawn_blocking(work).await.context("the following thread panicked")?
    }
}

/// Datagrams under way.
struct Following {
    follower: Follower,
    wording: Wording,
    sockets: Vec<UdpSocket>,
    epoll: Epoll,
    /// By its number: whose a datagram is, and when it was sent.
    sent: HashMap<u64, (usize, u64)>,
    /// By a datagram's number: hops that it might still have taken, and where it was then.
    seen: BTreeMap<u64, Vec<(u8, usize)>>,
    found: Vec<Followed>,
}

impl Following {
    fn watch(&self) -> Result<()> {
        let Follower { frames, taken, .. } = &self.follower;
        let sockets = self.sockets.iter().map(AsFd::as_fd);
        let all = sockets.chain(taken.iter().map(AsFd::as_fd)).chain(frames.iter().map(AsFd::as_fd));
        for (token, socket) in all.enumerate() {
            self.epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, token as u64)).context("watch a socket")?;
        }
        Ok(())
    }

    fn run(mut self, patience: Duration) -> Result<Vec<Followed>> {
        // Numbers of an earlier survey are others: the clock does not stand still.
        let mut number = now();
        let mut last = vec![number; self.sockets.len()];
        for _ in 0..TRIES {
            let asking: Vec<usize> = (0..self.found.len()).filter(|i| self.found[*i].taken_by.is_none()).collect();
            for burst in asking.chunks(BURST) {
                for asker in burst {
                    number += 1;
                    last[*asker] = number;
                    self.found[*asker].tries += 1;
                    self.sent.insert(number, (*asker, now()));
                    // Unreachable: as good as taken by nobody.
                    let _ = self.sockets[*asker].send_to(&(self.wording.ask)(number), self.follower.target);
                }
                self.receive(Duration::ZERO, &mut last)?;
            }
            let end = now() + patience.as_nanos() as u64;
            while !self.is_done() && now() < end {
                self.receive(Duration::from_nanos(end.saturating_sub(now())), &mut last)?;
            }
            if self.found.iter().all(|one| one.taken_by.is_some()) {
                break;
            }
        }
        // Whoever took a datagram has seen its frame before.
        while self.receive(Duration::ZERO, &mut last)? {}
        for (one, number) in self.found.iter_mut().zip(last) {
            let mut hops = self.seen.remove(&number).unwrap_or_default();
            hops.sort_by_key(|(left, _)| std::cmp::Reverse(*left));
            one.hops = hops.into_iter().map(|(_, node)| node).collect();
        }
        close(std::mem::take(&mut self.follower.frames))?;
        Ok(self.found)
    }

    fn is_done(&self) -> bool {
        self.found.iter().all(|one| one.taken_by.is_some() && one.answer.is_some())
    }

    /// Waits up to `patience` for something to arrive, and reads it; whether there was anything.
    fn receive(&mut self, patience: Duration, last: &mut [u64]) -> Result<bool> {
        let mut ready = [EpollEvent::empty(); 64];
        let count = super::wait(&self.epoll, &mut ready, patience).context("wait for datagrams")?;
        for event in &ready[..count] {
            self.read(event.data() as usize, last);
        }
        Ok(count > 0)
    }

    fn read(&mut self, token: usize, last: &mut [u64]) {
        let (askers, watched) = (self.sockets.len(), self.follower.taken.len());
        let v4 = self.follower.target.is_ipv4();
        let mut buffer = [0; 512];
        if let Some(socket) = self.sockets.get(token) {
            while let Ok((length, _)) = socket.recv_from(&mut buffer) {
                let at = now();
                if let Some((number, who)) = (self.wording.answered)(&buffer[..length])
                    && let Some((asker, sent)) = self.sent.get(&number)
                {
                    self.found[*asker].answer.get_or_insert((who, at - sent));
                }
            }
        } else if let Some(mut socket) = self.follower.taken.get(token - askers) {
            while let Ok(length) = socket.read(&mut buffer) {
                // A raw IPv4 socket delivers the IP header as well, an IPv6 one does not.
                let packet = if v4 { transport(v4, &buffer[..length]) } else { Some(&buffer[..length]) };
                let number = packet.and_then(|packet| (self.wording.asked)(packet.get(UDP..)?));
                if let Some(number) = number
                    && let Some((asker, _)) = self.sent.get(&number)
                    && self.found[*asker].taken_by.is_none()
                {
                    self.found[*asker].taken_by = Some(token - askers);
                    last[*asker] = number;
                }
            }
        } else if let Some(mut socket) = self.follower.frames.get(token - askers - watched) {
            while let Ok(length) = socket.read(&mut buffer) {
                let Some(packet) = buffer[..length].get(ETHERNET..) else { continue };
                let number = transport(v4, packet).and_then(|packet| (self.wording.asked)(packet.get(UDP..)?));
                if let (Some(number), Some(left)) = (number, packet.get(if v4 { 8 } else { 7 })) {
                    self.seen.entry(number).or_default().push((*left, token - askers - watched));
                }
            }
        }
    }
}

/// Closes packet sockets in the background. Each close waits until no CPU can be using the socket any more
/// (`synchronize_net`), which took 14 ms; those of different threads wait together.
fn close(mut sockets: Vec<Socket>) -> Result<()> {
    let share = sockets.len().div_ceil(CLOSERS).max(1);
    while !sockets.is_empty() {
        let some = sockets.split_off(sockets.len().saturating_sub(share));
        std::thread::Builder::new().name("closing".into()).spawn(move || drop(some)).context("start a thread")?;
    }
    Ok(())
}

/// What an IP packet carries. No packet of ours has IPv6 extension headers.
fn transport(v4: bool, packet: &[u8]) -> Option<&[u8]> {
    packet.get(if v4 { usize::from(packet.first()? & 0x0f) * 4 } else { 40 }..)
}

/// A socket that gets what the calling thread's namespace takes in for `address`.
pub(super) fn raw(protocol: Protocol, address: IpAddr) -> io::Result<Socket> {
    let protocol = if address.is_ipv6() && protocol == Protocol::ICMPV4 { Protocol::ICMPV6 } else { protocol };
    let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
    socket.set_nonblocking(true)?;
    // Spares it what is not for the address. Kernels before 5.18 do not bind to an address that is not
    // theirs; then what is read is sorted out.
    let free = if address.is_ipv4() { socket.set_freebind_v4(true) } else { socket.set_freebind_v6(true) };
    let _ = free.and_then(|()| socket.bind(&SocketAddr::new(address, 0).into()));
    Ok(socket)
}

/// A socket that gets every frame for `address` that comes to the calling thread's namespace.
fn open_frames(address: IpAddr) -> io::Result<Socket> {
    let socket: Socket = sys::packet_socket(0)?.into();
    socket.set_nonblocking(true)?;
    socket.attach_filter(&to(address))?;
    Ok(socket)
}

/// A program of classic BPF that lets the Ethernet frames of packets to `address` pass.
fn to(address: IpAddr) -> Vec<SockFilter> {
    const HALF: u16 = 0x28;
    const WORD: u16 = 0x20;
    const EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let (ether_type, at, bytes) = match address {
        IpAddr::V4(address) => (0x0800, ETHERNET as u32 + 16, address.octets().to_vec()),
        IpAddr::V6(address) => (0x86dd, ETHERNET as u32 + 24, address.octets().to_vec()),
    };
    let words = bytes.chunks(4).map(|word| word.iter().fold(0, |all, byte| all << 8 | u32::from(*byte)));
    let mut tests = vec![(HALF, 12, ether_type)];
    tests.extend(words.enumerate().map(|(number, word)| (WORD, at + 4 * number as u32, word)));
    let mut program = Vec::new();
    for (number, (load, at, value)) in tests.iter().enumerate() {
        // Past the later tests, each of two instructions, and the acceptance.
        let reject = 2 * (tests.len() - 1 - number) as u8 + 1;
        program.push(SockFilter::new(*load, 0, 0, *at));
        program.push(SockFilter::new(EQUAL, 0, reject, *value));
    }
    program.push(SockFilter::new(RETURN, 0, 0, u32::MAX));
    program.push(SockFilter::new(RETURN, 0, 0, 0));
    program
}
