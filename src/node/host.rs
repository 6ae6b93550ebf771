//! `anybed node`: the process on a host. It runs one machine per overlay behind one UDP port, and
//! announces the host's groups.

use std::collections::VecDeque;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UdpSocket, UnixStream};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::task::AbortHandle;

use super::announce::{Granted, Wish, announce};
use super::channel::{HostConfig, Order, Report};
use super::dispatch::{Dispatch, Event};
use super::{flows, socket};
use crate::anycast;
use crate::kernel::now;
use crate::overlay::sim::Machine;
use crate::overlay::{Time, Via};
use crate::plan::PORT;
use crate::routing::registry;

/// A machine without a timer still wakes so often.
const IDLE: Duration = Duration::from_secs(3600);

/// Runs until the supervisor closes its end of the channel.
pub fn run(config: &Path) -> Result<()> {
    let text = fs::read_to_string(config).with_context(|| format!("read {}", config.display()))?;
    let config: HostConfig = serde_json::from_str(&text).with_context(|| format!("parse {}", config.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(async { Host::start(config).await?.run().await })
}

/// Datagrams that wait for the machines; more wait in the sockets' buffers, and then are dropped.
const QUEUE: usize = 1024;

/// A datagram and at which of the host's addresses it arrived.
type Datagram = (SocketAddr, Via, Vec<u8>);

struct Host {
    config: HostConfig,
    members: Dispatch,
    /// At the unicast address; everything leaves from there.
    socket: Arc<UdpSocket>,
    listener: AbortHandle,
    arrived: Sender<Datagram>,
    datagrams: Receiver<Datagram>,
    orders: Lines<BufReader<OwnedReadHalf>>,
    reports: OwnedWriteHalf,
    wishes: UnboundedSender<(String, Wish)>,
    granted: UnboundedReceiver<Result<Granted>>,
    pending: VecDeque<Report>,
}

impl Host {
    async fn start(config: HostConfig) -> Result<Self> {
        let (arrived, datagrams) = channel(QUEUE);
        let (socket, listener) = listen(SocketAddr::new(config.address, PORT), Via::Unicast, &arrived)?;
        for (index, group) in config.groups.iter().enumerate() {
            for address in &group.addresses {
                listen(SocketAddr::new(*address, PORT), Via::Group(index), &arrived)?;
            }
        }
        flows::serve(&config.host, &config.flows)?;
        let supervisor = UnixStream::connect(&config.supervisor).await;
        let (orders, reports) = supervisor.context("connect to the supervisor")?.into_split();
        let (wishes, wished) = unbounded_channel();
        let (grants, granted) = unbounded_channel();
        let daemon = registry::named(&config.routing).with_context(|| format!("no daemon {}", config.routing))?;
        let routing = (daemon, config.control.clone());
        let announcer = announce(config.groups.clone(), routing, wished, grants.clone());
        tokio::spawn(async move {
            if let Err(error) = announcer.await {
                let _ = grants.send(Err(error));
            }
        });
        let start = Time(Duration::from_nanos(now()));
        let members = Dispatch::new(&config.host, &config.overlays, &config.groups, start);
        let orders = BufReader::new(orders).lines();
        let pending = VecDeque::from([Report::Hello { host: config.host.clone() }]);
        let host =
            Self { config, members, socket, listener, arrived, datagrams, orders, reports, wishes, granted, pending };
        for group in &host.config.sites {
            host.wish(group, Wish::Announce);
        }
        Ok(host)
    }

    async fn run(mut self) -> Result<()> {
        loop {
            self.settle().await?;
            let alarm = self.members.poll_timeout();
            let wait = alarm.map_or(IDLE, |t| t.0.saturating_sub(Duration::from_nanos(now())));
            // The runtime's timers are a millisecond late at least: under many datagrams none would ever fire.
            if wait.is_zero() {
                self.wake().await;
                continue;
            }
            tokio::select! {
                Some((from, via, bytes)) = self.datagrams.recv() => self.members.handle(time(), from, via, &bytes),
                line = self.orders.next_line() => match line.context("read an order")? {
                    Some(line) => self.obey(serde_json::from_str(&line).context("parse an order")?).await,
                    None => return Ok(()),
                },
                Some(granted) = self.granted.recv() => self.grant(granted),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// A machine's time has come. On a busy machine this process may itself be late, and the answer whose
    /// absence a machine would act on lie in a socket: what has arrived comes first.
    async fn wake(&mut self) {
        // The runtime looks at the sockets, and their listeners read, before it resumes.
        tokio::task::yield_now().await;
        for _ in 0..QUEUE {
            let Ok((from, via, bytes)) = self.datagrams.try_recv() else { break };
            self.members.handle(time(), from, via, &bytes);
        }
        self.members.handle_timeout(time());
    }

    async fn obey(&mut self, order: Order) {
        let time = time();
        match order {
            Order::Overlay { overlay, what } => {
                if !self.members.order(time, &overlay, what) {
                    self.complain(format!("{} has no overlay {overlay}", self.config.host));
                }
            }
            Order::Digest { overlay } => {
                if let Some(digest) = self.members.digest(&overlay) {
                    self.pending.push_back(Report::Digest { overlay, digest: Box::new(digest) });
                }
            }
            Order::Renumber { address } => self.renumber(time, address).await,
            Order::Announce { group } => self.wish(&group, Wish::Announce),
            Order::Withdraw { group } => self.wish(&group, Wish::Withdraw),
            Order::Drain { group } => self.wish(&group, Wish::DrainAndWithdraw),
        }
    }

    /// What arrives at the old address from now on is refused, as at any address that is not the host's.
    async fn renumber(&mut self, time: Time, address: IpAddr) {
        let at = SocketAddr::new(address, PORT);
        let (socket, listener) = match listen(at, Via::Unicast, &self.arrived) {
            Ok(opened) => opened,
            Err(error) => return self.complain(format!("{error:#}")),
        };
        // Until the runtime has seen that it can be written to, what is sent is dropped.
        let _ = socket.writable().await;
        self.config.address = address;
        self.socket = socket;
        std::mem::replace(&mut self.listener, listener).abort();
        self.members.renumber(time, at);
    }

    fn wish(&self, group: &str, wish: Wish) {
        // The announcer ends before this process only with an error, which arrives as a grant.
        let _ = self.wishes.send((group.to_owned(), wish));
    }

    fn grant(&mut self, granted: Result<Granted>) {
        let Granted { group, announced } = match granted {
            Ok(granted) => granted,
            Err(error) => return self.complain(format!("{error:#}")),
        };
        let (time, at) = (time(), now());
        if let Some(index) = self.config.groups.iter().position(|g| g.name == group) {
            self.members.routing_done(time, index, announced);
        }
        let report = if announced { Report::Announced { at, group } } else { Report::Withdrew { at, group } };
        self.pending.push_back(report);
    }

    fn complain(&mut self, text: String) {
        tracing::warn!("{text}");
        self.pending.push_back(Report::Trouble { text });
    }

    /// Sends what the machines hand out, and reports.
    async fn settle(&mut self) -> Result<()> {
        while let Some(transmit) = self.members.poll_transmit() {
            // Like any datagram, it may be lost.
            let _ = self.socket.try_send_to(&transmit.bytes, transmit.to);
        }
        while let Some(event) = self.members.poll_event() {
            match event {
                Event::Announce { group } => self.wish(&self.config.groups[group].name, Wish::Announce),
                Event::Withdraw { group } => self.wish(&self.config.groups[group].name, Wish::DrainAndWithdraw),
                // Reported by `grant`, for plain groups too.
                Event::Did { what: anycast::Event::Announced { .. } | anycast::Event::Withdrew { .. }, .. } => {}
                Event::Did { overlay, what } => {
                    self.pending.push_back(Report::Overlay { at: now(), overlay, what });
                }
            }
        }
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for report in self.pending.drain(..) {
            serde_json::to_writer(&mut lines, &report).context("write a report")?;
            lines.push(b'\n');
        }
        self.reports.write_all(&lines).await.context("report to the supervisor")
    }
}

fn time() -> Time {
    Time(Duration::from_nanos(now()))
}

/// Opens a UDP socket and passes on what arrives there, until aborted. A group's address need not be on `lo` yet.
fn listen(at: SocketAddr, via: Via, arrived: &Sender<Datagram>) -> Result<(Arc<UdpSocket>, AbortHandle)> {
    let socket = Arc::new(socket::open(at).with_context(|| format!("listen at {at}"))?);
    let (listening, arrived) = (socket.clone(), arrived.clone());
    let task = tokio::spawn(async move {
        let mut buffer = [0; 1500];
        loop {
            match listening.recv_from(&mut buffer).await {
                Ok((length, from)) => {
                    if arrived.send((from, via, buffer[..length].to_vec())).await.is_err() {
                        return;
                    }
                }
                // An ICMP error about an earlier datagram; the machine's timeouts will tell.
                Err(error) => tracing::debug!("{at}: {error}"),
            }
        }
    });
    Ok((socket, task.abort_handle()))
}
