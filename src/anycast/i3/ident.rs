//! Identifiers of 256 bits: a prefix that says which server is responsible, and a suffix that says what is preferred.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::overlay::id::Id;

/// An identifier (§2.1 of the paper: m = 256).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Ident(pub(super) [u8; 32]);

impl Ident {
    /// At least so many bits of a packet's identifier and a trigger's must be equal (k). Chord's keys have as many.
    pub(super) const THRESHOLD: u32 = Id::BITS;

    pub(super) fn new(prefix: Id, suffix: u128) -> Self {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&prefix.0.to_be_bytes());
        bytes[16..].copy_from_slice(&suffix.to_be_bytes());
        Self(bytes)
    }

    /// The key in the ring: all identifiers that could match one another are at one server.
    pub(super) fn prefix(self) -> Id {
        Id(half(&self.0[..16]))
    }

    pub(super) fn suffix(self) -> u128 {
        half(&self.0[16..])
    }

    /// How many leading bits are equal.
    pub(super) fn common(self, other: Self) -> u32 {
        let prefix = self.prefix().0 ^ other.prefix().0;
        if prefix == 0 {
            Self::THRESHOLD + (self.suffix() ^ other.suffix()).leading_zeros()
        } else {
            prefix.leading_zeros()
        }
    }
}

fn half(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// The prefix of all triggers of a group.
pub(super) fn prefix_of(group: &str) -> Id {
    Id::hash(&[b"i3 group", group.as_bytes()])
}

/// How many bits number so many landmarks.
pub(super) fn bits(landmarks: usize) -> u32 {
    landmarks.max(1).next_power_of_two().trailing_zeros()
}

/// A suffix in the bin of a landmark: its number, then what `rest` begins with.
pub(super) fn suffix(landmark: usize, bits: u32, rest: u128) -> u128 {
    if bits == 0 { rest } else { (landmark as u128) << (128 - bits) | rest >> bits }
}

impl fmt::Debug for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{:08x}…", self.prefix(), self.suffix() >> 96)
    }
}
