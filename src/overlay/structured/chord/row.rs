//! Chord's row in the table of protocols.

use super::{Chord, Settings};
use crate::overlay::id::Id;
use crate::overlay::key::{Holders, Key, Value, What};
use crate::overlay::oracle::{Oracle, Told};
use crate::overlay::proximity;
use crate::overlay::row::Row;
use crate::overlay::structured::dht::MAX_PEERS;
use crate::overlay::structured::{KEYED, ring};
use crate::overlay::{Common, Neighbors, OverlayNode, Peer, Values};

pub static ROW: Row = Row {
    name: "chord",
    title: "Chord",
    keys: &[
        proximity::KEY,
        Key {
            name: "successors",
            what: What::Int(1..=MAX_PEERS as u64),
            default: Value::Int(6),
            wrong: Key::fine,
            help: "length of a node's list of successors",
        },
    ],
    asks: KEYED,
    needs: |_| Vec::new(),
    layered: false,
    ipv6: true,
    large: &[("successors", Value::Int(8))],
    holders,
    node,
    oracle: &Successors,
    published: |nodes| ("½ log2 N", nodes.log2() / 2.0),
};

fn holders(given: &Values) -> Option<Holders> {
    let successors = given.size("successors");
    Some(Holders {
        most: successors + 1,
        what: format!("{successors} successors"),
        why: "a key is kept by its owner and by successors of the owner",
    })
}

fn node(me: Peer, given: &Values, common: Common, rng: rand_chacha::ChaCha8Rng) -> Box<dyn OverlayNode> {
    let own = Settings { successors: given.size("successors"), proximity: given.proximity() };
    Box::new(Chord::new(me, common, own, rng))
}

/// A key belongs to the first node that follows it.
struct Successors;

impl Oracle for Successors {
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
        ring::around(key, members).map(|(_, after)| after)
    }
}
