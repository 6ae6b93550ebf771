//! Graphs without a plan: trees, random ones, cliques, and those that grow or lie in a plane.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Bond, GenerateError, Shape, in_range};
use crate::topology::parts::parts;

/// A tree of `nodes` routers in which each has `branching` customers, filled level by level.
///
/// # Errors
/// A size out of range.
pub fn tree(nodes: usize, branching: usize) -> Result<Shape, GenerateError> {
    if branching == 0 {
        return Err(GenerateError::Branching);
    }
    in_range(nodes, 1)?;
    let links = (1..nodes).map(|child| ((child - 1) / branching, child, Bond::Customer)).collect();
    Ok(Shape::new(format!("tree-{nodes}"), None, nodes, links))
}

/// A random connected graph: a random tree, then random further links up to `links`.
///
/// # Errors
/// A size out of range.
pub fn random(nodes: usize, links: usize, seed: u64) -> Result<Shape, GenerateError> {
    in_range(nodes, 1)?;
    let (least, most) = (nodes.saturating_sub(1), nodes * nodes.saturating_sub(1) / 2);
    if !(least..=most).contains(&links) {
        return Err(GenerateError::Links { nodes, links, least, most });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut pairs: BTreeSet<_> = (1..nodes).map(|child| (rng.random_range(0..child), child)).collect();
    while pairs.len() < links {
        let (a, b) = (rng.random_range(0..nodes), rng.random_range(0..nodes));
        if a != b {
            pairs.insert((a.min(b), a.max(b)));
        }
    }
    Ok(Shape::new(format!("random-{nodes}-{links}"), Some(seed), nodes, customers(pairs)))
}

/// Every router is a customer of all with smaller numbers: as many ways between two as there can be.
///
/// # Errors
/// A size out of range.
pub fn clique(nodes: usize) -> Result<Shape, GenerateError> {
    const MOST: usize = 64;
    if !(2..=MOST).contains(&nodes) {
        return Err(GenerateError::Nodes { nodes, least: 2, most: MOST });
    }
    let pairs = (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (a, b)));
    Ok(Shape::new(format!("clique-{nodes}"), None, nodes, customers(pairs)))
}

