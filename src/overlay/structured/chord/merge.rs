//! Taking a place in another ring, while both are in use.
//!
//! Who owns a key follows from predecessors alone. So what decides how long two rings that have met answer
//! differently is how soon every node knows its new predecessor: a node that moves learns it with its place
//! and takes it at the same moment as its new successor. Stabilization would bring it half an interval later,
//! on average, and meanwhile the node would own what is others'.

use super::message::{Ask, Place};
use super::{Chord, Purpose};
use crate::overlay::{Peer, Time};

impl Chord {
    /// A node in another ring has told who this node's neighbors would be there.
    pub(super) fn merge_with(&mut self, now: Time, owner: Peer, place: &Place) {
        let me = self.me.id;
        let trusted = place.successors.iter().filter(|p| self.trusted(now, p)).copied();
        let candidates: Vec<Peer> = std::iter::once(owner).chain(trusted).collect();
        self.geometry.merge(&candidates);
        self.ask(now, owner, Ask::Notify, Purpose::Notify);
        if let Some(old) = self.geometry.successor().filter(|s| s.id != owner.id) {
            self.ask(now, old, Ask::Notify, Purpose::Notify);
        }
        // Who lay before the owner lies before this node, or before one of its ring that is on its way here: that
        // one `predecessor` finds when it asks this node for its neighbors.
        if let Some(predecessor) = place.predecessor.filter(|p| p.id != me && self.trusted(now, p)) {
            let old = self.geometry.predecessor();
            let nearer = old.is_none_or(|old| predecessor.id.in_open(old.id, me));
            if nearer {
                self.geometry.set_predecessor(Some(predecessor));
            }
            // Should it be gone, what was before takes its place again.
            self.ask(now, predecessor, Ask::Nearer(self.me), Purpose::Check { instead: old.filter(|_| nearer) });
        }
        self.fix_all_fingers(now);
        self.merged(now);
    }
}
