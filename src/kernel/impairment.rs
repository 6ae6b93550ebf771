//! What a link does to the frames it carries, one direction at a time: the vocabulary of `netem` and of
//! the user-space wire, with its units and its text form.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

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

/// Every property and an example of its value.
pub const PROPERTIES: &[(&str, &str)] = &[
    ("delay", "12ms"),
    ("jitter", "500us"),
    ("loss", "0.5%"),
    ("rate", "100mbit"),
    ("queue", "50p"),
    ("reorder", "1%"),
    ("duplicate", "0.1%"),
    ("corrupt", "0.01%"),
];

/// The longest delay. A frame of the slowest link would else wait in memory for longer than any
/// protocol does.
const LONGEST: Duration = Duration::from_secs(60);
/// 1 kbit/s to 100 Gbit/s.
const RATES: std::ops::RangeInclusive<u64> = 1_000..=100_000_000_000;

impl Properties {
    /// Reads one property's value.
    ///
    /// # Errors
    /// What is wrong with it. The name must be one of [`PROPERTIES`].
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
        match name {
            "delay" => self.delay = Some(read_delay(text)?),
            "jitter" => self.jitter = Some(read_jitter(text)?),
            "loss" => self.loss = Some(read_share(text)?),
            "rate" => self.rate = Some(read_rate(text)?),
            "queue" => self.queue = Some(read_queue(text)?),
            "reorder" => self.reorder = Some(read_share(text)?),
            "duplicate" => self.duplicate = Some(read_share(text)?),
            "corrupt" => self.corrupt = Some(read_share(text)?),
            _ => return Err(format!("there is no property `{name}` of a link")),
        }
        Ok(())
    }

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

fn read_delay(text: &str) -> Result<Duration, String> {
    let wrong = |_| format!("`{text}` is not a time: write a number and its unit, such as `12ms` or `500us`");
    let time = humantime::parse_duration(text).map_err(wrong)?;
    if time > LONGEST { Err(format!("`{text}` is longer than {} s", LONGEST.as_secs())) } else { Ok(time) }
}

/// netem keeps it in 31 bits of nanoseconds.
const MOST_JITTER: Duration = Duration::from_secs(2);

fn read_jitter(text: &str) -> Result<Duration, String> {
    let jitter = read_delay(text)?;
    if jitter > MOST_JITTER { Err(format!("`{text}` is longer than {} s", MOST_JITTER.as_secs())) } else { Ok(jitter) }
}

fn read_share(text: &str) -> Result<Share, String> {
    let wrong = || format!("`{text}` is not a share of the frames: write a percentage from `0%` to `100%`");
    let percent: f64 = text.strip_suffix('%').ok_or_else(wrong)?.parse().map_err(|_| wrong())?;
    if (0.0..=100.0).contains(&percent) { Ok(Share((percent * 10_000.0).round() as u32)) } else { Err(wrong()) }
}

/// A number and one of these units.
fn read_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(split);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    let value = number.parse::<f64>().ok()? * *factor as f64;
    (value < 2f64.powi(53)).then_some(value.round() as u64)
}

const BITS: &[(&str, u64)] = &[("bit", 1), ("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000)];
const PACKETS: &[(&str, u64)] = &[("p", 1)];
const BYTES: &[(&str, u64)] = &[("b", 1), ("kb", 1_000), ("mb", 1_000_000)];

fn read_rate(text: &str) -> Result<u64, String> {
    let rate = read_unit(text, BITS).filter(|rate| RATES.contains(rate));
    rate.ok_or_else(|| {
        format!("`{text}` is not a rate: write bits per second with their unit, `1kbit` to `100gbit`, such as `10mbit`")
    })
}

fn read_queue(text: &str) -> Result<Queue, String> {
    let within = |value: &u64| (1..=1_000_000_000).contains(value);
    let packets = read_unit(text, PACKETS).filter(within).map(|n| Queue::Packets(n as u32));
    let bytes = read_unit(text, BYTES).filter(within).map(|n| Queue::Bytes(n as u32));
    packets
        .or(bytes)
        .ok_or_else(|| format!("`{text}` is not a queue: write packets or bytes, such as `50p`, `64kb` or `1mb`"))
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.0) / 10_000.0)
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packets(n) => write!(f, "{n}p"),
            Self::Bytes(n) => write!(f, "{}", WithUnit(u64::from(*n), BYTES)),
        }
    }
}

