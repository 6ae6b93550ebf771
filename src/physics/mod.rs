//! What a link does to the frames it carries, one direction at a time: the vocabulary of `netem` and of
//! the user-space wire. Beside it, what else a kernel is told of interfaces, and tells of routes.

mod fib;
mod interface;
mod text;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use fib::FibChange;
pub use interface::{Interface, LOOPBACK, Sysctl, link_local};
pub use text::PROPERTIES;

/// Who impairs the links that are impaired (`backend` of a lab file).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The kernel's netem where it is there, else the wire.
    #[default]
    Auto,
    /// The kernel's queueing discipline of that name.
    Netem,
    /// anybed itself, in user space.
    Wire,
}

/// A share of all frames, in millionths. Its text form is a percentage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share(pub u32);

impl Share {
    pub const ALL: Self = Self(1_000_000);

    /// From 0 to 1.
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ALL.0)
    }
}

/// How much may wait for its turn on a link with a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Queue {
    Packets(u32),
    Bytes(u32),
}

/// What one direction of a link does. The default does nothing.
///
/// Frames count with their Ethernet header, without preamble and checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Impairment {
    /// One way: a link with 5 ms in both directions has a round trip of 10 ms.
    pub delay: Duration,
    /// Each frame's delay is drawn evenly from `delay` ± `jitter`; frames may overtake one another.
    pub jitter: Duration,
    pub loss: Share,
    /// Bits per second, by a token bucket of [`Impairment::bucket`] bytes; `None`: as fast as it goes.
    pub rate: Option<u64>,
    /// `None`: [`Impairment::queue_or_default`]. Without a rate nothing waits.
    pub queue: Option<Queue>,
    /// This share of the frames is sent at once, overtaking those that wait for their delay.
    pub reorder: Share,
    /// This share of the frames is sent twice.
    pub duplicate: Share,
    /// This share of the frames has one bit flipped.
    pub corrupt: Share,
}

/// An impairment in the record: what it does, in units that need no parsing.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    #[serde(skip_serializing_if = "is_default")]
    delay_ms: f64,
    #[serde(skip_serializing_if = "is_default")]
    jitter_ms: f64,
    #[serde(skip_serializing_if = "is_default")]
    loss: f64,
    #[serde(skip_serializing_if = "is_default")]
    rate_bps: Option<u64>,
    #[serde(skip_serializing_if = "is_default")]
    queue: Option<Queue>,
    #[serde(skip_serializing_if = "is_default")]
    reorder: f64,
    #[serde(skip_serializing_if = "is_default")]
    duplicate: f64,
    #[serde(skip_serializing_if = "is_default")]
    corrupt: f64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl From<Impairment> for Written {
    fn from(impairment: Impairment) -> Self {
        let Impairment { delay, jitter, loss, rate, queue, reorder, duplicate, corrupt } = impairment;
        Self {
            delay_ms: delay.as_secs_f64() * 1e3,
            jitter_ms: jitter.as_secs_f64() * 1e3,
            loss: loss.ratio(),
            rate_bps: rate,
            queue,
            reorder: reorder.ratio(),
            duplicate: duplicate.ratio(),
            corrupt: corrupt.ratio(),
        }
    }
}

impl From<Written> for Impairment {
    fn from(written: Written) -> Self {
        let time = |ms: f64| Duration::from_nanos((ms * 1e6).round().max(0.0) as u64);
        let share = |ratio: f64| Share((ratio * f64::from(Share::ALL.0)).round() as u32);
        Self {
            delay: time(written.delay_ms),
            jitter: time(written.jitter_ms),
            loss: share(written.loss),
            rate: written.rate_bps,
            queue: written.queue,
            reorder: share(written.reorder),
            duplicate: share(written.duplicate),
            corrupt: share(written.corrupt),
        }
    }
}

/// The largest frame: 1500 bytes and the Ethernet header.
pub const FRAME: u32 = 1514;

impl Impairment {
    /// Whether frames pass unharmed and at once.
    pub fn is_none(&self) -> bool {
        *self == Self { queue: self.queue, ..Self::default() }
    }

