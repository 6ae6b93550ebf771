//! Every table of a lab file and its keys, and what is common to their values.

use std::sync::LazyLock;
use std::time::Duration;

use super::model::{Infrastructure, TimerPreset};
use crate::overlay::Protocol;

/// Keys of a table, and after them those of a link's physics.
macro_rules! with_physics {
    ($($key:literal),*) => {
        &[$($key,)* "delay", "jitter", "loss", "rate", "queue", "reorder", "duplicate", "corrupt"]
    };
}

/// The same of a link with a session between ASes.
macro_rules! with_session {
    ($($key:literal),*) => {
        with_physics![
            $($key,)* "bfd", "hold", "timers", "graceful_restart", "ttl_security", "password", "max_prefix",
            "max_prefix_action", "allow_own_as", "mrai"
        ]
    };
}

/// Every table of a lab file and its keys. Tables with a dot are items of another table's list.
pub static KEYS: LazyLock<Vec<(&str, &[&str])>> = LazyLock::new(|| {
    let with_protocols = |(table, keys): &(&'static str, &'static [&'static str])| {
        let own = Protocol::all_keys().into_iter().map(|key| key.name).filter(|_| *table == "overlay");
        let kinds = Infrastructure::all_keys().into_iter().map(|key| key.name).filter(|_| *table == "infrastructure");
        let all: Vec<&'static str> = keys.iter().copied().chain(own).chain(kinds).collect();
        (*table, &*all.leak())
    };
    TABLES.iter().map(with_protocols).collect()
});

/// The same without the keys that belong to protocols.
const TABLES: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "lab",
            "as",
            "link",
            "exchange",
            "stub",
            "policy",
            "group",
            "roa",
            "rtr",
            "infrastructure",
            "service",
            "overlay",
            "probe",
            "flows",
            "timeline",
            "expect",
        ],
    ),
    (
        "lab",
        &[
            "name",
            "seed",
            "family",
            "timers",
            "duration",
            "backend",
            "distance_factor",
            "multipath",
            "multipath_hash",
            "roles",
            "daemon",
            "mrai",
        ],
    ),
    (
        "as",
        &[
            "name",
            "asn",
            "routers",
            "links",
            "graphml",
            "graphml_part",
            "multipath",
            "multipath_hash",
            "roles",
            "rov",
            "compare_med",
            "prefer_older",
            "add_paths",
            "daemon",
            "damping",
        ],
    ),
    ("as.damping", &["half_life", "reuse", "suppress", "max"]),
    ("as.routers", &["name", "lat", "lon", "daemon"]),
    ("as.links", with_physics!["a", "b", "cost", "name", "bfd", "ab", "ba"]),
    ("link", with_session!["a", "b", "relation", "name", "over", "add_paths", "ab", "ba"]),
    ("exchange", &["name", "asn", "lat", "lon", "daemon", "members"]),
    ("exchange.members", with_session!["router", "route_server", "up", "down", "prepend", "local_pref", "med"]),
    // One direction of any link: `ab`, `ba`, `up` or `down`.
    ("link.ab", with_physics![]),
    (
        "stub",
        &[
            "name",
            "asn",
            "lat",
            "lon",
            "routers",
            "links",
            "uplinks",
            "access",
            "members",
            "clients",
            "multipath",
            "multipath_hash",
            "roles",
            "rov",
            "compare_med",
            "prefer_older",
            "add_paths",
            "daemon",
        ],
    ),
    (
        "stub.uplinks",
        with_session!["to", "over", "from", "add_paths", "up", "down", "prepend", "weight", "local_pref", "med"],
    ),
    ("stub.access", with_physics!["bfd", "hold", "timers", "graceful_restart", "up", "down"]),
    (
        "policy",
        &[
            "of",
            "to",
            "from",
            "groups",
            "prefixes",
            "communities",
            "through",
            "prepend",
            "weight",
            "local_pref",
            "med",
            "add",
            "remove",
            "reject",
        ],
    ),
    ("group", &["name", "prefix", "address", "members", "local", "announced_by"]),
    ("roa", &["prefix", "max_length", "origin"]),
    ("rtr", &["at", "refresh", "retry", "expire"]),
    ("infrastructure", &["name", "kind", "hosts", "health_gate"]),
    ("service", &["name", "via", "members", "transport", "port"]),
    (
        "overlay",
        &[
            "name",
            "protocol",
            "via",
            "members",
            "address",
            "bootstrap",
            "well_known",
            "gateways",
            "gateway_hops",
            "gateway_cache",
            "over",
            "guests",
            "share_neighbors",
            "healing",
            "coloring",
            "colors",
            "heal_every",
            "remember",
            "rendezvous_epoch",
            "rendezvous_listen",
            "redirect",
            "join_capacity",
            "drain_above",
            "return_below",
            "health_gate",
            "lookup",
            "replicas",
            "stabilize_every",
            "rpc_timeout",
            "rpc_tries",
            "lookups_per_second",
            "key",
        ],
    ),
    ("probe", &["groups", "every", "timeout"]),
    ("flows", &["groups", "protocols", "per_client", "every", "timeout"]),
    ("timeline", &["at", "do", "over"]),
    ("expect", &["name", "that", "never", "at", "within", "during", "until"]),
];

