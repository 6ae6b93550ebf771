//! A network shaped like the Internet's ASes: a clique of peers at the top, transit below it, an edge of customers.

use std::collections::BTreeSet;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::exchanges::{MOST_EXCHANGES, MOST_PORTS};
use super::{Bond, GenerateError, Shape, in_range};

/// Of all ASes, those that sell transit below the top; the rest are the edge.
const TRANSIT: f64 = 0.2;
/// Of pairs of transit ASes, those that peer, where there are no exchanges.
const PEERING: f64 = 0.1;
/// Of the edge's ASes, those that are at an exchange.
const AT_EXCHANGE: f64 = 0.3;

/// `nodes` ASes in three tiers. The top, an eightieth of them but 3 to 12, peer with one another. A fifth sells transit:
/// each buys from one to three above it, most from the largest, and peers with some of its like. The rest is the edge,
/// with one to three providers in the transit tier.
///
/// With exchanges, peering is there: each transit AS is at one or two of them, and of the edge three in ten at one.
///
/// # Errors
/// A size out of range.
pub fn internet(nodes: usize, exchanges: usize, seed: u64) -> Result<Shape, GenerateError> {
    in_range(nodes, 10)?;
    if exchanges > MOST_EXCHANGES {
        let (least, most, given) = ("0".to_owned(), MOST_EXCHANGES.to_string(), exchanges.to_string());
        return Err(GenerateError::Parameter { name: "the number of exchanges", least, most, given });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let top = (nodes / 80).clamp(3, 12);
    let edge = top + ((nodes as f64 * TRANSIT) as usize).max(2);
    let mut links = BTreeSet::new();
    // One more for each customer: who has many gets more.
    let mut sold: Vec<usize> = (0..top).collect();
    for buyer in top..nodes {
        let count = *[1, 2, 2, 3].choose(&mut rng).unwrap_or(&2);
        let mut providers = BTreeSet::new();
        for _ in 0..count {
            let open: Vec<usize> = sold.iter().copied().filter(|at| buyer < edge || *at >= top).collect();
            providers.extend(open.choose(&mut rng).copied());
        }
        if buyer < edge {
            sold.push(buyer);
        }
        sold.extend(providers.iter().copied());
        links.extend(providers.into_iter().map(|provider| (provider, buyer, Bond::Customer)));
    }
    let mut at: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); exchanges];
    for node in (top..nodes).filter(|_| exchanges > 0) {
        let ports = if node < edge { rng.random_range(1..=2) } else { usize::from(rng.random_bool(AT_EXCHANGE)) };
        for _ in 0..ports {
            at[rng.random_range(0..exchanges)].insert(node);
        }
    }
    // An exchange without members is none.
    let at = at.into_iter().filter(|members| !members.is_empty());
    let at: Vec<Vec<usize>> = at.map(|members| members.into_iter().take(MOST_PORTS).collect()).collect();
    for a in (top..edge).filter(|_| exchanges == 0) {
        for b in a + 1..edge {
            if rng.random::<f64>() < PEERING && !links.contains(&(a, b, Bond::Customer)) {
                links.insert((a, b, Bond::Peer));
            }
        }
    }
    let shape = Shape::new(format!("internet-{nodes}"), Some(seed), nodes, links.into_iter().collect());
    Ok(Shape { exchanges: at, ..shape })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_three_tiers() {
        for nodes in [10, 100, 1000] {
            let shape = internet(nodes, 0, 5).unwrap();
            let sells = |node| shape.links.iter().any(|(a, _, bond)| *a == node && *bond == Bond::Customer);
            let buys = |node| shape.links.iter().any(|(_, b, bond)| *b == node && *bond == Bond::Customer);
            let count = |tier: &dyn Fn(usize) -> bool| (0..nodes).filter(|node| tier(*node)).count();
            let top = count(&|node| !buys(node));
            assert!((3..=12).contains(&top), "{nodes}: {top}");
            assert!(count(&|node| !sells(node)) * 2 >= nodes, "{nodes}: the edge is the most of it");
            assert!((top..nodes).all(buys), "{nodes}: all but the top have a provider");
            assert!(shape.links.iter().filter(|link| link.2 == Bond::Peer).count() >= top * (top - 1) / 2);
            assert_eq!(shape, internet(nodes, 0, 5).unwrap());
        }
    }

    #[test]
    fn who_peers_does_so_at_exchanges() {
        let shape = internet(100, 3, 5).unwrap();
        let top = internet(100, 0, 5).unwrap().links.iter().filter(|(a, b, _)| *a < 3 && *b < 3).count();
        assert_eq!(shape.links.iter().filter(|link| link.2 == Bond::Peer).count(), top, "the top's own");
        assert_eq!(shape.exchanges.len(), 3);
        assert!(shape.exchanges.iter().all(|members| members.len() > 1 && members.is_sorted()));
        let pairs = shape.as_rel().lines().filter(|line| line.ends_with("|0")).count();
        assert!(pairs > shape.exchanges.len() + top, "{pairs}");
        assert!(internet(100, 1000, 5).is_err());
    }
}
