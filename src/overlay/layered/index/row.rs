//! The index's row in the table of protocols.

use std::time::Duration;

use super::Index;
use super::settings::Settings;
use crate::overlay::key::{Key, Value, What};
use crate::overlay::row::Row;
use crate::overlay::unstructured::{Connected, SEARCHED};
use crate::overlay::{Common, OverlayNode, Peer, Values};

pub static ROW: Row = Row {
    name: "index",
    title: "Index",
    keys: &[
        Key {
            name: "lease",
            what: What::Time(Duration::from_secs(1)..=Duration::from_secs(3600)),
            default: Value::Time(Duration::from_secs(60)),
            wrong: Key::fine,
            help: "how long an entry of the index is good; whoever shares the item renews it three times in that",
        },
        Key {
            name: "search_wait",
            what: What::Time(Duration::from_millis(100)..=Duration::from_secs(60)),
            default: Value::Time(Duration::from_secs(10)),
            wrong: Key::fine,
            help: "how long a search of the index reads at most",
        },
    ],
    asks: SEARCHED,
    needs: |_| Vec::new(),
    layered: true,
    ipv6: true,
    large: &[],
    holders: |_| None,
    node,
    oracle: &Connected { either_way: true },
    // A search asks no other node of this overlay.
    published: |_| ("0", 0.0),
};

fn node(me: Peer, given: &Values, common: Common, rng: rand_chacha::ChaCha8Rng) -> Box<dyn OverlayNode> {
    Box::new(Index::new(me, Settings::of(given, common), rng))
}
