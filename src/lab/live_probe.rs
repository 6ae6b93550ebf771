//! Probes on request, told one by one as they are answered or given up.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Lab;
use super::probes::open;
use crate::anycast::probe::{Probe, ProbeReply};
use crate::kernel::now;
use crate::plan::PORT;
use crate::topology::{NodeId, NodeKind};

/// A probe without an answer for this long is lost, in a lab that says nothing of it.
const PATIENCE: Duration = Duration::from_secs(1);

/// `POST /probe`; answered by one [`Probed`] a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// None: all clients.
    pub nodes: Vec<String>,
    /// `None`: the lab's only one.
    pub group: Option<String>,
    /// Between two probes of one node.
    pub every: Duration,
    /// `None`: until the asker goes away.
    pub count: Option<u64>,
}

/// What became of one probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probed {
    pub node: String,
    pub seq: u64,
    /// Who answered; `None`: lost.
    pub member: Option<String>,
    pub rtt_ms: Option<f64>,
}

impl Lab {
    /// Probes until all has been told, or nobody listens any more.
    ///
    /// # Errors
    /// An unknown name, or nobody to probe from.
    pub(super) async fn probe_live(&self, request: &ProbeRequest) -> Result<UnboundedReceiver<Probed>> {
        ensure!(!request.every.is_zero(), "probes need some time between them");
        let group = self.surveyed_group(request.group.as_deref())?;
        let target = SocketAddr::new(self.topology.groups[group.0].addresses[0], PORT);
        let nodes: Vec<NodeId> = match &request.nodes[..] {
            [] => self.topology.of_kind(|kind| kind == NodeKind::Client).collect(),
            names => names.iter().map(|name| self.named(name)).collect::<Result<_>>()?,
        };
        ensure!(!nodes.is_empty(), "lab {} has no clients: name the nodes to probe from", self.topology.name);
        let mut sockets = Vec::new();
        for id in nodes {
            let socket = self.network.stepper().within(self.network.namespace(id), move || open(target)).await?;
            sockets.push((self.name(id), socket));
        }
        let patience = self.topology.probe.as_ref().map_or(PATIENCE, |probe| probe.timeout);
        let pace = Pace { every: request.every, count: request.count, patience };
        let (told, answers) = unbounded_channel();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.context("start a runtime")?;
            runtime.block_on(async {
                let tasks = sockets.into_iter().map(|(node, socket)| probe(node, socket, target, pace, told.clone()));
                futures_util::future::try_join_all(tasks).await.map(drop)
            })
        };
        // A thread of its own, as the clients have: nothing else delays a time stamp.
        std::thread::Builder::new().name("live-probes".into()).spawn(work).context("start the probes")?;
        Ok(answers)
    }
}

#[derive(Clone, Copy)]
struct Pace {
    every: Duration,
    count: Option<u64>,
    patience: Duration,
}

async fn probe(
    node: String,
    socket: UdpSocket,
    target: SocketAddr,
    pace: Pace,
    told: UnboundedSender<Probed>,
) -> Result<()> {
    let socket = tokio::net::UdpSocket::from_std(socket).context("watch a node's socket")?;
    let mut ticks = interval(pace.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Number to when it was sent; the first is the oldest.
    let mut waiting: BTreeMap<u64, u64> = BTreeMap::new();
    let (mut next, mut buffer) = (0, [0; 1500]);
    let tell = |seq, member, rtt: Option<u64>| {
        let rtt_ms = rtt.map(|nanoseconds| nanoseconds as f64 / 1e6);
        // Nobody listens any more: the next turn ends it.
        let _ = told.send(Probed { node: node.clone(), seq, member, rtt_ms });
    };
    loop {
        let sends = pace.count.is_none_or(|count| next < count);
        let oldest = waiting.first_key_value().map(|(seq, sent)| (*seq, sent + pace.patience.as_nanos() as u64));
        if !sends && oldest.is_none() {
            return Ok(());
        }
        let left = oldest.map_or(Duration::ZERO, |(_, end)| Duration::from_nanos(end.saturating_sub(now())));
        tokio::select! {
            _ = ticks.tick(), if sends => {
                waiting.insert(next, now());
                // Unreachable: lost like any other, unless an answer comes.
                let _ = socket.try_send_to(&Probe { seq: next }.encode(), target);
                next += 1;
            }
            received = socket.recv_from(&mut buffer) => {
                let at = now();
                if let Ok((length, _)) = received
                    && let Ok(reply) = ProbeReply::decode(&buffer[..length])
                    && let Some(sent) = waiting.remove(&reply.seq)
                {
                    tell(reply.seq, Some(reply.host), Some(at - sent));
                }
            }
            () = sleep(left), if oldest.is_some() => {
                if let Some((seq, end)) = oldest
                    && end <= now()
                {
                    waiting.remove(&seq);
                    tell(seq, None, None);
                }
            }
            () = told.closed() => return Ok(()),
        }
    }
}
