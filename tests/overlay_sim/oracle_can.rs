//! What must hold of a CAN, computed from the outside: zones tile the space, and neighbors are those
//! whose zones abut.

use std::collections::BTreeSet;

use anybed::anycast::Member;
use anybed::machine::sim::Sim;
use anybed::overlay::id::Id;

use crate::world;

/// A zone and whose it is.
struct Zone {
    host: usize,
    first: u128,
    last: u128,
}

fn zones(sim: &Sim<Member>, island: &BTreeSet<usize>) -> Vec<Zone> {
    let of = |host: usize| {
        let zones = sim.machine(host).map(|m| m.digest().neighbors.zones).unwrap_or_default();
        zones.into_iter().map(move |(first, last)| Zone { host, first: first.0, last: last.0 })
    };
    let mut zones: Vec<Zone> = island.iter().copied().flat_map(of).collect();
    zones.sort_by_key(|z| (z.first, z.last));
    zones
}

/// Who owns the key, if exactly one of these does.
pub(crate) fn owner(sim: &Sim<Member>, island: &BTreeSet<usize>, key: Id) -> Option<Id> {
    let mut owners = zones(sim, island).into_iter().filter(|z| (z.first..=z.last).contains(&key.0));
    let owner = owners.next()?;
    owners.next().is_none().then(|| world::id(owner.host))
}

/// What is wrong with the zones and neighbors of an island's members, one line each.
pub(crate) fn wrong(sim: &Sim<Member>, island: &BTreeSet<usize>, dimensions: u32) -> Vec<String> {
    let zones = zones(sim, island);
    let mut wrong = Vec::new();
    let mut next = Some(0u128);
    for zone in &zones {
        if next != Some(zone.first) {
            let what = if next.is_some_and(|n| n < zone.first) { "gap" } else { "overlap" };
            wrong.push(format!("{what} before {:032x}..{:032x} of h{}", zone.first, zone.last, zone.host));
        }
        next = zone.last.checked_add(1);
    }
    if next.is_some() {
        wrong.push("gap at the end".to_owned());
    }
    let boxes: Vec<(usize, Vec<(u128, u128)>)> =
        zones.iter().map(|z| (z.host, sides(z.first, z.last, dimensions))).collect();
    for host in island {
        let right: BTreeSet<usize> = boxes
            .iter()
            .filter(|(other, theirs)| other != host && boxes.iter().any(|(h, ours)| h == host && abut(ours, theirs)))
            .map(|(other, _)| *other)
            .collect();
        let is = sim.machine(*host).map(|m| m.digest().neighbors.fingers).unwrap_or_default();
        let names = |id: &Id| island.iter().copied().find(|h| world::id(*h) == *id);
        let known: BTreeSet<usize> = is.iter().filter_map(names).collect();
        if known != right || known.len() != is.len() {
            wrong.push(format!("h{host} knows {known:?} and {} others, should know {right:?}", is.len() - known.len()));
        }
        if !zones.iter().any(|z| z.host == *host) {
            wrong.push(format!("h{host} has no zone"));
        }
    }
    wrong
}

/// First and last coordinate in each dimension, by looking at the bits that the zone's ids have in common.
fn sides(first: u128, last: u128, dimensions: u32) -> Vec<(u128, u128)> {
    let mut sides = vec![(0, 0); dimensions as usize];
    for i in 0..128 {
        let (low, high) = &mut sides[(i % dimensions) as usize];
        *low = *low * 2 + ((first >> (127 - i)) & 1);
        *high = *high * 2 + ((last >> (127 - i)) & 1);
    }
    sides
}

fn abut(a: &[(u128, u128)], b: &[(u128, u128)]) -> bool {
    let dimensions = a.len() as u32;
    let mut touching = 0;
    for (d, ((al, ah), (bl, bh))) in a.iter().zip(b).enumerate() {
        let bits = (128 - d as u32).div_ceil(dimensions);
        let size = if bits == 128 { u128::MAX } else { (1 << bits) - 1 };
        let after = |high: u128| if high == size { 0 } else { high + 1 };
        if al <= bh && bl <= ah {
            continue;
        }
        if after(*ah) != *bl && after(*bh) != *al {
            return false;
        }
        touching += 1;
    }
    touching == 1
}
