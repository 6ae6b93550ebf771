//! Clients' probes: numbered datagrams to a group's address at a steady rate; the answer names the
//! member.
//!
//! Each client's socket is opened in its namespace; one thread of its own serves them all, so that
//! nothing else the supervisor does delays a time stamp. Clients take turns: their probes are spread evenly
//! over the time between two of one client. The kernel stamps the answers, so they may lie in the sockets for
//! a while, and the thread wakes for many at once.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::Lab;
use super::probe::{Log, Prober, Turns};
use crate::kernel::{now, stamp, sys};
use crate::plan::PORT;
use crate::topology::NodeKind;

/// Between two entries of one client in the record.
const BATCH: Duration = Duration::from_secs(1);
/// Between two looks at whether it is over.
const LOOK: Duration = Duration::from_millis(100);
/// The thread sleeps so long at a time, or a quarter of the period if that is less, however much is due: what is due
/// in that time, or arrives, is dealt with in one go, and others run, though it runs before all of them.
const NAP: Duration = Duration::from_millis(1);

/// All clients, probing.
pub(super) struct Probers {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Probers {
    /// Starts every client of the lab; `None` if there is nothing to probe.
    pub(super) async fn start(lab: &Lab) -> Result<Option<Self>> {
        let Some(settings) = lab.topology.probe.clone() else { return Ok(None) };
        let clients: Vec<_> = lab.topology.of_kind(|k| k == NodeKind::Client).collect();
        let mut probers = Vec::new();
        for client in clients {
            for group in &settings.groups {
                let group = &lab.topology.groups[group.0];
                let target = SocketAddr::new(group.addresses[0], PORT);
                let socket = lab.network.stepper().within(lab.network.namespace(client), move || open(target)).await?;
                let (client, group) = (lab.topology.node(client).name.clone(), group.name.clone());
                probers.push(Prober::new(socket, target, Log::new(client, group, lab.recorder.clone())));
            }
        }
        if probers.is_empty() {
            return Ok(None);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let work = move || {
            // Who measures is not to be late. Without the privilege it may be, and then says what it has skipped.
            let _ = sys::run_first();
            probe(probers, settings.every, settings.timeout, &stopped)
        };
        let thread = std::thread::Builder::new().name("probes".into()).spawn(work).context("start the probes")?;
        Ok(Some(Self { stop, thread }))
    }

    /// Sends no more, waits for the last answers, and records what is left.
    pub(super) async fn finish(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await.context("wait for the probes")?;
        joined.map_err(|_| anyhow!("the probes' thread panicked"))?
    }
}

pub(super) fn open(target: SocketAddr) -> Result<UdpSocket> {
    let any = if target.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).context("open a client's socket")?;
    socket.set_nonblocking(true).context("set a client's socket non-blocking")?;
    stamp::stamp(&socket).context("have a client's answers stamped")?;
    Ok(socket)
}

/// Probes until told to stop, and then until the last probe is answered or given up.
fn probe(mut probers: Vec<Prober>, every: Duration, patience: Duration, stopped: &AtomicBool) -> Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("create an epoll")?;
    for (index, prober) in probers.iter().enumerate() {
        let interest = EpollEvent::new(EpollFlags::EPOLLIN, index as u64);
        epoll.add(prober.socket(), interest).context("watch a client's socket")?;
    }
    let mut turns = Turns::new(now(), every, probers.len());
    let nap = NAP.min(every / 4);
    let (patience, batch) = (patience.as_nanos() as u64, BATCH.as_nanos() as u64);
    let (mut batch_due, mut end) = (now() + batch, None);
    loop {
        let time = now();
        if end.is_none() && stopped.load(Ordering::Relaxed) {
            end = Some(time + patience);
        }
        if end.is_none() {
            turns.take(time, |prober, seq, in_time| probers[prober].turn(seq, in_time));
        }
        if time >= batch_due {
            probers.iter_mut().for_each(|p| p.record(time.saturating_sub(patience)));
            batch_due = time + batch;
        }
        if end.is_some_and(|end| time >= end || probers.iter().all(Prober::has_all)) {
            break;
        }
        let next = end.unwrap_or_else(|| turns.next());
        let wait = Duration::from_nanos(next.min(batch_due).saturating_sub(now())).min(LOOK);
        std::thread::park_timeout(nap);
        receive(&epoll, &mut probers, wait.saturating_sub(nap))?;
    }
    probers.iter_mut().for_each(|p| p.record(u64::MAX));
    Ok(())
}

/// Waits up to `patience` for an answer, and reads all there are.
fn receive(epoll: &Epoll, probers: &mut [Prober], patience: Duration) -> Result<()> {
    let mut ready = [EpollEvent::empty(); 256];
    // Rounded down: a probe must not wait for it.
    let mut wait = EpollTimeout::try_from(patience.as_millis() as u32).unwrap_or(EpollTimeout::ZERO);
    loop {
        let count = match epoll.wait(&mut ready, wait) {
            Ok(count) => count,
            Err(Errno::EINTR) => return Ok(()),
            Err(error) => return Err(io::Error::from(error)).context("wait for answers to probes"),
        };
        for event in &ready[..count] {
            probers[event.data() as usize].receive();
        }
        if count < ready.len() {
            return Ok(());
        }
        wait = EpollTimeout::ZERO;
    }
}
