//! What led to a member of another island.

use serde::{Deserialize, Serialize};

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
    /// A member that the infrastructure names at random.
    RandomPeer,
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
            (Self::RandomPeer, _) => "a random member".to_owned(),
        }
    }
}
