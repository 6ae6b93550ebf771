//! What is right, from a sight of the whole that no node has.

use std::collections::BTreeSet;

use anybed::anycast::Member;
use anybed::overlay::id::Id;
use anybed::overlay::sim::Sim;
use anybed::overlay::{Protocol, ProtocolSettings};

use crate::{oracle_can, world};

/// What is wrong with the neighbors of an island's members, one line each.
pub(crate) fn wrong_neighbors(sim: &Sim<Member>, island: &BTreeSet<usize>, protocol: ProtocolSettings) -> Vec<String> {
    match protocol {
        ProtocolSettings::Chord(chord) => wrong_on_the_ring(sim, island, chord.successors),
        ProtocolSettings::Can(can) => oracle_can::wrong(sim, island, can.dimensions),
        ProtocolSettings::Pastry(pastry) => wrong_on_the_ring(sim, island, pastry.leaf_set / 2),
    }
}

/// Who among an island's members owns a key.
pub(crate) fn owner(sim: &Sim<Member>, island: &BTreeSet<usize>, protocol: Protocol, key: Id) -> Option<Id> {
    match protocol {
        Protocol::Can => oracle_can::owner(sim, island, key),
        Protocol::Chord | Protocol::Pastry => protocol.owner(key, island.iter().map(|h| world::id(*h))),
    }
}

/// Successor lists (upper halves of leaf sets) and predecessors.
fn wrong_on_the_ring(sim: &Sim<Member>, island: &BTreeSet<usize>, successors: usize) -> Vec<String> {
    let mut ids: Vec<(Id, usize)> = island.iter().map(|h| (world::id(*h), *h)).collect();
    ids.sort();
    let n = ids.len();
    let mut wrong = Vec::new();
    for (i, (id, host)) in ids.iter().enumerate() {
        let digest = sim.machine(*host).expect("it runs").digest();
        let right: Vec<Id> = (1..n.min(successors + 1)).map(|k| ids[(i + k) % n].0).collect();
        let predecessor = (n > 1).then(|| ids[(i + n - 1) % n].0);
        if digest.neighbors.successors != right || digest.neighbors.predecessor != predecessor {
            let is = (&digest.neighbors.successors, digest.neighbors.predecessor);
            wrong.push(format!("h{host} {id:?}: is {is:?}, should be {:?}", (right, predecessor)));
        }
    }
    wrong
}
