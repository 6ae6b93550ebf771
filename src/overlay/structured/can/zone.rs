//! Zones of the coordinate space.
//!
//! An id is a point of the d-torus by interleaving: bit i from the top belongs to dimension i mod d
//! (Morton order). Zones are halved along the dimensions in turn, so every zone is a prefix of the
//! id space: an interval of ids and a box at once.

use serde::{Deserialize, Serialize};

use crate::overlay::id::Id;

/// Most dimensions of a space.
pub const MAX_DIMENSIONS: u32 = 8;
/// Zones are not halved further than this.
pub(super) const MAX_LENGTH: u32 = 64;

/// All ids that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Zone {
    first: u128,
    length: u32,
}

/// A point's coordinates, or a box's lowest: each a fraction of 2^128, whatever its precision.
pub(super) type Point = [u128; MAX_DIMENSIONS as usize];

/// A zone in coordinates: first and last of each dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    low: Point,
    high: Point,
    dimensions: usize,
}

/// Where the space around a zone is looked at from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Face {
    dimension: u32,
    upper: bool,
}

impl Zone {
    /// The whole space.
    pub const WHOLE: Self = Self { first: 0, length: 0 };

    /// The zone of this length (at most 128 bits) that contains the id.
    pub fn around(id: Id, length: u32) -> Self {
        let length = length.min(Id::BITS);
        Self { first: id.0 & !Self::rest(length), length }
    }

    /// Ones where a prefix of this length has nothing to say.
    fn rest(length: u32) -> u128 {
        u128::MAX.checked_shr(length).unwrap_or(0)
    }

    pub fn length(self) -> u32 {
        self.length
    }

    pub fn first(self) -> Id {
        Id(self.first)
    }

    pub fn last(self) -> Id {
        Id(self.first | Self::rest(self.length))
    }

    /// Its ids as the ring interval (from, to].
    pub fn interval(self) -> (Id, Id) {
        (Id(self.first.wrapping_sub(1)), self.last())
    }

    pub fn contains(self, id: Id) -> bool {
        id.0 & !Self::rest(self.length) == self.first
    }

    /// Whether the other lies within it.
    pub fn includes(self, other: Self) -> bool {
        self.length <= other.length && self.contains(other.first())
    }

    /// Zones that overlap are nested.
    pub fn overlaps(self, other: Self) -> bool {
        self.includes(other) || other.includes(self)
    }

    /// Its share of the space.
    pub fn volume(self) -> f64 {
        2f64.powi(-(self.length as i32))
    }

    /// `None` when it is too small.
    pub fn halves(self) -> Option<(Self, Self)> {
        let length = self.length + 1;
        let bit = 1u128.checked_shl(Id::BITS.checked_sub(length)?)?;
        (length <= MAX_LENGTH).then_some((Self { length, ..self }, Self { first: self.first | bit, length }))
    }

    pub fn parent(self) -> Option<Self> {
        self.length.checked_sub(1).map(|length| Self::around(self.first(), length))
    }

    /// The other half of its parent.
    pub fn sibling(self) -> Option<Self> {
        let bit = 1u128.checked_shl(Id::BITS - self.length).filter(|_| self.length > 0)?;
        Some(Self { first: self.first ^ bit, ..self })
    }

    /// What is left of it without the other: itself, nothing, or the siblings on the way down to it.
    pub fn without(self, other: Self) -> Vec<Self> {
        if other.includes(self) {
            return Vec::new();
        }
        if !self.includes(other) {
            return vec![self];
        }
        let above = (self.length + 1..=other.length).map(|length| Self::around(other.first(), length));
        above.filter_map(Self::sibling).collect()
    }

    /// What is left of these without those.
    pub(super) fn all_without(zones: Vec<Self>, others: impl IntoIterator<Item = Self>) -> Vec<Self> {
        others.into_iter().fold(zones, |zones, other| zones.into_iter().flat_map(|z| z.without(other)).collect())
    }

    pub(super) fn extent(self, dimensions: u32) -> Extent {
        let (low, mut high) = (point(self.first(), dimensions), point(self.first(), dimensions));
        for (dimension, high) in (0..dimensions).zip(&mut high) {
            *high |= Self::rest(self.bits_of(dimension, dimensions));
        }
        Extent { low, high, dimensions: dimensions as usize }
    }

    /// How often it has been halved along a dimension.
    fn bits_of(self, dimension: u32, dimensions: u32) -> u32 {
        (self.length + dimensions - 1 - dimension) / dimensions
    }

