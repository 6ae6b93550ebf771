//! What only CAN's nodes say to one another.

use serde::{Deserialize, Serialize};

use super::zone::Zone;
use crate::overlay::Peer;
use crate::overlay::id::Id;

/// Most zones a node claims; what it holds beyond that it gives up.
pub(super) const MAX_CLAIMS: usize = 32;
/// Most nodes in an owner's list of keepers.
pub(super) const MAX_KEEPERS: usize = 8;
/// Most zones a leaving node has heirs for; others find the rest vacant.
pub(super) const MAX_BEQUESTS: usize = 16;
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
    /// A place for a node that has none, at this point or near it. `anywhere`: as well in a larger zone that
    /// abuts the one there.
    Place { at: Id, anywhere: bool },
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
    /// A neighbor has a larger zone, at this point: there is the place for a joiner.
    Larger {
        peer: Peer,
        at: Id,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands around a message of the overlay in a datagram: version, tag, sender, numbers.
    const AROUND: usize = 64;

    fn peer(n: u16) -> Peer {
        Peer { id: Id(u128::MAX - u128::from(n)), address: (std::net::Ipv6Addr::LOCALHOST, 40_000 + n).into() }
    }

    fn claims(count: usize, length: u32) -> Vec<Claim> {
        let claim = |n: usize| Claim { zone: Zone::around(Id(u128::MAX << (n % 60)), length), version: u32::MAX };
        (0..count).map(claim).collect()
    }

    fn size<T: Serialize>(message: &T) -> usize {
        postcard::to_stdvec(message).unwrap().len() + AROUND
    }

    #[test]
    fn the_longest_messages_fit_in_a_datagram() {
        for (own, length, theirs) in [(MAX_CLAIMS, 64, 4), (1, 4, 1), (1, 64, 4), (MAX_CLAIMS, 0, 0)] {
            let near: Vec<Near> = (0..100).map(|n| Near { peer: peer(n), claims: claims(theirs, length) }).collect();
            let state = State::new(u64::MAX, claims(own, length), u32::MAX, &near, 7);
            assert!(state.more && !state.near.is_empty());
            let granted = Tell::Granted { claim: claims(1, 64)[0], state };
            assert!(size(&granted) <= 1200, "{}", size(&granted));
        }
        let bequests = claims(MAX_BEQUESTS, 64).into_iter().map(|c| (c, peer(1))).collect();
        assert!(size(&Ask::Leaving { bequests }) <= 1200);
        let place = Place { claims: claims(MAX_CLAIMS, 64), keepers: (0..MAX_KEEPERS as u16).map(peer).collect() };
        assert!(size(&place) <= 1200);
    }

    #[test]
    fn all_neighbors_are_told_in_turn() {
        let near: Vec<Near> = (0..40).map(|n| Near { peer: peer(n), claims: claims(1, 8) }).collect();
        let told = (0..8).flat_map(|round| State::new(0, claims(1, 8), 0, &near, round * 8).near);
        let told: std::collections::BTreeSet<Peer> = told.map(|n| n.peer).collect();
        assert_eq!(told.len(), 40);
        assert!(!State::new(0, claims(1, 8), 0, &near[..5], 3).more);
    }
}
