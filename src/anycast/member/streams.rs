//! Whose a stream is: the agent and the overlay each number their own, and both numbers are one to the driver.

use crate::machine::StreamId;

/// Which of a member's parts has opened a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner(u64);

pub(super) const AGENT: Owner = Owner(0);
pub(super) const OVERLAY: Owner = Owner(1);

/// So many there are.
const OWNERS: u64 = 2;

impl Owner {
    /// What the driver calls the part's stream.
    pub(super) fn outer(self, id: StreamId) -> StreamId {
        match id {
            StreamId::Ours(number) => StreamId::Ours(number * OWNERS + self.0),
            theirs @ StreamId::Theirs(_) => theirs,
        }
    }
}

/// Whose it is, and what they call it. Agents have no port at which others open streams.
pub(super) fn inner(id: StreamId) -> (Owner, StreamId) {
    match id {
        StreamId::Ours(number) => (Owner(number % OWNERS), StreamId::Ours(number / OWNERS)),
        theirs @ StreamId::Theirs(_) => (OVERLAY, theirs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finds_its_own_again() {
        for number in [0, 1, 2, 77] {
            for owner in [AGENT, OVERLAY] {
                assert_eq!(inner(owner.outer(StreamId::Ours(number))), (owner, StreamId::Ours(number)));
            }
            assert_eq!(inner(OVERLAY.outer(StreamId::Theirs(number))), (OVERLAY, StreamId::Theirs(number)));
        }
    }
}
