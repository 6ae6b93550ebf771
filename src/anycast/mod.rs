//! How a node finds a member: joining through a group's address, and how islands find each other.
//!
//! [`Member`] is the complete overlay node: it stands on an [`crate::overlay::Overlay`] and adds what the
//! shared addresses are for. It asks its driver to announce and withdraw them.

mod color;
mod config;
mod cookie;
pub mod flow;
mod heal;
mod join;
mod leave;
mod load;
mod member;
mod message;
pub mod probe;
mod renumber;
mod sealed;
mod stranger;

pub use config::{Bootstrap, Coloring, Drain, Healing, NodeConfig, Redirect, Rendezvous};
pub use member::{Command, Digest, Event, Member};
pub use stranger::Stranger;

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

/// What led to a member of another island.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// A color that this node does not announce.
    #[default]
    Color,
    Rendezvous,
    /// A peer that had failed answers again.
    RememberedPeer,
    WellKnown,
}

impl Means {
    /// Whom a member asked, for people: `color 7`.
    pub fn asked(self, color: Option<u16>) -> String {
        match (self, color) {
            (Self::Color, Some(color)) => format!("color {color}"),
            (Self::Color, None) => "a color".to_owned(),
            (Self::Rendezvous, _) => "the rendezvous".to_owned(),
            (Self::RememberedPeer, _) => "a remembered peer".to_owned(),
            (Self::WellKnown, _) => "a well-known node".to_owned(),
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
