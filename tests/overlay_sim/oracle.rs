//! What is right, from a sight of the whole that no node has.

use std::collections::BTreeSet;

use anybed::anycast::Member;
use anybed::machine::sim::Sim;
use anybed::overlay::id::Id;
use anybed::overlay::oracle::Told;
use anybed::overlay::{Given, Neighbors, Protocol};

use crate::{oracle_can, world};

/// What is wrong with the neighbors of an island's members, one line each.
pub(crate) fn wrong_neighbors(sim: &Sim<Member>, island: &BTreeSet<usize>, given: &Given) -> Vec<String> {
    match given.protocol.name {
        "chord" => wrong_on_the_ring(sim, island, given.size("successors")),
        "pastry" => wrong_on_the_ring(sim, island, given.size("leaf_set") / 2),
        "can" => oracle_can::wrong(sim, island, given.int("dimensions") as u32),
        other => panic!("what is right in {other}?"),
    }
}

/// Who among an island's members owns a key.
pub(crate) fn owner(sim: &Sim<Member>, island: &BTreeSet<usize>, protocol: Protocol, key: Id) -> Option<Id> {
    if !protocol.oracle.by_ids() {
        return oracle_can::owner(sim, island, key);
    }
    let neighbors = Neighbors::default();
    let mut told: Vec<_> = island.iter().map(|h| Told { id: world::id(*h), neighbors: &neighbors }).collect();
    told.sort_by_key(|told| told.id);
    protocol.oracle.owner(key, &told)
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
