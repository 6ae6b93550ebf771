//! Links among supernodes. They are exchanged now and then, and mended where one is lost.

use std::net::SocketAddr;

use super::calls::{Reason, Why};
use super::kept::{For, Link};
use super::message::{Head, Message, State};
use super::settings::MAX_LINKS;
use super::{Kazaa, Role};
use crate::overlay::id::Id;
use crate::overlay::{Did, Peer, Time};

impl Kazaa {
    /// Asks for a link; whether there is none yet, and not one under way.
    pub(super) fn link(&mut self, now: Time, to: SocketAddr, reason: Reason) -> bool {
        let linked = self.links.values().any(|link| link.peer.address == to);
        let asked = self.calls.any(|call| call.to == to && matches!(call.why, Why::Link(_)));
        if to == self.me.address || linked || asked {
            return false;
        }
        let must = !matches!(reason, Reason::More | Reason::Instead) || self.links.is_empty();
        self.call(now, to, None, Message::Link(must), Why::Link(reason));
        true
    }

    /// Somebody asks for one.
    pub(super) fn asked_link(&mut self, now: Time, from: SocketAddr, head: Head, must: bool) {
        let count = self.links.len();
        let room =
            count < self.settings.most_links() || (must && count < MAX_LINKS) || self.links.contains_key(&head.id);
        if !self.is_supernode() || self.retiring.is_some() || !room {
            let others = self.listed(now);
            return self.answer(from, head, &Message::Nodes(others));
        }
        let peer = Peer { id: head.id, address: from };
        self.children.remove(&peer.id);
        let fresh = Link { peer, load: 0, since: now, heard: now, peers: Vec::new() };
        self.links.entry(peer.id).or_insert(fresh).peer = peer;
        self.known.heard(peer, 0, now);
        let state = self.state(now);
        self.answer(from, head, &Message::Linked(state));
        if self.promoted.is_some_and(|(id, _)| id == peer.id) {
            self.share_children(now, peer);
        }
    }

    /// Somebody has agreed.
    pub(super) fn linked(&mut self, now: Time, peer: Peer, state: &State, reason: Reason) {
        if self.role == Role::Ordinary && reason == Reason::Promoted && self.quest.is_none() {
            self.become_supernode(now);
        }
        if !self.is_supernode() || self.retiring.is_some() || self.links.len() >= MAX_LINKS {
            self.call(now, peer.address, Some(peer.id), Message::Bye(()), Why::Sure);
            return self.merged(reason, false);
        }
        self.children.remove(&peer.id);
        let mut link = Link { peer, load: state.load, since: now, heard: now, peers: Vec::new() };
        link.says(now, state);
        self.links.insert(peer.id, link);
        self.known.heard(peer, state.load, now);
        self.known.told(now, self.me.id, &state.links);
        if reason == Reason::Instead {
            self.drop_oldest(now, peer.id);
        }
        self.merged(reason, true);
    }

    /// Ends the oldest link, unless it may be the only way to who is there.
    fn drop_oldest(&mut self, now: Time, but: Id) {
        let spare =
            |link: &&Link| link.peer.id != but && link.peers.iter().any(|peer| self.links.contains_key(&peer.id));
        let oldest = self.links.values().filter(spare).min_by_key(|link| link.since).map(|link| link.peer);
        if let Some(peer) = oldest.filter(|_| self.links.len() > self.settings.links) {
            self.links.remove(&peer.id);
            self.call(now, peer.address, Some(peer.id), Message::Bye(()), Why::Sure);
        }
    }

    pub(super) fn unlink(&mut self, id: Id) {
        self.links.remove(&id);
    }

    /// Opens links until there are enough.
    pub(super) fn grow(&mut self, now: Time) {
        if !self.is_supernode() || self.retiring.is_some() {
            return;
        }
        let opening = self.calls.count(|call| matches!(call.why, Why::Link(_)));
        for _ in self.links.len() + opening..self.settings.links {
            let Some(peer) = self.stranger_to_link() else { return };
            self.link(now, peer.address, Reason::More);
        }
    }

    /// A supernode that it is not linked to.
    fn stranger_to_link(&mut self) -> Option<Peer> {
        let (links, calls) = (&self.links, &self.calls);
        self.known.pick(&mut self.rng, |entry| {
            !links.contains_key(&entry.peer.id) && !calls.any(|call| call.to == entry.peer.address)
        })
    }

    /// Has another link instead of its oldest one.
    pub(super) fn exchange(&mut self, now: Time) {
        let full = self.links.len() >= self.settings.links;
        if full
            && self.is_supernode()
            && self.retiring.is_none()
            && let Some(peer) = self.stranger_to_link()
        {
            self.link(now, peer.address, Reason::Instead);
        }
    }

    /// A neighbor does not answer.
    pub(super) fn lost(&mut self, now: Time, id: Id) {
        self.known.gone(now, id);
        self.calls.end(|call| call.id == Some(id) && call.why != Why::Farewell);
        if let Some(child) = self.children.remove(&id) {
            self.events.push_back(Did::Forgot(child.peer));
        }
        if let Some(link) = self.links.remove(&id) {
            self.events.push_back(Did::Forgot(link.peer));
            self.mend(now, &link);
        }
        if let Some(peer) = self.parent.as_ref().map(|parent| parent.peer).filter(|peer| peer.id == id) {
            self.events.push_back(Did::Forgot(peer));
            self.bereft(now);
        }
    }

    /// All that were linked to it close to a ring, each with the next one.
    fn mend(&mut self, now: Time, lost: &Link) {
        let (own, gone) = (self.me.id, lost.peer.id);
        let others = || lost.peers.iter().filter(|peer| peer.id != own && peer.id != gone);
        let next = others().filter(|peer| peer.id > own).min().or_else(|| others().min()).copied();
        if let Some(next) = next.filter(|_| self.is_supernode()) {
            self.link(now, next.address, Reason::Mend);
        }
        self.grow(now);
    }

    /// It has said good-bye.
    pub(super) fn bye(&mut self, now: Time, id: Id) {
        if self.links.remove(&id).is_some() {
            self.calls.end(|call| call.id == Some(id) && call.why == Why::There);
            self.grow(now);
        }
        if self.parent.as_ref().is_some_and(|parent| parent.peer.id == id) {
            self.known.gone(now, id);
            if self.quest.as_ref().is_none_or(|quest| quest.what == For::Move) {
                self.quest = None;
            }
            self.bereft(now);
        }
    }
}
