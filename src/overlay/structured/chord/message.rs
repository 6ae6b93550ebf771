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
    /// "Let me in before you": whoever owns the asker's id takes it as its predecessor.
    Join,
    /// "This node may be your successor", said by that node, or by whose predecessor it is now instead of the asked
    /// one: whoever it is said to asks before it believes that.
    Nearer(Peer),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Tell {
    State(Place),
    Fingers(Vec<Peer>),
    /// The asker is in: what lies between `former` and the asker is its own from now on. `None`: the answering node
    /// had no predecessor and does not know.
    Admitted {
        former: Option<Peer>,
        place: Place,
    },
}

/// A node's place on the ring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    pub predecessor: Option<Peer>,
    pub successors: Vec<Peer>,
}