/// What other programs call the parts of a policy.
macro_rules! with_policy {
    ($($key:literal),*) => {
        &[
            $($key,)* "prepends", "prepending", "path_prepend", "as_path_prepend", "community", "communities",
            "large_communities", "extended_communities", "no_export", "localpref", "local_preference", "preference",
            "filter", "filters", "import", "export", "policy", "policies", "route_map", "announce",
            "announce_to"
        ]
    };
}

const POLICY: &str =
    "say whose rule it is and with whom in a table of its own: [[policy]] with of = \"…\", to = \"…\", prepend = 2";

/// Keys that a table does not have, though one might look for them there, and what to do instead.
pub(crate) const ELSEWHERE: &[(&str, &[&str], &str)] = &[
    (
        "a link",
        &["hold", "timers", "graceful_restart"],
        "a link inside an AS carries no BGP session: quicken OSPF with `bfd`, or with `timers` of [lab]",
    ),
    ("a link", &["up", "down"], "its directions are `ab`, from a to b, and `ba`"),
    ("[[link]]", &["up", "down"], "its directions are `ab`, from a to b, and `ba`"),
    ("an uplink", &["ab", "ba"], "its directions are `up`, from the stub to the router, and `down`"),
    ("`access`", &["ab", "ba"], "its directions are `up`, from a host to the gateway, and `down`"),
    ("[[link]]", with_policy!["prepend", "med", "local_pref", "weight"], POLICY),
    ("[[stub]]", with_policy!["prepend", "med", "local_pref", "weight"], POLICY),
    ("[[as]]", with_policy!["prepend", "med", "local_pref", "weight"], POLICY),
    ("[[group]]", with_policy!["prepend", "med", "local_pref", "weight"], POLICY),
    ("an uplink", with_policy![], POLICY),
    ("[[stub]]", &["router", "gateways", "gateway"], "its gateways are `routers = [\"gw1\", \"gw2\"]`"),
    (
        "[[stub]]",
        with_physics!["bfd", "hold", "timers", "graceful_restart"],
        "write it in `access` for the links of the hosts, in `uplinks` for those to other ASes: { to = \"…\", … }",
    ),
];

/// The longest play, and the longest of any other time of a lab file.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 3600);

pub(super) const MILLISECOND: Duration = Duration::from_millis(1);

pub(super) const PRESETS: &[(&str, TimerPreset)] =
    &[("lab", TimerPreset::Lab), ("rfc", TimerPreset::Rfc), ("bird", TimerPreset::Bird)];

pub(super) fn keys(table: &str) -> &'static [&'static str] {
    KEYS.iter().find(|(name, _)| *name == table).expect("every table read here is listed in KEYS").1
}
