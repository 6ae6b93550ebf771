//! A supernode's children, and the index of what they share.

use std::net::SocketAddr;

use super::kept::Child;
use super::message::{Head, MAX_HEIRS, MAX_LISTED, Message, Shared, Wish};
use super::{Kazaa, Time};
use crate::overlay::unstructured::library::{Item, MAX_ITEMS, MAX_NAME};
use crate::overlay::unstructured::pursuit::MAX_HITS;
use crate::overlay::words::{about, words};
use crate::overlay::{Hit, Peer};

/// Most items in an index.
pub(super) const MAX_INDEX: usize = 64 * 1024;

impl Kazaa {
    pub(super) fn indexed(&self) -> usize {
        self.children.values().map(|child| child.items.len()).sum()
    }

    /// Somebody wants to be a child.
    pub(super) fn wished(&mut self, now: Time, from: SocketAddr, head: Head, wish: Wish) {
        let peer = Peer { id: head.id, address: from };
        let most = if wish.must { self.settings.most_children() } else { self.settings.children };
        let is_here = self.children.contains_key(&peer.id);
        let room = is_here || self.children.len() < most;
        if !self.is_supernode() || self.retiring.is_some() || !room {
            let mut others = self.listed(now);
            others.sort_by_key(|listed| listed.load);
            // They know of nobody else: it must come here.
            others.truncate(MAX_LISTED);
            self.answer(from, head, &Message::Nodes(others));
            return;
        }
        let up = Time(now.0.saturating_sub(std::time::Duration::from_millis(wish.up)));
        let items = self.children.remove(&peer.id).filter(|before| before.peer == peer).map(|before| before.items);
        self.unlink(peer.id);
        let (capacity, items) = (wish.capacity, items.unwrap_or_default());
        self.children.insert(peer.id, Child { peer, capacity, up, heard: now, items });
        // It is a supernode no more.
        self.known.gone(now, peer.id);
        let state = self.state(now);
        self.answer(from, head, &Message::Joined(state));
    }

    pub(super) fn shared(&mut self, now: Time, from: SocketAddr, head: Head, shared: Shared) {
        let room = MAX_INDEX.saturating_sub(self.indexed());
        let Some(child) = self.children.get_mut(&head.id).filter(|child| child.peer.address == from) else {
            return self.disown(from, head);
        };
        child.heard = now;
        for (number, name) in (shared.first..).zip(shared.names).take(room) {
            self.counts.items_heard += 1;
            let words: Vec<String> = words(&name).collect();
            let known = child.items.contains_key(&number);
            if words.is_empty() || name.len() > MAX_NAME || !(known || child.items.len() < MAX_ITEMS) {
                self.counts.items_refused += 1;
                continue;
            }
            child.items.insert(number, Item { name, words });
        }
        self.answer(from, head, &Message::Ack(()));
    }

    /// Tells a node that it is no child.
    pub(super) fn disown(&mut self, from: SocketAddr, head: Head) {
        self.answer(from, head, &Message::Bye(()));
    }

    /// What this node and its children have, as far as it is said.
    pub(super) fn have(&self, asked: &[String]) -> Vec<Hit> {
        let own = self.library.find(asked).map(|(_, item)| Hit { name: item.name.clone(), at: self.me.id });
        let below = self.children.values().flat_map(|child| child.items.values().map(|item| (child.peer.id, item)));
        let found = below.filter(|(_, item)| about(asked, &item.words));
        own.chain(found.map(|(at, item)| Hit { name: item.name.clone(), at })).take(MAX_HITS).collect()
    }

    /// Children that are to take its place: those with the highest capacity, and of equals the lowest ids.
    pub(super) fn heirs(&self) -> Vec<Peer> {
        let mut children: Vec<&Child> = self.children.values().collect();
        children.sort_by_key(|child| (u32::MAX - child.capacity, child.peer.id));
        children.into_iter().take(MAX_HEIRS).map(|child| child.peer).collect()
    }
}
