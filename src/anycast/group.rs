//! An overlay's groups, by what they are for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of an overlay's groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupRef {
    Join,
    /// Announced by one member of each island.
    Rendezvous,
    Color(u16),
}

impl GroupRef {
    /// Its number, as [`crate::overlay::Via::Group`] counts.
    pub fn index(self) -> usize {
        match self {
            Self::Join => 0,
            Self::Rendezvous => 1,
            Self::Color(color) => usize::from(color) + 2,
        }
    }

    /// The inverse of [`GroupRef::index`].
    pub fn at(index: usize) -> Option<Self> {
        match index {
            0 => Some(Self::Join),
            1 => Some(Self::Rendezvous),
            color => u16::try_from(color - 2).ok().map(Self::Color),
        }
    }
}

/// The suffix of the group's name: nothing for the join group, `/7` for color 7, `/rendezvous`.
impl fmt::Display for GroupRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Join => Ok(()),
            Self::Rendezvous => f.write_str("/rendezvous"),
            Self::Color(color) => write!(f, "/{color}"),
        }
    }
}