    /// The faces along which it touches others: none where it spans the whole torus.
    pub(super) fn faces(self, dimensions: u32) -> impl Iterator<Item = Face> {
        let halved = (0..dimensions).filter(move |d| self.bits_of(*d, dimensions) > 0);
        halved.flat_map(|dimension| [false, true].map(|upper| Face { dimension, upper }))
    }

    /// The zone of its own shape beyond a face.
    pub(super) fn beyond(self, face: Face, dimensions: u32) -> Self {
        let bits = self.bits_of(face.dimension, dimensions);
        let Some(width) = 1u128.checked_shl(Id::BITS - bits) else { return self };
        let mut low = point(self.first(), dimensions);
        let coordinate = &mut low[face.dimension as usize];
        *coordinate = if face.upper { coordinate.wrapping_add(width) } else { coordinate.wrapping_sub(width) };
        Self::around(interleaved(&low, dimensions), self.length)
    }

    /// The point of it that is nearest to whoever looks at it through this face.
    pub(super) fn corner(self, face: Face, dimensions: u32) -> Id {
        let mut corner = point(self.first(), dimensions);
        if !face.upper {
            let d = face.dimension as usize;
            corner[d] = point(self.last(), dimensions)[d];
        }
        interleaved(&corner, dimensions)
    }

    /// The zones on the other side of a face that none of the known ones covers.
    pub(super) fn uncovered(self, face: Face, dimensions: u32, known: &[Self]) -> Vec<Self> {
        let beyond = self.beyond(face, dimensions);
        let near: Vec<Self> = known.iter().filter(|k| k.overlaps(beyond)).copied().collect();
        let mut open = Vec::new();
        beyond.search(face, dimensions, &near, &mut open);
        open
    }

    fn search(self, face: Face, dimensions: u32, known: &[Self], open: &mut Vec<Self>) {
        if known.iter().any(|k| k.includes(self)) {
            return;
        }
        let halves = self.halves().filter(|_| known.iter().any(|k| self.includes(*k)));
        let Some((lower, upper)) = halves else { return open.push(self) };
        let along = self.length % dimensions == face.dimension;
        if !along || face.upper {
            lower.search(face, dimensions, known, open);
        }
        if !along || !face.upper {
            upper.search(face, dimensions, known, open);
        }
    }
}

impl Extent {
    /// Whether two boxes have a common face: they abut along one dimension and overlap along all others.
    pub(super) fn abuts(&self, other: &Self) -> bool {
        let dimensions = 0..self.dimensions;
        let overlap = |d: usize| self.low[d] <= other.high[d] && other.low[d] <= self.high[d];
        let touch =
            |d: usize| self.high[d].wrapping_add(1) == other.low[d] || other.high[d].wrapping_add(1) == self.low[d];
        let mut apart = dimensions.clone().filter(|d| !overlap(*d));
        match (apart.next(), apart.next()) {
            (Some(d), None) => touch(d),
            _ => false,
        }
    }

    /// How far a point lies outside, summed over the dimensions, each the shorter way around; in
    /// units that only compare. From a box that does not contain the point there is always one
    /// with a common face that is nearer.
    pub(super) fn distance(&self, point: &Point) -> u128 {
        (0..self.dimensions).map(|d| self.distance_along(d, point[d]) / u128::from(MAX_DIMENSIONS)).sum()
    }

    fn distance_along(&self, d: usize, at: u128) -> u128 {
        if (self.low[d]..=self.high[d]).contains(&at) {
            return 0;
        }
        self.low[d].wrapping_sub(at).min(at.wrapping_sub(self.high[d]))
    }
}

/// An id's coordinates.
pub(super) fn point(id: Id, dimensions: u32) -> Point {
    let mut point = Point::default();
    let mut rest = id.0;
    while rest != 0 {
        let i = rest.leading_zeros();
        point[(i % dimensions) as usize] |= 1 << (Id::BITS - 1 - i / dimensions);
        rest &= !(1 << (Id::BITS - 1 - i));
    }
    point
}

/// The id of a point.
fn interleaved(point: &Point, dimensions: u32) -> Id {
    let bit = |i: u32| (point[(i % dimensions) as usize] >> (Id::BITS - 1 - i / dimensions)) & 1;
    Id((0..Id::BITS).map(|i| bit(i) << (Id::BITS - 1 - i)).sum())
}

