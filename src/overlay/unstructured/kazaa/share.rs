//! What an ordinary node uploads: the names of its items, in pieces, some of which may be under way at once.

use super::Kazaa;
use super::calls::Why;
use super::message::{Message, Shared, name_length, pieces};
use crate::overlay::Time;

/// Pieces that are under way at once.
const WINDOW: usize = 8;

impl Kazaa {
    /// Sends what its supernode has not been sent.
    pub(super) fn upload(&mut self, now: Time) {
        let total = self.library.len();
        let Some(parent) = &mut self.parent else { return };
        let (peer, mut sent, mut flying) = (parent.peer, parent.sent, parent.flying);
        if sent < total && flying < WINDOW {
            let names = self.library.items().skip(sent).map(|item| item.name.clone());
            for names in pieces(names, |name| name_length(name)).into_iter().take(WINDOW - flying) {
                let (first, count) = (u32::try_from(sent).unwrap_or(u32::MAX), names.len());
                sent += count;
                flying += 1;
                let message = Message::Share(Shared { first, names });
                self.call(now, peer.address, Some(peer.id), message, Why::Share { count });
            }
        }
        if let Some(parent) = &mut self.parent {
            (parent.sent, parent.flying) = (sent, flying);
            // Only now it need not be found elsewhere.
            if parent.known >= total
                && flying == 0
                && let Some(former) = parent.former.take()
            {
                self.call(now, former.address, Some(former.id), Message::Unshare(()), Why::Sure);
            }
        }
    }

    /// A piece has arrived.
    pub(super) fn uploaded(&mut self, now: Time, count: usize) {
        if let Some(parent) = &mut self.parent {
            parent.flying = parent.flying.saturating_sub(1);
            parent.known += count;
        }
        self.upload(now);
    }
}