/// A number with the largest unit that leaves it whole.
struct WithUnit(u64, &'static [(&'static str, u64)]);

impl fmt::Display for WithUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = self.1.iter().rev().find(|(_, factor)| self.0.is_multiple_of(*factor));
        let (unit, factor) = fitting.expect("the smallest unit has the factor 1");
        write!(f, "{}{unit}", self.0 / factor)
    }
}

/// `80ms`, without the spaces that a person's eyes like: it is one word of an action.
fn time(time: Duration) -> String {
    humantime::format_duration(time).to_string().replace(' ', "")
}

/// `delay=80ms loss=1%`, which [`Properties::set`] reads back.
impl fmt::Display for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = [
            ("delay", self.delay.map(time)),
            ("jitter", self.jitter.map(time)),
            ("loss", self.loss.map(|s| s.to_string())),
            ("rate", self.rate.map(|r| WithUnit(r, BITS).to_string())),
            ("queue", self.queue.map(|q| q.to_string())),
            ("reorder", self.reorder.map(|s| s.to_string())),
            ("duplicate", self.duplicate.map(|s| s.to_string())),
            ("corrupt", self.corrupt.map(|s| s.to_string())),
        ];
        let mut space = "";
        for (name, value) in shown {
            if let Some(value) = value {
                write!(f, "{space}{name}={value}")?;
                space = " ";
            }
        }
        Ok(())
    }
}

/// What differs from a link that does nothing; empty for such a link.
impl fmt::Display for Impairment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |share: Share| (share > Share(0)).then_some(share);
        let time = |time: Duration| (!time.is_zero()).then_some(time);
        let named = Properties {
            delay: time(self.delay),
            jitter: time(self.jitter),
            loss: share(self.loss),
            rate: self.rate,
            queue: self.queue,
            reorder: share(self.reorder),
            duplicate: share(self.duplicate),
            corrupt: share(self.corrupt),
        };
        named.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share() -> impl Strategy<Value = Share> {
        (0..=Share::ALL.0).prop_map(Share)
    }

    fn properties() -> impl Strategy<Value = Properties> {
        let time = |most: u64| proptest::option::of((0..=most).prop_map(Duration::from_micros));
        let queue =
            prop_oneof![(1..=1_000_000u32).prop_map(Queue::Packets), (1..=1_000_000_000u32).prop_map(Queue::Bytes)];
        let shares = [(); 4].map(|()| proptest::option::of(share()));
        (time(60_000_000), time(2_000_000), shares, proptest::option::of(RATES), proptest::option::of(queue)).prop_map(
            |(delay, jitter, [loss, reorder, duplicate, corrupt], rate, queue)| Properties {
                delay,
                jitter,
                loss,
                rate,
                queue,
                reorder,
                duplicate,
                corrupt,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(properties in properties()) {
            let mut read = Properties::default();
            for word in properties.to_string().split_whitespace() {
                let (name, value) = word.split_once('=').unwrap();
                read.set(name, value).unwrap();
            }
            prop_assert_eq!(read, properties);
        }
    }

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

    #[test]
    fn wrong_units_are_refused() {
        for (name, text) in [
            ("delay", "12"),
            ("delay", "2m"),
            ("loss", "0.5"),
            ("loss", "101%"),
            ("rate", "100"),
            ("rate", "10mb"),
            ("rate", "1bit"),
            ("queue", "10"),
            ("queue", "0p"),
            ("colour", "red"),
        ] {
            assert!(Properties::default().set(name, text).is_err(), "{name} = {text:?}");
        }
        for (name, text) in PROPERTIES {
            assert_eq!(Properties::default().set(name, text), Ok(()));
        }
    }
}
