//! CAN's row in the table of protocols.

use std::borrow::Cow;

use super::{Can, MAX_DIMENSIONS, MAX_LANDMARKS, Partitioning, Settings};
use crate::overlay::id::Id;
use crate::overlay::key::{Holders, Key, Value, What};
use crate::overlay::oracle::{Oracle, Told};
use crate::overlay::proximity;
use crate::overlay::row::Row;
use crate::overlay::structured::KEYED;
use crate::overlay::{Common, OverlayNode, Peer, Values};

pub static ROW: Row = Row {
    name: "can",
    title: "CAN",
    keys: &[
        proximity::KEY,
        Key {
            name: "dimensions",
            what: What::Int(1..=MAX_DIMENSIONS as u64),
            default: Value::Int(2),
            wrong: Key::fine,
            help: "dimensions of the torus",
        },
        Key {
            name: "landmarks",
            what: What::Hosts(MAX_LANDMARKS),
            default: Value::Hosts(Vec::new()),
            wrong: Key::fine,
            help: "hosts by whose distances nodes choose where to join",
        },
        Key {
            name: "partitioning",
            what: What::Word(&["random", "uniform", "uniform-once"]),
            default: Value::Word(Cow::Borrowed("uniform")),
            wrong: Key::fine,
            help: "whose zone a joiner gets a half of",
        },
    ],
    asks: KEYED,
    needs: |_| Vec::new(),
    layered: false,
    ipv6: true,
    large: &[("dimensions", Value::Int(4))],
    holders,
    node,
    oracle: &Zones,
    // (d/4)·N^(1/d), with four dimensions.
    published: |nodes| ("N^(1/4)", 2f64.powf(nodes.log2() / 4.0)),
};

fn holders(given: &Values) -> Option<Holders> {
    let dimensions = given.size("dimensions");
    Some(Holders {
        most: dimensions + 1,
        what: format!("{dimensions} dimensions"),
        why: "a key is kept by its owner and by neighbors of the owner, of which there may be one a dimension",
    })
}

fn node(me: Peer, given: &Values, common: Common, rng: rand_chacha::ChaCha8Rng) -> Box<dyn OverlayNode> {
    let mut landmarks = [None; MAX_LANDMARKS];
    landmarks.iter_mut().zip(given.hosts("landmarks")).for_each(|(at, peer)| *at = Some(*peer));
    let partitioning = match given.word("partitioning") {
        "random" => Partitioning::Random,
        "uniform-once" => Partitioning::UniformOnce,
        _ => Partitioning::Uniform,
    };
    // At most 8.
    let dimensions = given.int("dimensions") as u32;
    let own = Settings { dimensions, proximity: given.proximity(), landmarks, partitioning };
    Box::new(Can::new(me, common, own, rng))
}

/// A key belongs to whoever has its zone.
struct Zones;

impl Oracle for Zones {
    fn by_ids(&self) -> bool {
        false
    }

    fn whole(&self, island: &mut dyn Iterator<Item = Told<'_>>) -> bool {
        tile(island.flat_map(|told| told.neighbors.zones.iter().copied()))
    }

    fn owner(&self, key: Id, members: &[Told<'_>]) -> Option<Id> {
        let zones = members.iter().flat_map(|told| told.neighbors.zones.iter().map(|zone| (*zone, told.id)));
        let (zone, id) = zones.filter(|((first, _), _)| *first <= key).max()?;
        holds(&[zone], key).then_some(id)
    }

    /// Whoever has the key's zone, even if another claims it too.
    fn is_owner(&self, key: Id, candidate: Id, members: &[Told<'_>]) -> bool {
        members.iter().any(|told| told.id == candidate && holds(&told.neighbors.zones, key))
    }
}

/// Whether one of these zones (first and last id of each) contains the key.
fn holds(zones: &[(Id, Id)], key: Id) -> bool {
    zones.iter().any(|(first, last)| (*first..=*last).contains(&key))
}

/// Whether these zones cover all ids, each exactly once.
fn tile(zones: impl IntoIterator<Item = (Id, Id)>) -> bool {
    let mut zones: Vec<(Id, Id)> = zones.into_iter().collect();
    zones.sort_unstable();
    let follows = |pair: &[(Id, Id)]| pair[0].1.0.checked_add(1) == Some(pair[1].0.0);
    zones.first().is_some_and(|(first, _)| first.0 == 0)
        && zones.last().is_some_and(|(_, last)| last.0 == u128::MAX)
        && zones.windows(2).all(follows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_hold_and_tile() {
        let half = u128::MAX / 2;
        let zones = [(Id(half + 1), Id(u128::MAX)), (Id(0), Id(half))];
        assert!(holds(&zones[..1], Id(u128::MAX)) && !holds(&zones[..1], Id(half)));
        assert!(tile(zones) && !tile([zones[0]]) && !tile([zones[0], zones[1], zones[1]]) && !tile([]));
        assert!(!tile([zones[1], (Id(half + 2), Id(u128::MAX))]), "a gap");
    }
}
