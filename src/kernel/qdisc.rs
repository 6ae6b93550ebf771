//! What an interface does to the frames it sends, by the kernel's queueing disciplines: `netem` for
//! delay and chance, `tbf` below it for a rate, `pfifo` for a link that swallows everything.
//!
//! A discipline acts on egress only, so both ends of a link have their own. Handles are always the
//! same (`1:` netem, `10:` tbf, `20:` or `21:` its queue, `2:` black hole): a request that names the handle of
//! an existing discipline changes it, and the frames in it stay.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::{Stream, StreamExt};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage, TcStats2};
use rtnetlink::packet_core::{
    DefaultNla, NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};

use super::interface::Control;
use crate::physics::LOOPBACK;
use crate::physics::{Egress, Impairment, Queue, Share};

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

/// A discipline's place, kind and options.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Request {
    parent: TcHandle,
    handle: TcHandle,
    kind: &'static str,
    options: Vec<u8>,
}

const NETEM: TcHandle = TcHandle { major: 1, minor: 0 };
const HOLE: TcHandle = TcHandle { major: 2, minor: 0 };
const TBF: TcHandle = TcHandle { major: 0x10, minor: 0 };
const BYTES: TcHandle = TcHandle { major: 0x20, minor: 0 };
const PACKETS: TcHandle = TcHandle { major: 0x21, minor: 0 };

const TCA_OPTIONS: u16 = 2;

impl Control {
    /// Makes the interface send as `egress` says, from what was said `before`. Frames in flight stay
    /// in flight, except that a queue loses what waits in it when it changes from bytes to packets or back.
    ///
    /// Returns what `before` is for the next call. A `netem` stays where it is even if `egress` impairs
    /// nothing: it passes new frames at once (or swallows them), and delivers those in flight when they
    /// are due. Call [`Control::remove_egress`] once the old delay has passed; until then, the
    /// interface is still an impaired one.
    ///
    /// Draws of chance repeat with the `seed` from Linux 6.6 on; every call begins them anew.
    ///
    /// # Errors
    /// ENOENT at the root: the kernel has no `netem` (see [`Control::has_netem`]).
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

    /// Removes what [`Control::set_egress`] has made, with the frames in it; it is no error if there is nothing.
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

/// `netem`, and below it what its rate needs.
fn impaired(before: &Egress, egress: &Egress, seed: u64) -> Vec<Request> {
    let mut requests = vec![netem(egress, seed)];
    let (old, new) = (&before.impairment, &egress.impairment);
    if let Some(rate) = new.rate {
        let queue = new.queue_or_default();
        requests.extend([tbf(rate, queue), waiting(queue)]);
    } else if old.rate.is_some() {
        // Not removed: what waits would go with it. It leaves with the next frame, for which there must
        // be room, or when its turn would have come.
        requests.push(tbf(UNLIMITED, Queue::Bytes(u32::MAX)));
    }
    requests
}

/// Bits per second of a `tbf` whose rate is no longer wanted.
const UNLIMITED: u64 = 100_000_000_000;

/// Frames that a `netem` may hold: a million a second, more than a veth carries, for as long as the
/// longest delay. Its default of 1000 would silently cap the rate to 1000 frames per delay.
fn in_flight(impairment: &Impairment) -> u32 {
    let longest = impairment.delay + impairment.jitter;
    u32::try_from(longest.as_micros()).unwrap_or(u32::MAX).saturating_add(1000)
}

/// `struct tc_netem_qopt` and the attributes behind it (`linux/pkt_sched.h`). All that can be set is:
/// what a change does not name stays. Times in ticks stay 0; those in nanoseconds count.
fn netem(egress: &Egress, seed: u64) -> Request {
    let Egress { impairment, blackhole } = egress;
    let loss = if *blackhole { Share::ALL } else { impairment.loss };
    // With a gap of 1 every frame may be the one that is sent at once.
    let gap = u32::from(impairment.reorder > Share(0));
    let mut options = Vec::with_capacity(96);
    for word in [0, in_flight(impairment), probability(loss), gap, probability(impairment.duplicate), 0] {
        options.extend(u32::to_ne_bytes(word));
    }
    let nanoseconds = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX).to_ne_bytes();
    const REORDER: u16 = 3;
    const CORRUPT: u16 = 4;
    const LATENCY64: u16 = 10;
    const JITTER64: u16 = 11;
    // Ignored before Linux 6.6, as any attribute is that a kernel does not know here.
    const PRNG_SEED: u16 = 14;
    attribute(&mut options, REORDER, &pair(probability(impairment.reorder), 0));
    attribute(&mut options, CORRUPT, &pair(probability(impairment.corrupt), 0));
    attribute(&mut options, LATENCY64, &nanoseconds(impairment.delay));
    attribute(&mut options, JITTER64, &nanoseconds(impairment.jitter));
    attribute(&mut options, PRNG_SEED, &seed.to_ne_bytes());
    Request { parent: TcHandle::ROOT, handle: NETEM, kind: "netem", options }
}

