//! What is configured for a node of a CAN, and why it asks others and looks things up.

use serde::{Deserialize, Serialize};

use super::zone::Zone;
use crate::overlay::{Peer, Proximity};

/// Most landmarks: four have 24 orderings.
pub const MAX_LANDMARKS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Dimensions of the torus, 1 to [`MAX_DIMENSIONS`](super::MAX_DIMENSIONS).
    pub dimensions: u32,
    /// Except with [`Proximity::None`], a lookup goes to the neighbor with the best ratio of progress
    /// to round trip (§3.3), not to the one nearest to the key.
    pub proximity: Proximity,
    /// With any, a node joins in the part of the space that belongs to its ordering of them by
    /// round trip (§3.7), so that neighbors are near; else at a random point.
    pub landmarks: [Option<Peer>; MAX_LANDMARKS],
    /// Without landmarks: whose zone a joiner gets a half of.
    pub partitioning: Partitioning,
}

impl Default for Settings {
    fn default() -> Self {
        let (proximity, partitioning) = (Proximity::default(), Partitioning::default());
        Self { dimensions: 2, proximity, landmarks: [None; MAX_LANDMARKS], partitioning }
    }
}

/// How the space is divided among the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partitioning {
    /// A joiner gets a half of the zone in which its random point lies.
    Random,
    /// The holder of that zone compares it once with those that abut it, and the largest is halved (§3.7).
    UniformOnce,
    /// So does the holder of the larger zone, and so on, until none that abuts it is larger. Beyond the paper.
    #[default]
    Uniform,
}

impl Partitioning {
    /// How many holders compare their zones with their neighbors' at most: what they know of these may be old.
    pub(super) fn comparisons(self) -> u8 {
        match self {
            Self::Random => 0,
            Self::UniformOnce => 1,
            Self::Uniform => 8,
        }
    }
}

/// Why a node asks another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Purpose {
    Update,
    Place(Why),
    Take,
    /// How far away is this landmark?
    Landmark,
}

/// Why it wants a zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Why {
    Join,
    /// It has lost all of its own.
    Homeless,
    /// To leave its island for another.
    Move,
}

/// Why it looks something up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// Who holds what nobody is known to hold?
    Gap(Zone),
    /// Does anybody else believe to own what this node owns?
    Mine,
    /// Who has room for it?
    Homeless,
    /// Who owns its place in another island?
    Elsewhere,
}
