//! Pastry's row in the table of protocols.

use super::{Pastry, Settings};
use crate::overlay::id::Id;
use crate::overlay::key::{Holders, Key, Value, What, Wrong};
use crate::overlay::oracle::{Oracle, Told};
use crate::overlay::proximity;
use crate::overlay::row::Row;
use crate::overlay::structured::dht::MAX_PEERS;
use crate::overlay::structured::{KEYED, ring};
use crate::overlay::{Common, Neighbors, OverlayNode, Peer, Values};

pub static ROW: Row = Row {
    name: "pastry",
    title: "Pastry",
    keys: &[
        proximity::KEY,
        Key {
            name: "b",
            what: What::Int(1..=4),
            default: Value::Int(4),
            wrong: Key::fine,
            help: "bits of a digit: 2^b - 1 entries in a row of the table",
        },
        Key {
            name: "leaf_set",
            what: What::Int(2..=MAX_PEERS as u64),
            default: Value::Int(16),
            wrong: odd,
            help: "leaves, half on either side",
        },
        Key {
            name: "neighborhood",
            what: What::Int(1..=64),
            default: Value::Int(32),
            wrong: Key::fine,
            help: "size of the neighborhood set",
        },
    ],
    asks: KEYED,
    needs: |_| Vec::new(),
    layered: false,
    ipv6: true,
    large: &[],
    holders,
    node,
    oracle: &Closest,
    published: |nodes| ("⌈log16 N⌉", (nodes.log2() / 4.0).ceil()),
};

/// Leaf sets have two halves.
fn odd(leaves: &Value) -> Option<Wrong> {
    match leaves {
        Value::Int(n) if n % 2 == 1 => {
            Some(Wrong { message: format!("a leaf set of {n} has no two halves"), label: "write an even number" })
        }
        _ => None,
    }
}

fn holders(given: &Values) -> Option<Holders> {
    let leaf_set = given.size("leaf_set");
    Some(Holders {
        most: leaf_set + 1,
        what: format!("{leaf_set} leaves"),
        why: "a key is kept by its owner and by leaves of the owner",
    })
}

fn node(me: Peer, given: &Values, common: Common, rng: rand_chacha::ChaCha8Rng) -> Box<dyn OverlayNode> {
    let own = Settings {
        // At most 4.
        b: given.int("b") as u8,
        leaf_set: given.size("leaf_set"),
        neighborhood: given.size("neighborhood"),
        proximity: given.proximity(),
    };
    Box::new(Pastry::new(me, common, own, rng))
}

/// A key belongs to the numerically closest node, of two equally close ones to the smaller.
struct Closest;

impl Oracle for Closest {
    fn by_ids(&self) -> bool {
        true
    }

    fn whole(&self, island: &mut dyn Iterator<Item = Told<'_>>) -> bool {
        ring::whole(island)
    }

    fn noticed<'a>(&self, node: Told<'a>, of: &dyn Fn(Id) -> Option<&'a Neighbors>) -> bool {
        ring::noticed(node, of)
    }

    fn owner(&self, key: Id, members: &[Told<'_>]) -> Option<Id> {
        let (before, after) = ring::around(key, members)?;
        [before, after].into_iter().min_by_key(|id| (key.distance(*id), *id))
    }
}