/// `struct tc_tbf_qopt` in an attribute, and more attributes. `rate` in bits per second.
///
/// The limit is that of the queue below: of the `bfifo` that a new `tbf` comes with, and of whatever
/// is there, in its unit, when a `tbf` is changed.
fn tbf(rate: u64, queue: Queue) -> Request {
    const PARMS: u16 = 1;
    const RATE64: u16 = 4;
    const BURST: u16 = 6;
    // As `TC_LINKLAYER_ETHERNET`: the kernel shall not look for a table of transmission times.
    const ETHERNET: u8 = 1;
    let bytes = rate / 8;
    let (Queue::Bytes(limit) | Queue::Packets(limit)) = queue;
    let mut parms = vec![0, ETHERNET, 0, 0, 0, 0, 0, 0];
    parms.extend(u32::try_from(bytes).unwrap_or(u32::MAX).to_ne_bytes());
    // No peak rate.
    parms.extend([0; 12]);
    for word in [limit, 0, 0] {
        parms.extend(u32::to_ne_bytes(word));
    }
    let mut options = Vec::with_capacity(64);
    attribute(&mut options, PARMS, &parms);
    attribute(&mut options, RATE64, &bytes.to_ne_bytes());
    attribute(&mut options, BURST, &Impairment::bucket(rate).to_ne_bytes());
    Request { parent: TcHandle { minor: 1, ..NETEM }, handle: TBF, kind: "tbf", options }
}

/// The queue of a `tbf`.
fn waiting(queue: Queue) -> Request {
    let parent = TcHandle { minor: 1, ..TBF };
    match queue {
        Queue::Bytes(limit) => fifo(parent, BYTES, "bfifo", limit),
        Queue::Packets(limit) => fifo(parent, PACKETS, "pfifo", limit),
    }
}

/// `struct tc_fifo_qopt`: a limit in frames (`pfifo`) or bytes (`bfifo`). A `pfifo` of 0 frames drops all.
fn fifo(parent: TcHandle, handle: TcHandle, kind: &'static str, limit: u32) -> Request {
    Request { parent, handle, kind, options: limit.to_ne_bytes().to_vec() }
}

/// Of all 32-bit numbers, those that count as a hit.
fn probability(share: Share) -> u32 {
    (u64::from(u32::MAX) * u64::from(share.0) / u64::from(Share::ALL.0)) as u32
}

fn pair(a: u32, b: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&a.to_ne_bytes());
    bytes[4..].copy_from_slice(&b.to_ne_bytes());
    bytes
}

/// Appends `struct nlattr` and its value, padded to 4 bytes.
fn attribute(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    to.extend((4 + value.len() as u16).to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(value);
    to.resize(to.len().next_multiple_of(4), 0);
}

impl Request {
    /// Creates, or changes what has this handle already.
    fn message(&self, index: u32) -> NetlinkMessage<RouteNetlinkMessage> {
        let mut message = TcMessage::with_index(index.cast_signed());
        message.header.parent = self.parent;
        message.header.handle = self.handle;
        message.attributes.push(TcAttribute::Kind(self.kind.into()));
        message.attributes.push(TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, self.options.clone())));
        let mut message = NetlinkMessage::from(RouteNetlinkMessage::NewQueueDiscipline(message));
        message.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
        message
    }
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

#[cfg(test)]
mod tests {
    use rtnetlink::packet_core::NetlinkSerializable;

    use super::*;

    /// The request as the kernel gets it, without the netlink header, on interface 7.
    fn bytes(request: &Request) -> Vec<u8> {
        let NetlinkPayload::InnerMessage(inner) = request.message(7).payload else { panic!("no message") };
        let mut bytes = vec![0; inner.buffer_len()];
        inner.serialize(&mut bytes);
        bytes
    }

    /// Words as they lie in memory.
    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    /// The header `struct nlattr` of a value of so many bytes.
    fn header(value: u16, kind: u16) -> Vec<u8> {
        [(4 + value).to_ne_bytes(), kind.to_ne_bytes()].concat()
    }

