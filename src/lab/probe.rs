//! Clients' probes: numbered datagrams to a group's address at a steady rate; the answer names the
//! member.
//!
//! Each client's socket is opened in its namespace; one thread of its own serves them all, so that
//! nothing else the supervisor does delays a time stamp.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::Lab;
use super::record::Recorder;
use crate::anycast::probe::{Probe, ProbeReply};
use crate::event::{ProbeResult, What};
use crate::kernel::now;
use crate::plan::PORT;
use crate::topology::NodeKind;

/// Between two entries of one client in the record.
const BATCH: Duration = Duration::from_secs(1);

/// All clients, probing.
pub(super) struct Probers {
    stop: watch::Sender<bool>,
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
                let names = (lab.topology.node(client).name.clone(), group.name.clone());
                probers.push((names, socket, target));
            }
        }
        let (stop, stopped) = watch::channel(false);
        let recorder = lab.recorder.clone();
        let work = move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
            runtime.block_on(async {
                let tasks = probers.into_iter().map(|((client, group), socket, target)| {
                    let log = Log { client, group, recorder: recorder.clone(), ready: Vec::new() };
                    probe(socket, target, settings.every, settings.timeout, log, stopped.clone())
                });
                futures_util::future::try_join_all(tasks).await.map(drop)
            })
        };
        let thread = std::thread::Builder::new().name("probes".into()).spawn(work).context("start the probes")?;
        Ok(Some(Self { stop, thread }))
    }

    /// Sends no more, waits for the last answers, and records what is left.
    pub(super) async fn finish(self) -> Result<()> {
        self.stop.send_replace(true);
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await.context("wait for the probes")?;
        joined.map_err(|_| anyhow!("the probes' thread panicked"))?
    }
}

pub(super) fn open(target: SocketAddr) -> Result<UdpSocket> {
    let any = if target.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).context("open a client's socket")?;
    socket.set_nonblocking(true).context("set a client's socket non-blocking")?;
    Ok(socket)
}

async fn probe(
    socket: UdpSocket,
    target: SocketAddr,
    every: Duration,
    patience: Duration,
    mut log: Log,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let socket = tokio::net::UdpSocket::from_std(socket).context("watch a client's socket")?;
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut batch = interval(BATCH);
    let mut waiting: BTreeMap<u64, u64> = BTreeMap::new();
    let mut seq = 0;
    let mut buffer = [0; 1500];
    let mut end: Option<Instant> = None;
    while end.is_none_or(|end| Instant::now() < end && !waiting.is_empty()) {
        tokio::select! {
            _ = ticks.tick(), if end.is_none() => {
                // Unreachable, or no route: lost like any other, unless an answer comes.
                waiting.insert(seq, now());
                let _ = socket.try_send_to(&Probe { seq }.encode(), target);
                seq += 1;
            }
            received = socket.recv_from(&mut buffer) => {
                // An error is an ICMP message about an earlier probe: that one is lost, by its timeout.
                if let Ok((length, _)) = received
                    && let Ok(reply) = ProbeReply::decode(&buffer[..length])
                    && let Some(sent) = waiting.remove(&reply.seq)
                {
                    let rtt = Some(now() - sent);
                    log.ready.push(ProbeResult { seq: reply.seq, sent, rtt, member: Some(reply.host) });
                }
            }
            _ = batch.tick() => {
                log.give_up(&mut waiting, now().saturating_sub(patience.as_nanos() as u64));
                log.write();
            }
            _ = stopped.wait_for(|stop| *stop), if end.is_none() => end = Some(Instant::now() + patience),
            () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => {}
        }
    }
    log.give_up(&mut waiting, u64::MAX);
    log.write();
    Ok(())
}

/// Results of one client that the record has not yet.
struct Log {
    client: String,
    group: String,
    recorder: Recorder,
    ready: Vec<ProbeResult>,
}

impl Log {
    /// Counts probes sent before `before` as lost.
    fn give_up(&mut self, waiting: &mut BTreeMap<u64, u64>, before: u64) {
        let lost: Vec<u64> = waiting.iter().take_while(|(_, sent)| **sent < before).map(|(seq, _)| *seq).collect();
        for seq in lost {
            if let Some(sent) = waiting.remove(&seq) {
                self.ready.push(ProbeResult { seq, sent, rtt: None, member: None });
            }
        }
    }

    fn write(&mut self) {
        if self.ready.is_empty() {
            return;
        }
        self.ready.sort_by_key(|result| result.seq);
        let probes = std::mem::take(&mut self.ready);
        let what = What::Probes { client: self.client.clone(), group: self.group.clone(), probes };
        self.recorder.now(what);
    }
}
