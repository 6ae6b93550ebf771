//! How long a datagram takes from one host to another, in a network that is only numbers.

use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::anycast::Place;

/// One way between two hosts of one place, if nothing else is known: a campus network.
pub const LOCAL: Duration = Duration::from_millis(1);
/// Side of the square in which random points lie: on average they are 0.52 sides apart, 52 ms one way.
pub const SIDE_MS: f64 = 100.0;
const DEGREES: f64 = 20.0;
/// Nothing is faster: what two hosts on one switch need.
const LEAST: Duration = Duration::from_micros(50);
/// The ChaCha stream of random points: other random choices of the same seed have others.
const POINTS: u64 = u64::from_be_bytes(*b"points\0\0");

/// One-way delays between places, and so between hosts. Host `n` is at place `n` modulo their number; hosts
/// of one place are [`LOCAL`] apart. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Delays(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    /// Microseconds from each place to each, row by row.
    Matrix { places: usize, micros: Vec<u32> },
    /// Milliseconds.
    Points(Vec<(f64, f64)>),
    /// Between any two.
    Same(Duration),
}

impl Delays {
    /// From round trips in milliseconds, row by row: one way takes half of one. `round_trips` has `places`
    /// times `places` of them.
    pub fn of_round_trips(places: usize, round_trips: &[f64]) -> Self {
        Self::of_one_way(places, round_trips.iter().map(|ms| Duration::from_secs_f64(ms / 2e3)))
    }

    /// From one-way delays, row by row.
    pub fn of_one_way(places: usize, delays: impl IntoIterator<Item = Duration>) -> Self {
        let micros = delays.into_iter().map(|delay| u32::try_from(delay.as_micros()).unwrap_or(u32::MAX));
        Self(Arc::new(Kind::Matrix { places, micros: micros.collect() }))
    }

    /// As far apart as points in a plane, one way in milliseconds.
    pub fn of_points(points: Vec<(f64, f64)>) -> Self {
        Self(Arc::new(Kind::Points(points)))
    }

    /// Any two hosts are so far apart.
    pub fn same(one_way: Duration) -> Self {
        Self(Arc::new(Kind::Same(one_way.max(LEAST))))
    }

    /// As many random points in a square of [`SIDE_MS`].
    pub fn random(points: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(POINTS);
        let mut coordinate = || rng.random_range(0.0..SIDE_MS);
        Self::of_points((0..points).map(|_| (coordinate(), coordinate())).collect())
    }

    /// Number of places; 0: every host is at one of its own.
    pub fn places(&self) -> usize {
        match &*self.0 {
            Kind::Same(_) => 0,
            Kind::Matrix { places, .. } => *places,
            Kind::Points(points) => points.len(),
        }
    }

    /// Where a host at a point stands on earth: a square of [`SIDE_MS`] is [`DEGREES`] wide and lies at the equator,
    /// where a degree is as long in all directions. `None` if its place is not a point.
    pub fn place(&self, host: usize) -> Option<Place> {
        let Kind::Points(points) = &*self.0 else { return None };
        let (x, y) = points.get(host % points.len().max(1))?;
        let degrees = |at: f64| (at / SIDE_MS - 0.5) * DEGREES;
        Some(Place { lat: degrees(*y), lon: degrees(*x) })
    }

    /// One way from a host to another.
    pub fn between(&self, from: usize, to: usize) -> Duration {
        let (from, to) = match (self.places(), &*self.0) {
            _ if from == to => return LEAST,
            (_, Kind::Same(one_way)) => return *one_way,
            (0, _) => return LOCAL,
            (places, _) => (from % places, to % places),
        };
        match &*self.0 {
            Kind::Same(one_way) => *one_way,
            _ if from == to => LOCAL,
            Kind::Matrix { places, micros } => Duration::from_micros(u64::from(micros[from * places + to])).max(LEAST),
            Kind::Points(points) => {
                let ((ax, ay), (bx, by)) = (points[from], points[to]);
                // A root is the same on every machine, `hypot` need not be.
                let apart = ((ax - bx).powi(2) + (ay - by).powi(2)).sqrt();
                Duration::from_nanos((apart * 1e6) as u64).max(LEAST)
            }
        }
    }

    /// There and back.
    pub fn round_trip(&self, a: usize, b: usize) -> Duration {
        self.between(a, b) + self.between(b, a)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn one_way_is_half_a_round_trip_and_a_place_has_several_hosts() {
        let delays = Delays::of_round_trips(2, &[0.0, 30.0, 50.0, 0.0]);
        assert_eq!((delays.between(0, 1), delays.between(1, 0)), (ms(15), ms(25)));
        assert_eq!(delays.round_trip(0, 1), ms(40), "ways may differ");
        assert_eq!(delays.between(2, 5), ms(15), "host 2 is at place 0, host 5 at place 1");
        assert_eq!(delays.between(0, 4), LOCAL);
    }

    #[test]
    fn points_are_as_far_apart_as_they_are() {
        let delays = Delays::of_points(vec![(0.0, 0.0), (3.0, 4.0), (3.0, 4.0)]);
        assert_eq!(delays.between(0, 1), ms(5));
        assert_eq!(delays.between(1, 2), LEAST);
        let at = |host, lat: f64, lon: f64| {
            delays.place(host).is_some_and(|place| (place.lat - lat).abs() < 1e-9 && (place.lon - lon).abs() < 1e-9)
        };
        assert!(at(0, -10.0, -10.0) && at(1, -9.2, -9.4), "a hundred milliseconds are twenty degrees");
        assert_eq!(Delays::same(ms(1)).place(0), None);
        let (one, same, other) = (Delays::random(50, 1), Delays::random(50, 1), Delays::random(50, 2));
        assert_eq!(one.between(3, 40), same.between(3, 40));
        assert_ne!(one.between(3, 40), other.between(3, 40));
    }
}