/// Routers at random places of a unit square; two are linked with probability β·e^(−d/(α·√2)) (Waxman 1988), and each
/// part that is left alone to the nearest router outside it. Who has more links is the provider.
///
/// # Errors
/// A size or a parameter out of range.
pub fn waxman(nodes: usize, alpha: f64, beta: f64, seed: u64) -> Result<Shape, GenerateError> {
    in_range(nodes, 2)?;
    for (name, value) in [("alpha", alpha), ("beta", beta)] {
        if !(value > 0.0 && value <= 1.0) {
            let (least, most) = ("more than 0".to_owned(), "1".to_owned());
            return Err(GenerateError::Parameter { name, least, most, given: value.to_string() });
        }
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let places: Vec<(f64, f64)> = (0..nodes).map(|_| (rng.random(), rng.random())).collect();
    let apart = |a: usize, b: usize| (places[a].0 - places[b].0).hypot(places[a].1 - places[b].1);
    let mut pairs = BTreeSet::new();
    for a in 0..nodes {
        for b in a + 1..nodes {
            if rng.random::<f64>() < beta * (-apart(a, b) / (alpha * 2f64.sqrt())).exp() {
                pairs.insert((a, b));
            }
        }
    }
    connect(nodes, &mut pairs, apart);
    Ok(Shape::new(format!("waxman-{nodes}"), Some(seed), nodes, customers(by_degree(nodes, &pairs))))
}

/// Routers come one after another, each with links to `links` earlier ones, drawn in proportion to the links that these
/// have (Barabási and Albert 1999): a few get most of them. Those that were there first are the providers.
///
/// # Errors
/// A size out of range.
pub fn barabasi_albert(nodes: usize, links: usize, seed: u64) -> Result<Shape, GenerateError> {
    in_range(nodes, 2)?;
    if !(1..nodes).contains(&links) {
        let (least, most) = ("1".to_owned(), (nodes - 1).to_string());
        return Err(GenerateError::Parameter { name: "links per router", least, most, given: links.to_string() });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Every end of every link, once: drawing one of them is drawing in proportion.
    let mut ends: Vec<usize> = Vec::new();
    let mut pairs = BTreeSet::new();
    for newcomer in 1..nodes {
        let mut chosen = BTreeSet::new();
        while chosen.len() < links.min(newcomer) {
            let any = rng.random_range(0..newcomer);
            chosen.insert(if newcomer <= links { any } else { ends[rng.random_range(0..ends.len())] });
        }
        for earlier in chosen {
            pairs.insert((earlier, newcomer));
            ends.extend([earlier, newcomer]);
        }
    }
    Ok(Shape::new(format!("barabasi-albert-{nodes}"), Some(seed), nodes, customers(pairs)))
}

fn customers(pairs: impl IntoIterator<Item = (usize, usize)>) -> Vec<(usize, usize, Bond)> {
    pairs.into_iter().map(|(a, b)| (a, b, Bond::Customer)).collect()
}

/// Links each part but the first to what is nearest outside it.
fn connect(nodes: usize, pairs: &mut BTreeSet<(usize, usize)>, apart: impl Fn(usize, usize) -> f64) {
    let all: Vec<usize> = (0..nodes).collect();
    loop {
        let parts = parts(&all, pairs.iter().copied());
        let Some(alone) = parts.get(1) else { return };
        let others = || parts.iter().filter(|part| part[0] != alone[0]).flatten();
        let between = alone.iter().flat_map(|a| others().map(move |b| (*a, *b)));
        let nearest = between.min_by(|x, y| apart(x.0, x.1).total_cmp(&apart(y.0, y.1)));
        pairs.extend(nearest.map(|(a, b)| (a.min(b), a.max(b))));
    }
}

/// The same graph with numbers by degree, the highest first.
fn by_degree(nodes: usize, pairs: &BTreeSet<(usize, usize)>) -> Vec<(usize, usize)> {
    let degree = |node: usize| pairs.iter().filter(|(a, b)| *a == node || *b == node).count();
    let mut ranked: Vec<usize> = (0..nodes).collect();
    ranked.sort_by_cached_key(|node| (std::cmp::Reverse(degree(*node)), *node));
    let mut rank = vec![0; nodes];
    ranked.iter().enumerate().for_each(|(at, node)| rank[*node] = at);
    pairs.iter().map(|(a, b)| (rank[*a].min(rank[*b]), rank[*a].max(rank[*b]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_to_come_have_the_most_links() {
        let shape = barabasi_albert(300, 2, 7).unwrap();
        let degree = |node| shape.links.iter().filter(|(a, b, _)| *a == node || *b == node).count();
        let first: usize = (0..30).map(degree).sum();
        let last: usize = (270..300).map(degree).sum();
        assert!(first > 4 * last, "{first} {last}");
        assert_eq!(shape.links.len(), 1 + 2 * 298);
    }

    #[test]
    fn near_places_are_linked_more_often() {
        let links = |alpha| waxman(100, alpha, 0.5, 3).unwrap().links.len();
        assert!(links(0.05) < links(0.2) && links(0.2) < links(1.0));
        assert!(
            waxman(100, 0.0, 0.5, 1).is_err() && waxman(100, 0.5, 1.5, 1).is_err() && waxman(1, 0.5, 0.5, 1).is_err()
        );
    }

    #[test]
    fn whoever_has_no_provider_peers_with_the_others() {
        let shape = waxman(60, 0.1, 0.4, 11).unwrap();
        let customers = |node| shape.links.iter().any(|(_, b, bond)| *b == node && *bond == Bond::Customer);
        let tops: Vec<usize> = (0..60).filter(|node| !customers(*node)).collect();
        for (at, a) in tops.iter().enumerate() {
            for b in &tops[at + 1..] {
                assert!(shape.links.contains(&(*a, *b, Bond::Peer)), "{a} {b}");
            }
        }
    }
}
