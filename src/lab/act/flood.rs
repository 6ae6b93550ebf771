//! Floods of joiners: first Hellos to an overlay's join address, from sockets in a host's namespace.
//!
//! The kernels' routes decide which member gets them, as with any joiner. Each flood has a thread of its own, which
//! has no more right to a CPU than others: it is not what is measured.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::sync::oneshot;

use super::begun::Begun;
use crate::anycast::Stranger;
use crate::kernel::now;
use crate::lab::Lab;
use crate::overlay::id::Id;
use crate::plan::PORT;
use crate::record::What;
use crate::topology::NodeId;

/// Source ports, in turn.
const SOCKETS: usize = 64;
/// Hellos that one system call sends from one port, at most.
const AT_ONCE: u64 = 32;
/// Answers are counted for so long after the last Hello.
const LISTEN: Duration = Duration::from_secs(1);
/// A Hello that is later than this, or than the next one is due, is not sent any more.
const LATE: Duration = Duration::from_millis(5);
/// The thread sleeps so long at least, and at most: what is due then leaves in one go.
const NAP: Duration = Duration::from_millis(1);
const LONG_NAP: Duration = Duration::from_millis(20);
/// A flood that has hardly anything left to send is over: the next one of a timeline may be a little early.
const ALMOST: Duration = Duration::from_millis(100);

impl Lab {
    /// Begins a flood, which goes on in the background and is recorded when it is over.
    ///
    /// # Errors
    /// One of the same overlay is under way from that host, or the kernel refused.
    pub(super) async fn flood(self: &Arc<Self>, overlay: usize, from: NodeId, rate: u32, time: Duration) -> Result<()> {
        let (flooded, host) = (&self.topology.overlays[overlay], self.topology.node(from).name.clone());
        let target = SocketAddr::new(self.topology.groups[flooded.groups[0].0].addresses[0], PORT);
        let sockets = self.network.stepper().within(self.network.namespace(from), move || open(target)).await?;
        let pace = Pace::new(now(), rate, time);
        let name = flooded.name.clone();
        let number = self.note_flood(Begun { from, overlay, end: pace.end })?;
        let Id(seed) = Id::hash(&[&self.topology.seed.to_be_bytes(), b"flood", &number.to_be_bytes()]);
        let stranger = Stranger::new(&name, flooded.key.is_some(), ChaCha8Rng::seed_from_u64(seed as u64));
        let flooder = Flooder { sockets, target, pace, stranger, next: 0, counts: Counts::default() };
        let (over, ended) = oneshot::channel();
        let work = move || drop(over.send(flooder.run()));
        std::thread::Builder::new().name("flood".into()).spawn(work).context("start a flood")?;
        let lab = self.clone();
        self.background(async move {
            match ended.await.context("its thread panicked").and_then(|counts| counts) {
                Ok(counts) => lab.recorder.now(counts.event(name, host, rate, pace.begin)),
                Err(error) => lab.fail(format!("a flood of {name} from {host}: {error:#}")),
            }
        });
        Ok(())
    }

    /// How many floods there were before, if this one may begin.
    fn note_flood(&self, flood: Begun) -> Result<u64> {
        let mut floods = self.floods.lock().expect("no holder of the floods panics");
        let same = floods.iter().filter(|f| (f.from, f.overlay) == (flood.from, flood.overlay));
        let left = same.map(|f| Duration::from_nanos(f.end.saturating_sub(now()))).max().unwrap_or_default();
        ensure!(
            left <= ALMOST,
            "a flood of {} from {} is under way for another {:.1} s",
            self.topology.overlays[flood.overlay].name,
            self.topology.node(flood.from).name,
            left.as_secs_f64()
        );
        let number = floods.len() as u64;
        floods.push(flood);
        Ok(number)
    }
}

