//! Meridian: its rings, and its search on a matrix of round trips.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use rand::seq::{IteratorRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::anycast::oasis::meridian::rings::{Choice, INNERMOST, RINGS, Rings};
use crate::anycast::oasis::meridian::search::whole::closest;
use crate::anycast::oasis::meridian::search::{BETA, annulus, next};

fn ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1e3)
}

#[test]
fn rings_are_closed_outside() {
    for (latency, ring) in [(0.0, 0), (1.0, 0), (1.001, 1), (2.0, 1), (2.001, 2), (4.0, 2), (300.0, 9), (9e5, 9)] {
        assert_eq!(Rings::<u32>::ring(ms(latency)), ring, "{latency} ms");
    }
}

#[test]
fn a_step_asks_all_of_the_annulus_and_goes_on_only_for_half() {
    assert_eq!(annulus(ms(40.0), BETA), (ms(20.0), ms(60.0)));
    let mut rings = Rings::new(16);
    for (node, latency) in [(1, 19.0), (2, 20.0), (3, 31.0), (4, 33.0), (5, 60.0), (6, 61.0)] {
        rings.insert(node, ms(latency));
    }
    let mut asked = rings.within(ms(20.0), ms(60.0));
    asked.sort_unstable();
    assert_eq!(asked, [2, 3, 4, 5], "of three rings");
    assert_eq!(next(ms(40.0), &[(1, ms(21.0)), (2, ms(20.0)), (3, ms(30.0))], BETA), Some(2));
    assert_eq!(next(ms(40.0), &[(1, ms(21.0))], BETA), None);
    assert_eq!(next::<u32>(ms(40.0), &[], BETA), None);
}

proptest! {
    /// A node is in one ring, its own; no ring has more than it may.
    #[test]
    fn rings_keep_their_rules(moves in prop::collection::vec((0u32..60, 0.0f64..900.0, any::<bool>()), 0..300), most in 2usize..8) {
        let mut rings = Rings::new(most);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut latest = BTreeMap::new();
        for (n, (node, latency, gone)) in moves.into_iter().enumerate() {
            if gone && n % 3 == 0 {
                rings.remove(node);
                latest.remove(&node);
            } else {
                rings.insert(node, ms(latency));
                latest.insert(node, ms(latency));
            }
            let choice = if n % 2 == 0 { Choice::Diverse } else { Choice::Random };
            rings.choose(n % RINGS, choice, |_, _| None, &mut rng);
        }
        prop_assert!(rings.len() <= 2 * most * RINGS);
        let mut seen = std::collections::BTreeSet::new();
        for ring in rings.by_ring() {
            prop_assert!(ring.len() <= most);
            let index = Rings::<u32>::ring(ring[0].1);
            for (node, latency) in ring {
                prop_assert!(seen.insert(*node), "{} twice", node);
                prop_assert_eq!(Rings::<u32>::ring(*latency), index);
                prop_assert_eq!(Some(latency), latest.get(node));
            }
        }
    }

    /// The answer is the best that was measured, whatever the latencies; each step leaves at most half.
    #[test]
    fn the_best_seen_is_the_answer(seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let n = 30;
        // No triangle inequality at all.
        let matrix: Vec<Vec<f64>> = (0..=n).map(|_| (0..=n).map(|_| rng.random_range(0.1..300.0)).collect()).collect();
        let rings: Vec<Rings<usize>> = (0..n)
            .map(|a| {
                let mut rings = Rings::new(16);
                (0..n).filter(|b| *b != a).for_each(|b| rings.insert(b, ms(matrix[a][b])));
                rings
            })
            .collect();
        let mut measured = Vec::new();
        let found = closest(0, BETA, |node| &rings[node], |node| {
            measured.push((ms(matrix[node][n]), node));
            ms(matrix[node][n])
        });
        prop_assert_eq!(found.best.1, measured.iter().min().unwrap().0);
        prop_assert_eq!(found.probes, measured.len());
        let halvings = (300.0f64 / 0.1).log2().ceil() as usize;
        prop_assert!(found.hops <= halvings);
    }
}

/// What a matrix gives: errors in ms against the true nearest, sorted; probes and hops per query.
struct Measured {
    errors: Vec<f64>,
    exact: f64,
    probes: f64,
    hops: f64,
    random: f64,
}