    /// Bytes that may pass at once on an idle link with this rate: what it sends in 2 ms, two frames at
    /// least. Less, and a late timer would cost throughput.
    pub fn bucket(rate: u64) -> u32 {
        u32::try_from(rate / 8 / 500).unwrap_or(u32::MAX).max(2 * FRAME)
    }

    /// The queue; by default what the rate sends in 100 ms, ten frames at least.
    pub fn queue_or_default(&self) -> Queue {
        let of_rate = |rate: u64| u32::try_from(rate / 8 / 10).unwrap_or(u32::MAX).max(10 * FRAME);
        self.queue.unwrap_or(Queue::Bytes(self.rate.map_or(u32::MAX, of_rate)))
    }

    /// This with some properties changed.
    pub fn with(self, changed: &Properties) -> Self {
        Self {
            delay: changed.delay.unwrap_or(self.delay),
            jitter: changed.jitter.unwrap_or(self.jitter),
            loss: changed.loss.unwrap_or(self.loss),
            rate: changed.rate.or(self.rate),
            queue: changed.queue.or(self.queue),
            reorder: changed.reorder.unwrap_or(self.reorder),
            duplicate: changed.duplicate.unwrap_or(self.duplicate),
            corrupt: changed.corrupt.unwrap_or(self.corrupt),
        }
    }

    /// Why no link can be like this.
    pub fn problem(&self) -> Option<&'static str> {
        if self.jitter > self.delay {
            Some("`jitter` is larger than `delay`: some frames would arrive before they were sent")
        } else if self.reorder > Share(0) && self.delay.is_zero() {
            Some("`reorder` without `delay`: there is nothing to overtake")
        } else if self.queue.is_some() && self.rate.is_none() {
            Some("`queue` without `rate`: nothing ever waits")
        } else {
            None
        }
    }
}

/// What becomes of the frames that one end of a link sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Egress {
    #[serde(flatten)]
    pub impairment: Impairment,
    /// Every frame vanishes. What is in flight still arrives.
    #[serde(default, skip_serializing_if = "is_default")]
    pub blackhole: bool,
}

impl Egress {
    /// Whether frames pass unharmed and at once.
    pub fn is_none(&self) -> bool {
        !self.blackhole && self.impairment.is_none()
    }

    /// Whether any frame passes at all.
    pub fn passes(&self) -> bool {
        !self.blackhole && self.impairment.loss < Share::ALL
    }
}

/// Some of a link's properties, as a lab file or an `impair` names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Properties {
    pub delay: Option<Duration>,
    pub jitter: Option<Duration>,
    pub loss: Option<Share>,
    pub rate: Option<u64>,
    pub queue: Option<Queue>,
    pub reorder: Option<Share>,
    pub duplicate: Option<Share>,
    pub corrupt: Option<Share>,
}

impl Properties {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, and for what they do not name, `other`.
    pub fn or(self, other: &Self) -> Self {
        Self {
            delay: self.delay.or(other.delay),
            jitter: self.jitter.or(other.jitter),
            loss: self.loss.or(other.loss),
            rate: self.rate.or(other.rate),
            queue: self.queue.or(other.queue),
            reorder: self.reorder.or(other.reorder),
            duplicate: self.duplicate.or(other.duplicate),
            corrupt: self.corrupt.or(other.corrupt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_has_what_an_egress_does() {
        let impairment = Impairment::default().with(&Properties {
            delay: Some(Duration::from_micros(12_345)),
            loss: Some(Share(1234)),
            queue: Some(Queue::Packets(5)),
            rate: Some(1_000_000),
            ..Properties::default()
        });
        for egress in
            [Egress { impairment, blackhole: true }, Egress { impairment, blackhole: false }, Egress::default()]
        {
            let text = serde_json::to_string(&egress).unwrap();
            assert_eq!(serde_json::from_str::<Egress>(&text).unwrap(), egress, "{text}");
        }
        assert_eq!(serde_json::to_string(&Egress::default()).unwrap(), "{}");
    }
}
