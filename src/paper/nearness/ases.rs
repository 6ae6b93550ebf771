//! Networks in which BGP misleads: random ASes with the policies of Gao and Rexford, at places on a map, so that
//! the way that policies and AS paths prefer need not be the short one. As lab files.

use std::fmt::Write;

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The ChaCha stream of these networks.
const GRAPH: u64 = u64::from_be_bytes(*b"ases\0\0\0\0");
/// Where everything is: some 2000 by 4300 km.
const LATITUDES: (f64, f64) = (29.0, 47.0);
const LONGITUDES: (f64, f64) = (-122.0, -72.0);
/// ASes without providers, all peers of one another; each has a router in the west, the middle and the east.
const BACKBONES: usize = 3;
const PARTS: usize = 3;
/// ASes of one router, each the customer of two backbones.
const REGIONALS: usize = 6;
/// What a stub's first provider is chosen from: the regional ASes that are nearest to it.
const NEAR: usize = 2;
/// A second provider, if there is one, is any other AS.
const SECOND: f64 = 0.5;

/// Latitude and longitude.
type Place = (f64, f64);

/// The lab file's network: ASes, their links, and `stubs` stubs `s1`, `s2`, … with one member each.
pub(super) fn network(stubs: usize, seed: u64) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(GRAPH);
    let mut out = String::new();
    let backbones: Vec<Vec<Place>> = (0..BACKBONES).map(|_| backbone(&mut rng)).collect();
    let regionals: Vec<Place> = (0..REGIONALS).map(|_| place(&mut rng, LONGITUDES)).collect();
    ases(&mut out, &backbones, &regionals);
    for a in 0..BACKBONES {
        for b in a + 1..BACKBONES {
            // They exchange traffic where they are nearest to each other, and where they are next to nearest.
            let mut pairs: Vec<(usize, usize)> = (0..PARTS).flat_map(|i| (0..PARTS).map(move |j| (i, j))).collect();
            pairs.sort_by(|x, y| {
                let far = |(i, j): &(usize, usize)| apart(backbones[a][*i], backbones[b][*j]);
                far(x).total_cmp(&far(y))
            });
            for (i, j) in pairs.into_iter().take(2) {
                link(&mut out, &router(a, i), &router(b, j), "peer");
            }
        }
    }
    for (r, at) in regionals.iter().enumerate() {
        let mut providers: Vec<usize> = (0..BACKBONES).collect();
        providers.shuffle(&mut rng);
        for b in providers.into_iter().take(2) {
            link(&mut out, &format!("r{}", r + 1), &nearest_router(&backbones, b, *at), "provider");
        }
        // Neighbors peer, each with the one that is nearest of those before it.
        if let Some(other) = by_distance(&regionals[..r], *at).first() {
            link(&mut out, &format!("r{}", r + 1), &format!("r{}", other + 1), "peer");
        }
    }
    for stub in 1..=stubs {
        let at = place(&mut rng, LONGITUDES);
        let near = by_distance(&regionals, at);
        let first = near[..NEAR].choose(&mut rng).copied().unwrap_or(near[0]);
        let mut uplinks = vec![format!("r{}", first + 1)];
        if rng.random_bool(SECOND) {
            let other = rng.random_range(0..BACKBONES + REGIONALS);
            let other = other
                .checked_sub(BACKBONES)
                .map_or_else(|| nearest_router(&backbones, other, at), |regional| format!("r{}", regional + 1));
            uplinks.push(other);
        }
        uplinks.dedup();
        let (lat, lon) = at;
        let _ = writeln!(out, "\n[[stub]]\nname = \"s{stub}\"\nlat = {lat:.2}\nlon = {lon:.2}");
        let _ = writeln!(out, "uplinks = [{}]\nmembers = 1", quoted(&uplinks));
    }
    out
}

/// `"a", "b"`
pub(super) fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn place(rng: &mut ChaCha8Rng, (west, east): (f64, f64)) -> Place {
    (rng.random_range(LATITUDES.0..LATITUDES.1), rng.random_range(west..east))
}

fn backbone(rng: &mut ChaCha8Rng) -> Vec<Place> {
    let (west, east) = LONGITUDES;
    let width = (east - west) / PARTS as f64;
    (0..PARTS).map(|part| place(rng, (west + part as f64 * width, west + (part + 1) as f64 * width))).collect()
}

fn router(backbone: usize, part: usize) -> String {
    format!("b{}-{}", backbone + 1, part + 1)
}

fn nearest_router(backbones: &[Vec<Place>], backbone: usize, at: Place) -> String {
    router(backbone, by_distance(&backbones[backbone], at)[0])
}

/// Numbers of the places, nearest first.
fn by_distance(places: &[Place], at: Place) -> Vec<usize> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|a, b| apart(places[*a], at).total_cmp(&apart(places[*b], at)));
    order
}

/// Kilometers, on a map that is flat: near enough to say who is nearer, and what a link costs.
fn apart((lat_a, lon_a): Place, (lat_b, lon_b): Place) -> f64 {
    let east = (lon_a - lon_b) * ((lat_a + lat_b) / 2.0).to_radians().cos();
    111.2 * (lat_a - lat_b).hypot(east)
}

fn ases(out: &mut String, backbones: &[Vec<Place>], regionals: &[Place]) {
    for (b, places) in backbones.iter().enumerate() {
        let _ = writeln!(out, "\n[[as]]\nname = \"b{}\"\nrouters = [", b + 1);
        for (part, (lat, lon)) in places.iter().enumerate() {
            let _ = writeln!(out, "    {{ name = \"{}\", lat = {lat:.2}, lon = {lon:.2} }},", router(b, part));
        }
        let _ = writeln!(out, "]\nlinks = [");
        for i in 0..PARTS {
            for j in i + 1..PARTS {
                // The cost is the length, so that inside an AS the cheapest way is the shortest.
                let cost = (apart(places[i], places[j]) / 10.0).max(1.0).round();
                let (a, b) = (router(b, i), router(b, j));
                let _ = writeln!(out, "    {{ a = \"{a}\", b = \"{b}\", cost = {cost} }},");
            }
        }
        let _ = writeln!(out, "]");
    }
    for (r, (lat, lon)) in regionals.iter().enumerate() {
        let name = format!("r{}", r + 1);
        let _ = writeln!(out, "\n[[as]]\nname = \"{name}\"");
        let _ = writeln!(out, "routers = [{{ name = \"{name}\", lat = {lat:.2}, lon = {lon:.2} }}]");
    }
}

/// What `b` is to `a`.
fn link(out: &mut String, a: &str, b: &str, relation: &str) {
    let _ = writeln!(out, "\n[[link]]\na = \"{a}\"\nb = \"{b}\"\nrelation = \"{relation}\"");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::read_text;
    use crate::topology::{NodeKind, Overrides};

    #[test]
    fn every_seed_is_a_lab_and_another_one() {
        let texts: Vec<String> = (1..=30).map(|seed| format!("[lab]\nname = \"n\"\n{}", network(12, seed))).collect();
        for text in &texts {
            let (topology, _) = read_text(Path::new("n.toml"), text, &Overrides::default()).unwrap();
            assert_eq!(topology.of_kind(|kind| kind == NodeKind::Router).count(), BACKBONES * PARTS + REGIONALS);
            assert_eq!(topology.of_kind(|kind| kind == NodeKind::Member).count(), 12);
        }
        assert_eq!(network(12, 1), network(12, 1));
        assert!(texts[1..].iter().all(|text| *text != texts[0]));
    }
}