/// Unprivileged sockets of the kind of the target's address, at ports that the kernel chooses.
fn open(target: SocketAddr) -> Result<Vec<UdpSocket>> {
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let one = || {
        let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    (0..SOCKETS).map(|_| one()).collect::<io::Result<_>>().context("open the sockets of a flood")
}

/// When each Hello is due: evenly, from the begin on.
#[derive(Clone, Copy, Debug)]
struct Pace {
    begin: u64,
    end: u64,
    rate: u64,
    /// Hellos of which it has been decided whether they are sent.
    taken: u64,
}

impl Pace {
    fn new(begin: u64, rate: u32, time: Duration) -> Self {
        Self { begin, end: begin.saturating_add(time.as_nanos() as u64), rate: rate.into(), taken: 0 }
    }

    fn due(&self, number: u64) -> u64 {
        self.begin.saturating_add((u128::from(number) * 1_000_000_000 / u128::from(self.rate)) as u64)
    }

    fn next(&self) -> u64 {
        self.due(self.taken)
    }

    /// Takes what is due by `time`: how many are too late, and how many are to be sent.
    fn take(&mut self, time: u64) -> (u64, u64) {
        let patience = (LATE.as_nanos() as u64).max(1_000_000_000 / self.rate);
        let (mut late, mut in_time) = (0, 0);
        while self.next() <= time && self.next() < self.end {
            *(if time - self.next() > patience { &mut late } else { &mut in_time }) += 1;
            self.taken += 1;
        }
        (late, in_time)
    }
}

#[derive(Debug, Default)]
struct Counts {
    sent: u64,
    sent_bytes: u64,
    skipped: u64,
    answers: u64,
    answered_bytes: u64,
    nanoseconds: u64,
}

impl Counts {
    fn event(self, overlay: String, host: String, rate: u32, begun: u64) -> What {
        let Self { sent, sent_bytes, skipped, answers, answered_bytes, nanoseconds } = self;
        let seconds = nanoseconds as f64 / 1e9;
        What::Flood { overlay, host, begun, rate, sent, sent_bytes, skipped, answers, answered_bytes, seconds }
    }
}

struct Flooder {
    sockets: Vec<UdpSocket>,
    target: SocketAddr,
    pace: Pace,
    stranger: Stranger,
    /// The socket whose turn it is.
    next: usize,
    counts: Counts,
}

impl Flooder {
    /// Sends until the time is over, and counts answers a little longer.
    fn run(mut self) -> Result<Counts> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("create an epoll")?;
        for (index, socket) in self.sockets.iter().enumerate() {
            let interest = EpollEvent::new(EpollFlags::EPOLLIN, index as u64);
            epoll.add(socket, interest).context("watch a socket")?;
        }
        while now() < self.pace.end {
            let (late, due) = self.pace.take(now());
            self.counts.skipped += late;
            self.send(due);
            self.receive(&epoll, Duration::ZERO)?;
            let next = self.pace.next().min(self.pace.end).saturating_sub(now());
            std::thread::sleep(Duration::from_nanos(next).clamp(NAP, LONG_NAP));
        }
        // What fell due in the last nap.
        let (late, due) = self.pace.take(now());
        self.counts.skipped += late;
        self.send(due);
        let end = now();
        self.counts.nanoseconds = end - self.pace.begin;
        let until = end + LISTEN.as_nanos() as u64;
        while now() < until {
            // A millisecond more than is left of the last one.
            self.receive(&epoll, Duration::from_nanos(until.saturating_sub(now())) + NAP)?;
        }
        Ok(self.counts)
    }

    fn send(&mut self, due: u64) {
        let mut left = due;
        while left > 0 {
            let count = left.min(AT_ONCE);
            let hellos = (0..count).map(|_| self.stranger.hello()).collect();
            self.send_from_next(hellos);
            left -= count;
        }
    }

    /// Sends all of these from the port whose turn it is.
    fn send_from_next(&mut self, hellos: Vec<Vec<u8>>) {
        let slices: Vec<[IoSlice<'_>; 1]> = hellos.iter().map(|hello| [IoSlice::new(hello)]).collect();
        let targets = vec![Some(SockaddrStorage::from(self.target)); hellos.len()];
        let mut headers = MultiHeaders::preallocate(hellos.len(), None);
        let socket = self.sockets[self.next].as_raw_fd();
        // What is not taken: no room in the socket, or no way out of the host.
        let taken = sendmmsg(socket, &mut headers, &slices, &targets, [], MsgFlags::empty()).map_or(0, Iterator::count);
        self.counts.sent += taken as u64;
        self.counts.sent_bytes += hellos[..taken].iter().map(|hello| hello.len() as u64).sum::<u64>();
        self.counts.skipped += (hellos.len() - taken) as u64;
        self.next = (self.next + 1) % self.sockets.len();
    }

    /// Counts all answers that there are; waits for the first, at most for this long.
    fn receive(&mut self, epoll: &Epoll, wait: Duration) -> Result<()> {
        let mut ready = [EpollEvent::empty(); SOCKETS];
        let wait = EpollTimeout::try_from(wait).unwrap_or(EpollTimeout::MAX);
        let count = match epoll.wait(&mut ready, wait) {
            Err(Errno::EINTR) => 0,
            waited => waited.map_err(io::Error::from).context("look for answers")?,
        };
        let mut buffer = [0; 1500];
        for event in &ready[..count] {
            while let Ok(length) = self.sockets[event.data() as usize].recv(&mut buffer) {
                self.counts.answers += 1;
                self.counts.answered_bytes += length as u64;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn hellos_are_spread_evenly_over_the_time() {
        let mut pace = Pace::new(1000, 3000, Duration::from_secs(1));
        assert_eq!(pace.take(999), (0, 0));
        assert_eq!(pace.take(1000), (0, 1));
        assert_eq!(pace.take(1000 + MS), (0, 3));
        let all: u64 = (0..2000).map(|ms| pace.take(1000 + ms * MS)).map(|(late, sent)| late + sent).sum();
        assert_eq!(4 + all, 3000, "no drift, and none after the end");
        let mut slow = Pace::new(0, 1, Duration::from_millis(100));
        assert_eq!(slow.take(50 * MS), (0, 1), "the first is due at once, and later than others may be");
        assert_eq!(slow.take(5000 * MS), (0, 0));
    }

    #[test]
    fn what_is_late_is_skipped_and_not_sent_in_a_burst() {
        let mut pace = Pace::new(0, 20_000, Duration::from_secs(1));
        let (late, sent) = pace.take(500 * MS);
        assert_eq!(late + sent, 10_001);
        assert_eq!(sent, 101, "those of the last 5 ms");
    }

    #[test]
    fn answers_are_counted_until_a_second_after_the_end() {
        let member = UdpSocket::bind("127.0.0.1:0").unwrap();
        let target = member.local_addr().unwrap();
        let pace = Pace::new(now(), SOCKETS as u32 * 10, Duration::from_millis(100));
        let end = pace.end;
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let answer = std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            let (mut hellos, mut asked, mut late) = (0, 0, None);
            member.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            loop {
                // Read before: what came until then is taken in.
                let last = until.load(Ordering::Acquire);
                while let Ok((length, from)) = member.recv_from(&mut buffer) {
                    hellos += 1;
                    asked += length as u64;
                    late = (hellos == SOCKETS as u64).then_some(from);
                }
                // The last one is answered after the flood.
                if let Some(from) = late.take_if(|_| now() > end) {
                    member.send_to(&[0; 10], from).unwrap();
                }
                if last {
                    return (hellos, asked);
                }
            }
        });
        let stranger = Stranger::new("music", false, ChaCha8Rng::seed_from_u64(1));
        let sockets = open(target).unwrap();
        let flooder = Flooder { sockets, target, pace, stranger, next: 0, counts: Counts::default() };
        let counts = flooder.run().unwrap();
        over.store(true, Ordering::Release);
        let (hellos, asked) = answer.join().unwrap();
        assert_eq!(counts.sent + counts.skipped, SOCKETS as u64);
        assert_eq!((counts.sent_bytes, counts.sent), (asked, hellos));
        if counts.skipped == 0 {
            assert_eq!((counts.answers, counts.answered_bytes), (1, 10));
        }
    }
}
