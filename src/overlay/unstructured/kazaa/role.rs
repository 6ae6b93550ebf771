//! Who becomes a supernode, and when one is not needed any more.

use rand::RngExt;

use super::calls::{Reason, Why};
use super::kept::{Child, For};
use super::message::Message;
use super::{Kazaa, Role};
use crate::overlay::{Did, Peer, Time};

/// Percent of its children from which on it asks for help, and at which a supernode has room for more.
const BUSY: u8 = 75;
const ROOM: u8 = 50;
/// Rounds between two promotions.
const PAUSE: u32 = 4;
/// One in so many rounds in which it is not needed it goes: others may be about to.
const HESITATION: f64 = 0.25;

impl Kazaa {
    pub(super) fn become_supernode(&mut self, now: Time) {
        self.calls.end(|call| call.why == Why::Join);
        (self.role, self.quest, self.orphan) = (Role::Supernode, None, None);
        self.since.1 = now;
        self.counts.promotions += 1;
        if let Some(parent) = self.parent.take() {
            let peers = [Some(parent.peer), parent.former];
            for peer in peers.into_iter().flatten() {
                self.call(now, peer.address, Some(peer.id), Message::Unshare(()), Why::Sure);
            }
        }
        self.events.push_back(Did::Serves(true));
        self.grow(now);
    }

    /// Its supernode has asked it to be one: it is when they are linked.
    pub(super) fn asked_to_serve(&mut self, now: Time, from: Peer) {
        let asked = self.parent.as_ref().is_some_and(|parent| parent.peer == from);
        if asked && self.role == Role::Ordinary && self.quest.as_ref().is_none_or(|quest| quest.what == For::Move) {
            self.quest = None;
            self.link(now, from.address, Reason::Promoted);
        }
    }

    /// A supernode with too much to do, in an overlay of supernodes with too much to do, has a child be one.
    pub(super) fn promote_if_needed(&mut self, now: Time) {
        let load = self.load();
        let recent = self.promoted.is_some_and(|(_, at)| now - at < self.common.stabilize_every * PAUSE);
        if !self.is_supernode() || self.retiring.is_some() || load < BUSY || recent {
            return;
        }
        let room = self.links.values().any(|link| link.load < ROOM) || self.known.all().any(|entry| entry.load < ROOM);
        if room && load <= 100 {
            return;
        }
        if room {
            // It has taken more than it wants to, and others have room.
            let to = self.known.by_room().first().map(|entry| entry.peer);
            return to.into_iter().for_each(|peer| self.share_children(now, peer));
        }
        let (able, uptime) = (self.settings.able, self.settings.uptime);
        let ready = |child: &Child| child.capacity >= able && now - child.up >= uptime;
        let fit = |child: &&Child| load >= 100 || ready(child);
        self.promote(now, |node| {
            let fit = node.children.values().filter(fit);
            let rank =
                |child: &&Child| (child.capacity >= able, ready(child), child.capacity, u128::MAX - child.peer.id.0);
            fit.max_by_key(rank).map(|child| child.peer)
        });
    }

    pub(super) fn promote(&mut self, now: Time, which: impl Fn(&Self) -> Option<Peer>) {
        if let Some(peer) = which(self) {
            self.promoted = Some((peer.id, now));
            self.call(now, peer.address, Some(peer.id), Message::Promote(()), Why::There);
        }
    }

    /// Sends those children to another supernode that are more than half of what it takes.
    pub(super) fn share_children(&mut self, now: Time, peer: Peer) {
        let count = self.children.len().saturating_sub((self.settings.children / 2).max(1));
        // The other one shall not have too many, either.
        let count = count.min((self.settings.children / 2).max(1));
        let children: Vec<Peer> = self.children.values().rev().take(count).map(|child| child.peer).collect();
        for child in children {
            self.hand_over(now, child, vec![peer]);
        }
    }

    pub(super) fn hand_over(&mut self, now: Time, child: Peer, to: Vec<Peer>) {
        let asked = self.calls.any(|call| call.to == child.address && matches!(call.message, Message::HandOver(_)));
        if !asked {
            self.counts.handed_over += 1;
            self.call(now, child.address, Some(child.id), Message::HandOver(to), Why::There);
        }
    }

    /// Goes if it has next to no children, and another supernode has room for them.
    pub(super) fn retire_if_spare(&mut self, now: Time) {
        let few = self.children.len() < self.settings.least && now - self.since.1 >= self.settings.uptime;
        if !few || !self.is_supernode() || self.retiring.is_some() || self.merging.is_some() {
            return;
        }
        let room = self.settings.load(self.children.len() + 1);
        let spare = self.links.values().any(|link| link.load.saturating_add(room) <= BUSY);
        if spare && self.rng.random_bool(HESITATION) {
            self.begin_retiring(now, false);
        }
    }

    /// It has a supernode, and is an ordinary node from now on.
    pub(super) fn demoted(&mut self, now: Time) {
        (self.role, self.retiring) = (Role::Ordinary, None);
        self.since.1 = now;
        self.counts.demotions += 1;
        let links = std::mem::take(&mut self.links).into_values().map(|link| link.peer);
        let children = std::mem::take(&mut self.children).into_values().map(|child| child.peer);
        for peer in links.chain(children).collect::<Vec<_>>() {
            self.calls.end(|call| call.id == Some(peer.id) && call.why == Why::There);
            self.call(now, peer.address, Some(peer.id), Message::Bye(()), Why::Sure);
        }
        self.events.push_back(Did::Serves(false));
    }

    /// Nobody has taken it: it stays a supernode.
    pub(super) fn stay(&mut self, now: Time) {
        self.retiring = None;
        self.since.1 = now;
    }
}
