//! What an interface does to the frames it sends, by the kernel's queueing disciplines: `netem` for
//! delay and chance, `tbf` below it for a rate, `pfifo` for a link that swallows everything.
//!
//! A discipline acts on egress only, so both ends of a link have their own. Handles are always the
//! same (`1:` netem, `10:` tbf, `20:` or `21:` its queue, `2:` black hole): a request that names the handle of
//! an existing discipline changes it, and the frames in it stay.

use anyhow::{Context, Result};
use futures_util::{Stream, StreamExt};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage, TcStats2};
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};

use super::interface::Netlink;
use super::tc::{HOLE, fifo, impaired, netem};
use crate::physics::{Egress, Impairment, LOOPBACK, Share};

/// A queueing discipline as the kernel reports it. Counters begin with its creation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Qdisc {
    /// `netem`, `tbf`, `pfifo`, … and `noqueue` for an interface that has none.
    pub kind: String,
    /// In the notation of `tc`: `1:0`.
    pub handle: String,
    /// `ffff:ffff` for the root.
    pub parent: String,
    pub sent_bytes: u64,
    pub sent_packets: u32,
    /// Frames it has dropped. What a queue below `netem` drops counts in all of them.
    pub drops: u32,
    pub backlog_bytes: u32,
    pub backlog_packets: u32,
}

/// The discipline at the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    Nothing,
    Hole,
    Netem,
}

impl Root {
    fn of(egress: &Egress) -> Self {
        match (egress.impairment.is_none(), egress.blackhole) {
            (true, false) => Self::Nothing,
            (true, true) => Self::Hole,
            (false, _) => Self::Netem,
        }
    }
}

impl Netlink {
    /// Makes the interface send as `egress` says, from what was said `before`. Frames in flight stay
    /// in flight, except that a queue loses what waits in it when it changes from bytes to packets or back.
    ///
    /// Returns what `before` is for the next call. A `netem` stays where it is even if `egress` impairs
    /// nothing: it passes new frames at once (or swallows them), and delivers those in flight when they
    /// are due. Call [`Netlink::remove_egress`] once the old delay has passed; until then, the
    /// interface is still an impaired one.
    ///
    /// Draws of chance repeat with the `seed` from Linux 6.6 on; every call begins them anew.
    ///
    /// # Errors
    /// ENOENT at the root: the kernel has no `netem` (see [`Netlink::has_netem`]).
    pub async fn set_egress(&self, index: u32, before: &Egress, egress: &Egress, seed: u64) -> Result<Egress> {
        let stays = Root::of(before) == Root::Netem && Root::of(egress) != Root::Netem;
        let kept = if stays { Egress { impairment: before.impairment, ..*egress } } else { *egress };
        let requests = match (Root::of(before), Root::of(egress)) {
            (_, Root::Netem) | (Root::Netem, _) => impaired(before, egress, seed),
            (_, Root::Hole) => vec![fifo(TcHandle::ROOT, HOLE, "pfifo", 0)],
            (Root::Hole, Root::Nothing) => return self.remove_egress(index).await.map(|()| kept),
            (Root::Nothing, Root::Nothing) => return Ok(kept),
        };
        // The kernel takes requests in the order in which they are sent: none waits for the one above it.
        let sent: Vec<_> =
            requests.iter().map(|request| self.request(request.message(index))).collect::<Result<_>>()?;
        for (answers, request) in sent.into_iter().zip(&requests) {
            let done = acknowledged(answers).await;
            done.with_context(|| format!("set {} of interface {index} in {}", request.kind, self.namespace()))?;
        }
        Ok(kept)
    }

    /// Removes what [`Netlink::set_egress`] has made, with the frames in it; it is no error if there is nothing.
    pub async fn remove_egress(&self, index: u32) -> Result<()> {
        let mut message = TcMessage::with_index(index.cast_signed());
        message.header.parent = TcHandle::ROOT;
        let mut request = NetlinkMessage::from(RouteNetlinkMessage::DelQueueDiscipline(message));
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
        match acknowledged(self.request(request)?).await {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            other => other.with_context(|| format!("remove qdiscs of interface {index} in {}", self.namespace())),
        }
    }

    /// The interface's queueing disciplines, the root first.
    pub async fn qdiscs(&self, index: u32) -> Result<Vec<Qdisc>> {
        let mut found = Vec::new();
        // The kernel lists those of all interfaces, whatever it is asked for.
        let mut listed = Box::pin(self.handle().qdisc().get().index(index.cast_signed()).execute());
        while let Some(message) = listed.next().await {
            let message = message.with_context(|| format!("list qdiscs in {}", self.namespace()))?;
            if message.header.index == index.cast_signed() {
                found.push(Qdisc::from(&message));
            }
        }
        Ok(found)
    }

    /// Whether this kernel has `netem`, by adding it to this namespace's `lo` for a moment.
    pub async fn has_netem(&self) -> Result<bool> {
        let egress = Egress { impairment: Impairment { loss: Share(1), ..Impairment::default() }, blackhole: false };
        match acknowledged(self.request(netem(&egress, 0).message(LOOPBACK))?).await {
            Ok(()) => self.remove_egress(LOOPBACK).await.map(|()| true),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
            Err(error) => Err(error).with_context(|| format!("add netem to lo in {}", self.namespace())),
        }
    }

    fn request(&self, message: NetlinkMessage<RouteNetlinkMessage>) -> Result<Answers> {
        let answers = self.handle().clone().request(message).context("use a netlink socket")?;
        Ok(Box::pin(answers))
    }
}

type Answers = std::pin::Pin<Box<dyn Stream<Item = NetlinkMessage<RouteNetlinkMessage>> + Send>>;

/// Waits for the end of the answers: success has none.
async fn acknowledged(mut answers: Answers) -> std::io::Result<()> {
    while let Some(answer) = answers.next().await {
        if let NetlinkPayload::Error(error) = answer.payload {
            return Err(error.to_io());
        }
    }
    Ok(())
}

impl From<&TcMessage> for Qdisc {
    fn from(message: &TcMessage) -> Self {
        let name = |handle: TcHandle| format!("{:x}:{:x}", handle.major, handle.minor);
        let mut found =
            Self { handle: name(message.header.handle), parent: name(message.header.parent), ..Self::default() };
        for attribute in &message.attributes {
            match attribute {
                TcAttribute::Kind(kind) => found.kind.clone_from(kind),
                TcAttribute::Stats2(counters) => counters.iter().for_each(|counter| found.count(counter)),
                _ => {}
            }
        }
        found
    }
}

impl Qdisc {
    fn count(&mut self, counter: &TcStats2) {
        match counter {
            TcStats2::Basic(sent) => (self.sent_bytes, self.sent_packets) = (sent.bytes, sent.packets),
            TcStats2::Queue(queue) => {
                self.drops = queue.drops;
                (self.backlog_bytes, self.backlog_packets) = (queue.backlog, queue.qlen);
            }
            _ => {}
        }
    }
}
