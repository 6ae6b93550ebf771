//! Freenet's row in the table of protocols.

use super::Freenet;
use super::message::MAX_STEPS;
use super::settings::Settings;
use crate::overlay::key::{Key, Value, What};
use crate::overlay::row::Row;
use crate::overlay::unstructured::KEPT;
use crate::overlay::unstructured::connected::Connected;
use crate::overlay::{Common, OverlayNode, Peer, Values};

pub static ROW: Row = Row {
    name: "freenet",
    title: "Freenet",
    keys: &[
        Key {
            name: "hops_to_live",
            what: What::Int(1..=1000),
            default: Value::Int(20),
            wrong: Key::fine,
            help: "nodes that a request comes to, besides the one that asks",
        },
        Key {
            name: "insert_hops",
            what: What::Int(1..=1000),
            default: Value::Int(20),
            wrong: Key::fine,
            help: "nodes that keep what is inserted, besides the one that inserts",
        },
        Key {
            name: "last_hop",
            what: What::Float(0.1..=1.0),
            default: Value::Float(0.75),
            wrong: Key::fine,
            help: "probability that a request ends at the last of its hops: so nobody knows that it is the last",
        },
        Key {
            name: "store_size",
            what: What::Int(1..=65536),
            default: Value::Int(1000),
            wrong: Key::fine,
            help: "things that a node stores; of more, those used least recently go",
        },
        Key {
            name: "routing_size",
            what: What::Int(1..=4096),
            default: Value::Int(250),
            wrong: Key::fine,
            help: "keys of which a node knows whom to ask; of more, those used least recently go",
        },
        Key {
            name: "source_reset",
            what: What::Float(0.0..=1.0),
            default: Value::Float(0.1),
            wrong: Key::fine,
            help: "probability that a node that passes a thing on says it was the source",
        },
        Key {
            name: "announce_hops",
            what: What::Int(1..=MAX_STEPS as u64),
            default: Value::Int(MAX_STEPS as u64),
            wrong: Key::fine,
            help: "nodes that hear of a newcomer, and draw its key with it",
        },
    ],
    asks: KEPT,
    needs: |_| Vec::new(),
    layered: false,
    ipv6: true,
    large: &[("hops_to_live", Value::Int(100)), ("store_size", Value::Int(50))],
    holders: |_| None,
    node,
    oracle: &Connected { either_way: true },
    // Hong's simulations, as remembered: the growth of the median path, about 6 at a thousand nodes.
    published: |nodes| ("6 (N / 1000)^0.28", 6.0 * (nodes / 1000.0).powf(0.28)),
};

fn node(me: Peer, given: &Values, common: Common, rng: rand_chacha::ChaCha8Rng) -> Box<dyn OverlayNode> {
    Box::new(Freenet::new(me, common, Settings::of(given), rng))
}
