//! Queueing disciplines as the kernel reads them: requests that create or change them, and their options.

use std::time::Duration;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};
use rtnetlink::packet_core::{DefaultNla, NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage};

use crate::physics::{Egress, Impairment, Queue, Share};

/// A discipline's place, kind and options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    parent: TcHandle,
    handle: TcHandle,
    pub(super) kind: &'static str,
    options: Vec<u8>,
}

const NETEM: TcHandle = TcHandle { major: 1, minor: 0 };
pub(super) const HOLE: TcHandle = TcHandle { major: 2, minor: 0 };
const TBF: TcHandle = TcHandle { major: 0x10, minor: 0 };
const BYTES: TcHandle = TcHandle { major: 0x20, minor: 0 };
const PACKETS: TcHandle = TcHandle { major: 0x21, minor: 0 };
const TCA_OPTIONS: u16 = 2;

/// `netem`, and below it what its rate needs.
pub(super) fn impaired(before: &Egress, egress: &Egress, seed: u64) -> Vec<Request> {
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
pub(super) fn netem(egress: &Egress, seed: u64) -> Request {
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
pub(super) fn fifo(parent: TcHandle, handle: TcHandle, kind: &'static str, limit: u32) -> Request {
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
    pub(super) fn message(&self, index: u32) -> NetlinkMessage<RouteNetlinkMessage> {
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

#[cfg(test)]
mod tests {
    use rtnetlink::packet_core::{NetlinkPayload, NetlinkSerializable};

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