/// Half of the places are nodes; each of the others is searched for from several of them.
fn measure(matrix: &[Vec<f64>], choice: Choice, most: usize, seed: u64) -> Measured {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let n = matrix.len();
    let mut all: Vec<usize> = (0..n).collect();
    all.shuffle(&mut rng);
    let (nodes, targets) = all.split_at(n / 2);
    let between = |a: usize, b: usize| Some(ms(matrix[a][b]));
    let rings: BTreeMap<usize, Rings<usize>> = nodes
        .iter()
        .map(|a| {
            // It hears of others bit by bit, and chooses anew as it does.
            let mut rings = Rings::new(most);
            let mut others: Vec<_> = nodes.iter().copied().filter(|b| b != a).collect();
            others.shuffle(&mut rng);
            for some in others.chunks(16) {
                some.iter().for_each(|b| rings.insert(*b, ms(matrix[*a][*b])));
                (0..RINGS).for_each(|ring| rings.choose(ring, choice, between, &mut rng));
            }
            (*a, rings)
        })
        .collect();
    let (mut errors, mut probes, mut hops, mut exact, mut random) = (Vec::new(), 0, 0, 0, Vec::new());
    for target in targets {
        for start in nodes.iter().sample(&mut rng, 4) {
            let found = closest(*start, BETA, |node| &rings[&node], |node| ms(matrix[node][*target]));
            let best = nodes.iter().map(|node| matrix[*node][*target]).fold(f64::MAX, f64::min);
            let error = found.best.1.as_secs_f64() * 1e3 - best;
            exact += usize::from(error < 1e-3);
            errors.push(error.max(0.0));
            random.push(matrix[*start][*target] - best);
            probes += found.probes;
            hops += found.hops;
        }
    }
    errors.sort_by(f64::total_cmp);
    random.sort_by(f64::total_cmp);
    let count = errors.len() as f64;
    Measured {
        exact: exact as f64 / count,
        probes: probes as f64 / count,
        hops: hops as f64 / count,
        random: random[random.len() / 2],
        errors,
    }
}

impl Measured {
    fn at(&self, share: f64) -> f64 {
        self.errors[((self.errors.len() - 1) as f64 * share) as usize]
    }

    fn print(&self, what: &str) {
        let cdf: Vec<String> =
            [0.25, 0.5, 0.75, 0.9, 0.95, 0.99].iter().map(|share| format!("{:.2}", self.at(*share))).collect();
        println!(
            "{what}: error in ms at 25, 50, 75, 90, 95, 99 %: {}; exact {:.0} %, {:.1} probes and {:.2} hops a query; \
             a random node: median error {:.1} ms",
            cdf.join(" "),
            self.exact * 100.0,
            self.probes,
            self.hops,
            self.random
        );
    }
}

#[test]
fn on_a_plane_the_nearest_is_found_nearly_always() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let points: Vec<(f64, f64)> =
        (0..160).map(|_| (rng.random_range(0.0..120.0), rng.random_range(0.0..120.0))).collect();
    let far = |a: &(f64, f64), b: &(f64, f64)| (a.0 - b.0).hypot(a.1 - b.1) + 0.2;
    let matrix: Vec<Vec<f64>> = points.iter().map(|a| points.iter().map(|b| far(a, b)).collect()).collect();
    for (what, choice) in [("diverse", Choice::Diverse), ("random", Choice::Random)] {
        let measured = measure(&matrix, choice, 16, 1);
        measured.print(what);
        assert!(measured.at(0.5) < 1.0, "{}", measured.at(0.5));
        assert!(measured.probes < 40.0, "fewer than half of the nodes are asked");
    }
}

/// Round trips of a real network, if the file is there that `ANYBED_RTT` names: N lines of N milliseconds.
#[test]
fn on_a_matrix_of_round_trips() {
    let Ok(path) = std::env::var("ANYBED_RTT") else { return println!("ANYBED_RTT names no matrix: nothing measured") };
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| line.split_whitespace().map(|word| word.parse::<f64>().unwrap()).collect::<Vec<_>>();
    let matrix: Vec<Vec<f64>> = text.lines().filter(|line| !line.trim().is_empty()).map(row).collect();
    assert!(matrix.iter().all(|row| row.len() == matrix.len()));
    assert!(INNERMOST == ms(1.0));
    for most in [16, 8, 4] {
        for (what, choice) in [("diverse", Choice::Diverse), ("random", Choice::Random)] {
            let mut sum = measure(&matrix, choice, most, 1);
            for seed in 2..=4 {
                let more = measure(&matrix, choice, most, seed);
                sum.errors.extend(more.errors);
                sum.exact += more.exact;
                sum.probes += more.probes;
                sum.hops += more.hops;
                sum.random += more.random;
            }
            sum.errors.sort_by(f64::total_cmp);
            for mean in [&mut sum.exact, &mut sum.probes, &mut sum.hops, &mut sum.random] {
                *mean /= 4.0;
            }
            sum.print(&format!("{} places, {what}, k = {most}", matrix.len()));
            if most == 16 {
                // TR 2004-1949: a median under 5 ms, on 2500 nodes.
                assert!(sum.at(0.5) < 5.0, "{}", sum.at(0.5));
            }
        }
    }
}