    #[test]
    fn netem_is_encoded_as_the_kernel_reads_it() {
        let impairment = Impairment {
            delay: Duration::from_millis(5),
            jitter: Duration::from_micros(500),
            loss: Share(500_000),
            reorder: Share(10_000),
            duplicate: Share(1_000_000),
            corrupt: Share(250_000),
            ..Impairment::default()
        };
        let request = netem(&Egress { impairment, blackhole: false }, 0x0102_0304_0506_0708);
        let expected = [
            words(&[0, 7, 0x0001_0000, 0xffff_ffff, 0]),
            header(6, 1),
            b"netem\0\0\0".to_vec(),
            header(24 + 12 + 12 + 12 + 12 + 12, 2),
            words(&[0, 6500, 0x7fff_ffff, 1, 0xffff_ffff, 0]),
            header(8, 3),
            words(&[0x028f_5c28, 0]),
            header(8, 4),
            words(&[0x3fff_ffff, 0]),
            header(8, 10),
            5_000_000u64.to_ne_bytes().to_vec(),
            header(8, 11),
            500_000u64.to_ne_bytes().to_vec(),
            header(8, 14),
            0x0102_0304_0506_0708u64.to_ne_bytes().to_vec(),
        ];
        assert_eq!(bytes(&request), expected.concat());
    }

    #[test]
    fn a_token_bucket_is_encoded_as_the_kernel_reads_it() {
        let expected = [
            words(&[0, 7, 0x0010_0000, 0x0001_0001, 0]),
            header(4, 1),
            b"tbf\0".to_vec(),
            header(40 + 12 + 8, 2),
            header(36, 1),
            vec![0, 1, 0, 0, 0, 0, 0, 0],
            words(&[1_250_000, 0, 0, 0, 64_000, 0, 0]),
            header(8, 4),
            1_250_000u64.to_ne_bytes().to_vec(),
            header(4, 6),
            words(&[3028]),
        ];
        assert_eq!(bytes(&tbf(10_000_000, Queue::Bytes(64_000))), expected.concat());
        let fast = tbf(40_000_000_000, Queue::Bytes(1));
        assert_eq!(fast.options[12..16], u32::MAX.to_ne_bytes());
        assert_eq!(fast.options[44..52], 5_000_000_000u64.to_ne_bytes());
    }

    #[test]
    fn queues_are_encoded_as_the_kernel_reads_them() {
        let of = |handle, parent, kind: &[u8; 8], limit| {
            let kind = [header(6, 1), kind.to_vec()].concat();
            [words(&[0, 7, handle, parent, 0]), kind, header(4, 2), words(&[limit])].concat()
        };
        assert_eq!(bytes(&waiting(Queue::Packets(50))), of(0x0021_0000, 0x0010_0001, b"pfifo\0\0\0", 50));
        assert_eq!(bytes(&waiting(Queue::Bytes(64_000))), of(0x0020_0000, 0x0010_0001, b"bfifo\0\0\0", 64_000));
        let hole = fifo(TcHandle::ROOT, HOLE, "pfifo", 0);
        assert_eq!(bytes(&hole), of(0x0002_0000, 0xffff_ffff, b"pfifo\0\0\0", 0));
    }

    #[test]
    fn a_rate_that_goes_leaves_what_waits() {
        let rated =
            |rate, queue| Egress { impairment: Impairment { rate, queue, ..Impairment::default() }, blackhole: false };
        let kinds = |before: &Egress, egress: &Egress| -> Vec<_> {
            impaired(before, egress, 0).iter().map(|request| request.kind).collect()
        };
        let (slow, free) = (rated(Some(1_000_000), Some(Queue::Packets(9))), Egress::default());
        assert_eq!(kinds(&free, &slow), ["netem", "tbf", "pfifo"]);
        assert_eq!(kinds(&slow, &rated(Some(1_000_000), None)), ["netem", "tbf", "bfifo"]);
        assert_eq!(kinds(&slow, &free), ["netem", "tbf"]);
        assert_eq!(kinds(&free, &free), ["netem"]);
    }

    #[test]
    fn all_that_fly_at_once_fit() {
        let of = |delay| in_flight(&Impairment { delay, jitter: delay, ..Impairment::default() });
        assert_eq!(of(Duration::ZERO), 1000);
        assert_eq!(of(Duration::from_millis(5)), 11_000);
        assert_eq!(of(Duration::from_secs(60)), 120_001_000);
    }
}
