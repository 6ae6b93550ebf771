//! Freenet's row in the table of protocols.

use super::Freenet;
use super::message::MAX_STEPS;
use super::settings::Settings;
use crate::overlay::id::Id;
use crate::overlay::key::{Key, Value, What};
use crate::overlay::oracle::{Oracle, Told};
use crate::overlay::row::Row;
use crate::overlay::unstructured::KEPT;
use crate::overlay::{Common, Neighbors, OverlayNode, Peer, Values};

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
    ipv6: true,
    large: &[("hops_to_live", Value::Int(100)), ("store_size", Value::Int(50))],
    holders: |_| None,
    node,
    oracle: &Known,
    // Hong's simulations, as remembered: the growth of the median path, about 6 at a thousand nodes.
    published: |nodes| ("6 (N / 1000)^0.28", 6.0 * (nodes / 1000.0).powf(0.28)),
};

fn node(me: Peer, given: &Values, common: Common, rng: rand_chacha::ChaCha8Rng) -> Box<dyn OverlayNode> {
    Box::new(Freenet::new(me, common, Settings::of(given), rng))
}

/// Whom a node knows need not know it: islands are what is left of a network when no one of one knows one of another.
struct Known;

impl Oracle for Known {
    /// Each member is reached from each other, whoever of two knows the other; and nobody knows anybody else.
    fn whole(&self, island: &mut dyn Iterator<Item = Told<'_>>) -> bool {
        let told: Vec<(Id, Vec<Id>)> = island.map(|told| (told.id, told.neighbors.all().copied().collect())).collect();
        let at = |id: &Id| told.binary_search_by_key(id, |(id, _)| *id).ok();
        let mut group: Vec<usize> = (0..told.len()).collect();
        for (from, (_, known)) in told.iter().enumerate() {
            for id in known {
                let Some(to) = at(id) else { return false };
                let (a, b) = (top(&mut group, from), top(&mut group, to));
                group[a] = b;
            }
        }
        let first = if told.is_empty() { return false } else { top(&mut group, 0) };
        (1..told.len()).all(|node| top(&mut group, node) == first)
    }

    /// One that knows it is enough: requests come to it.
    fn noticed<'a>(&self, node: Told<'a>, of: &dyn Fn(Id) -> Option<&'a Neighbors>) -> bool {
        let mut known = node.neighbors.all().peekable();
        known.peek().is_none()
            || known.any(|other| of(*other).is_some_and(|theirs| theirs.all().any(|id| *id == node.id)))
    }
}

/// Which group a node is of.
fn top(group: &mut [usize], mut node: usize) -> usize {
    while group[node] != node {
        group[node] = group[group[node]];
        node = group[node];
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(links: &[(u128, &[u128])]) -> Vec<(Id, Neighbors)> {
        let neighbors = |to: &[u128]| {
            let to = to.iter().map(|id| Id(*id)).collect();
            Neighbors { roles: [("known".to_owned(), to)].into(), ..Neighbors::default() }
        };
        links.iter().map(|(id, to)| (Id(*id), neighbors(to))).collect()
    }

    #[test]
    fn whole_is_known_from_either_side() {
        let whole = |links: &[(u128, &[u128])]| {
            Known.whole(&mut told(links).iter().map(|(id, neighbors)| Told { id: *id, neighbors }))
        };
        assert!(whole(&[(1, &[])]) && whole(&[(1, &[2]), (2, &[]), (3, &[2])]));
        assert!(!whole(&[]) && !whole(&[(1, &[2]), (2, &[1]), (3, &[])]), "two islands");
        assert!(!whole(&[(1, &[2]), (2, &[1, 3])]), "one is known that is not there");
    }

    #[test]
    fn noticed_is_known_by_one_that_it_knows() {
        let all = told(&[(1, &[2, 3]), (2, &[]), (3, &[1]), (4, &[2]), (5, &[])]);
        let noticed = |at: usize| {
            let of = |id: Id| all.iter().find(|(known, _)| *known == id).map(|(_, neighbors)| neighbors);
            Known.noticed(Told { id: all[at].0, neighbors: &all[at].1 }, &of)
        };
        assert_eq!((0..5).map(noticed).collect::<Vec<_>>(), [true, true, true, false, true]);
    }
}
