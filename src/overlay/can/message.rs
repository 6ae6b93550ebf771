//! What only CAN's nodes say to one another.

use serde::{Deserialize, Serialize};

use super::zone::Zone;
use crate::overlay::Peer;
use crate::overlay::id::Id;

/// Most zones a node claims; what it holds beyond that it gives up.
pub(super) const MAX_CLAIMS: usize = 32;
/// Most nodes in an owner's list of keepers.
pub(super) const MAX_KEEPERS: usize = 8;
/// Bytes of a [`State`]'s lists.
const ROOM: usize = 1000;

/// "This zone is mine." Of two claims to a point the higher version wins, of equal ones the lower id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    pub zone: Zone,
    pub version: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    /// A neighbor update: the sender's zones and its neighbors'. Answered by the same.
    Update(State),
    /// A place for a node that has none, at this point or near it.
    Place { at: Id },
    /// "Take these zones: they fit yours."
    Take { claims: Vec<Claim> },
    /// "I leave; these take my zones."
    Leaving { bequests: Vec<(Claim, Peer)> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Tell {
    State(State),
    /// The asker has this zone as soon as it says so.
    Granted {
        claim: Claim,
        state: State,
    },
    /// The answering node has moved to another island, and all that it claimed before is void.
    Moved,
}

/// What a node says of itself and its neighbors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Microseconds on the sender's clock: what was said earlier does not count any more.
    pub at: u64,
    pub claims: Vec<Claim>,
    /// How often it has moved to another island.
    pub moves: u32,
    /// Some of its neighbors, others the next time if there are many.
    pub near: Vec<Near>,
    /// There are more than fit in a message.
    pub more: bool,
}

/// A neighbor's neighbor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Near {
    pub peer: Peer,
    pub claims: Vec<Claim>,
}

/// Where an owner stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    pub claims: Vec<Claim>,
    /// Who else has its keys, best first.
    pub keepers: Vec<Peer>,
}

impl Claim {
    /// Whether it stands against another's.
    pub(super) fn beats(self, holder: Id, other: Self, other_holder: Id) -> bool {
        (self.version, other_holder) > (other.version, holder)
    }

    /// Upper bound of its encoded length.
    fn encoded(self) -> usize {
        1 + self.zone.length() as usize / 7 + 1 + 5
    }
}

impl State {
    /// With as many neighbors as fit, from the `skip`-th on and around.
    pub(super) fn new(at: u64, claims: Vec<Claim>, moves: u32, neighbors: &[Near], skip: usize) -> Self {
        let mut room = ROOM - claims.iter().map(|c| c.encoded()).sum::<usize>().min(ROOM);
        let mut near = Vec::new();
        let around = neighbors.iter().cycle().skip(skip % neighbors.len().max(1)).take(neighbors.len());
        for n in around {
            let address = if n.peer.address.is_ipv4() { 8 } else { 20 };
            let size = 16 + address + 1 + n.claims.iter().map(|c| c.encoded()).sum::<usize>();
            if size > room {
                break;
            }
            room -= size;
            near.push(n.clone());
        }
        let more = near.len() < neighbors.len();
        Self { at, claims, moves, near, more }
    }
}
