//! What is configured for a node of a Pastry overlay.

use serde::{Deserialize, Serialize};

use crate::overlay::Proximity;
use crate::overlay::structured::dht::MAX_PEERS;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Bits of a digit (b), 1 to 4: 2^b - 1 entries in a row of the table.
    pub b: u8,
    /// Leaves (|L|), half on either side: 2 to [`MAX_PEERS`], even.
    pub leaf_set: usize,
    /// Size of the neighborhood set (|M|).
    pub neighborhood: usize,
    /// How entries of the table are chosen.
    pub proximity: Proximity,
}

impl Default for Settings {
    fn default() -> Self {
        Self { b: 4, leaf_set: 16, neighborhood: 32, proximity: Proximity::default() }
    }
}

pub(super) fn digit_bits(settings: &Settings) -> u32 {
    u32::from(settings.b).clamp(1, 4)
}

pub(super) fn leaf_half(settings: &Settings) -> usize {
    (settings.leaf_set / 2).clamp(1, MAX_PEERS / 2)
}
