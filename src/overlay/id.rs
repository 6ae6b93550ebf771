//! Places on the identifier ring: node ids and keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A point on the ring of 2^128 identifiers: the first 128 bits of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u128);

impl Id {
    /// Bits of an identifier, and so the number of fingers (Chord §4, `m`).
    pub const BITS: u32 = 128;

    /// Hashes the parts, each preceded by its length so that no two lists collide.
    pub fn hash(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut first = [0; 16];
        first.copy_from_slice(&hash.finalize()[..16]);
        Self(u128::from_be_bytes(first))
    }

    /// A node's id: from the lab's seed, the overlay's name and the host's name.
    pub fn of_node(seed: u64, overlay: &str, host: &str) -> Self {
        Self::hash(&[b"node", &seed.to_be_bytes(), overlay.as_bytes(), host.as_bytes()])
    }

    /// The id a key is stored under.
    pub fn of_key(key: &str) -> Self {
        Self::hash(&[b"key", key.as_bytes()])
    }

    /// Clockwise distance from `self` to `other`.
    pub fn to(self, other: Self) -> u128 {
        other.0.wrapping_sub(self.0)
    }

    /// Distance on the ring, whichever way is shorter.
    pub fn distance(self, other: Self) -> u128 {
        self.to(other).min(other.to(self))
    }

    /// Whether `self` lies in the ring interval (from, to]. `(a, a]` is the whole ring.
    pub fn in_open_closed(self, from: Self, to: Self) -> bool {
        from == to || (self != from && from.to(self) <= from.to(to))
    }

    /// Whether `self` lies in the ring interval (from, to). `(a, a)` is everything but `a`.
    pub fn in_open(self, from: Self, to: Self) -> bool {
        self != from && self != to && (from == to || from.to(self) < from.to(to))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}…", self.0 >> 96)
    }
}

impl FromStr for Id {
    type Err = std::num::ParseIntError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(s, 16).map(Self)
    }
}

/// Hexadecimal in text formats, 16 bytes in binary ones: JSON numbers do not hold 128 bits.
impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { self.0.to_be_bytes().serialize(s) }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 16]>::deserialize(d).map(|b| Self(u128::from_be_bytes(b)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_wrap() {
        let (a, b, c) = (Id(10), Id(u128::MAX - 5), Id(3));
        assert!(c.in_open_closed(b, a));
        assert!(!a.in_open(b, a));
        assert!(a.in_open_closed(b, a));
        assert!(!b.in_open_closed(b, a));
        assert!(c.in_open(a, a) && !a.in_open(a, a));
        assert!(a.in_open_closed(a, a));
    }
}
