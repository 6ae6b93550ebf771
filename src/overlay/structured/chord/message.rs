//! What only Chord's nodes say to one another.

use serde::{Deserialize, Serialize};

use crate::overlay::Peer;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    /// Stabilization: predecessor and successor list in one reading, as Zave's proof requires.
    State,
    /// "I may be your predecessor" (Zave's rectify). Answered like `State`.
    Notify,
    /// Fingers, as candidates for the asker's.
    Fingers,
    /// "I leave; these were my neighbors."
    Leaving(Place),
    /// "I may be your successor": whoever it is said to asks before it believes that.
    Follow,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Tell {
    State(Place),
    Fingers(Vec<Peer>),
}

/// A node's place on the ring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    pub predecessor: Option<Peer>,
    pub successors: Vec<Peer>,
}