/// As the bits themselves: a zone is short in a message.
impl Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let bits = self.first.checked_shr(Id::BITS - self.length).unwrap_or(0);
        (self.length as u8, bits as u64).serialize(s)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let (length, bits) = <(u8, u64)>::deserialize(d)?;
        let length = u32::from(length);
        if length > MAX_LENGTH {
            return Err(serde::de::Error::custom("a zone that small does not exist"));
        }
        let first = u128::from(bits).checked_shl(Id::BITS - length).unwrap_or(0);
        Ok(Self::around(Id(first), length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(bits: &str) -> Zone {
        let length = bits.len() as u32;
        let first = if bits.is_empty() { 0 } else { u128::from_str_radix(bits, 2).unwrap() << (128 - length) };
        Zone::around(Id(first), length)
    }

    /// A random tiling: the leaf around each point is halved.
    fn tiling(points: &[u128]) -> Vec<Zone> {
        let mut zones = vec![Zone::WHOLE];
        for point in points {
            let at = zones.iter().position(|z| z.contains(Id(*point))).unwrap();
            if let Some((a, b)) = zones[at].halves() {
                zones.splice(at..=at, [a, b]);
            }
        }
        zones
    }

    #[test]
    fn zones_wrap_around_the_torus() {
        let abut = |a: &str, b: &str, d| zone(a).extent(d).abuts(&zone(b).extent(d));
        // Four columns: bits 0 and 2 are x, 1 and 3 are y.
        assert!(abut("0000", "1000", 1) == abut("0000", "1000", 1));
        assert!(abut("00", "10", 2) && abut("00", "01", 2));
        assert!(!abut("00", "11", 2), "only a corner in common");
        assert!(abut("0000", "1010", 2), "around the edge");
        assert!(!abut("0000", "1000", 2), "two columns apart");
        assert!(abut("0", "1", 2));
        assert!(!abut("", "", 2), "nothing beside the whole");
    }

    #[test]
    fn what_is_left_tiles_the_rest() {
        assert_eq!(zone("0").without(zone("011")), [zone("00"), zone("010")]);
        assert_eq!(zone("011").without(zone("0")), []);
        assert_eq!(zone("0").without(zone("1")), [zone("0")]);
        assert_eq!(zone("01").sibling(), Some(zone("00")));
        assert_eq!(Zone::WHOLE.sibling(), None);
        assert_eq!(zone("01").interval(), (Id((1 << 126) - 1), Id((1 << 127) - 1)));
        assert_eq!(Zone::WHOLE.interval(), (Id(u128::MAX), Id(u128::MAX)));
    }

    proptest! {
        #[test]
        fn a_point_is_its_coordinates(id in any::<u128>(), d in 1..=8u32) {
            prop_assert_eq!(interleaved(&point(Id(id), d), d), Id(id));
        }

        #[test]
        fn zones_come_back_from_messages(id in any::<u128>(), length in 0..=64u32) {
            let zone = Zone::around(Id(id), length);
            let bytes = postcard::to_stdvec(&zone).unwrap();
            prop_assert!(bytes.len() <= 11);
            prop_assert_eq!(postcard::from_bytes::<Zone>(&bytes).unwrap(), zone);
        }

        /// Why greedy routing ends at the owner.
        #[test]
        fn a_neighbor_is_always_nearer(points in prop::collection::vec(any::<u128>(), 0..40), key: u128, d in 1..=5u32) {
            let zones = tiling(&points);
            let extents: Vec<Extent> = zones.iter().map(|z| z.extent(d)).collect();
            let target = point(Id(key), d);
            for (z, e) in zones.iter().zip(&extents) {
                let inside = z.contains(Id(key));
                prop_assert_eq!(inside, e.distance(&target) == 0);
                let nearer = extents.iter().any(|o| e.abuts(o) && o.distance(&target) < e.distance(&target));
                prop_assert!(inside || nearer, "{:?} has no way to {:x}", z, key);
            }
        }

        /// What a face does not find covered is exactly what has been taken away.
        #[test]
        fn faces_show_gaps(points in prop::collection::vec(any::<u128>(), 1..40), gap: prop::sample::Index, d in 1..=5u32) {
            let zones = tiling(&points);
            let missing = zones[gap.index(zones.len())];
            let known: Vec<Zone> = zones.iter().filter(|z| **z != missing).copied().collect();
            for zone in &known {
                let whole: Vec<Zone> = zone.faces(d).flat_map(|f| zone.uncovered(f, d, &zones)).collect();
                prop_assert_eq!(whole, vec![], "nothing is missing");
                let open: Vec<Zone> = zone.faces(d).flat_map(|f| zone.uncovered(f, d, &known)).collect();
                prop_assert!(open.iter().all(|o| missing.overlaps(*o)), "{:?}", open);
                let abuts = zone.extent(d).abuts(&missing.extent(d));
                prop_assert_eq!(abuts, !open.is_empty());
            }
        }
    }
}
