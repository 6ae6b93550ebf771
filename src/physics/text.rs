//! Impairments as people write them: units, what is wrong with a value, and the text that is read back.

use std::fmt;
use std::time::Duration;

use super::{Impairment, Properties, Queue, Share};

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
