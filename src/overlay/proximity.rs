//! Choices that protocols have in common.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::key;

/// The key of protocols in which nodes choose.
pub(super) const KEY: key::Key = key::Key {
    name: "proximity",
    what: key::What::Word(&["anycast", "probed", "none"]),
    default: key::Value::Word(Cow::Borrowed("anycast")),
    wrong: key::Key::fine,
    help: "which neighbors a node prefers, of those that serve as well",
};

/// Which of several nodes that would serve as neighbors a node takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proximity {
    /// The first that it hears of.
    None,
    /// The nearest, by measured round trip, of those that its lookups find.
    Probed,
    /// The nearest of those and of the nodes it has met at the overlay's anycast addresses, and of
    /// their neighbors.
    #[default]
    Anycast,
}

impl Proximity {
    pub const ALL: [Self; 3] = [Self::None, Self::Probed, Self::Anycast];

    /// As a lab file has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Probed => "probed",
            Self::Anycast => "anycast",
        }
    }
}

impl From<Proximity> for key::Value {
    fn from(proximity: Proximity) -> Self {
        Self::from(proximity.word())
    }
}

/// Who carries a lookup on: the node that asked, or each node that it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LookupMode {
    Iterative,
    Recursive,
}
