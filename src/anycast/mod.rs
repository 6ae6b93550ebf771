//! How a node finds a member: joining through a group's address, and healing by colors.
//!
//! [`Member`] is the complete overlay node: it stands on an [`crate::overlay::Overlay`] and adds what the
//! shared addresses are for. It asks its driver to announce and withdraw them.

mod config;
mod cookie;
pub mod flow;
mod heal;
mod join;
mod leave;
mod member;
mod message;
pub mod probe;
mod renumber;
mod sealed;

pub use config::{Bootstrap, Healing, NodeConfig};
pub use member::{Command, Digest, Event, Member};

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of an overlay's groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupRef {
    Join,
    Color(u16),
}

impl GroupRef {
    /// Its place in [`NodeConfig::groups`], as [`crate::overlay::Via::Group`] counts.
    pub fn index(self) -> usize {
        match self {
            Self::Join => 0,
            Self::Color(color) => usize::from(color) + 1,
        }
    }

    /// The inverse of [`GroupRef::index`].
    pub fn at(index: usize) -> Option<Self> {
        match index.checked_sub(1) {
            None => Some(Self::Join),
            Some(color) => u16::try_from(color).ok().map(Self::Color),
        }
    }
}

/// The suffix of the group's name: nothing for the join group, `/7` for color 7.
impl fmt::Display for GroupRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Join => Ok(()),
            Self::Color(color) => write!(f, "/{color}"),
        }
    }
}
