//! What may be set of it, and what holds.

use std::time::Duration;

use super::meridian::rings::Choice;
use crate::anycast::facts::Facts;
use crate::overlay::key::{Key, Value, What};

const fn time(name: &'static str, default: u64, from: u64, to: u64, help: &'static str) -> Key {
    Key {
        name,
        what: What::Time(Duration::from_millis(from)..=Duration::from_millis(to)),
        default: Value::Time(Duration::from_millis(default)),
        wrong: Key::fine,
        help,
    }
}

const fn int(name: &'static str, default: u64, from: u64, to: u64, help: &'static str) -> Key {
    Key { name, what: What::Int(from..=to), default: Value::Int(default), wrong: Key::fine, help }
}

const HOUR: u64 = 3_600_000;

/// Its keys of an `[[infrastructure]]`.
pub(super) const KEYS: &[Key] = &[
    int("rendezvous", 2, 1, 8, "core nodes that know a service's replicas, and that look after a prefix"),
    int("answers", 3, 1, 16, "replicas in an answer, the nearest first"),
    time("ttl", 5_000, 1_000, HOUR, "how long a client may keep an answer, and a core node a prefix's place"),
    time("heartbeat", 1_000, 100, HOUR, "a replica says so often that it is there, and its load"),
    time("lease", 3_000, 200, HOUR, "a replica that was not heard of for so long is gone; at least two heartbeats"),
    time("gossip", 250, 50, HOUR, "a core node tells two others so often whom it has heard of"),
    time(
        "silence",
        2_000,
        200,
        HOUR,
        "a core node that nobody has heard of for so long is gone; at least four gossips",
    ),
    int("ring", 16, 2, 32, "primary members of a ring of Meridian (k); as many are kept in reserve"),
    Key {
        name: "choice",
        what: What::Word(&["diverse", "random"]),
        default: Value::Word(std::borrow::Cow::Borrowed("diverse")),
        wrong: Key::fine,
        help: "which nodes are a ring's primary members: those that span the largest volume, or any",
    },
    time("rings", 2_000, 200, HOUR, "a landmark tells one member of each ring so often of others, and measures it"),
    time(
        "fresh",
        20_000,
        1_000,
        168 * HOUR,
        "a prefix whose place is older is probed again when somebody asks from it (published: weeks, as recalled)",
    ),
    int("disagree", 500, 1, 20_000, "km between the places of two addresses from which on they are not of one prefix"),
];

/// The same as numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) rendezvous: usize,
    pub(super) answers: usize,
    pub(super) ttl: Duration,
    pub(super) heartbeat: Duration,
    pub(super) lease: Duration,
    pub(super) gossip: Duration,
    pub(super) silence: Duration,
    pub(super) ring: usize,
    pub(super) choice: Choice,
    pub(super) rings: Duration,
    pub(super) fresh: Duration,
    pub(super) disagree: f64,
}

impl Settings {
    pub(super) fn of(facts: &Facts) -> Self {
        let values = facts.values(KEYS);
        let (heartbeat, gossip) = (values.time("heartbeat"), values.time("gossip"));
        Self {
            rendezvous: values.size("rendezvous").max(1),
            answers: values.size("answers").clamp(1, 16),
            ttl: values.time("ttl"),
            heartbeat,
            lease: values.time("lease").max(heartbeat * 2),
            gossip,
            silence: values.time("silence").max(gossip * 4),
            ring: values.size("ring").clamp(2, 32),
            choice: if values.word("choice") == "random" { Choice::Random } else { Choice::Diverse },
            rings: values.time("rings"),
            fresh: values.time("fresh"),
            disagree: values.int("disagree") as f64,
        }
    }
}
