//! KaZaA's row in the table of protocols.

use std::time::Duration;

use super::Kazaa;
use super::settings::Settings;
use crate::overlay::key::{Key, Value, What};
use crate::overlay::row::Row;
use crate::overlay::unstructured::SEARCHED;
use crate::overlay::unstructured::connected::Connected;
use crate::overlay::{Common, OverlayNode, Peer, Values};

pub static ROW: Row = Row {
    name: "kazaa",
    title: "KaZaA",
    keys: &[
        Key {
            name: "supernode_links",
            what: What::Int(1..=50),
            default: Value::Int(4),
            wrong: Key::fine,
            help: "links to other supernodes that a supernode opens (published: 30 to 50); it takes twice as many",
        },
        Key {
            name: "children",
            what: What::Int(1..=200),
            default: Value::Int(8),
            wrong: Key::fine,
            help: "ordinary nodes that a supernode takes (published: 100 to 150); in need twice as many",
        },
        Key {
            name: "least_children",
            what: What::Int(0..=200),
            default: Value::Int(1),
            wrong: Key::fine,
            help: "with fewer children, and others who have room, a supernode becomes an ordinary node",
        },
        Key {
            name: "capable",
            what: What::Float(0.0..=1.0),
            default: Value::Float(0.5),
            wrong: Key::fine,
            help: "share of the nodes, by their ids, that may be supernodes before there is nobody else",
        },
        Key {
            name: "uptime",
            what: What::Time(Duration::from_millis(100)..=Duration::from_secs(3600)),
            default: Value::Time(Duration::from_secs(5)),
            wrong: Key::fine,
            help: "how long a node has been one before it is made a supernode without haste, and a supernode before it goes",
        },
        Key {
            name: "refresh",
            what: What::Time(Duration::from_millis(500)..=Duration::from_secs(3600)),
            default: Value::Time(Duration::from_secs(20)),
            wrong: Key::fine,
            help: "how often an ordinary node looks for a nearer supernode, and a supernode exchanges a link",
        },
        Key {
            name: "ttl",
            what: What::Int(1..=7),
            default: Value::Int(7),
            wrong: Key::fine,
            help: "hops that a search goes among supernodes",
        },
        Key {
            name: "query_wait",
            what: What::Time(Duration::from_millis(10)..=Duration::from_secs(60)),
            default: Value::Time(Duration::from_millis(1500)),
            wrong: Key::fine,
            help: "a search ends when there has been no hit for so long",
        },
    ],
    asks: SEARCHED,
    needs: |_| Vec::new(),
    layered: false,
    ipv6: true,
    large: &[("children", Value::Int(100)), ("supernode_links", Value::Int(30))],
    holders: |_| None,
    node,
    oracle: &Connected { either_way: false },
    // To a supernode, and among a hundredth of the nodes, each with 60 links.
    published: |nodes| ("1 + ln(N / 100) / ln 59", 1.0 + (nodes / 100.0).max(1.0).ln() / 59f64.ln()),
};

fn node(me: Peer, given: &Values, common: Common, rng: rand_chacha::ChaCha8Rng) -> Box<dyn OverlayNode> {
    Box::new(Kazaa::new(me, common, Settings::of(given), rng))
}
