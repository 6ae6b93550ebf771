//! A supernode that leaves, or is to be an ordinary node: first its children go elsewhere, and its links are made good
//! by others.

use std::net::SocketAddr;

use super::calls::Why;
use super::kept::{For, Retiring};
use super::message::Message;
use super::{Kazaa, Role};
use crate::overlay::{Did, Peer, Phase, Time};

/// Most supernodes that a child is told to go to.
const MAX_TOLD: usize = 3;
/// It does not take longer than so many of the shortest waits for an answer, and two of a search's for hits.
const PATIENCE: u32 = 16;

impl Kazaa {
    /// Whether there is anything to do before it may leave.
    pub(super) fn retire_to_leave(&mut self, now: Time) -> bool {
        if self.role != Role::Supernode || self.phase != Phase::Member {
            return false;
        }
        match &mut self.retiring {
            Some(retiring) if retiring.ready => return false,
            Some(retiring) => {
                (retiring.to_leave, retiring.next) = (true, Some(now));
                self.calls.end(|call| call.why == Why::Join);
                self.quest = None;
            }
            None if self.children.is_empty() && self.links.is_empty() && self.relays.is_empty() => return false,
            None => self.begin_retiring(now, true),
        }
        true
    }

    pub(super) fn begin_retiring(&mut self, now: Time, to_leave: bool) {
        let links: Vec<Peer> = self.links.values().map(|link| link.peer).collect();
        for (one, next) in links.iter().zip(links.iter().skip(1)) {
            self.call(now, one.address, Some(one.id), Message::Introduce(*next), Why::There);
        }
        let deadline = now + self.common.rpc_timeout * PATIENCE + self.settings.wait * 2;
        self.retiring = Some(Retiring { to_leave, leaves: false, ready: false, deadline, next: Some(now) });
    }

    pub(super) fn retire_timeout(&mut self, now: Time) {
        let Some(retiring) = self.retiring.filter(|retiring| retiring.next.is_some_and(|next| next <= now)) else {
            return;
        };
        let to = self.successors();
        if to.is_empty() && !self.children.is_empty() {
            // There is no other supernode: a child becomes one.
            let asked = self.calls.any(|call| matches!(call.message, Message::Promote(())));
            if !asked {
                self.promote(now, |node| node.heirs().first().copied());
            }
        } else {
            for (turn, child) in self.children.values().map(|child| child.peer).enumerate().collect::<Vec<_>>() {
                let told = to.iter().cycle().skip(turn).take(to.len().min(MAX_TOLD)).copied().collect();
                self.hand_over(now, child, told);
            }
        }
        let busy =
            self.calls.any(|call| matches!(call.message, Message::Introduce(_) | Message::Reply(_) | Message::End(_)));
        let done = self.children.is_empty() && self.relays.is_empty() && !busy;
        if done || now >= retiring.deadline {
            self.retired(now, retiring, &to);
        } else if let Some(retiring) = &mut self.retiring {
            retiring.next = Some(now + self.common.rpc_timeout / 2);
        }
    }

    /// Supernodes that take its children: with most room first.
    fn successors(&self) -> Vec<Peer> {
        let mut links: Vec<(u8, Peer)> =
            self.links.values().filter(|link| link.load < u8::MAX).map(|link| (link.load, link.peer)).collect();
        links.sort_unstable();
        links.into_iter().map(|(_, peer)| peer).collect()
    }

    /// Nobody relies on it.
    fn retired(&mut self, now: Time, before: Retiring, to: &[Peer]) {
        self.end_relays(now);
        if !before.to_leave {
            if let Some(retiring) = &mut self.retiring {
                retiring.next = None;
            }
            let to: Vec<SocketAddr> = to.iter().map(|peer| peer.address).collect();
            return self.seek(now, For::Demotion, to);
        }
        if let Some(retiring) = &mut self.retiring {
            (retiring.ready, retiring.next) = (true, None);
        }
        self.events.push_back(Did::Serves(false));
        if before.leaves {
            self.say_good_bye(now);
        }
    }
}
