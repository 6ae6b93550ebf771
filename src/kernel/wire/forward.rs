//! The threads that carry frames between the ends of wires: each an epoll, one timer, and a heap of
//! departures.
//!
//! A frame costs one read and one write. A line that does nothing passes it on where it was read to;
//! any other keeps a copy until its time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use hdrhistogram::Histogram;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::sync::oneshot;

use super::line::{Counters, Line};
use super::tap::{Frame, Tap};
use super::vigil::Vigil;
use crate::kernel::{now, sys};
use crate::physics::Egress;

/// Frames that one end may bring, or one line deliver, before the others have their turn.
const BURST: usize = 64;
/// The largest frame a TAP can bring.
const LARGEST: usize = (64 << 10) + 64;
/// What epoll calls the eventfd and the timer. An end is called by its [`Port`].
const BELL: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

/// What a thread is asked to do. Slots are never used twice.
pub(super) enum Order {
    Adopt(usize, Box<Link>),
    Set {
        slot: usize,
        side: usize,
        egress: Egress,
    },
    Flush(usize),
    Count(usize, oneshot::Sender<[Counters; 2]>),
    Remove(usize),
    /// Nobody is left to give orders.
    End,
}

/// Where a thread's orders go.
#[derive(Clone, Debug)]
pub(super) struct Mailbox(Arc<Orders>);

#[derive(Debug)]
struct Orders {
    sender: Sender<Order>,
    bell: Arc<EventFd>,
    lateness: Arc<Mutex<Histogram<u32>>>,
}

/// Microseconds, to two digits.
pub(super) fn no_lateness() -> Histogram<u32> {
    Histogram::new(2).expect("two digits are a valid precision")
}

impl Mailbox {
    /// By how many microseconds frames departed late since the last such question.
    pub(super) fn take_lateness(&self) -> Histogram<u32> {
        std::mem::replace(&mut *lock(&self.0.lateness), no_lateness())
    }

    pub(super) fn send(&self, order: Order) -> Result<()> {
        self.0.send(order)
    }
}

impl Orders {
    fn send(&self, order: Order) -> Result<()> {
        self.sender.send(order).map_err(|_| anyhow!("the wires' thread has ended"))?;
        self.bell.write(1).context("wake the wires' thread").map(drop)
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        let _ = self.send(Order::End);
    }
}

/// A wire on its thread: what end 0 reads goes through line 0 to end 1.
#[derive(Debug)]
pub(super) struct Link {
    taps: [Tap; 2],
    lines: [Line; 2],
    /// The moment for which each line is in the heap of departures; its other entries are stale.
    armed: [Option<u64>; 2],
}

/// An end of a wire, as epoll and the heap of departures call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Port {
    slot: usize,
    side: usize,
}

impl Link {
    pub(super) fn new(taps: [Tap; 2], lines: [Line; 2]) -> Self {
        Self { taps, lines, armed: [None; 2] }
    }
}

impl Port {
    fn token(self) -> u64 {
        (self.slot * 2 + self.side) as u64
    }

    fn of(token: u64) -> Self {
        Self { slot: token as usize / 2, side: token as usize % 2 }
    }
}

/// Starts a thread that carries frames.
pub(super) fn start(number: usize) -> Result<Mailbox> {
    let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC).context("create an eventfd")?;
    let bell = Arc::new(bell);
    let (sender, orders) = channel();
    let lateness = Arc::new(Mutex::new(no_lateness()));
    let forwarder = Forwarder::new(orders, bell.clone(), lateness.clone())?;
    let work = move || {
        // A cable does not wait for a CPU. Without the privilege it has to: on a busy machine, 1 % of
        // frames departed 0.6 to 1.9 ms late, instead of 0.2 ms, and the interfaces' queues overflowed.
        // Nice is not enough: it counts within a session only, where the kernel groups by session.
        let _ = sys::run_first();
        forwarder.run();
    };
    std::thread::Builder::new().name(format!("wires-{number}")).spawn(work).context("start a wires' thread")?;
    Ok(Mailbox(Arc::new(Orders { sender, bell, lateness })))
}

/// What a thread owns.
struct Forwarder {
    epoll: Epoll,
    timer: TimerFd,
    /// The departure that the timer is set for, and the moment, until it has fired.
    set_to: Option<(u64, u64)>,
    departures: BinaryHeap<Reverse<(u64, Port)>>,
    links: Vec<Option<Box<Link>>>,
    orders: Receiver<Order>,
    bell: Arc<EventFd>,
    vigil: Vigil,
    /// Shared with whoever asks now and then: the lock is free.
    lateness: Arc<Mutex<Histogram<u32>>>,
    buffer: Box<[u8]>,
}

