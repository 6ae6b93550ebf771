//! Keys of the lab file.

use std::time::Duration;

use crate::anycast::facts::Facts;
use crate::overlay::key::{Key, Value, What};

const HOUR: Duration = Duration::from_secs(3600);

pub(super) static KEYS: &[Key] = &[
    Key {
        name: "refresh",
        what: What::Time(Duration::from_millis(500)..=HOUR),
        default: Value::Time(Duration::from_secs(5)),
        wrong: Key::fine,
        help: "how often a member renews its trigger (published: 30 s, as recalled); two thirds of the lease at most",
    },
    Key {
        name: "lease",
        what: What::Time(Duration::from_secs(1)..=HOUR),
        default: Value::Time(Duration::from_secs(8)),
        wrong: Key::fine,
        help: "how long a server keeps a trigger that is not renewed (OverSim: 60 s)",
    },
    Key {
        name: "landmarks",
        what: What::Int(1..=64),
        default: Value::Int(8),
        wrong: Key::fine,
        help: "so many servers, the first of the list, are landmarks: members with the same nearest one are near",
    },
    Key {
        name: "samples",
        what: What::Int(1..=64),
        default: Value::Int(8),
        wrong: Key::fine,
        help: "so many random identifiers an agent tries to find a near server, which becomes its gateway",
    },
    Key {
        name: "private",
        what: What::Bool,
        default: Value::Bool(false),
        wrong: Key::fine,
        help: "whether members have a private trigger too, to which answers go instead of to their address",
    },
    Key {
        name: "stabilize",
        what: What::Time(Duration::from_millis(100)..=Duration::from_secs(60)),
        default: Value::Time(Duration::from_millis(500)),
        wrong: Key::fine,
        help: "how often a server looks after its neighbors in the ring",
    },
];

/// Their values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) refresh: Duration,
    pub(super) lease: Duration,
    /// At most as many as there are servers.
    pub(super) landmarks: usize,
    pub(super) samples: usize,
    pub(super) private: bool,
    pub(super) stabilize: Duration,
}

impl Settings {
    pub(super) fn of(facts: &Facts) -> Self {
        let values = facts.values(KEYS);
        let lease = values.time("lease");
        Self {
            refresh: values.time("refresh").min(lease * 2 / 3),
            lease,
            landmarks: values.size("landmarks").min(facts.servers.len()),
            samples: values.size("samples"),
            private: values.bool("private"),
            stabilize: values.time("stabilize"),
        }
    }

    /// How long it is believed who is responsible: a dead server is given up before the group is inserted elsewhere.
    pub(super) fn belief(&self) -> Duration {
        self.refresh / 2
    }
}
