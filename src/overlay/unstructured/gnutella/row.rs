//! Gnutella's row in the table of protocols.

use std::borrow::Cow;
use std::time::Duration;

use super::Gnutella;
use super::settings::Settings;
use crate::machine::Need;
use crate::overlay::key::{Key, Value, What};
use crate::overlay::proximity;
use crate::overlay::row::Row;
use crate::overlay::unstructured::SEARCHED;
use crate::overlay::unstructured::connected::Connected;
use crate::overlay::{Common, OverlayNode, Peer, Values};

pub static ROW: Row = Row {
    name: "gnutella",
    title: "Gnutella",
    keys: &[
        proximity::KEY,
        Key {
            name: "version",
            what: What::Word(&["0.6", "0.4"]),
            default: Value::Word(Cow::Borrowed("0.6")),
            wrong: Key::fine,
            help: "0.4: all nodes are alike, and queries flood; 0.6: ultrapeers and leaves",
        },
        Key {
            name: "port",
            what: What::Int(1..=65535),
            default: Value::Int(6346),
            wrong: Key::fine,
            help: "TCP port of its nodes, on every host of the overlay",
        },
        Key {
            name: "ultrapeers",
            what: What::Float(0.0..=1.0),
            default: Value::Float(0.3),
            wrong: Key::fine,
            help: "share of the nodes that are ultrapeers (0.6), besides those that become one because there is none",
        },
        Key {
            name: "connections",
            what: What::Int(1..=64),
            default: Value::Int(4),
            wrong: Key::fine,
            help: "links to equals that a node opens (0.4), or an ultrapeer (0.6); it takes up to three times as many",
        },
        Key {
            name: "leaves",
            what: What::Int(1..=1000),
            default: Value::Int(30),
            wrong: Key::fine,
            help: "leaves that an ultrapeer takes (0.6)",
        },
        Key {
            name: "parents",
            what: What::Int(1..=10),
            default: Value::Int(3),
            wrong: Key::fine,
            help: "ultrapeers that a leaf has (0.6)",
        },
        Key {
            name: "ttl",
            what: What::Int(1..=7),
            default: Value::Int(7),
            wrong: Key::fine,
            help: "hops that a query goes; dynamic querying takes at most 5",
        },
        Key {
            name: "query_wait",
            what: What::Time(Duration::from_millis(10)..=Duration::from_secs(60)),
            default: Value::Time(Duration::from_millis(1500)),
            wrong: Key::fine,
            help: "how long a search waits for hits before it asks further, or ends",
        },
        Key {
            name: "query_routing",
            what: What::Bool,
            default: Value::Bool(true),
            wrong: Key::fine,
            help: "whether leaves get only queries that their words may answer (0.6)",
        },
        Key {
            name: "dynamic_querying",
            what: What::Bool,
            default: Value::Bool(true),
            wrong: Key::fine,
            help: "whether an ultrapeer asks link by link until there are hits enough (0.6)",
        },
        Key {
            name: "pong_caching",
            what: What::Bool,
            default: Value::Bool(true),
            wrong: Key::fine,
            help: "whether pings are answered from a cache, and not passed on",
        },
        Key {
            name: "qrp_slots",
            what: What::Int(10..=18),
            default: Value::Int(14),
            wrong: Key::fine,
            help: "logarithm of the slots of a leaf's table of words (0.6)",
        },
    ],
    asks: SEARCHED,
    needs: |given| vec![Need::Tcp(Settings::of(given).port)],
    // Neither a pong nor a hit has room for one.
    layered: false,
    ipv6: false,
    large: &[("connections", Value::Int(8))],
    holders: |_| None,
    node,
    oracle: &Connected { either_way: false },
    // Of a random graph; with eight links and as many from others.
    published: |nodes| ("ln N / ln 15", nodes.ln() / 15f64.ln()),
};

fn node(me: Peer, given: &Values, common: Common, rng: rand_chacha::ChaCha8Rng) -> Box<dyn OverlayNode> {
    Box::new(Gnutella::new(me, common, Settings::of(given), rng))
}
