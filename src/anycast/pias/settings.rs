//! What a lab file can say of it.

use std::time::Duration;

use crate::anycast::facts::Facts;
use crate::overlay::key::{Key, Value, What};

const PROXIMITY: &str = "proximity";
const LOAD: &str = "load";
const AFFINITY: &str = "affinity";

/// A key that is a time: from and to in milliseconds.
const fn time(name: &'static str, from: u64, to: u64, default: u64, help: &'static str) -> Key {
    Key {
        name,
        what: What::Time(std::ops::RangeInclusive::new(Duration::from_millis(from), Duration::from_millis(to))),
        default: Value::Time(Duration::from_millis(default)),
        wrong: Key::fine,
        help,
    }
}

pub(super) static KEYS: &[Key] = &[
    Key {
        name: "selection",
        what: What::Word(&[PROXIMITY, LOAD, AFFINITY]),
        default: Value::Word(std::borrow::Cow::Borrowed(PROXIMITY)),
        wrong: Key::fine,
        help: "by what a client's proxy chooses among the proxies that have members: the round-trip time to them, \
               their members' load, or a hash of the client's address, which leads to the same member from everywhere",
    },
    time(
        "heartbeat",
        50,
        60_000,
        500,
        "how often proxies hear of each other; after three that are missing one is dead",
    ),
    time("lease", 600, 3_600_000, 6000, "how long a registration holds; members refresh it after a third of that"),
    time("health", 200, 60_000, 1000, "how often a proxy asks its targets whether they live; after three it drops one"),
    time("report", 200, 600_000, 3000, "how often a proxy repeats how many targets it has, though little has changed"),
    Key {
        name: "change",
        what: What::Float(0.0..=1.0),
        default: Value::Float(0.1),
        wrong: Key::fine,
        help: "by what share the number of a proxy's targets must have changed for it to be reported at once; \
               in the paper a tenth, as recalled",
    },
    time("list", 100, 600_000, 2000, "how long a client's proxy uses a list of proxies that have members"),
    time("flow", 500, 3_600_000, 10_000, "how long an idle client keeps its member"),
    time("stream_idle", 1000, 86_400_000, 60_000, "how long a stream may be idle"),
    Key {
        name: "nat_ports",
        what: What::Int(1..=1024),
        default: Value::Int(64),
        wrong: Key::fine,
        help: "ports of a proxy from which it sends to plain programs: so many clients one of them can have through it",
    },
];

/// By what a JAP is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    Proximity,
    Load,
    Affinity,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) selection: Selection,
    pub(super) heartbeat: Duration,
    pub(super) lease: Duration,
    pub(super) health: Duration,
    pub(super) report: Duration,
    pub(super) change: f64,
    pub(super) list: Duration,
    pub(super) flow: Duration,
    pub(super) stream_idle: Duration,
    pub(super) nat_ports: u16,
}

impl Settings {
    pub(super) fn of(facts: &Facts) -> Self {
        let values = facts.values(KEYS);
        Self {
            selection: match values.word("selection") {
                LOAD => Selection::Load,
                AFFINITY => Selection::Affinity,
                _ => Selection::Proximity,
            },
            heartbeat: values.time("heartbeat"),
            lease: values.time("lease"),
            health: values.time("health"),
            report: values.time("report"),
            change: values.float("change"),
            list: values.time("list"),
            flow: values.time("flow"),
            stream_idle: values.time("stream_idle"),
            nat_ports: u16::try_from(values.int("nat_ports")).unwrap_or(u16::MAX),
        }
    }
}