impl Forwarder {
    fn new(orders: Receiver<Order>, bell: Arc<EventFd>, lateness: Arc<Mutex<Histogram<u32>>>) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("create an epoll")?;
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags).context("create a timer")?;
        epoll.add(&*bell, EpollEvent::new(EpollFlags::EPOLLIN, BELL)).context("watch an eventfd")?;
        // Edge-triggered, it need not be read.
        let edge = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        epoll.add(&timer, EpollEvent::new(edge, TIMER)).context("watch a timer")?;
        let (departures, links, buffer) = (BinaryHeap::new(), Vec::new(), vec![0; LARGEST].into());
        let vigil = Vigil::new(now());
        Ok(Self { epoll, timer, set_to: None, departures, links, orders, bell, vigil, lateness, buffer })
    }

    /// Works until nobody is left to give orders.
    fn run(mut self) {
        let mut ready = [EpollEvent::empty(); 64];
        loop {
            let asleep = self.set_timer();
            let wait = if asleep { EpollTimeout::NONE } else { EpollTimeout::ZERO };
            let count = match self.epoll.wait(&mut ready, wait) {
                Ok(count) => count,
                Err(Errno::EINTR) => continue,
                Err(error) => {
                    tracing::error!("wires: {error}");
                    return;
                }
            };
            self.vigil.pass(now(), !asleep);
            for event in &ready[..count] {
                match event.data() {
                    BELL => {
                        if self.obey().is_none() {
                            return;
                        }
                    }
                    TIMER => {
                        let set_to = self.set_to.take();
                        set_to.into_iter().for_each(|(_, wake)| self.vigil.woken(now().saturating_sub(wake)));
                    }
                    token => self.collect(Port::of(token)),
                }
                // After each: a busy end must not delay what is due elsewhere.
                self.deliver();
            }
            if count == 0 {
                self.deliver();
            }
        }
    }

    /// Carries out what was asked for. `None`: nobody is left to ask.
    fn obey(&mut self) -> Option<()> {
        // Rung again meanwhile, it wakes the thread again.
        let _ = self.bell.read();
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Adopt(slot, link) => self.adopt(slot, link),
                Order::Set { slot, side, egress } => {
                    if let Some(link) = link(&mut self.links, slot) {
                        link.lines[side].change(now(), egress);
                        self.arm(Port { slot, side });
                    }
                }
                Order::Flush(slot) => {
                    if let Some(link) = link(&mut self.links, slot) {
                        link.lines.iter_mut().for_each(Line::flush);
                    }
                }
                Order::Count(slot, answer) => {
                    if let Some(link) = link(&mut self.links, slot) {
                        // Whoever asked may have gone.
                        let _ = answer.send([link.lines[0].counters(), link.lines[1].counters()]);
                    }
                }
                Order::Remove(slot) => {
                    // Closing the descriptors takes them out of the epoll.
                    if let Some(link) = self.links.get_mut(slot) {
                        *link = None;
                    }
                }
                Order::End => return None,
            }
        }
        Some(())
    }

    fn adopt(&mut self, slot: usize, link: Box<Link>) {
        for (side, tap) in link.taps.iter().enumerate() {
            let interest = EpollEvent::new(EpollFlags::EPOLLIN, Port { slot, side }.token());
            if let Err(error) = self.epoll.add(tap, interest) {
                tracing::error!("watch an end of a wire: {error}");
            }
        }
        if self.links.len() <= slot {
            self.links.resize_with(slot + 1, || None);
        }
        self.links[slot] = Some(link);
    }

    /// Reads what an end has sent, up to a burst: epoll tells again of what is left.
    fn collect(&mut self, port: Port) {
        let Some(link) = link(&mut self.links, port.slot) else { return };
        let (from, to) = (&link.taps[port.side], &link.taps[1 - port.side]);
        let line = &mut link.lines[port.side];
        for _ in 0..BURST {
            match from.read(&mut self.buffer) {
                Frame::Some(length) => {
                    let frame = &self.buffer[..length];
                    if !line.passes(length) {
                        line.arrive(now(), frame);
                    } else if !to.write(frame) {
                        line.refused();
                    }
                }
                Frame::None => break,
                Frame::Ended => {
                    // It would be told of for ever.
                    let _ = self.epoll.delete(from);
                    break;
                }
            }
        }
        self.arm(port);
    }

    /// Sends what is due, up to a burst: the timer is set to the past then.
    fn deliver(&mut self) {
        let mut sent = 0;
        while let Some(Reverse((due, port))) = self.departures.peek().copied()
            && sent < BURST
            && due <= now()
        {
            self.departures.pop();
            let Some(link) = link(&mut self.links, port.slot) else { continue };
            if link.armed[port.side] != Some(due) {
                continue;
            }
            link.armed[port.side] = None;
            while sent < BURST
                && let Some((frame, late)) = link.lines[port.side].depart(now())
            {
                // It grows as it must: nothing is out of range.
                let _ = lock(&self.lateness).record(late / 1000);
                if !link.taps[1 - port.side].write(&frame) {
                    link.lines[port.side].refused();
                }
                sent += 1;
            }
            self.arm(port);
        }
    }

    /// Puts a line into the heap, unless it is there with an earlier time.
    fn arm(&mut self, port: Port) {
        let Some(link) = link(&mut self.links, port.slot) else { return };
        let armed = &mut link.armed[port.side];
        if let Some(next) = link.lines[port.side].next_departure()
            && armed.is_none_or(|armed| next < armed)
        {
            *armed = Some(next);
            self.departures.push(Reverse((next, port)));
        }
    }

    /// Whether the thread may sleep until something happens.
    fn set_timer(&mut self) -> bool {
        let Some(Reverse((due, _))) = self.departures.peek() else { return true };
        let wake = due.saturating_sub(self.vigil.lead());
        if wake <= now() {
            return false;
        }
        if self.set_to.is_none_or(|(meant, _)| meant != *due) {
            // Zero would mean never; no clock stands there.
            let at = TimeSpec::from_duration(Duration::from_nanos(wake));
            match self.timer.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME) {
                Ok(()) => self.set_to = Some((*due, wake)),
                Err(error) => tracing::error!("set the wires' timer: {error}"),
            }
        }
        true
    }
}

fn lock(lateness: &Mutex<Histogram<u32>>) -> MutexGuard<'_, Histogram<u32>> {
    lateness.lock().expect("no holder of a histogram panics")
}

fn link(links: &mut [Option<Box<Link>>], slot: usize) -> Option<&mut Link> {
    links.get_mut(slot)?.as_deref_mut()
}
